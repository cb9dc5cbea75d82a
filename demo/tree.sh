#!/bin/sh
# Proves the set-up from nothing: a bare Debian tree, a fresh clone in it, the two commands of the
# README. Called by `./gatepost tree [bookworm|trixie [PYTEST-OPTION...]]`, as root.
#
# The tree is .cache/tree-SUITE; what this machine needs to reach packages (its mirror, its proxy,
# its certificates, pip's settings) is read from it and carried into the tree, never written down.
set -eu

here=$1
suite=$2
shift 2
tree=$here/.cache/tree-$suite
seconds=${GATEPOST_TREE_SECONDS:-60}

say() { printf '%s\n' "$*" >&2; }

command -v debootstrap >/dev/null 2>&1 ||
    DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends debootstrap >&2
mirror=$(sed -n 's/^URIs: *\([^ ]*debian\/*\) *$/\1/p; s/^deb  *\(\[[^]]*\] *\)*\([^ ]*debian\/*\) .*/\2/p' \
    /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | head -n 1)

say "== A bare tree of $suite in .cache/tree-$suite"
rm -rf "$tree"
mkdir -p "$tree"
debootstrap --variant=minbase --include=ca-certificates "$suite" "$tree" ${mirror:+"$mirror"} >"$tree.log" 2>&1 || {
    tail -n 5 "$tree.log" >&2
    say "tree: debootstrap failed; see $tree.log"
    exit 1
}

say "== What this machine needs to reach packages"
cp /etc/resolv.conf "$tree/etc/resolv.conf" 2>/dev/null || true
grep -hs '^Acquire' /etc/apt/apt.conf /etc/apt/apt.conf.d/* |
    grep -i proxy >"$tree/etc/apt/apt.conf.d/90proxy" || true
certificates=/etc/ssl/certs/ca-certificates.crt
[ -f "$certificates" ] && cp "$certificates" "$tree$certificates"
mkdir -p "$tree/root/.config/pip"
[ ! -f /etc/pip.conf ] || cp /etc/pip.conf "$tree/etc/pip.conf"
[ ! -f "${HOME:-/root}/.config/pip/pip.conf" ] ||
    cp "${HOME:-/root}/.config/pip/pip.conf" "$tree/root/.config/pip/pip.conf"

say "== A fresh clone of what is committed"
git clone -q --no-local "$here" "$tree/root/gate post"

# Its own mounts and processes: they are gone with it, however it ends.
cat >"$tree/root/prove.sh" <<'INSIDE'
set -eu
cd "/root/gate post"
seconds=$1
shift
began=$(date +%s)
told() { printf '== %s: exit %s after %s s\n' "$1" "$2" "$(($(date +%s) - began))" >&2; began=$(date +%s); }
code=0
./gatepost demo --seconds "$seconds" --headless --json </dev/null || code=$?
told "./gatepost demo" "$code"
[ "$code" -eq 0 ] || exit "$code"
./gatepost test "$@" </dev/null || code=$?
told "./gatepost test" "$code"
exit "$code"
INSIDE
say "== The two commands in the tree"
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
    ${PIP_CERT:+"PIP_CERT=$certificates"} ${http_proxy:+"http_proxy=$http_proxy"} \
    ${https_proxy:+"https_proxy=$https_proxy"} ${PIP_INDEX_URL:+"PIP_INDEX_URL=$PIP_INDEX_URL"} \
    unshare --mount --pid --fork --kill-child --mount-proc="$tree/proc" sh -eu -c '
        tree=$1
        mount --rbind /dev "$tree/dev"
        mount --rbind /sys "$tree/sys"
        mount -t tmpfs -o mode=1777 tmpfs "$tree/tmp"
        shift
        exec chroot "$tree" sh /root/prove.sh "$@"
    ' tree "$tree" "$seconds" "$@"
