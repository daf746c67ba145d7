# The face of the project. `make run` and `make test` are all that a fresh Debian 12 machine needs.
.DEFAULT_GOAL := help
SHELL := /bin/sh
JOBS ?= $(shell nproc)
export CCACHE_SLOPPINESS = pch_defines,time_macros,include_file_mtime,include_file_ctime

.PHONY: help
help:                                          ## these lines
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

.PHONY: install install-test install-bench
install:
	@tools/install.sh build
install-test: install
	@tools/install.sh test
install-bench: install
	@tools/install.sh bench

# One build directory a preset: release, debug, asan, tsan, fuzz.
.PHONY: configure-%
configure-%:
	@[ -f build/$*/build.ninja ] || cmake --preset $* >/dev/null

.PHONY: build
build: install configure-release               ## build/release/api-gateway
	cmake --build --preset release -j $(JOBS) --target api-gateway

.PHONY: run
run: build                                     ## the demo platform and the gateway on port 3000
	cmake --build --preset release -j $(JOBS) --target demo
	demo/run.sh

.PHONY: stack
stack: build install-test                      ## the same, watched by Prometheus and Alertmanager
	cmake --build --preset release -j $(JOBS) --target demo
	deploy/stack.sh

.PHONY: test
test: install-test                             ## everything that must pass
	tools/test.sh

.PHONY: test-asan test-tsan
test-asan: install-test configure-asan         ## unit tests, wire cases, some scenarios under ASan, UBSan
	cmake --build --preset asan -j $(JOBS)
	tools/test.sh --sanitizer asan
test-tsan: install-test configure-tsan         ## the same under TSan
	cmake --build --preset tsan -j $(JOBS)
	tools/test.sh --sanitizer tsan

.PHONY: image-test
image-test:                                    ## builds the container image, as root, and tries what is in it
	@tools/install.sh image-test
	tools/image_test.sh

.PHONY: fuzz
FUZZ_SECONDS ?= 600
fuzz: install-test configure-fuzz              ## every fuzz target for FUZZ_SECONDS
	cmake --build --preset fuzz -j $(JOBS)
	tools/fuzz.sh $(FUZZ_SECONDS)

.PHONY: bench
# What all of them take: --quick, --rounds, --seconds, --write-docs, --check, --build, --proxy-core, --load-core.
BENCH_ARGS ?=
# All are run, whatever one of them misses.
BENCHES = "run.py --plain" run.py workers.py protocols.py latency.py growth.py cache.py websockets.py large_body.py
bench: install-bench build                     ## what it costs: docs/performance.md
	cmake --build --preset release -j $(JOBS) --target bench_programs
	@status=0; for program in $(BENCHES); do \
	    echo "== bench/$$program $(BENCH_ARGS)"; python3 bench/$$program $(BENCH_ARGS) || status=1; done; exit $$status

# What shows more than `make test` does, and takes longer or other programs to compare with: docs/proof.md.
.PHONY: simulation differential cache-suite resilience soak
simulation: build                              ## limits, breaker, retries and replicas in a simulated world, by seeds
	cmake --build --preset release -j $(JOBS) --target sim
	build/release/tests/sim/sim --seeds $(or $(SEEDS),10000)
differential: install-bench build              ## the same bytes to this gateway, nginx and HAProxy: what gets through
	tests/differential.py
cache-suite: install-test build                ## the independent suite of RFC 9111, http-cache-tests
	tests/http_cache_suite.py
resilience: install-test install-bench build   ## what holds under stress, and what watching costs: half an hour
	cmake --build --preset release -j $(JOBS) --target bench_programs
	bench/resilience.py
	bench/overhead.py
soak: install-test build                       ## half an hour of everything with faults, each request accounted for
	cmake --build --preset release -j $(JOBS) --target bench_programs
	bench/soak.py

.PHONY: generated
generated: build                               ## schema and reference page from the binary, manifests from config and rules
	build/release/api-gateway schema > config/gateway.schema.json
	build/release/api-gateway reference > docs/configuration.md
	build/release/api-gateway reference --commands > docs/cli.md
	python3 tools/kubernetes.py

.PHONY: console console-check
console: install-test                          ## console/dist from its sources, by node
	python3 tools/console.py
console-check: install-test                    ## is console/dist what its sources build to?
	python3 tools/console.py --check

SOURCES = $(shell git ls-files 'src/*.cpp' 'src/*.hpp' 'demo/*.cpp' 'demo/*.hpp' 'bench/*.cpp' 'bench/*.hpp' 'tests/*.cpp' 'tests/*.hpp')
.PHONY: format
format: install-test                           ## clang-format over all sources
	clang-format-19 -i $(SOURCES)

.PHONY: check
check: install-test build                      ## format, layers and bans, what rules and runbooks speak of, clang-tidy
	clang-format-19 --dry-run -Werror $(SOURCES)
	python3 tools/check.py --headers
	python3 tools/drift.py
	python3 tools/console.py --check
	tools/tidy.sh

.PHONY: clean
clean:                                         ## removes build/
	rm -rf build
