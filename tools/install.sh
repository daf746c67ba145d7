#!/bin/sh
# Installs the Debian packages of tools/packages.txt that are missing: tools/install.sh build [test] [bench]
# With `test` also the npm packages of tests/k8s, tests/npm and console, by their lock files. Where npm's registry is out of reach
# it says so and goes on: the tests that need them say that they are left out.
set -eu
cd "$(dirname "$0")/.."
list=tools/packages.txt

there() {   # there <package>: installed, or for node and npm had from elsewhere
    case "$1" in
        nodejs) command -v node >/dev/null && return ;;
        npm) command -v npm >/dev/null && return ;;
    esac
    dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed
}

npm_packages() {
    for folder in tests/k8s tests/npm console; do
        [ "$folder/node_modules/.package-lock.json" -nt "$folder/package-lock.json" ] && continue
        echo "installing: npm packages of $folder"
        if ! (cd "$folder" && timeout 180 npm ci --no-audit --no-fund --loglevel=error --fetch-retries=1 >/dev/null); then
            rm -rf "$folder/node_modules"
            echo "npm has no answer: the tests that need $folder are left out" >&2
        fi
    done
}

finish() {
    case " $uses " in *" test "*) npm_packages ;; esac
    exit 0
}

uses="$*"
missing=""
for use in "$@"; do
    for package in $(awk -v use="$use" '$1 == use { print $2 }' "$list"); do
        there "$package" || missing="$missing $package"
    done
done
[ -z "$missing" ] && finish

if [ "$(id -u)" -eq 0 ]; then
    as_root=""
elif command -v sudo >/dev/null; then
    as_root="sudo"
else
    echo "missing packages:$missing" >&2
    echo "install them as root: apt-get install$missing" >&2
    exit 1
fi
echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
# Services that a package would start (nginx, haproxy, prometheus) are only wanted as programs.
policy=/usr/sbin/policy-rc.d
made_policy=""
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
    $as_root chmod 755 "$policy"
    made_policy=yes
fi
status=0
$as_root apt-get update -qq || status=$?
# shellcheck disable=SC2086  # a list of words
[ "$status" -eq 0 ] && { $as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null || status=$?; }
[ -n "$made_policy" ] && $as_root rm -f "$policy"
[ "$status" -eq 0 ] || exit "$status"
finish
