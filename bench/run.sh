#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs the benchmark: measures the library and its baselines in turns, ROUNDS
# times, and prints the table of medians (bench/rows.lua lists the comparisons).
# usage: sh bench/run.sh LUA [--json]
# Environment:
#   ROUNDS   how often each thing is measured (5)
#   SPAN     seconds of each half of a run with many streams (3)
#   ONLY     settings instead of all: 1 100 100-busy 1000 5000 stream
#            generate first require csv bulk bulk-memory relay-1 relay-100
#            relay-1000 relay-busy relay-100-busy; prints the measured values
#            without a table
#   PYTHON   1: install the Python lorax-client into build/ if it is missing
#   QUICK    1: one short round, to check that everything works
set -eu
cd "$(dirname "$0")/.."
lua=${1:-lua5.4}
form=${2:-}
quick=${QUICK:+yes}
rounds=${ROUNDS:-${quick:+1}}
rounds=${rounds:-5}
span=${SPAN:-${quick:+1}}
span=${span:-3}
settings=${ONLY:-"1 100 100-busy 1000 5000 stream generate first require csv \
  bulk bulk-memory relay-1 relay-100 relay-1000 relay-busy relay-100-busy"}
most=5000
eval "$(make -s env LUA="$lua")"
unset http_proxy HTTP_PROXY all_proxy ALL_PROXY PREDIBASE_API_TOKEN \
  PREDIBASE_TENANT_ID PREDIBASE_DEPLOYMENT PREDIBASE_BASE_URL LUA_INIT \
  LUA_INIT_5_3 LUA_INIT_5_4

say () {
  echo "bench: $*" >&2
}

die () {
  say "$*"
  exit 1
}

out=build/bench
rm -rf "$out"
mkdir -p "$out/bin" "$out/requests" "$out/nginx"
flags="-std=c99 -D_GNU_SOURCE -O2 -pthread -Wall -Wextra"
for program in server pace floor browsers; do
  # shellcheck disable=SC2046,SC2086 # lists of words
  ${CC:-cc} $flags -o "$out/bin/$program" "bench/$program.c" bench/wire.c \
    $(pkg-config --cflags --libs libcurl)
done

# The two ends of the 5,000 streams are in different processes, so each process
# needs one open file per stream.
ulimit -n "$(ulimit -Hn)" 2>/dev/null || :
[ "$(ulimit -n)" = unlimited ] || [ "$(ulimit -n)" -ge $((most + 64)) ] ||
  die "$most streams need $((most + 64)) open files and the limit is" \
    "$(ulimit -n); raise it (ulimit -Hn, as root)"

# The servers exit when their standard input is closed, that is, at the end of
# this script.
mkfifo "$out/life"
"$out/bin/server" "$out/requests" <"$out/life" >"$out/server" &
server=$!
"$out/bin/pace" "$most" <"$out/life" >"$out/pace" 2>"$out/pace.log" &
pace=$!
exec 3>"$out/life"
trap 'exec 3>&-; wait "$server" "$pace" 2>/dev/null || :' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
tries=0
while [ ! -s "$out/server" ] || [ ! -s "$out/pace" ]; do
  tries=$((tries + 1))
  [ $tries -lt 200 ] || die "the servers did not start: $(cat "$out/pace.log")"
  sleep 0.05
done
url=http://127.0.0.1:$(cat "$out/server")
paced=http://127.0.0.1:$(cat "$out/pace")

# measure WHO SETTING COMMAND...: runs the command, which prints lines
# "NAME VALUE", and stores them as WHO/SETTING/NAME for this round.
measure () {
  key=$1/$2
  shift 2
  if timeout 1800 "$@" 3>&- >"$out/printed" 2>"$out/error" &&
      [ -s "$out/printed" ]; then
    sed "s|^|$round $key/|" "$out/printed" >>"$out/results"
  else
    cat "$out/error" "$out/pace.log" >&2
    die "$key failed: $*"
  fi
}

