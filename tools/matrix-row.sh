#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs the specs on one Lua with one libcurl, for tools/matrix.sh.
# usage: sh tools/matrix-row.sh LUA LIBCURL SPECS
#   LUA      lua5.4, ... luajit, of the system or else built from sources;
#            luajit-newest is always built
#   LIBCURL  system, or newest or oldest, which are built from sources
#   SPECS    all, most (all but the slow ones), short (those without a line
#            `-- slow`, `-- long` or `-- once`), network (those that use
#            libcurl most), or few (one spec for each part of the library)
# Prints which versions these are, in the form that tools/matrix.sh reads, and
# the results.
set -eu
cd "$(dirname "$0")/.."
lua=${1%-newest} libcurl=$2 specs=$3

network () {
  for name in away curl faults http2 lifetime loop proxy readiness stray \
    tls transport_curl wire; do
    ls spec/"$name"_spec.lua spec/"$name"_*_spec.lua 2>/dev/null || :
  done
}

short () {
  for spec in spec/*_spec.lua; do
    sed -n 1,8p "$spec" | grep -q '^-- \(slow\|long\|once\): ' || echo "$spec"
  done
}

few () {
  for name in async chat curl errors event http2_sharing json lifetime \
    mock_http params sse stream stream_close template tls transport_curl; do
    echo "spec/${name}_spec.lua"
  done
}

built='' system=Debian
if [ "$1" != "$lua" ] || ! command -v "$lua" >/dev/null; then built=$lua; fi
wanted=$built
[ "$libcurl" = system ] || wanted="$built curl-$libcurl"
if [ -n "$wanted" ]; then
  # shellcheck disable=SC2086 # a list of words
  lines=$(sh tools/sources.sh env $wanted)
  eval "$lines"
fi
export BUILDDIR="build/matrix/$1-$libcurl"
make -s -j "$(nproc)" build hosts LUA="$lua" BUILDDIR="$BUILDDIR"

case $specs in
  all) ALL=1 what="all specs" ;;
  most) ALL='' what="all but the slow specs" ;;
  network) SPECS=$(network) what="specs of the network" ;;
  short) SPECS=$(short) what="the short specs" ;;
  few) SPECS=$(few) what="$(few | wc -l) of $(ls spec/*_spec.lua | wc -l) spec files" ;;
  *) echo "predibase: no set of specs is called $specs" >&2; exit 64 ;;
esac
# The rows may run on a busy machine.
export ALL SPECS TEST_TIMEOUT="${TEST_TIMEOUT:-1800}"

version=$(LUA_CPATH="$BUILDDIR/$lua/?.so" "$lua" -e '
  print((require "predibase.curl".version():match "[%d.]+"))')
named=$("$lua" -e 'print(jit and jit.version or "")')
# Debian's lua5.2.pc has the number of another release.
[ -n "$named" ] || named=$("$lua" -v 2>&1 | sed -n 's/^\(Lua [0-9]*\.[0-9]*\.[0-9]*\).*/\1/p')
[ -n "$named" ] || named="Lua $(pkg-config --modversion "$lua")"
[ -n "$built" ] || named="$named ($system)"
. /etc/os-release
echo "matrix: $named | $version | Debian ${VERSION_ID:-testing} | $what"
sh tools/test.sh "$lua"
