#!/bin/sh
# Everything that must pass: builds, then unit tests, rules, wire cases, scenarios, fuzz smoke, the demo platform. Ends with
# one line that counts the groups. tools/test.sh --sanitizer asan|tsan runs what makes sense under that sanitizer.
set -u
cd "$(dirname "$0")/.." || exit 1
preset=release
[ "${1:-}" = "--sanitizer" ] && preset="$2"
build="build/$preset"
jobs="$(nproc)"
passed=0
failed=0
failures=""

group() {   # group <name> <command …>
    name="$1"
    shift
    echo "== $name"
    start="$(date +%s)"
    if "$@"; then
        passed=$((passed + 1))
        echo "== $name: passed in $(($(date +%s) - start)) s"
    else
        failed=$((failed + 1))
        failures="$failures $name"
        echo "== $name: FAILED in $(($(date +%s) - start)) s"
    fi
}

build_preset() {
    [ -f "build/$1/build.ninja" ] || cmake --preset "$1" >/dev/null || return 1
    cmake --build --preset "$1" -j "$jobs" -- --quiet || return 1
}

fuzz_smoke() {
    [ -f build/fuzz/build.ninja ] || cmake --preset fuzz >/dev/null || return 1
    # shellcheck disable=SC2046  # a list of targets
    cmake --build --preset fuzz -j "$jobs" --target $(find src -name '*_fuzz.cpp' -exec basename {} .cpp \;) -- --quiet || return 1
    # Two to a processor: 20 s of each by the clock take half as long. What each has had in all: docs/fuzzing.md.
    tools/fuzz.py run --jobs $((2 * jobs)) --seconds "${FUZZ_SMOKE_SECONDS:-20}"
}

manifests() {
    python3 tools/kubernetes.py --check || return 1
    if [ -d tests/k8s/node_modules/yaml ]; then
        node tests/k8s/check.mjs "$build/api-gateway"
    else
        echo "manifests: read and in step; not held against Kubernetes' types, npm's packages are not there"
    fi
}

cache_suite() {
    if [ -d tests/npm/node_modules/http-cache-tests ]; then
        python3 tests/http_cache_suite.py --gateway "$build/api-gateway"
    else
        echo "cache-suite: not run, npm's packages are not there"
    fi
}

# Unit tests that need what is not installed fail here, and are left out elsewhere.
export GW_LEAVE_NOTHING_OUT=1
export ASAN_OPTIONS="detect_leaks=1:abort_on_error=1"
export UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1"
export TSAN_OPTIONS="halt_on_error=1:second_deadlock_stack=1"

group "build-$preset" build_preset "$preset"
group unit ctest --test-dir "$build" --output-on-failure --no-tests=error
group cases python3 tests/cases.py --gateway "$build/api-gateway"
case "$preset" in
    release)
        group rules python3 tools/check.py
        group rules-can-fail python3 tools/check_test.py
        group bench-report python3 bench/bench_test.py
        group runner-can-fail python3 tests/support_test.py
        group hostile-input python3 tests/hostile_test.py
        group monitoring python3 tests/monitoring_test.py
        group drift python3 tools/drift.py --gateway "$build/api-gateway"
        group console python3 tools/console.py --check
        group drift-can-fail python3 tools/drift_test.py
        group fuzz-account python3 tools/fuzz_test.py
        group manifests manifests
        group cache-suite cache_suite
        group build-demo cmake --build --preset release --target demo -- --quiet
        group scenarios python3 tests/integration.py --gateway "$build/api-gateway" --jobs "$jobs"
        group stage-in-one-file tools/stage_test.sh
        group demo python3 demo/demo_test.py --service "$build/demo/demo-service"
        group run env DEMO_PORT_BASE=14001 PORT=13000 ADMIN_PORT=19300 RESP_PORT=16379 demo/run.sh --check
        group stack env DEMO_PORT_BASE=14101 PORT=13100 ADMIN_PORT=19400 RESP_PORT=16479 PROMETHEUS_PORT=19490 \
            ALERTMANAGER_PORT=19493 deploy/stack.sh --check
        group fuzz fuzz_smoke
        ;;
    asan)
        # Sanitizers make a scenario several times as slow: unit tests and wire cases reach most of the code, and these
        # scenarios what only a whole process does: reload, end, and output that blocks.
        group scenarios python3 tests/integration.py --gateway "$build/api-gateway" reload shutdown output
        ;;
    tsan)
        group scenarios python3 tests/integration.py --gateway "$build/api-gateway" reload shutdown
        ;;
esac

[ -n "$failures" ] && echo "failed:$failures"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
