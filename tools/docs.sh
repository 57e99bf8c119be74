#!/bin/sh
# SPDX-License-Identifier: MIT
# Writes the API reference to build/docs, and that of the internal modules to
# build/docs/internal.
# usage: sh tools/docs.sh
set -eu
cd "$(dirname "$0")/.."
sh tools/setup.sh docs
rm -rf build/docs build/docs-source
lua5.4 tools/docs.lua prepare
cp tools/docs/markdown.lua build/docs-source/markdown_of_docs.lua
for part in public internal; do
  log=$PWD/build/docs-source/$part.log
  (cd "build/docs-source/$part" && LUA_PATH="../?.lua;;" ldoc -q -c config.ld .) >"$log" 2>&1 || { cat "$log"; exit 1; }
  # A comment above anything but a function or a single assignment is not shown.
  grep -v -e '^reading configuration' -e 'definition cannot be parsed' "$log" || :
done
lua5.4 tools/docs.lua finish
