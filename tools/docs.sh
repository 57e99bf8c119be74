#!/bin/sh
# SPDX-License-Identifier: MIT
# Writes the API reference to build/docs.
# usage: sh tools/docs.sh
set -eu
cd "$(dirname "$0")/.."
sh tools/setup.sh docs

# LDoc uses a file's first comment as the module's comment, and the SPDX line
# would be that comment: LDoc reads copies without it.
rm -rf build/docs build/docs-source
find lua/predibase -name '*.lua' | while read -r path; do
  mkdir -p "build/docs-source/$(dirname "$path")"
  sed '1s/^-- SPDX.*//' "$path" >"build/docs-source/$path"
done
# LDoc expects one file per module, but a C module may have several.
mkdir -p build/docs-source/src
cat src/lua_sse.c >build/docs-source/src/sse.c
cat src/lua_interrupt.c >build/docs-source/src/interrupt.c
cat src/lua_replace.c >build/docs-source/src/replace.c
cat src/lua_curl.c src/lua_exchange.c src/lua_read.c >build/docs-source/src/curl.c
cp config.ld build/docs-source/
cd build/docs-source
ldoc -q -c config.ld -d ../docs . >../docs.log 2>&1 || { cat ../docs.log; exit 1; }
grep -v -e '^format: ' -e '^reading configuration' ../docs.log || :
echo "build/docs/index.html"
