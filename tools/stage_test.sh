#!/bin/sh
# Shows that a new stage is one file and one line: adds one to a copy of the tree, builds it, and sees it in the
# configuration's schema, in `check` and in an answer. Where a mount of its own is allowed (as root), the copy takes what is
# built along and stands in the tree's own place, so that only what changes is compiled.
set -eu
cd "$(dirname "$0")/.."
work=""
pid=""
cleanup() {
    if [ -n "$pid" ]; then kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; fi
    if [ -n "$work" ]; then rm -rf "$work"; fi
}
trap cleanup EXIT
if [ "${1:-}" != "--here" ]; then
    here="$PWD"
    work="$(mktemp -d)"
    git ls-files -z | xargs -0 cp --preserve=timestamps --parents -t "$work"
    if [ -f build/release/build.ninja ] && unshare --mount true 2>/dev/null; then
        mkdir "$work/build"
        cp -a build/release "$work/build/"
        status=0
        # shellcheck disable=SC2016  # for the inner shell
        unshare --mount sh -eu -c 'mount --make-rprivate / && mount --bind "$1" "$2" && cd "$2" && exec tools/stage_test.sh --here' \
            sh "$work" "$here" || status=$?
        exit "$status"
    fi
    cd "$work"
fi

cat > src/gateway/stages/teapot.cpp <<'EOF'
// Refuses to brew: the smallest stage with an option.
#include "gateway/exchange.hpp"
#include "gateway/stage.hpp"

namespace gw::gateway {
namespace {

struct Teapot : StageOptions {
    bool short_and_stout = true;
};

template <class Visitor>
void fields(Visitor& field, Teapot& o) {
    field("short_and_stout", o.short_and_stout, "refuses everything when set");
}

Verdict decide(Exchange&, const Teapot& o) {
    return o.short_and_stout ? refuse(Code::not_found, "this is a teapot") : go_on();
}

}  // namespace

namespace stages {
extern constinit const Stage teapot = stage<Teapot, decide>("teapot");
}

}  // namespace gw::gateway
EOF
echo 'STAGE(teapot)          // last: only what would have been served' >> src/gateway/stages.def

cmake --preset release >/dev/null
cmake --build --preset release --target api-gateway -- --quiet
build/release/api-gateway schema | grep -q short_and_stout || { echo "the schema does not know it"; exit 1; }

cat > teapot.yaml <<'EOF'
listen: {host: 127.0.0.1, port: 0}
admin: {port: 0}
services:
  demo-service: {url: "http://127.0.0.1:9"}
routes:
  - {name: pot, path: /pot/**, service: demo-service, authenticate: {public: [/**]}, teapot: {short_and_stout: true}}
EOF
build/release/api-gateway check --config teapot.yaml >/dev/null
sed 's/short_and_stout/short_and_stuot/' teapot.yaml > slip.yaml
if build/release/api-gateway check --config slip.yaml >/dev/null 2>slip.txt; then
    echo "a slip in its options passed"; exit 1
fi
grep -q 'did you mean short_and_stout' slip.txt || { cat slip.txt; exit 1; }

JWT_SECRET="nobody needs a token to hear that this is a teapot" SHUTDOWN_DRAIN_MS=0 build/release/api-gateway run --config teapot.yaml > log.txt &
pid=$!
for _ in $(seq 100); do
    port="$(sed -nE 's/.*"msg":"gateway started".*"port":([0-9]+).*/\1/p' log.txt)"
    [ -n "$port" ] && break
    sleep 0.1
done
curl -s "http://127.0.0.1:$port/pot/x" | grep -q 'this is a teapot' || { echo "it does not answer"; exit 1; }
for _ in $(seq 50); do
    grep -q '"outcome":"teapot: this is a teapot"' log.txt && { echo "a stage in one file and one line: shown"; exit 0; }
    sleep 0.1
done
echo "the access line does not name it"; exit 1
