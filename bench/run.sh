#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs the benchmark: measures the library and its baselines in turns, ROUNDS
# times, and prints the table of medians (bench/rows.lua lists the comparisons).
# usage: sh bench/run.sh LUA [--json]
# Environment:
#   ROUNDS   how often each thing is measured (5)
#   SPAN     seconds of each half of a run with many streams (3)
#   ONLY     settings instead of all: 1 100 100-busy 1000 5000 stream
#            generate first require start json csv bulk bulk-memory relay-1
#            relay-100 relay-1000 relay-busy relay-100-busy; prints the measured
#            values without a table
#   PEERS    1: install other clients into build/ if they are missing, from PyPI
#            and npm; without it, those that are there are measured
#   SKIP     settings to leave out, with their rows
#   BARS     1: measure and print only the rows that have a limit
#   COLLECTOR  a mode of Lua's collector for the library with many streams:
#            "stop" shows which part of a delay the collector causes
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
settings="1 100 100-busy 1000 5000 stream generate first require start json \
  csv bulk bulk-memory relay-1 relay-100 relay-1000 relay-busy relay-100-busy"
bars=${BARS:+yes}
[ -z "$bars" ] ||
  settings=$(echo "$settings" | sed 's/^1 100 / /; s/ csv / /')
settings=${ONLY:-$settings}
for name in ${SKIP:-}; do
  settings=$(echo " $settings " | sed "s/ $name / /")
done
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
for program in server pace floor browsers start; do
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
  at_once $2 $3
  measure floor "$1" "$out/bin/floor" many "$base/generate_stream" "$2" \
    "$tokens" "$out/requests/generate_stream"
  source floor "$1"
  measure ours "$1" "$lua" bench/many.lua "$base" "$2" "$tokens"
  source ours "$1"
}

# at_once STREAMS PACE: sets the number of tokens of such streams, and their URL.
at_once () {
  tokens=$((2 * span * 1000000 / $2))
  base=$paced/$1/$tokens/$2
}

# many_peers STREAMS PACE: measures other clients with the same streams, and the
# library where it has to be called differently to be compared with them.
many_peers () {
  [ -z "$bars" ] || return 0
  at_once "$1" "$2"
  # Python needs minutes for what the others read in seconds.
  [ -z "$quick" ] || tokens=10 base=$paced/$1/10/$2
  set -- "$1" "$base" "$1" "$tokens"
  measure jit "$1" "$jit" bench/many.lua "$2" "$3" "$4"
  measure chat "$1" "$lua" bench/many.lua "$2" "$3" "$4" chat
  [ -z "$copas" ] || measure copas "$1" "$jit" bench/peers.lua copas many "$2" "$3" "$4"
  [ -z "$node" ] || measure node "$1" node "$node" many "$2" "$3" "$4"
  [ -z "$lorax" ] || measure lorax "$1" "$lorax" bench/peers.py lorax many "$2" "$3" "$4"
  [ -z "$python" ] || for who in huggingface openai; do
    measure $who "$1" "$python" bench/peers.py $who many "$2" "$3" "$4"
  done
}

# stream: measures one stream that is sent as fast as possible. The slower
# clients get fewer tokens.
stream () {
  n=200000 few=20000
  for count in $n $few; do
    "$out/bin/server" --text $count >"$out/text-$count"
  done
  measure floor stream "$out/bin/floor" stream "$url/$n/generate_stream" \
    $n "$out/requests/generate_stream"
  for way in stream text texts; do
    measure ours $way "$lua" bench/ours.lua $way "$url/$n" $n "$out/text-$n"
  done
  [ -z "$luasocket" ] || measure luasocket stream "$lua" bench/peers.lua \
    luasocket stream "$url/$n" $n "$out/text-$n"
  [ -z "$lorax" ] || measure lorax stream "$lorax" bench/peers.py \
    lorax stream "$url/$few" $few "$out/text-$few"
  [ -z "$bars" ] || return 0
  for way in stream text; do
    measure jit $way "$jit" bench/ours.lua $way "$url/$n" $n "$out/text-$n"
  done
  measure chat stream "$lua" bench/ours.lua chat "$url/$n" $n "$out/text-$n"
  [ -z "$luacurl" ] || measure luacurl stream "$jit" bench/peers.lua \
    luacurl stream "$url/$n" $n "$out/text-$n"
  [ -z "$node" ] || measure node stream node "$node" \
    stream "$url/$n" $n "$out/text-$n"
  [ -z "$python" ] || for who in huggingface openai; do
    measure $who stream "$python" bench/peers.py \
      $who stream "$url/$few" $few "$out/text-$few"
  done
}

