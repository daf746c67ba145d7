#!/bin/sh
# clang-tidy over all sources but tests, fuzz targets and benchmarks, with the release build's commands.
set -eu
cd "$(dirname "$0")/.."
files=$(git ls-files 'src/*.cpp' | grep -vE '_(test|fuzz|bench)\.cpp$')
# The precompiled header is the compiler's own affair: its commands are taken out for the tool.
mkdir -p build/tidy
sed -E 's/-Xclang -include-pch -Xclang [^ ]+ //g; s/-Xclang -fno-pch-timestamp//g; s/-Winvalid-pch//g; s/-Xclang -include -Xclang ([^ ]+cmake_pch\.hxx)/-include \1/g' \
    build/release/compile_commands.json > build/tidy/compile_commands.json
# shellcheck disable=SC2086  # a list of files
echo $files | tr ' ' '\n' | xargs -P 2 -n 4 clang-tidy-19 --quiet -p build/tidy
