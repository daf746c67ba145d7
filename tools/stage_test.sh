#!/bin/sh
# Shows that a new stage is one file and one line: adds one to a copy of the tree, builds it, and sees it in the
# configuration's schema, in `check` and in an answer.
set -eu
cd "$(dirname "$0")/.."
work="$(mktemp -d)"
pid=""
cleanup() {
    [ -n "$pid" ] && kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
    rm -rf "$work"
}
trap cleanup EXIT
git ls-files -z | xargs -0 cp --parents -t "$work"
cd "$work"

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

constinit const Stage stages::teapot = stage<Teapot, decide>("teapot");

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
