#!/bin/sh
# Runs every libFuzzer target for so many seconds, beginning with the seeds of tests/corpus: tools/fuzz.sh 60
# New inputs go to build/fuzz/corpus; a finding stops with what the target said, and its input's path.
set -eu
cd "$(dirname "$0")/.."
seconds="${1:-60}"
said="build/fuzz/said.txt"
for source in $(find src -name '*_fuzz.cpp' | sort); do
    name="$(basename "$source" .cpp)"
    found="build/fuzz/corpus/$name"
    seeds="tests/corpus/$name"
    mkdir -p "$found"
    [ -d "$seeds" ] || seeds=""
    echo "$name for $seconds s"
    # shellcheck disable=SC2086  # no seeds is no argument
    if ! "build/fuzz/src/$name" -max_total_time="$seconds" -max_len=20000 -verbosity=0 -print_final_stats=1 \
        -artifact_prefix="build/fuzz/" "$found" $seeds > "$said" 2>&1; then
        tail -n 60 "$said"
        exit 1
    fi
    grep number_of_executed_units "$said"
done
