#!/usr/bin/env bash
# A stack for `api-gateway drill`: demo/run.sh with Redis, and a second region that may be lost, both marked by DRILL_TARGET.
#   demo/drill.sh              stays until Ctrl-C and prints how drills are played against it
#   demo/drill.sh --check      plays all drills and ends: 0 if all went well; more options go to `api-gateway drill`
# Environment: that of demo/run.sh, DEMO_REDIS_PORT_BASE (16379), OTHER_PORT (PORT + 1), OTHER_ADMIN_PORT (ADMIN_PORT + 1).
# What it starts has its process id in LOG_FOLDER (build/run), and nothing else is ever stopped.
set -euo pipefail
cd "$(dirname "$0")/.."
build="${BUILD:-build/release}"
export GATEWAY="${GATEWAY:-$build/api-gateway}"
export PORT="${PORT:-3000}" ADMIN_PORT="${ADMIN_PORT:-9300}" RESP_PORT="${RESP_PORT:-0}"
other_port="${OTHER_PORT:-$((PORT + 1))}" other_admin_port="${OTHER_ADMIN_PORT:-$((ADMIN_PORT + 1))}"
redis="${DEMO_REDIS_PORT_BASE:-16379}" other_redis=$((${DEMO_REDIS_PORT_BASE:-16379} + 1))
base="${DEMO_PORT_BASE:-4001}"
export LOG_FOLDER="${LOG_FOLDER:-build/run}"
umask 077       # the scripts hold secrets
mkdir -p "$LOG_FOLDER"
folder="$(realpath "$LOG_FOLDER")"
children=()