# many SETTING STREAMS PACE: measures the library and the floor with the same
# streams, each with a token every PACE microseconds.
many () {
  tokens=$((2 * span * 1000000 / $3))
  base=$paced/$2/$tokens/$3
  measure floor "$1" "$out/bin/floor" many "$base/generate_stream" "$2" \
    "$tokens" "$out/requests/generate_stream"
  source floor "$1"
  measure ours "$1" "$lua" bench/many.lua "$base" "$2" "$tokens"
  source ours "$1"
}

# source WHO SETTING: stores how late and how busy the load source was.
source () {
  # shellcheck disable=SC2046 # words
  set -- "$@" $(tail -n 1 "$out/pace")
  printf '%s source/%s-%s/late_us_p99 %s\n%s source/%s-%s/busy %s\n' \
    "$round" "$1" "$2" "$7" "$round" "$1" "$2" "$8" >>"$out/results"
}

# gateway SETTING STREAMS TOKENS URL WINDOW: measures the same streams through
# nginx to browsers, with the relay and with proxy_pass; see bench/browsers.c.
gateway () {
  [ "$nginx" = yes ] || return 0
  sh bench/gateway.sh "$4" "$paced/1/500/1000" "$2" >"$out/nginx/nginx.conf"
  set -- "$1" "$2" "$3" "$5" "$out/bin/browsers" "$PWD/$out/nginx"
  measure proxy "$1" "$5" "$6" /proxy "$2" "$3" "$4" '"generated_text":"'
  measure ours "$1" "$5" "$6" /relay "$2" "$3" "$4" 'event: done'
}

make_rows () {
  [ -e "$1" ] || "$lua" bench/csv.lua make "$1" "$2"
}

# bulk ROWS ROWS_PYTHON: measures a run over the rows of a file, and the same job
# in Python, with fewer rows because each takes longer.
bulk () {
  answers=$out/answers.jsonl
  rm -f "$answers"
  make_rows "$out/bulk.csv" "$1"
  measure ours bulk "$lua" bench/bulk.lua "$url/1" "$out/bulk.csv" "$1" \
    "$answers"
  [ -n "$python" ] || return 0
  make_rows "$out/bulk-python.csv" "$2"
  for way in threads asyncio; do
    measure $way bulk "$python" bench/lorax_bulk.py $way "$url/1" \
      "$out/bulk-python.csv" "$2" "$answers"
  done
}

# bulk_memory SIZE ROWS: measures the memory of runs over so many rows: without
# an output, with one, and again when that has all answers.
bulk_memory () {
  rows=$out/$1.csv answers=$out/$1.jsonl
  make_rows "$rows" "$2"
  measure ours "bulk-$1" "$lua" bench/bulk.lua "$url/1" "$rows" "$2"
  measure ours "bulk-$1-out" "$lua" bench/bulk.lua "$url/1" "$rows" "$2" \
    "$answers"
  measure ours "bulk-$1-done" "$lua" bench/bulk.lua "$url/1" "$rows" "$2" \
    "$answers"
  rm "$rows" "$answers"
}

# bulk_memories SMALL MIDDLE LARGE: measures the memory of three sizes, and by
# how much each row that is done makes a resumed run larger. Only the first round
# does so, because a million rows take minutes.
bulk_memories () {
  [ "$round" = 1 ] || return 0
  bulk_memory small "$1"
  bulk_memory middle "$2"
  bulk_memory large "$3"
  awk -v rows=$(($3 - $1)) '
    $2 == "ours/bulk-small-done/peak_mib" { small = $3 }
    $2 == "ours/bulk-large-done/peak_mib" { large = $3 }
    END { printf "1 ours/bulk-large-done/bytes_per_row %.1f\n", \
      (large - small) * 1048576 / rows }' "$out/results" >"$out/grown"
  cat "$out/grown" >>"$out/results"
}

