#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds all C modules and C tests with musl, the C library of Alpine Linux, and
# runs the C tests and specs in processes that contain no other C library.
# LuaJIT gets the modules alone that nginx loads; Lua 5.4 and 5.1 get every module.
# usage: sh spec/musl/run.sh   (from the checkout)
# Environment: BUILDDIR (build)
set -eu
cd "$(dirname "$0")/../.."
prefix=$PWD/${BUILDDIR:-build}/musl
modules=${BUILDDIR:-build}/musl/modules
. tools/checks.sh

# with_musl ARGUMENT...: runs make with what build.sh has built.
with_musl () {
  make -s -j "$(nproc)" "$@" CC=musl-gcc WERROR=-Werror BUILDDIR="$modules" \
    "CURL_CFLAGS=-I$prefix/include" \
    "CURL_LIBS=-L$prefix/lib -Wl,-rpath,$prefix/lib -lcurl"
}

# needs_only FILE: succeeds if a module needs no library but musl and libcurl.
needs_only () {
  readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' >"$prefix/needed"
  cat "$prefix/needed"
  grep -qx libc.so "$prefix/needed" && ! grep -qvx 'libc\.so\|libcurl\.so\.4' "$prefix/needed"
}

# with_modules GROUP FILE...: runs the C tests (c) or specs with a Lua.
with_modules () {
  group=$1
  shift
  BUILDDIR=$modules SPECS="$*" tests "$group with musl" "$prefix/tests.log" "$group"
}

sh spec/musl/build.sh "$prefix"
export PATH="$prefix/bin:$PATH"

check "building with LuaJIT's headers" with_musl build LUA=luajit \
  C_MODULES="sse json_text text_filter" "LUA_CFLAGS=-I$prefix/include/luajit"
for lua in lua5.4 lua5.1; do
  check "building for $lua" with_musl build LUA=$lua "LUA_CFLAGS=-I$prefix/include/$lua"
done
check "building the C tests" with_musl ctests
for module in "$modules"/*/predibase/*.so; do
  check "$module needs musl alone" needs_only "$module"
done
check "LuaJIT loads what nginx does" env LUA_CPATH="$modules/luajit/?.so;;" \
  luajit spec/musl/loaded.lua sse json_text text_filter
for lua in lua5.4 lua5.1; do
  check "$lua loads every module" env LUA_CPATH="$modules/$lua/?.so;;" \
    $lua spec/musl/loaded.lua sse curl interrupt replace folder append done \
    descriptor json_text text_filter
done

with_modules c
with_modules luajit spec/sse_spec.lua spec/token_spec.lua
everywhere="sse curl curl_target tls stream stream_close faults_connect bulk_append
  bulk_done replace folder descriptor interrupt_watch loop_luv"
once="sse_lifetime token transport_curl http2_early batch chat_saved loop_blocking cli fork
  mock_server json embed faults_stream readiness bulk_run lifetime"
# shellcheck disable=SC2046 # lists of words
with_modules lua5.1 $(printf 'spec/%s_spec.lua ' $everywhere)
# shellcheck disable=SC2046 # lists of words
with_modules lua5.4 $(printf 'spec/%s_spec.lua ' $everywhere $once)
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
