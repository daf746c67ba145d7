#!/bin/sh
# Builds the image of deploy/docker/Dockerfile without any registry, and tries what is in it: size, user, tools, health.
#   tools/image_test.sh             as it is released: the first stage compiles
#   tools/image_test.sh --built     quicker: the first stage is build/release/api-gateway
# As root, on Debian with buildah and mmdebstrap (tools/install.sh image-test). Leaves nothing behind.
set -eu
cd "$(dirname "$0")/.."
bytes_max=$((150 * 1000 * 1000))
base=docker.io/library/debian:bookworm-slim
image=localhost/api-gateway:test
work="$(mktemp -d /tmp/gateway-image-XXXXXX)"
containers=""

store() { buildah --root "$work/storage" --runroot "$work/run" --storage-driver vfs "$@"; }
clean() {
    trap - EXIT
    for container in $containers; do
        store umount "$container" >/dev/null 2>&1 || :
        store rm "$container" >/dev/null 2>&1 || :
    done
    rm -rf --one-file-system "$work"
}
trap clean EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

export BUILDAH_ISOLATION=chroot
[ "$(id -u)" -eq 0 ] || { echo "image_test: must be root" >&2; exit 1; }

echo "== base"
# What the official slim image leaves out is left out here as well; the hook, because usrmerge would bring all of Perl.
mmdebstrap --quiet --variant=minbase \
    --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr --include=usr-is-merged \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/lintian/*' \
    bookworm "$work/base.tar" > "$work/base.log" 2>&1 || { tail -n 30 "$work/base.log" >&2; exit 1; }
container="$(store from scratch)"
containers="$container"
store add --quiet "$container" "$work/base.tar" / >/dev/null
rm "$work/base.tar"
store config --cmd /bin/bash --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
store commit --quiet --rm "$container" "$base" >/dev/null
containers=""

echo "== build"
context="$work/context"
mkdir "$context"
git ls-files -z | tar --null --files-from=- --create | tar --extract --directory "$context"
file=deploy/docker/Dockerfile
commit="$(git rev-parse --short=12 HEAD)"
said="$commit"
if [ "${1:-}" = "--built" ]; then
    mkdir -p "$context/given"
    strip -o "$context/given/api-gateway" build/release/api-gateway
    said=""   # that one may be of another commit
    { echo "FROM scratch AS build"
      echo "COPY given/api-gateway /src/build/release/api-gateway"
      awk '/^FROM/ { stage++ } stage == 2' "$file"; } > "$context/$file"
fi
store bud --quiet --pull-never --layers=false --format docker --build-arg "COMMIT=$commit" \
    --file "$context/$file" --tag "$image" "$context" > "$work/build.log" 2>&1 || { tail -n 30 "$work/build.log" >&2; exit 1; }
rm -rf "$context"

container="$(store from --pull-never "$image")"
containers="$container"
root="$(store mount "$container")"
setting() { store inspect --format "{{$1}}" "$image"; }

passed=0
failed=0
expect() {   # expect <what> <command …>
    what="$1"
    shift
    if "$@"; then
        passed=$((passed + 1))
        echo "ok      $what"
    else
        failed=$((failed + 1))
        echo "FAILED  $what"
    fi
}

bytes="$(du -sx -B1 "$root" | cut -f1)"
expect "size: $((bytes / 1000000)) of $((bytes_max / 1000000)) MB" [ "$bytes" -lt "$bytes_max" ]
[ "$bytes" -lt "$bytes_max" ] || du -xm --threshold=2M "$root" | sort -rn | head -n 40
expect "needs no library that is not there" [ -z "$(chroot "$root" ldd /usr/local/bin/api-gateway | grep "not found")" ]
expect "user is not root" [ "$(setting .OCIv1.Config.User)" = 10001:10001 ]
expect "starts the gateway" [ "$(setting .OCIv1.Config.Entrypoint) $(setting .OCIv1.Config.Cmd)" = "[/usr/local/bin/api-gateway] [run]" ]
expect "has a health check" [ -n "$(setting .Docker.Config.Healthcheck.Test)" ]
expect "brings no compiler" [ ! -e "$root/usr/bin/clang-19" ]

# What a cluster does: another network, the root read-only, the image's user, SIGTERM. Ports are the real ones, in there.
cat > "$work/inside.sh" <<'INSIDE'
set -eu
api-gateway run > /tmp/log 2>&1 &
gateway=$!
tries=0
until curl -fs -o /dev/null -m 2 http://127.0.0.1:3000/health; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] && kill -0 "$gateway" || { cat /tmp/log; exit 1; }
    sleep 0.1
done
curl -fs http://127.0.0.1:3000/health | grep -q '"status":"ok"'
curl -fs -o /dev/null -m 2 "http://127.0.0.1:${ADMIN_PORT:-9300}/health/live"
curl -fs http://127.0.0.1:9300/metrics | grep -q '^http_requests_total'
curl -fs http://127.0.0.1:9300/metrics | grep -q "^build_info{.*commit=\"$COMMIT"
[ "$(redis-cli SET banned:ip:203.0.113.7 1 EX 3600)" = OK ]
[ "$(id -u)" = 10001 ]
if touch /etc/api-gateway/x /usr/x 2>/dev/null; then echo "the root is writable"; exit 1; fi
kill -TERM "$gateway"
wait "$gateway"
INSIDE
cp "$work/inside.sh" "$root/inside.sh"
chmod 755 "$root/inside.sh"
inside() {
    unshare --mount --net --pid --fork --kill-child sh -eu -c '
        ip link set lo up
        mount --bind "$1" "$1"
        mount -t proc proc "$1/proc"
        mount -t tmpfs tmpfs "$1/tmp" -o mode=1777
        mount -t tmpfs tmpfs "$1/dev" -o mode=755
        for device in null zero urandom random; do
            touch "$1/dev/$device"
            mount --bind "/dev/$device" "$1/dev/$device"
        done
        mount -o remount,bind,ro "$1"
        exec timeout 60 env -i PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin CONFIG_FILE=/etc/api-gateway/gateway.yaml \
            JWT_SECRET="a secret of the tests, longer than 32 bytes" JWT_ISSUER=tests SHUTDOWN_DRAIN_MS=100 \
            COMMIT="$2" chroot --userspec=10001:10001 "$1" /bin/sh /inside.sh' sh "$root" "$said"
}
expect "runs: health, metrics, redis-cli, SIGTERM, on a read-only root" inside

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
