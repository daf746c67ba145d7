#!/usr/bin/env bash
# Starts the demo platform and the gateway in front of it, prints what to try, and stays until Ctrl-C.
#   demo/run.sh            ports 4001 to 4004 and 3000
#   demo/run.sh --check    tries the printed lines itself and ends: 0 if they work
# Environment: DEMO_PORT_BASE (4001), PORT (3000), ADMIN_PORT (9300), BUILD (build/release).
set -euo pipefail
cd "$(dirname "$0")/.."
build="${BUILD:-build/release}"
base="${DEMO_PORT_BASE:-4001}"
export PORT="${PORT:-3000}" ADMIN_PORT="${ADMIN_PORT:-9300}"
logs=build/run
mkdir -p "$logs"
children=()

stop() {
    trap - EXIT INT TERM
    [ "${#children[@]}" -gt 0 ] && kill "${children[@]}" 2>/dev/null || :
    wait "${children[@]}" 2>/dev/null || :
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# wait_for <name> <url> <pid>: until the URL answers, at most ten seconds.
wait_for() {
    for _ in $(seq 100); do
        curl -fs -o /dev/null "$2" && return 0
        if ! kill -0 "$3" 2>/dev/null; then
            echo "$1 ended; see $logs/$1.log:" >&2
            tail -n 5 "$logs/$1.log" >&2
            return 1
        fi
        sleep 0.1
    done
    echo "$1 does not answer at $2; see $logs/$1.log" >&2
    return 1
}

port="$base"
for role in auth venue event ticket; do
    "$build/demo/demo-service" "$role" --port "$port" > "$logs/$role-service.log" 2>&1 &
    children+=($!)
    wait_for "$role-service" "http://127.0.0.1:$port/health" $!
    export "$(echo "$role" | tr a-z A-Z)_SERVICE_URL=http://127.0.0.1:$port"
    port=$((port + 1))
done

: "${SHUTDOWN_DRAIN_MS:=0}"
export SHUTDOWN_DRAIN_MS
"$build/api-gateway" run --config config/gateway.yaml > "$logs/gateway.log" 2>&1 &
gateway=$!
children+=("$gateway")
wait_for gateway "http://127.0.0.1:$PORT/health/ready" "$gateway"

url="http://localhost:$PORT/api/v1"
login="curl -s $url/auth/login -H 'Content-Type: application/json' -d '{\"email\":\"alice@alpha.example\",\"password\":\"demo-password\"}'"
events="curl -s $url/events"
purchase="curl -s $url/tickets/purchase -H 'Content-Type: application/json' -d '{\"eventId\":\"33333333-3333-4333-8333-333333333333\",\"tickets\":[{\"ticketTypeId\":\"55555555-5555-4555-8555-555555555555\",\"quantity\":2}]}'"

if [ "${1:-}" = "--check" ]; then
    failed=0
    try() {   # try <what> <text that the answer must hold> <line>
        answer="$(eval "$3" || :)"
        case "$answer" in
            *"$2"*) echo "ok      $1" ;;
            *) echo "FAILED  $1: $answer"; failed=1 ;;
        esac
    }
    try "login" '"accessToken":"ey' "$login"
    try "events" '"Opening Night"' "$events"
    try "a ticket" '"orderId"' "$purchase"
    try "health" '"status":"ok"' "curl -s http://localhost:$PORT/health"
    try "metrics" 'http_requests_total{service="api-gateway",method="POST",route="/api/v1/auth/**",status_code="200"} 1' \
        "curl -s http://127.0.0.1:$ADMIN_PORT/metrics"
    exit "$failed"
fi

cat <<EOF

The gateway listens on http://localhost:$PORT, metrics on http://127.0.0.1:$ADMIN_PORT/metrics. Try:

  $login

  $events

  $purchase

Its log: tail -f $logs/gateway.log    Users and fault switches: demo/README.md    Stop: Ctrl-C
EOF
wait -n "${children[@]}" || :
echo "a process has ended; see $logs" >&2
exit 1
