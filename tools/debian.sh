#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs the two commands of the README, make demo and make test, on a release of
# Debian with no other package than make. debootstrap creates the system in
# build/debian/SUITE, and the checkout is copied into it. The system is created
# anew for each run and removed at the end.
# usage, as root: sh tools/debian.sh SUITE     (bookworm, trixie, testing)
# Needs debootstrap; `sh tools/setup.sh ci` installs it.
# Environment:
#   TEST   what to run instead of `make test`
#   KEEP   1: do not remove the system at the end
# Exit status 75: skipped, because Debian's packages cannot be downloaded.
set -eu
cd "$(dirname "$0")/.."
suite=$1
root=$PWD/build/debian/$suite
log=build/debian/$suite.log

say () {
  echo "debian $suite: $*"
}

skip () {
  say "skipped: $*"
  echo "0 passed, 0 failed, 1 skipped"
  exit 75
}

# Prints the mirror that this system uses, or nothing; debootstrap then uses its
# default.
mirror () {
  apt-cache policy make 2>/dev/null |
    sed -n 's|^ *[0-9]* \(https\{0,1\}://[^ ]*\) [^ ]*/main .*|\1|p' |
    grep -v security | head -n 1
}

make_tree () {
  rm -rf "$root"
  mkdir -p "$root"
  # shellcheck disable=SC2046 # one word or none
  debootstrap --variant=minbase --include=make "$suite" "$root" $(mirror) \
    >"$log" 2>&1 && return
  rm -rf "$root"
  if grep -qi -e 'failed getting release' -e 'unable to resolve' \
    -e 'could not resolve' "$log"
  then
    tail -n 3 "$log"
    skip "debootstrap cannot reach the packages"
  fi
  cat "$log"
  say "debootstrap failed"
  exit 1
}

# inside COMMAND: runs the command in the copy of the checkout. The mounts are
# private, so they disappear with the command even if it is killed.
inside () {
  env -i HOME=/root TERM=dumb LC_ALL=C.UTF-8 \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    unshare --mount --propagation private sh -c '
      # A mount of its own, without which unshare --mount fails inside.
      mount --rbind "$1" "$1"
      mount --rbind /proc "$1/proc"
      mount --rbind /dev "$1/dev"
      exec chroot "$1" sh -c "cd /predibase && $2"' sh "$root" "$1"
}

# step COMMAND: runs the command and reports how long it took.
step () {
  began=$(date +%s)
  status=0
  inside "$1" || status=$?
  say "$1: $(($(date +%s) - began)) s, exit status $status"
  [ "$status" -eq 0 ]
}

PATH=$PATH:/usr/sbin:/sbin
[ "$(id -u)" -eq 0 ] || {
  say "debootstrap must be run as root"
  exit 1
}
command -v debootstrap >/dev/null || {
  say "debootstrap is not installed; sh tools/setup.sh ci installs it"
  exit 1
}
mkdir -p build/debian
say "creating a system with no other package than make"
make_tree
if [ -z "${KEEP:-}" ]; then trap 'rm -rf "$root"' EXIT; fi
cp /etc/resolv.conf "$root/etc/resolv.conf"
mkdir -p "$root/predibase"
tar -cf - --exclude=./build --exclude=./.git . | tar -xf - -C "$root/predibase"
failed=0
step "make demo" || failed=1
step "${TEST:-make test}" || failed=1
exit $failed
