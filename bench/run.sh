#!/bin/sh
# SPDX-License-Identifier: MIT
# The benchmark table: each figure as a ratio to a baseline in the same run,
# the median of ROUNDS rounds in turns. A figure is not a test: machines differ.
# usage: sh bench/run.sh LUA
set -eu
cd "$(dirname "$0")/.."
lua=${1:-lua5.4}
rounds=${ROUNDS:-5}
eval "$(make -s env LUA="$lua")"
out=build/bench
rm -rf "$out"
mkdir -p "$out"
flags="-std=c99 -D_GNU_SOURCE -O2 -pthread"
# shellcheck disable=SC2046,SC2086 # lists of words
{
  ${CC:-cc} $flags -o "$out/server" bench/server.c
  ${CC:-cc} $flags -o "$out/floor" bench/floor.c $(pkg-config --cflags --libs libcurl)
}

# The server ends with its standard input, that is with this script.
mkfifo "$out/life"
"$out/server" <"$out/life" >"$out/port" &
server=$!
exec 3>"$out/life"
trap 'exec 3>&-; wait "$server" 2>/dev/null || :' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
while [ ! -s "$out/port" ]; do sleep 0.05; done
url=http://127.0.0.1:$(cat "$out/port")
unset http_proxy HTTP_PROXY all_proxy ALL_PROXY

# measure NAME COMMAND...: one more figure for NAME.
measure () {
  name=$1
  shift
  "$@" >>"$out/$name" || echo "bench: $name failed" >&2
}

median () {
  sort -n "$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

# row TITLE OURS BASELINE BAR: a line of the table; without BASELINE, or where
# that did not run, only our figure.
row () {
  base=-
  if [ -n "$3" ] && [ -s "$out/$3" ]; then base=$(median "$out/$3"); fi
  awk -v title="$1" -v ours="$(median "$out/$2")" -v base="$base" -v bar="$4" \
    'BEGIN {
      ratio = base == "-" ? "-" : sprintf("%.2f", ours / base)
      printf "%-52s %10s %10s %6s  %s\n", title, ours, base, ratio, bar
    }'
}

tokens=200000 calls=2000 firsts=300
round=0
while [ "$round" -lt "$rounds" ]; do
  round=$((round + 1))
  for job in stream generate first; do
    case $job in
      stream) count=$tokens path=generate_stream base=$url/$tokens ;;
      generate) count=$calls path=generate base=$url/1 ;;
      first) count=$firsts path=generate_stream base=$url/1 ;;
    esac
    measure "floor-$job" "$out/floor" "$job" "$base/$path" "$count"
    measure "ours-$job" "$lua" bench/ours.lua "$job" "$base" "$count"
  done
  if "$lua" -e 'require "socket.http"' 2>/dev/null; then
    measure luasocket-stream "$lua" bench/luasocket.lua stream "$url/$tokens" "$tokens"
  fi
  if python3 -c 'import lorax' 2>/dev/null; then
    measure lorax-stream python3 bench/lorax_client.py stream "$url/$tokens" "$tokens"
  fi
  "$lua" bench/ours.lua require >"$out/require"
  sed -n 1p "$out/require" >>"$out/require-ms"
  sed -n 2p "$out/require" >>"$out/require-kib"
done

printf '%-52s %10s %10s %6s  %s\n' "$lua" ours baseline ratio "must be"
row "one stream, tokens/CPU-s, against bare libcurl" ours-stream floor-stream ""
row "one stream, tokens/CPU-s, against luasocket + cjson" \
  ours-stream luasocket-stream ">= 2"
row "one stream, tokens/CPU-s, against lorax-client" \
  ours-stream lorax-stream ">= 15"
row "generate, calls/s on one connection, against libcurl" \
  ours-generate floor-generate ">= 0.85"
row "time to first token, s, p50, against libcurl" \
  ours-first floor-first "<= 1.1"
row "require \"predibase\", ms" require-ms "" "<= 5"
row "require \"predibase\", KiB" require-kib "" "<= 1024"