# ended <file>: the process of that file, if it is the one that was started here, is ended.
ended() {
    local pid name
    read -r pid name 2>/dev/null < "$folder/$1.pid" || return 0
    rm -f "$folder/$1.pid"
    [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$name" ] || return 0
    kill "$pid" 2>/dev/null || return 0
    while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
}
stop() {
    trap - EXIT
    trap '' INT TERM
    [ "${#children[@]}" -eq 0 ] || kill "${children[@]}" 2>/dev/null || :
    wait 2>/dev/null || :
    for one in region other-redis redis; do ended "$one"; done
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
fail() {
    echo "demo/drill.sh: $1" >&2
    exit 1
}

for port in "$redis" "$other_redis" "$other_port" "$other_admin_port"; do
    if (exec 3<> "/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
        fail "port $port is taken; end what is there, or set DEMO_REDIS_PORT_BASE, OTHER_PORT and OTHER_ADMIN_PORT"
    fi
done

# Commands that start and stop by a file with the process's id and name: the drills use them too.
# script <name> <command that leaves its process in $!>
script() {
    cat > "$folder/start-$1.sh" <<EOT
cd "$PWD"
$2
while [ "\$(cat /proc/\$!/comm)" = sh ]; do sleep 0.02; done     # it is not that program yet
echo "\$! \$(cat /proc/\$!/comm)" > "$folder/$1.pid"
EOT
    cat > "$folder/stop-$1.sh" <<EOT
read -r pid name < "$folder/$1.pid" || exit 1
[ "\$(cat /proc/\$pid/comm)" = "\$name" ] || exit 1
kill -KILL "\$pid"
while [ -d /proc/\$pid ] && ! grep -q ') Z' /proc/\$pid/stat 2>/dev/null; do sleep 0.05; done
rm "$folder/$1.pid"
EOT
}
# <port> <log> <appendonly>: no: it comes back empty. A region is lost with all its gateways: what its Redis does not keep on disk
# nobody there knows any more.
redis_command() {
    echo "redis-server --port $1 --bind 127.0.0.1 --save '' --appendonly $3 --dir $folder/$2 > $folder/$2.log 2>&1 &"
}
for one in redis other-redis; do
    rm -rf "${folder:?}/$one"
    mkdir "$folder/$one"
done
script redis "$(redis_command "$redis" redis no)"
script other-redis "$(redis_command "$other_redis" other-redis yes)"

# A copy, which drills may change, and what it names beside itself.
cp config/gateway.yaml config/openapi.yaml "$folder/"
export CONFIG_FILE="$folder/gateway.yaml"
export DRILL_TARGET=true ADMIN_TOKEN="${ADMIN_TOKEN:-$(od -An -tx1 -N16 /dev/urandom | tr -d ' \n')}"
export TRUSTED_PROXIES=127.0.0.1/32 RATE_LIMIT_MAX=1000000
export INTERNAL_HMAC_SECRET="${INTERNAL_HMAC_SECRET:-$(od -An -tx1 -N32 /dev/urandom | tr -d ' \n')}"

# The other region: the same services, a Redis and a gateway of its own, lost together.
{
    echo "cd \"$PWD\""
    echo "sh \"$folder/start-other-redis.sh\""
    number=0
    for role in AUTH VENUE EVENT TICKET; do
        echo "export ${role}_SERVICE_URL=http://127.0.0.1:$((base + number))"
        number=$((number + 1))
    done
    # Whoever starts it again has none of these.
    for name in INTERNAL_HMAC_SECRET ADMIN_TOKEN TRUSTED_PROXIES RATE_LIMIT_MAX DRILL_TARGET; do
        echo "export $name='${!name}'"
    done
    cat <<EOT
export PORT=$other_port ADMIN_PORT=$other_admin_port RESP_PORT=0 REGION=b REDIS_URL=redis://127.0.0.1:$other_redis
export REGION_PEERS=redis://127.0.0.1:$redis JWT_JWKS_URL=http://127.0.0.1:$base/.well-known/jwks.json
export JWT_ISSUER=https://auth.tickettoken.com JWT_AUDIENCE=https://auth.tickettoken.com SHUTDOWN_DRAIN_MS=0
"$GATEWAY" run --config config/gateway.yaml > "$folder/region.log" 2>&1 &
while [ "\$(cat /proc/\$!/comm)" = sh ]; do sleep 0.02; done     # it is not that program yet
echo "\$! \$(cat /proc/\$!/comm)" > "$folder/region.pid"
EOT
} > "$folder/start-region.sh"
script region-gateway ":"
sed "s/region-gateway/region/g" "$folder/stop-region-gateway.sh" > "$folder/stop-region.sh"
echo "sh \"$folder/stop-other-redis.sh\"" >> "$folder/stop-region.sh"
rm "$folder/start-region-gateway.sh" "$folder/stop-region-gateway.sh"

sh "$folder/start-redis.sh"
REGION=a REDIS_URL="redis://127.0.0.1:$redis" REGION_PEERS="redis://127.0.0.1:$other_redis" demo/run.sh > "$folder/run.log" 2>&1 &
children+=($!)
sh "$folder/start-region.sh"
deadline=$((SECONDS + 20))
for url in "http://127.0.0.1:$PORT/health/ready" "http://127.0.0.1:$other_port/health/ready"; do
    until curl -fs -m 2 -o /dev/null "$url"; do
        if [ "$SECONDS" -ge "$deadline" ] || ! kill -0 "${children[0]}" 2>/dev/null; then
            tail -n 5 "$folder/run.log" "$folder/region.log" >&2
            fail "$url does not answer"
        fi
        sleep 0.1
    done
done

drill=("$GATEWAY" drill --yes --stack "$LOG_FOLDER" --log "$LOG_FOLDER/gateway.log" --gateway-config "$CONFIG_FILE"
       --other-port "$other_port" --other-admin-port "$other_admin_port")
if [ "${1:-}" = "--check" ]; then
    shift
    "${drill[@]}" all "$@" && status=0 || status=$?
    exit "$status"
fi
cat <<EOT

A stack for drills: gateways on http://localhost:$PORT and $other_port. In another terminal:

  export ADMIN_TOKEN=$ADMIN_TOKEN PORT=$PORT ADMIN_PORT=$ADMIN_PORT
  ${drill[*]} all

Stop: Ctrl-C
EOT
wait "${children[0]}" || fail "demo/run.sh has ended: $folder/run.log"
