#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs the packages of bench/node/package.json from npm into build/bench-node,
# unless they are there, and copies bench/peers.mjs next to them, because Node
# looks for packages beside the program. Prints the path of the copy.
# usage: sh bench/node.sh [--if-there]
# With --if-there it installs nothing, and exits with 1 if something is missing.
set -eu
cd "$(dirname "$0")/.."
folder=build/bench-node
# fetch is part of Node since version 18
node -e 'process.exit(typeof fetch === "function" ? 0 : 1)' 2>/dev/null || {
  echo "node 18 or later is not installed; on Debian: apt install nodejs" >&2
  exit 1
}
if ! cmp -s bench/node/package.json "$folder/package.json" ||
    [ ! -d "$folder/node_modules/eventsource-parser" ]; then
  [ "${1:-}" != --if-there ] || exit 1
  echo "installing the packages of bench/node/package.json into $folder" >&2
  rm -rf "$folder"
  mkdir -p "$folder"
  cp bench/node/package.json "$folder/"
  npm install --prefix "$folder" --silent --no-audit --no-fund --ignore-scripts >&2
fi
cp bench/peers.mjs "$folder/"
echo "$folder/peers.mjs"
