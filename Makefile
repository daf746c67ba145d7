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
test-asan: install-test configure-asan         ## unit and wire tests under ASan and UBSan
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
BENCH_ARGS ?=
bench: install-bench build                     ## CPU per request beside the raw relay, nginx and HAProxy
	cmake --build --preset release -j $(JOBS) --target bench_programs
	python3 bench/run.py --plain $(BENCH_ARGS)
	python3 bench/run.py $(BENCH_ARGS)
	python3 bench/protocols.py $(BENCH_ARGS)
	python3 bench/cache.py $(BENCH_ARGS)
	python3 bench/websockets.py $(filter --write-docs --check,$(BENCH_ARGS))

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
