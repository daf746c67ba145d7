#!/usr/bin/env bash
# The demo platform and the gateway, watched by Prometheus and Alertmanager from Debian's packages; stays until Ctrl-C, at
# most STACK_SECONDS. Rules and routes are the shipped ones; nobody is told of an alert, for the addresses lead nowhere.
#   deploy/stack.sh            Prometheus on 9090, Alertmanager on 9093, the rest as demo/run.sh has it
#   deploy/stack.sh --check    provokes one alert, sees it arrive, and ends: 0 if it did
# Environment: PROMETHEUS_PORT, ALERTMANAGER_PORT, STACK_SECONDS (3600), and that of demo/run.sh.
set -euo pipefail
cd "$(dirname "$0")/.."
export PORT="${PORT:-3000}" ADMIN_PORT="${ADMIN_PORT:-9300}"
prometheus_port="${PROMETHEUS_PORT:-9090}" alertmanager_port="${ALERTMANAGER_PORT:-9093}"
seconds="${STACK_SECONDS:-3600}"
here="$PWD/deploy" folder="$(mktemp -d)"
children=()

stop() {
    trap - EXIT
    trap '' INT TERM
    if [ "${#children[@]}" -gt 0 ]; then
        kill "${children[@]}" 2>/dev/null || :
        wait "${children[@]}" 2>/dev/null || :
    fi
    rm -rf "$folder"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
    echo "deploy/stack.sh: $1" >&2
    exit 1
}

# start <name> <url> <command>: waits until the URL answers, at most twenty seconds.
start() {
    local name="$1" url="$2" deadline=$((SECONDS + 20))
    shift 2
    "$@" > "$folder/$name.log" 2>&1 &
    children+=($!)
    until curl -fs -m 2 -o /dev/null "$url"; do
        if ! kill -0 "${children[-1]}" 2>/dev/null || [ "$SECONDS" -ge "$deadline" ]; then
            tail -n 5 "$folder/$name.log" >&2
            fail "$name does not answer at $url"
        fi
        sleep 0.1
    done
}

for port in "$prometheus_port" "$alertmanager_port"; do
    if (exec 3<> "/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
        fail "port $port is taken; end what is there, or set PROMETHEUS_PORT and ALERTMANAGER_PORT"
    fi
done

start demo "http://127.0.0.1:$PORT/health/ready" demo/run.sh

# The shipped files with this machine's addresses.
mkdir "$folder/targets"
cp -r "$here/prometheus/rules" "$folder/rules"
echo "[{targets: ['127.0.0.1:$ADMIN_PORT']}]" > "$folder/targets/api-gateway.yml"
sed -e "s/alertmanager:9093/127.0.0.1:$alertmanager_port/" -e "s/localhost:9090/127.0.0.1:$prometheus_port/" \
    -e 's/_interval: 15s/_interval: 5s/' -e 's/scrape_timeout: 10s/scrape_timeout: 5s/' \
    "$here/prometheus/prometheus.yml" > "$folder/prometheus.yml"
echo "http://127.0.0.1:9/" > "$folder/nobody"
sed -e "s#/etc/alertmanager/secrets/.*#$folder/nobody#" -e "s#templates/#$here/alertmanager/templates/#" \
    -e "s#^global:#global:\n  pagerduty_url: http://127.0.0.1:9/#" "$here/alertmanager/alertmanager.yml" > "$folder/alertmanager.yml"

start alertmanager "http://127.0.0.1:$alertmanager_port/-/ready" prometheus-alertmanager \
    --config.file="$folder/alertmanager.yml" --storage.path="$folder/alertmanager" \
    --web.listen-address="127.0.0.1:$alertmanager_port" --cluster.listen-address=
start prometheus "http://127.0.0.1:$prometheus_port/-/ready" prometheus \
    --config.file="$folder/prometheus.yml" --storage.tsdb.path="$folder/data" \
    --web.listen-address="127.0.0.1:$prometheus_port" --enable-feature=exemplar-storage

if [ "${1:-}" = "--check" ]; then
    deadline=$((SECONDS + 60))
    # wait_for <what> <url> <text>
    wait_for() {
        until [[ "$(curl -s -m 5 "$2")" == *"$3"* ]]; do
            [ "$SECONDS" -lt "$deadline" ] || fail "no $1"
            sleep 0.2
        done
        echo "ok      $1"
    }
    wait_for "gateway in Prometheus" "http://127.0.0.1:$prometheus_port/api/v1/targets" '"health":"up"'
    wait_for "series of the gateway" \
        "http://127.0.0.1:$prometheus_port/api/v1/query?query=security_violations_total" '"header_manipulation"'
    curl -s -o /dev/null -H "X-User-Id: root" "http://127.0.0.1:$PORT/api/v1/auth/public-key.pem"
    curl -s -o /dev/null -H "X-User-Id: root" "http://127.0.0.1:$PORT/api/v1/auth/register" -d '{}'
    wait_for "alert in Alertmanager" "http://127.0.0.1:$alertmanager_port/api/v2/alerts" '"SecurityViolationDetected"'
    exit 0
fi

cat <<EOT

The gateway listens on http://localhost:$PORT; see demo/README.md for what to try.

  Prometheus      http://localhost:$prometheus_port/alerts
  Alertmanager    http://localhost:$alertmanager_port

An alert to begin with: curl -s -H "X-User-Id: root" http://localhost:$PORT/api/v1/auth/register -d '{}'
Ends by itself after $seconds s. Stop: Ctrl-C
EOT
sleep "$seconds" &
children+=($!)
wait -n "${children[@]}" || :