# generate: measures calls one after the other.
generate () {
  n=3000
  measure floor generate "$out/bin/floor" generate "$url/1/generate" $n \
    "$out/requests/generate"
  measure ours generate "$lua" bench/ours.lua generate "$url/1" $n
  [ -z "$bars" ] || return 0
  measure jit generate "$jit" bench/ours.lua generate "$url/1" $n
  measure chat generate "$lua" bench/ours.lua chat_completion "$url/1" $n
  [ -z "$luasocket" ] || measure luasocket generate "$lua" bench/peers.lua \
    luasocket generate "$url/1" 500
  [ -z "$luacurl" ] || measure luacurl generate "$jit" bench/peers.lua \
    luacurl generate "$url/1" $n
  [ -z "$node" ] || measure node generate node "$node" generate "$url/1" $n
  [ -z "$lorax" ] || measure lorax generate "$lorax" bench/peers.py \
    lorax generate "$url/1" 500
  [ -z "$python" ] || for who in huggingface openai; do
    measure $who generate "$python" bench/peers.py $who generate "$url/1" 500
  done
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
  [ -n "$lorax" ] || return 0
  make_rows "$out/bulk-python.csv" "$2"
  for way in threads asyncio; do
    measure $way bulk "$lorax" bench/lorax_bulk.py $way "$url/1" \
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

# starts: measures programs from their start to their end.
starts () {
  if [ -n "$quick" ]; then n=5; else n=50; fi
  set --
  if [ -n "$luasocket" ]; then
    set -- -- sockets "$lua" -e 'require "socket"; require "cjson"'
  fi
  if command -v curl >/dev/null; then
    set -- "$@" -- curl curl -s -d '{"inputs":"water"}' -H \
      'content-type: application/json' "$url/5/generate_stream"
  fi
  measure starts start "$out/bin/start" $n lua "$lua" -e '' -- require \
    "$lua" -e 'require "predibase"' -- command predibase generate \
    --base-url "$url/5" water "$@"
}

# start_peers: the same for programs that read a stream of five tokens.
start_peers () {
  [ -z "$bars" ] || return 0
  if [ -n "$quick" ]; then n=2; else n=10; fi
  text=$out/text-5
  "$out/bin/server" --text 5 >"$text"
  set -- stream "$url/5" 5 "$text"
  [ -z "$luasocket" ] ||
    set -- "$@" -- luasocket "$lua" bench/peers.lua luasocket stream "$url/5" 5 "$text"
  [ -z "$luacurl" ] ||
    set -- "$@" -- luacurl "$jit" bench/peers.lua luacurl stream "$url/5" 5 "$text"
  [ -z "$node" ] ||
    set -- "$@" -- node node "$node" stream "$url/5" 5 "$text"
  [ -z "$lorax" ] ||
    set -- "$@" -- lorax "$lorax" bench/peers.py lorax stream "$url/5" 5 "$text"
  [ -z "$python" ] || for who in huggingface openai; do
    set -- "$@" -- $who "$python" bench/peers.py $who stream "$url/5" 5 "$text"
  done
  measure starts peers "$out/bin/start" $n ours "$lua" bench/ours.lua "$@" \
    -- jit "$jit" bench/ours.lua stream "$url/5" 5 "$text" \
    -- chat "$lua" bench/ours.lua chat "$url/5" 5 "$text"
}

setting () {
  case $1 in
    relay-busy) gateway "$1" 1 400000 "$url/400000" all ;;
    relay-100-busy) gateway "$1" 100 8000 "$url/8000" all ;;
    relay-*)
      n=$((2 * span * 50))
      gateway "$1" "${1#relay-}" $n "$paced/${1#relay-}/$n/20000" open ;;
    1) many 1 1 20000 ;;
    100 | 1000)
      many "$1" "$1" 20000
      many_peers "$1" 20000 ;;
    # The same rate of tokens as with 1,000 streams and a token every 20 ms. At a
    # higher rate neither the programs nor the load source could keep up on one
    # core.
    100-busy) many 100-busy 100 2000 ;;
    5000) many 5000 5000 100000 ;;
    stream) stream ;;
    generate) generate ;;
    first)
      measure floor first "$out/bin/floor" first "$url/1/generate_stream" \
        500 "$out/requests/generate_stream"
      measure ours first "$lua" bench/ours.lua first "$url/1" 500 ;;
    require) measure ours require "$lua" bench/ours.lua require ;;
    start)
      starts
      start_peers ;;
    json) measure json json "$lua" bench/json.lua ;;
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

# on_jit: a command that runs LuaJIT with the library's modules for it.
jit=$out/bin/on_jit
{
  echo "#!/bin/sh"
  make -s env LUA=luajit
  echo 'exec luajit "$@"'
} >"$jit"
chmod +x "$jit"

nginx=no
PATH=$PATH:/usr/sbin
if [ -e build/luajit/predibase/sse.so ] &&
    { [ -e /usr/lib/nginx/modules/ngx_http_lua_module.so ] ||
      nginx -V 2>&1 | grep -q lua; }; then
  nginx=yes
fi

# The other clients: the path of what runs them, or nothing.
absent=0
# peer NAME COMMAND...: sets the variable NAME to what the command prints.
peer () {
  name=$1
  shift
  if found=$("$@"); then
    eval "$name=\$found"
  else
    eval "$name="
    absent=$((absent + 1))
    say "$name is not measured, because it is not installed"
  fi
}

# has LUA MODULE
has () {
  "$1" -e "require '$2'" 2>/dev/null && echo yes
}

peer luasocket has "$lua" socket.http
peer luacurl has "$jit" curl
peer copas has "$jit" copas
there=--if-there
[ -z "${PEERS:-}" ] || there=
# shellcheck disable=SC2086 # one word or none
{
  peer lorax sh tools/python-clients.sh $there
  peer python sh tools/python-clients.sh $there spec/python
  peer node sh bench/node.sh $there
}

# Makes the server save a request of each kind, which the floor then sends.
round=0
measure ours warm "$lua" bench/ours.lua generate "$url/1" 1
"$out/bin/server" --text 1 >"$out/text-1"
measure ours warm "$lua" bench/ours.lua stream "$url/1" 1 "$out/text-1"
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
  if [ -n "$bars" ]; then form=--bars
  else "$lua" bench/report.lua "$out/results" "$out/facts" --json >"$out/results.json"; fi
  "$lua" bench/report.lua "$out/results" "$out/facts" "$form"
fi
[ "$absent" = 0 ] || [ "$form" = --json ] || echo "$absent skipped"
