#!/bin/sh
# SPDX-License-Identifier: MIT
# Writes the manual to build/docs: the README, the guide and the reference of
# the modules. MkDocs is installed from PyPI into build/docs-venv.
# usage: sh tools/docs.sh [--source]
# With --source it stops before MkDocs and installs nothing from PyPI: it finds
# modules and pages that are in no list, and links to files that do not exist.
set -eu
cd "$(dirname "$0")/.."
if [ "${1:-}" = --source ]; then job=docs; else job=site; fi
sh tools/setup.sh $job
rm -rf build/docs-source
lua5.4 tools/docs.lua prepare
for part in public internal; do
  log=$PWD/build/docs-source/$part.log
  (cd "build/docs-source/$part" && LUA_PATH="../../../tools/docs/?.lua;;" \
    ldoc -q -x page -c config.ld .) >"$log" 2>&1 || { cat "$log"; exit 1; }
  # A comment above anything but a function or a single assignment is not shown.
  grep -v -e '^reading configuration' -e 'definition cannot be parsed' "$log" || :
done
lua5.4 tools/docs.lua finish
if [ $job = docs ]; then exit; fi
export NO_MKDOCS_2_WARNING=1
python=$(sh tools/python-clients.sh tools/docs)
"$python" -m mkdocs --quiet build --strict --config-file build/docs-source/mkdocs.yml
echo build/docs/index.html
