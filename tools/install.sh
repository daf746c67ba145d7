#!/bin/sh
# Installs the Debian packages of tools/packages.txt that are missing: tools/install.sh build [test] [bench]
set -eu
list="$(dirname "$0")/packages.txt"
missing=""
for use in "$@"; do
    for package in $(awk -v use="$use" '$1 == use { print $2 }' "$list"); do
        if ! dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed; then
            missing="$missing $package"
        fi
    done
done
[ -z "$missing" ] && exit 0

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
exit "$status"
