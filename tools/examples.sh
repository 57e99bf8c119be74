#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs every example. A script runs unchanged against the stand-in server; it
# must exit with 0 and print something. An example for a host program is tested
# by a spec in spec/examples, which drives that program.
# usage: bash tools/examples.sh [LUA]
set -euo pipefail
cd "$(dirname "$0")/.."
lua=${1:-lua5.4}
LUAS=luajit sh tools/setup.sh examples
make -s build LUA="$lua"
eval "$(make -s env LUA="$lua")"
. tools/stand-in.sh
start_stand_in

passed=0 failed=0
for example in examples/*.lua; do
  if output=$(timeout 60 "$lua" "$example" 2>&1) && [ -n "$output" ]; then
    echo "$example: ok"
    passed=$((passed + 1))
  else
    printf '%s\n%s: FAILED\n' "$output" "$example"
    failed=$((failed + 1))
  fi
done
echo "$passed passed, $failed failed"

# All host programs contain LuaJIT.
make -s build LUA=luajit
specs= skipped=0
for spec in spec/examples/*.lua; do
  case $spec in
    *love.lua) program=love ;;
    *neovim.lua) program=nvim ;;
    *openresty.lua) program=chromedriver ;;
    *) program=luajit ;;
  esac
  if command -v "$program" >/dev/null; then
    specs="$specs $spec"
  else
    echo "$spec: skipped, $program is not installed"
    skipped=$((skipped + 1))
  fi
done
SPECS=$specs sh tools/test.sh luajit || failed=1
if [ "$skipped" -gt 0 ]; then echo "$skipped skipped"; fi
[ "$failed" -eq 0 ]
