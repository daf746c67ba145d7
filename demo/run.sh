#!/usr/bin/env bash
# Starts the demo platform and the gateway in front of it, prints what to try, and stays until Ctrl-C.
#   demo/run.sh            ports 4001 to 4004 and 3000
#   demo/run.sh --check    tries the printed lines itself and ends: 0 if they work
# Environment: DEMO_PORT_BASE (4001), DEMO_HOST (127.0.0.1; where the services listen: containers reach them at 0.0.0.0), PORT (3000),
# ADMIN_PORT (9300), RESP_PORT (6379), BUILD (build/release), GATEWAY, LOG_FOLDER, CONFIG_FILE (config/gateway.yaml).
set -euo pipefail
cd "$(dirname "$0")/.."
build="${BUILD:-build/release}"
gateway="${GATEWAY:-$build/api-gateway}"
service="$build/demo/demo-service"
base="${DEMO_PORT_BASE:-4001}"
export PORT="${PORT:-3000}" ADMIN_PORT="${ADMIN_PORT:-9300}"
logs="${LOG_FOLDER:-build/run}"
mkdir -p "$logs"
declare -A children=()   # name by process id

stop() {
    trap - EXIT
    trap '' INT TERM     # a second Ctrl-C does not leave children behind
    if [ "${#children[@]}" -gt 0 ]; then
        kill "${!children[@]}" 2>/dev/null || :
        wait "${!children[@]}" 2>/dev/null || :
    fi
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
    echo "demo/run.sh: $1" >&2
    exit 1
}

# must_be_free <port> <variable that moves it>
must_be_free() {
    if (exec 3<> "/dev/tcp/127.0.0.1/$1") 2>/dev/null; then
        fail "port $1 is taken by another process; end it, or set $2"
    fi
}

# ended <name>: says so, with the end of its log, and gives up.
ended() {
    tail -n 5 "$logs/$1.log" >&2
    fail "$1 has ended; its log: $logs/$1.log"
}

# start <name> <url> <command>: starts it, and waits until the URL answers, at most ten seconds.
start() {
    local name="$1" url="$2" deadline=$((SECONDS + 10)) pid
    shift 2
    "$@" > "$logs/$name.log" 2>&1 &
    pid=$!
    children[$pid]="$name"
    until curl -fs -m 2 -o /dev/null "$url"; do
        kill -0 "$pid" 2>/dev/null || ended "$name"
        [ "$SECONDS" -lt "$deadline" ] || fail "$name does not answer at $url; its log: $logs/$name.log"
        sleep 0.1
    done
}

for program in "$gateway" "$service"; do
    [ -x "$program" ] || fail "$program is not built: make build, or make run for all of it"
done
for port in "$base" $((base + 1)) $((base + 2)) $((base + 3)); do
    must_be_free "$port" DEMO_PORT_BASE
done
must_be_free "$PORT" PORT
must_be_free "$ADMIN_PORT" ADMIN_PORT

# The services take requests that the gateway has signed, and no others.
INTERNAL_HMAC_SECRET="${INTERNAL_HMAC_SECRET:-$(od -An -tx1 -N32 /dev/urandom | tr -d " \n")}"
export INTERNAL_HMAC_SECRET
port="$base"
for role in auth venue event ticket; do
    start "$role-service" "http://127.0.0.1:$port/health" "$service" "$role" --host "${DEMO_HOST:-127.0.0.1}" --port "$port"
    export "${role^^}_SERVICE_URL=http://127.0.0.1:$port"
    port=$((port + 1))
done
export JWT_JWKS_URL="http://127.0.0.1:$base/.well-known/jwks.json"
export JWT_ISSUER="${JWT_ISSUER:-https://auth.tickettoken.com}" JWT_AUDIENCE="${JWT_AUDIENCE:-https://auth.tickettoken.com}"
export AUDIT_PATH="${AUDIT_PATH:-$logs/audit.log}"
export SHUTDOWN_DRAIN_MS="${SHUTDOWN_DRAIN_MS:-0}"   # no load balancer is to notice
start gateway "http://127.0.0.1:$PORT/health/ready" "$gateway" run --config "${CONFIG_FILE:-config/gateway.yaml}"

url="http://localhost:$PORT/api/v1"
json="-H 'Content-Type: application/json'"
login="TOKEN=\$(curl -s $url/auth/login $json \\
    -d '{\"email\":\"alice@alpha.example\",\"password\":\"demo-password\"}' | sed 's/.*\"accessToken\":\"\\([^\"]*\\).*/\\1/'); echo \"\$TOKEN\""
events="curl -s $url/events -H \"Authorization: Bearer \$TOKEN\""
details="curl -s $url/events/33333333-3333-4333-8333-333333333333/details -H \"Authorization: Bearer \$TOKEN\""
purchase="curl -s $url/tickets/purchase $json -H \"Authorization: Bearer \$TOKEN\" \\
    -d '{\"eventId\":\"33333333-3333-4333-8333-333333333333\",\"tickets\":[{\"ticketTypeId\":\"55555555-5555-4555-8555-555555555555\",\"quantity\":2}]}'"
ban="redis-cli -p ${RESP_PORT:-6379} SET banned:ip:127.0.0.1 1 EX 20"

if [ "${1:-}" = "--check" ]; then
    failed=0
    curl() { command curl -m 10 -w '%{stderr}%{http_code}' "$@"; }
    # try <what> <status> <text that the answer must hold> <line>
    try() {
        local status answer
        eval "$4" > "$logs/check.out" 2> "$logs/check.status" || :
        answer="$(cat "$logs/check.out")" status="$(cat "$logs/check.status")"
        if [ "$status" = "$2" ] && [[ "$answer" == *"$3"* ]]; then
            echo "ok      $1"
        else
            echo "FAILED  $1: status $status instead of $2, or no $3 in: $answer"
            failed=1
        fi
    }
    try "login" 200 'eyJ' "$login"
    try "events" 200 '"Opening Night"' "$events"
    try "an event, its venue and what is left, in one answer" 200 '"name":"Alpha Hall","capacity":1200}}' "$details"
    try "a ticket" 201 '"orderId"' "$purchase"
    try "health" 200 '"status":"ok"' "curl -s http://localhost:$PORT/health"
    try "metrics" 200 'http_requests_total{service="api-gateway",method="POST",route="/api/v1/auth/login",status_code="200"} 1' \
        "curl -s http://127.0.0.1:$ADMIN_PORT/metrics"
    # 403 while the ban stands, and in force within a second.
    eval "$ban" > "$logs/check.ban" || :
    deadline=$((SECONDS + 3))
    until [ "$(command curl -s -m 10 -o /dev/null -w '%{http_code}' "$url/events")" = 403 ] || [ "$SECONDS" -ge "$deadline" ]; do sleep 0.1; done
    try "a ban by redis-cli" 403 '' "$events"
    exit "$failed"
fi

cat <<EOF

The gateway listens on http://localhost:$PORT, metrics on http://127.0.0.1:$ADMIN_PORT/metrics. Try in another terminal:

  $login

  $events

  $purchase

  $ban        # 403 for 20 seconds

Its log: tail -f $logs/gateway.log    Users and fault switches: demo/README.md    Stop: Ctrl-C
EOF
wait -n -p first "${!children[@]}" || :
ended "${children[$first]}"