setting () {
  case $1 in
    relay-busy) gateway "$1" 1 400000 "$url/400000" all ;;
    relay-100-busy) gateway "$1" 100 8000 "$url/8000" all ;;
    relay-*)
      n=$((2 * span * 50))
      gateway "$1" "${1#relay-}" $n "$paced/${1#relay-}/$n/20000" open ;;
    1) many 1 1 20000 ;;
    100) many 100 100 20000 ;;
    1000) many 1000 1000 20000 ;;
    # The same rate of tokens as with 1,000 streams and a token every 20 ms. At a
    # higher rate neither the programs nor the load source could keep up on one
    # core.
    100-busy) many 100-busy 100 2000 ;;
    5000) many 5000 5000 100000 ;;
    stream)
      n=200000
      measure floor stream "$out/bin/floor" stream "$url/$n/generate_stream" \
        $n "$out/requests/generate_stream"
      measure ours stream "$lua" bench/ours.lua stream "$url/$n" $n
      if [ "$luasocket" = yes ]; then
        measure luasocket stream "$lua" bench/luasocket.lua stream \
          "$url/$n" $n
      fi
      if [ -n "$python" ]; then
        n=20000
        measure lorax stream "$python" bench/lorax_client.py stream \
          "$url/$n" $n
      fi ;;
    generate)
      measure floor generate "$out/bin/floor" generate "$url/1/generate" \
        3000 "$out/requests/generate"
      measure ours generate "$lua" bench/ours.lua generate "$url/1" 3000 ;;
    first)
      measure floor first "$out/bin/floor" first "$url/1/generate_stream" \
        500 "$out/requests/generate_stream"
      measure ours first "$lua" bench/ours.lua first "$url/1" 500 ;;
    require) measure ours require "$lua" bench/ours.lua require ;;
    csv)
      [ -e "$out/rows.csv" ] || "$lua" bench/csv.lua make "$out/rows.csv"
      measure ours csv "$lua" bench/csv.lua read "$out/rows.csv"
      if command -v python3 >/dev/null; then
        measure python csv python3 bench/csv_module.py "$out/rows.csv"
      fi ;;
    bulk)
      if [ -n "$quick" ]; then bulk 500 100; else bulk 20000 2000; fi ;;
    bulk-memory)
      if [ -n "$quick" ]; then bulk_memories 100 200 400
      else bulk_memories 10000 100000 1000000; fi ;;
    *) die "unknown setting $1" ;;
  esac
}

luasocket=no python= nginx=no
PATH=$PATH:/usr/sbin
if [ -e build/luajit/predibase/sse.so ] &&
    { [ -e /usr/lib/nginx/modules/ngx_http_lua_module.so ] ||
      nginx -V 2>&1 | grep -q lua; }; then
  nginx=yes
fi
if "$lua" -e 'require "socket.http"' 2>/dev/null; then luasocket=yes; fi
if [ -n "${PYTHON:-}" ]; then
  python=$(sh tools/python-clients.sh)
else
  python=$(sh tools/python-clients.sh --if-there) || python=
fi

# Makes the server save a request of each kind, which the floor then sends.
round=0
measure ours warm "$lua" bench/ours.lua generate "$url/1" 1
measure ours warm "$lua" bench/ours.lua stream "$url/1" 1
rm "$out/results"

round=1
while [ "$round" -le "$rounds" ]; do
  for name in $settings; do
    say "round $round of $rounds: $name"
    setting "$name"
  done
  round=$((round + 1))
done

{
  echo "machine $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)," \
    "$(getconf _NPROCESSORS_ONLN) cores," \
    "$(awk '/^MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo)"
  echo "system $(. /etc/os-release; echo "$PRETTY_NAME"), $(uname -srm)"
  echo "lua $("$lua" -e 'print(jit and jit.version or _VERSION)')," \
    "libcurl $(pkg-config --modversion libcurl)"
  echo "commit $(git describe --always --dirty 2>/dev/null || echo unknown)"
  echo "measured $(date -u '+%Y-%m-%d %H:%M UTC'), $rounds rounds, load" \
    "average $(cut -d ' ' -f 1 /proc/loadavg)"
  awk '/ source\// { split($2, part, "/")
      if (part[3] == "busy" && $3 > busy) busy = $3
      if (part[3] == "late_us_p99" && $3 > late) late = $3 }
    END { if (late) printf "source at most %.0f %% of a core, p99 of its " \
      "writes at most %.1f ms late\n", busy * 100, late / 1000 }' "$out/results"
} >"$out/facts"

if [ -n "${ONLY:-}" ]; then
  cat "$out/results"
else
  "$lua" bench/report.lua "$out/results" "$out/facts" "$form"
fi
