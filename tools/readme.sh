#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs the code blocks of Markdown files against the stand-in server, in a copy
# of the checkout: blocks marked `sh` with sh -eu, blocks marked `lua` with Lua
# 5.4; blocks marked `nginx` are checked by nginx itself. A block after a line
# `<!-- not run: why -->` is left out, and so is one that CI runs in its own
# section (make demo, make test, .ci/run).
# Lua blocks can use the globals `predibase`, `client`, `prompt` and `options`.
# The blocks of README.md get no globals: they run unchanged and in order, in one
# shell without settings, with a stand-in server that they start themselves. Only
# the port that they name is replaced by a free one.
# usage: bash tools/readme.sh FILE...
set -euo pipefail
cd "$(dirname "$0")/.."
plain_path=$PATH
export LUA=lua5.4
eval "$(make -s env)"
make -s build
. tools/stand-in.sh
start_stand_in
out=$PWD/build/readme
rm -rf "$out"
mkdir -p "$out/checkout/build"
tar -cf - --exclude=./build --exclude=./.git . | tar -xf - -C "$out/checkout"
cp -a "build/$LUA" "$out/checkout/build/"          # the result of `make demo`
for file; do lua5.4 tools/readme.lua "$file" "$out"; done

passed=0 failed=0
run_block () {
  local block=$1 run
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
}

# Runs the blocks of README.md.
run_session () {
  local port
  port=$(lua5.4 -e 'local tcp = require "luv".new_tcp()
    tcp:bind("127.0.0.1", 0) print(tcp:getsockname().port)')
  sed -i "s/\\<8090\\>/$port/g" "$@"
  if (cd "$out/checkout" && exec env -u PREDIBASE_BASE_URL -u LUA_PATH -u LUA_CPATH \
    PATH="$plain_path" timeout 600 sh tools/readme-session.sh "$@"); then
    passed=$((passed + $#))
  else
    failed=$((failed + 1))
  fi
}

session=()
for block in "$out"/*.sh "$out"/*.lua "$out"/*.nginx; do
  [ -e "$block" ] || continue
  case ${block##*/} in
    README_md-*) session+=("$block") ;;
    *) run_block "$block" ;;
  esac
done
if [ "${#session[@]}" -gt 0 ]; then
  mapfile -t session < <(printf '%s\n' "${session[@]}" | sort)
  run_session "${session[@]}"
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
