#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs random exchanges over real sockets, with the client under AddressSanitizer
# and UBSan. The interpreters were built without them, so the workers preload
# their libraries.
# usage: sh tools/fuzz-wire.sh SERVER BUILDDIR   (make fuzz-wire)
# Environment: that of spec/wire_fuzz/run.lua
set -eu
cd "$(dirname "$0")/.."
# A variable that make exports without a value is not set.
for name in TRANSPORT CASE BATCH SEED EXCHANGES WORKERS; do
  eval "[ -n \"\${$name:-}\" ] || unset $name"
done
SANITIZERS=$(gcc -print-file-name=libasan.so):$(gcc -print-file-name=libubsan.so)
LUA_PATH="./?.lua;./lua/?.lua;./lua/?/init.lua;;"
export SANITIZERS LUA_PATH
exec luajit spec/wire_fuzz/run.lua "$1" "$2"
