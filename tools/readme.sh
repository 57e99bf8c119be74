#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs the code blocks of Markdown files against the stand-in server, in a copy
# of the checkout: blocks marked `sh` with sh -eu, blocks marked `lua` with Lua
# 5.4; blocks marked `nginx` are checked by nginx itself. A block after a line
# `<!-- not run: why -->` is left out, and so is one that CI runs as a section
# of its own (make demo, make test, .ci/run).
# Lua blocks find `predibase`, `client`, `prompt` and `options` as globals.
# usage: bash tools/readme.sh FILE...
set -euo pipefail
cd "$(dirname "$0")/.."
export LUA=lua5.4
eval "$(make -s env)"
. tools/stand-in.sh
start_stand_in
out=$PWD/build/readme
rm -rf "$out"
mkdir -p "$out/checkout"
tar -cf - --exclude=./build --exclude=./.git . | tar -xf - -C "$out/checkout"
for file; do lua5.4 tools/readme.lua "$file" "$out"; done

passed=0 failed=0
for block in "$out"/*.sh "$out"/*.lua "$out"/*.nginx; do
  [ -e "$block" ] || continue
  case $block in
    *.sh) run=(sh -eu "$block") ;;
    *.nginx) run=(sh tools/readme-nginx.sh "$block") ;;
    *) run=(lua5.4 "$block") ;;
  esac
  if (cd "$out/checkout" && timeout 120 "${run[@]}") >"$block.log" 2>&1 </dev/null; then
    echo "$(head -n 1 "$block" | sed 's/^[-#]* *//'): ok"
    passed=$((passed + 1))
  else
    cat "$block" "$block.log"
    echo "$block: FAILED"
    failed=$((failed + 1))
  fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
