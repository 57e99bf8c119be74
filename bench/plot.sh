#!/bin/sh
# SPDX-License-Identifier: MIT
# Writes the figures of docs/performance.md: the plots in docs/performance, and
# the tables of the page. Both come from RESULTS, the JSON of a run, which is
# kept as docs/performance/results.json.
# usage: sh bench/plot.sh [RESULTS [FOLDER]]
# Without RESULTS it draws those that are kept once more. With FOLDER it draws
# the plots there and changes nothing else.
set -eu
cd "$(dirname "$0")/.."
kept=docs/performance
python=$(sh tools/python-clients.sh bench/plot)
if [ $# = 2 ]; then
  exec "$python" bench/plots.py "$1" "$2"
fi
if [ $# = 1 ]; then cp "$1" "$kept/results.json"; fi
"$python" bench/plots.py "$kept/results.json" "$kept"
eval "$(make -s env LUA=lua5.4)"
lua5.4 bench/figures.lua "$kept/results.json" docs/performance.md
echo "$kept"
