#!/bin/sh
# SPDX-License-Identifier: MIT
# Checks programs with the editor types and EmmyLua's analyser: the examples
# have to pass, and the files of spec/types have to be reported exactly where
# they say so.
# usage: sh tools/analyse.sh
# EMMYLUA_CHECK is the analyser; without it, it is built (tools/analyser.sh).
set -eu
cd "$(dirname "$0")/.."
if [ -z "${EMMYLUA_CHECK:-}" ]; then
  EMMYLUA_CHECK=$(sh tools/analyser.sh) || {
    echo "the analyser cannot be had on this system, see build/analyser.log"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
  }
fi
out=$PWD/build/analyse
rm -rf "$out"
mkdir -p "$out/programs"

# The first configuration of the guide, with the types of the checkout.
awk '/^```/ { if (inside) exit; inside = /json/; next } inside' docs/editors.md |
  sed "s|/usr/local/share/predibase/types|$PWD/types|" >"$out/luarc.json"
grep -q "$PWD/types/library" "$out/luarc.json"
cp examples/*.lua spec/types/*.lua "$out/programs"

# The report is complete even when it has warnings, which are compared below.
"$EMMYLUA_CHECK" -c "$out/luarc.json" -f json --output "$out/report.json" \
  "$out/programs" >"$out/log" 2>&1 || :
[ -s "$out/report.json" ] || { cat "$out/log"; exit 1; }
lua5.4 tools/analyse.lua "$out/report.json" examples/*.lua spec/types/*.lua
