#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs the code blocks of Markdown files against the stand-in server, in a copy
# of the checkout: blocks marked `sh` with sh -eu, blocks marked `lua` with Lua
# 5.4; blocks marked `nginx` are checked by nginx itself. A block after a line
# `<!-- not run: why -->` is left out, and so is one that CI runs in its own
# section (make demo, make test, .ci/run).
# A block that begins with the name of a file, such as `-- chat.lua`, is a program
# that a block of sh runs; see tools/readme.lua.
# Lua blocks can use the globals `predibase`, `client`, `prompt` and `options`.
# The blocks of README.md get no globals: they run unchanged and in order, in one
# shell without settings, with a stand-in server that they start themselves. Only
# the port that they name is replaced by a free one.
# With ONLY_INSTALLED=1 the blocks do not find the library in the checkout.
# usage: bash tools/readme.sh FILE...
set -euo pipefail
cd "$(dirname "$0")/.."
plain_path=$PATH
export LUA=lua5.4
eval "$(make -s env)"
make -s build
# Blocks with nginx run LuaJIT, which reads the variable without a version.
if command -v luajit >/dev/null; then make -s build LUA=luajit; fi
export LUA_CPATH_5_4=$LUA_CPATH
LUA_CPATH=${LUA_CPATH//\/lua5.4\//\/luajit\/}
export PATH=$PATH:/usr/sbin
. tools/stand-in.sh
start_stand_in
if [ -n "${ONLY_INSTALLED:-}" ]; then unset LUA_PATH LUA_CPATH LUA_CPATH_5_4; fi
out=$PWD/build/readme
rm -rf "$out"
mkdir -p "$out/checkout/build"
tar -cf - --exclude=./build --exclude=./.git . | tar -xf - -C "$out/checkout"
cp -a "build/$LUA" "$out/checkout/build/"          # the result of `make demo`
for file; do lua5.4 tools/readme.lua "$file" "$out"; done

passed=0 failed=0

free_port () {
  lua5.4 -e 'local tcp = require "luv".new_tcp()
    tcp:bind("127.0.0.1", 0) print(tcp:getsockname().port)'
}

# Replaces the port of a page's nginx.conf, and lets nginx read the checkout.
prepare_nginx () {
  local conf=$1 page port
  page=$(basename "$(dirname "$conf")")
  port=$(free_port)
  sed -i "s/\\<8080\\>/$port/g" "$conf" "$out/$page"-*.sh
  if [ "$(id -u)" -eq 0 ]; then sed -i '1i user root;' "$conf"; fi
}

# Ends the nginx of a block that has failed.
stop_nginx () {
  local pid=$1/logs/nginx.pid
  if [ -s "$pid" ]; then kill "$(cat "$pid")" || :; fi
}

run_block () {
  local block=$1 run folder=$out/checkout page
  page=$(basename "${block%-*}")
  if [ -d "$out/programs/$page" ]; then folder=$out/programs/$page; fi
  case $block in
    *.sh) run=(sh -eu "$block") ;;
    *.nginx) run=(sh "$PWD/tools/readme-nginx.sh" "$block") ;;
    *) run=(lua5.4 "$block") ;;
  esac
  if (cd "$folder" && timeout 120 "${run[@]}") >"$block.log" 2>&1 </dev/null &&
    { [ ! -e "$block.expected" ] ||
      lua5.4 tools/expected-output.lua "$block.expected" "$block.log" >"$block.difference"; }
  then
    echo "$(head -n 1 "$block" | sed 's/^[-#]* *//'): ok"
    passed=$((passed + 1))
  else
    if [ -s "$block.difference" ]; then cat "$block" "$block.difference"
    else cat "$block" "$block.log"; fi
    stop_nginx "$folder"
    echo "$block: FAILED"
    failed=$((failed + 1))
  fi
}

# Runs the blocks of README.md.
run_session () {
  local port
  port=$(free_port)
  sed -i "s/\\<8090\\>/$port/g" "$@"
  if (cd "$out/checkout" && exec env -u PREDIBASE_BASE_URL -u LUA_PATH -u LUA_CPATH \
    -u LUA_CPATH_5_4 PATH="$plain_path" timeout 600 sh tools/readme-session.sh "$@"); then
    passed=$((passed + $#))
  else
    failed=$((failed + 1))
  fi
}

for conf in "$out"/programs/*/nginx.conf; do
  if [ -e "$conf" ]; then prepare_nginx "$conf"; fi
done
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
