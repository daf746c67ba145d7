#!/bin/sh
# Every fuzz target for so many seconds, one on each processor, beginning with the seeds of tests/corpus: tools/fuzz.sh 60
# What each has had is kept in build/fuzz/ledger.json; docs/fuzzing.md says more.
set -eu
exec python3 "$(dirname "$0")/fuzz.py" run --jobs "$(nproc)" --seconds "${1:-60}"
