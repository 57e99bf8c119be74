#!/bin/sh
# SPDX-License-Identifier: MIT
# Checks what can be checked on Linux of the code for other systems:
# * every C file is compiled, and the modules are linked, for macOS and the BSDs,
#   with the headers of these systems, which the C compiler of Zig contains;
# * the specs of streams and loops run with kqueue (an imitation on Linux) and
#   with poll in place of epoll.
# usage: sh spec/portable/run.sh [TARGET | kqueue | poll]...   (from the checkout)
# Environment: BUILDDIR (build)
set -eu
cd "$(dirname "$0")/../.."
build=${BUILDDIR:-build}/portable
targets="aarch64-macos x86_64-macos x86_64-freebsd x86_64-netbsd x86_64-openbsd"
. tools/checks.sh

# --- macOS and the BSDs -------------------------------------------------------

# The headers of libcurl and Lua 5.4, without the others of this system.
headers () {
  include=$build/include
  [ ! -e "$include/done" ] || return 0
  mkdir -p "$include/curl"
  cp "$(pkg-config --variable=includedir libcurl)"/curl/*.h "$include/curl"
  for folder in $(pkg-config --cflags-only-I lua5.4); do
    cp "${folder#-I}"/*.h "$include"
  done
  for file in /usr/include/*/lua5.4-deb-multiarch.h; do  # Debian's own
    [ ! -e "$file" ] || cp "$file" "$include"
  done
  : >"$include/done"
}

# make_for TARGET ARGUMENT...: runs make with the compiler for another system.
make_for () {
  target=$1
  shift
  case $target in
    *-macos) system=Darwin ;;
    *) system=BSD ;;
  esac
  make -s -j "$(nproc)" "$@" SYSTEM=$system WERROR=-Werror \
    CC="sh spec/portable/compiler.sh $python $target" BUILDDIR="$build/$target" \
    LUA_CFLAGS="-I$build/include" CURL_CFLAGS= CURL_LIBS= LUA=lua5.4
}

# exports FILE NAME: succeeds if a library exports a function of that name.
exports () {
  "$python" spec/portable/exports.py "$1" "$2"
}

for_target () {
  check "$1: building the modules" make_for "$1" build
  [ "$failed" -eq 0 ] || return 0
  for module in "$build/$1/lua5.4/predibase"/*.so; do
    name=luaopen_predibase_$(basename "$module" .so)
    check "$1: $module exports $name alone" exports "$module" "$name"
  done
  check "$1: compiling the C tests" make_for "$1" compiled-tests
  check "$1: the numbers of kqueue" "$python" -m ziglang cc -target "$1" \
    -Wall -Werror -c -o "$build/numbers.o" spec/c/kqueue_numbers.c
}

# --- other ways to wait, on this system ---------------------------------------

specs_everywhere="spec/curl_spec.lua spec/async_tasks_spec.lua spec/stream_spec.lua
  spec/stream_close_spec.lua spec/faults_stream_spec.lua spec/http2_sharing_spec.lua"
specs_of_loops="spec/curl_loop_spec.lua spec/curl_wait_spec.lua spec/loop_cqueues_spec.lua
  spec/loop_luv_spec.lua spec/loops_spec.lua"

# with_poller NAME FLAGS SPECS: runs specs with a curl.so that waits otherwise.
with_poller () {
  make -s -j "$(nproc)" build hosts LUA=lua5.4 WERROR=-Werror \
    BUILDDIR="$build/$1" CPPFLAGS="$2"
  BUILDDIR="$build/$1" SPECS=$3 tests "specs with $1" "$build/$1.log" lua5.4
}

mkdir -p "$build"
for what in ${*:-$targets kqueue poll}; do
  case $what in
    kqueue)
      check "the numbers of the imitation" "${CC:-cc}" -Wall -Werror -c \
        -Ispec/c/kqueue -o "$build/numbers.o" spec/c/kqueue_numbers.c
      with_poller kqueue "-DPOLLER_USES_KQUEUE -Ispec/c/kqueue" \
        "$specs_everywhere $specs_of_loops"
      ;;
    poll) with_poller poll -DPOLLER_USES_POLL "$specs_everywhere" ;;
    *)
      python=${python:-$PWD/$(sh tools/python-clients.sh spec/portable)}
      headers
      for_target "$what"
      echo "$what: compiled"
      ;;
  esac
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
