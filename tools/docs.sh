#!/bin/sh
# SPDX-License-Identifier: MIT
# Writes the API reference to build/docs.
# usage: sh tools/docs.sh
set -eu
cd "$(dirname "$0")/.."
sh tools/setup.sh docs

# LDoc takes a file's first comment for the one about the module, but does not
# look past an ordinary line in front of it: it reads copies without that line.
rm -rf build/docs build/docs-source
find lua/predibase src -name '*.lua' -o -name '*.c' | while read -r path; do
  mkdir -p "build/docs-source/$(dirname "$path")"
  sed '1s/^-- SPDX.*//' "$path" >"build/docs-source/$path"
done
cp config.ld build/docs-source/
cd build/docs-source
ldoc -q -c config.ld -d ../docs . >../docs.log 2>&1 || { cat ../docs.log; exit 1; }
cat ../docs.log
echo "build/docs/index.html"
