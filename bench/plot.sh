#!/bin/sh
# SPDX-License-Identifier: MIT
# Writes the figures of docs/performance.md: the plots in docs/performance, and
# the tables of the page. Both come from RESULTS, the JSON of a run, which is
# kept as docs/performance/results.json.
# usage: sh bench/plot.sh [RESULTS]
# Without RESULTS it draws those that are kept once more.
set -eu
cd "$(dirname "$0")/.."
folder=docs/performance
mkdir -p "$folder"
if [ $# = 1 ]; then cp "$1" "$folder/results.json"; fi
python=$(sh tools/python-clients.sh bench/plot)
"$python" bench/plots.py "$folder/results.json" "$folder"
eval "$(make -s env LUA=lua5.4)"
lua5.4 bench/figures.lua "$folder/results.json" docs/performance.md
echo "$folder"
