#!/bin/sh
# A clone of this repository in a Debian 12 that has nothing but git and make, as root, runs the README's two commands. The
# Debian is made by mmdebstrap, has processes and a network of its own (but reaches package archives), and is thrown away.
#   tools/bare_debian.sh            `make run`, which checks itself, then `make test`
#   tools/bare_debian.sh --short    `make run`, then of `make test` what is quick: packages, rules, manifests, two wire cases
# As root, with mmdebstrap (tools/install.sh image-test). The last commit is what is tried. BARE_CCACHE names a folder of ccache that it
# may use: the same compiler in the same path, so that what has been compiled here is not compiled again.
set -eu
cd "$(dirname "$0")/.."
[ "$(id -u)" -eq 0 ] || { echo "bare_debian: must be root" >&2; exit 1; }
short=""
[ "${1:-}" = "--short" ] && short=yes
work="$(mktemp -d /tmp/gateway-bare-XXXXXX)"
root="$work/root"
clean() {
    trap - EXIT
    rm -rf --one-file-system "$work"
}
trap clean EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

echo "== a bare Debian"
mmdebstrap --quiet --variant=minbase --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr --include=usr-is-merged,git,make,ca-certificates \
    bookworm "$root" > "$work/base.log" 2>&1 || { tail -n 30 "$work/base.log" >&2; exit 1; }
# What this machine needs to reach archives, that one needs as well.
for file in /etc/resolv.conf /etc/hosts; do cp -L "$file" "$root$file"; done
for file in /etc/apt/apt.conf.d/*proxy*; do
    [ -f "$file" ] && cp "$file" "$root$file"
done
if [ -d /usr/local/share/ca-certificates ]; then
    cp -r /usr/local/share/ca-certificates/. "$root/usr/local/share/ca-certificates/"
    chroot "$root" update-ca-certificates > /dev/null 2>&1
fi
mkdir -p "$root$PWD"
git clone --quiet --no-local . "$root$PWD"

cat > "$root/root/try.sh" <<'TRY'
set -eu
cd "$HERE"
echo "== make run"
# As typed, but for the end: instead of waiting for Ctrl-C it tries the lines that it prints.
make --no-print-directory build
cmake --build --preset release --target demo -- --quiet
demo/run.sh --check
if [ -z "$SHORT" ]; then
    echo "== make test"
    exec make --no-print-directory test
fi
echo "== of make test"
tools/install.sh test
tools/install.sh test     # a second time: there is nothing to do
python3 tools/check.py
python3 tools/kubernetes.py --check
node --version
if [ -d tests/k8s/node_modules/yaml ]; then node tests/k8s/check.mjs; else echo "npm's packages are not there"; fi
python3 tests/cases.py --only 'chunk*'
python3 tests/integration.py deployment runbook_commands
TRY
mount_and_run() {
    unshare --mount --pid --fork --kill-child sh -eu -c '
        mount --bind "$1" "$1"
        mount -t proc proc "$1/proc"
        mount -t tmpfs tmpfs "$1/tmp" -o mode=1777
        mount --rbind /dev "$1/dev"
        if [ -n "$3" ]; then mkdir -p "$1/root/.cache/ccache"; mount --bind "$3" "$1/root/.cache/ccache"; fi
        exec env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin SHORT="$2" HERE="$PWD" \
            ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
            ${no_proxy:+no_proxy="$no_proxy"} chroot "$1" /bin/sh /root/try.sh' sh "$root" "$short" "${BARE_CCACHE:-}"
}
mount_and_run
echo "== all of it works in a bare Debian"
