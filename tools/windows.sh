#!/bin/sh
# SPDX-License-Identifier: MIT
# Packs the library for 64-bit Windows into a zip file, and tests what is in it
# under Wine.
# usage: sh tools/windows.sh zip|test
#   zip   writes build/windows/predibase-windows.zip
#   test  writes it, unpacks it into a folder of its own, and runs it there
# Needs what `sh tools/setup.sh windows` installs.
set -eu
cd "$(dirname "$0")/.."
top=$PWD
export LC_ALL=C.UTF-8         # Wine takes names of files as this says
out=$top/build/windows
zip=$out/predibase-windows.zip

version=$(sed -n 's/^return "\(.*\)"$/\1/p' lua/predibase/version.lua)

# --- the zip file -------------------------------------------------------------

# Prints where tools/sources.sh keeps something that was downloaded.
source_of () { sh tools/sources.sh "$@"; }

copy_licences () {
  crates=$(sed -n 's/^\(lua_src\|luajit_src\|curl_newest\)=\([^ ]*\).*/\1=\2/p' tools/sources.sh)
  eval "$crates"
  cp LICENSE "$1/predibase.txt"
  cp "$(source_of crate curl-sys "$curl_newest")/curl/COPYING" "$1/curl.txt"
  # Lua's licence stands at the end of its header.
  sed -n '/^\/\*\{10,\}/,/^\*\{10,\}/p' "$out/lua/include/lua.h" >"$1/lua.txt"
  cp "$(source_of crate luajit-src "$luajit_src")/luajit2/COPYRIGHT" "$1/luajit.txt"
  cp "$(source_of package lua-cjson)/LICENSE" "$1/lua-cjson.txt"
  cp "$(source_of package lua-filesystem)/LICENSE" "$1/luafilesystem.txt"
  cp "$(source_of package lua-luv)/LICENSE.txt" "$1/luv.txt"
  cp "$(source_of package libuv1)/LICENSE" "$1/libuv.txt"
  cp /usr/share/doc/lua-argparse/copyright "$1/argparse.txt"
  cp /usr/share/doc/mingw-w64-x86-64-dev/copyright "$1/mingw-w64.txt"
  for licence in "$1"/*.txt; do
    test -s "$licence" || { echo "predibase: no licence in $licence" >&2; return 1; }
  done
}

pack () {
  root=$out/package/predibase-windows
  rm -rf "$out/package"
  mkdir -p "$root/bin" "$root/lua" "$root/luajit" "$root/licences" "$root/love/game"
  cp "$out/lua"/*.exe "$out/lua"/*.dll "$root"
  cp -R "$out/lua/predibase" "$root/predibase"
  cp -R lua/predibase "$root/lua/predibase"
  cp "$(dpkg -L lua-argparse | grep -m 1 '/5\.4/argparse\.lua$')" "$root/lua"
  cp bin/predibase "$root/bin/predibase"
  cp -R "$out/luajit"/*.exe "$out/luajit"/*.dll "$out/luajit/jit" "$out/luajit/predibase" \
    "$root/luajit"
  pack_game "$root/love"
  cp -R docs "$root/docs"
  mkdir "$root/examples"
  cp -R examples/*.lua examples/texts examples/bulk "$root/examples"
  copy_licences "$root/licences"
  sed -e "s/@VERSION@/$version/" -e 's/$/\r/' tools/windows/README.txt >"$root/README.txt"
  rm -f "$zip"
  (cd "$out/package" && cmake -E tar cf "$zip" --format=zip predibase-windows)
  echo "predibase: $zip, $(($(wc -c <"$zip") / 1024)) KiB"
}

# LÖVE is LuaJIT. The C modules stand beside the game's folder, where the game
# looks for them also when it is an archive.
pack_game () {
  cp -R examples/love/. "$1/game"
  find lua -name '*.lua' ! -path '*/cli.lua' ! -path '*/cli/*' \
    ! -path '*/mock.lua' ! -path '*/mock/*' | while read -r file; do
    to=$1/game/${file#lua/}
    mkdir -p "$(dirname "$to")"
    cp "$file" "$to"
  done
  cp -R "$out/luajit/predibase" "$out/luajit/cjson.dll" "$1"
}

# --- the tests ----------------------------------------------------------------

passed=0 failed=0 skipped=0

# is NAME COMMAND...: one test.
is () {
  name=$1
  shift
  if "$@"; then
    passed=$((passed + 1))
    echo "ok - $name"
  else
    failed=$((failed + 1))
    echo "not ok - $name"
  fi
}

skip () {
  skipped=$((skipped + $1))
  echo "skipped - $2"
}

# Runs a program of Windows. Wine is one command or another, depending on the
# release of Debian.
wine=$(command -v wine64 || echo /usr/lib/wine/wine64)
export WINEPREFIX="$out/wine" WINEDEBUG=-all WINEDLLOVERRIDES="mscoree=;mshtml="
unset DISPLAY

windows () {
  timeout -k 10 "${LIMIT:-120}" "$wine" "$@" </dev/null
}

# says PATTERN COMMAND...: succeeds if the output of a program matches.
says () {
  pattern=$1
  shift
  windows "$@" >"$out/said" 2>&1 || :
  tr -d '\r' <"$out/said" | grep -q -e "$pattern" && return 0
  tail -n 20 "$out/said"
  return 1
}

# shows PATTERN STATUS WORD COMMAND...: succeeds if a console shows the pattern
# and the program ends with the status, after Ctrl-C when WORD was shown.
shows () {
  pattern=$1 wanted=$2 word=$3
  shift 3
  status=0
  TERM=xterm timeout -k 10 120 python3 tools/windows/console.py "$word" "$wine" "$@" \
    >"$out/said" 2>&1 || status=$?
  tr -d '\r' <"$out/said" | grep -q -e "$pattern" && [ "$status" -eq "$wanted" ] && return 0
  tail -n 20 "$out/said"
  return 1
}

# The C tests that ask for nothing of POSIX; the others fork, or open sockets as
# POSIX does.
portable_c="buf done_set head list sse sse_limits timers token"

c_tests () {
  for name in $portable_c; do
    file=spec/c/test_$name.c
    links=$(sed -n 's|^/\* links: \(.*\) \*/.*|\1|p' "$file" | tr ' ' '\n' | sed 's|^|src/|')
    # shellcheck disable=SC2086 # a list of words
    x86_64-w64-mingw32-gcc -std=c99 -O2 -w -Isrc "-I$out/curl/include" \
      -static-libgcc -o "$out/$name.exe" "$file" $links
    windows "$out/$name.exe" >"$out/tap" 2>&1 && status=0 || status=$?
    count "test_$name"
  done
  others=$(($(find spec/c -name 'test_*.c' | wc -l) - $(echo "$portable_c" | wc -w)))
  skip $others "$others C tests that fork, or open sockets as POSIX does"
}

# count NAME: adds up the TAP in $out/tap of a run that ended with $status.
count () {
  tr -d '\r' <"$out/tap" >"$out/$1.tap"
  # shellcheck disable=SC2046 # three numbers
  set -- "$1" $(awk -v name="$1" -v status="$status" -v failures="$out/failures" \
    -v skips="$out/skips" -f tools/tap.awk "$out/$1.tap")
  passed=$((passed + $2)) failed=$((failed + $3)) skipped=$((skipped + $4))
  echo "$1: $2 passed, $3 failed, $4 skipped" | sed 's/, 0 failed//; s/, 0 skipped$//'
  [ "$3" -eq 0 ] || grep -v '^ok ' "$out/$1.tap" | head -n 20
}

# run_spec PROGRAM SPEC: leaves its output in $out/tap and its status in $status.
run_spec () {
  windows "$1" tools/busted.lua --run=installed -o TAP "spec/${2}_spec.lua" \
    >"$out/tap" 2>&1 && status=0 || status=$?
}

# specs PROGRAM NAME VERSION CPATH: runs the specs that work there. busted and
# what it needs are the files of this system for a version of Lua, which Wine
# shows as drive Z.
specs () {
  share=/usr/share/lua/$3
  # tools/windows and tools/sources have substitutes of modules that busted needs.
  LUA_PATH="$here\\lua\\?.lua;$here\\lua\\?\\init.lua;./?.lua;./tools/windows/?.lua"
  LUA_PATH="$LUA_PATH;./tools/sources/?.lua;$share/?.lua;$share/?/init.lua"
  LUA_CPATH=$4
  export LUA_PATH LUA_CPATH
  for spec in $(grep -v '^#' tools/windows/specs.txt); do
    run_spec "$1" "$spec"
    # Wine's own connection to its server broke, and the program never ran: a
    # program that fails prints why.
    if [ "$status" -ne 0 ] && ! grep -v '^wine client error' "$out/tap" | grep -q .; then
      echo "$2 $spec: Wine broke, once more: status $status, $(cat "$out/tap")"
      run_spec "$1" "$spec"
    fi
    count "$2 $spec"
  done
  unset LUA_PATH LUA_CPATH
  all=$(find spec -maxdepth 1 -name '*_spec.lua' | wc -l)
  run=$(grep -c -v '^#' tools/windows/specs.txt)
  skip $((all - run)) "$2: $((all - run)) specs that are not in tools/windows/specs.txt"
}

run_tests () {
  echo "predibase: starting Wine"
  # Otherwise Wine's server ends between two programs, and the next program may
  # meet it while it ends. With -p it waits so many seconds for another one.
  mkdir -p "$WINEPREFIX"
  "$(command -v wineserver || echo /usr/lib/wine/wineserver64)" -p60
  LIMIT=300 windows wineboot -i >"$out/last.log" 2>&1 || { cat "$out/last.log"; return 1; }
  base="$out/unpacked/Spiele für Zoë"
  rm -rf "$out/unpacked"
  mkdir -p "$base"
  (cd "$base" && cmake -E tar xf "$zip")
  unpacked=$base/predibase-windows
  here=$(echo "Z:$unpacked" | tr / '\\')

  is "the command has its version" says "^predibase $version" "$unpacked/predibase.exe" --version
  is "lua.exe finds the library" says "^$version" "$unpacked/lua.exe" \
    -e 'print(require "predibase"._VERSION)'
  is "luajit.exe finds the library" says "libcurl/8" "$unpacked/luajit/luajit.exe" \
    -e "package.path = [[$here\\lua\\?.lua;$here\\lua\\?\\init.lua]]
        require 'predibase' print(require 'predibase.curl'.version())"
  is "arguments and files are UTF-8" says "^Zoë 日本 3$" "$unpacked/lua.exe" \
    tools/windows/names.lua "$here\\Zoë 日本.txt" "Zoë 日本"

  eval "$(make -s env LUA=lua5.4)"
  . tools/stand-in.sh
  start_stand_in
  unset LUA_PATH LUA_CPATH
  is "generate asks a server" says "[a-z]" "$unpacked/predibase.exe" generate \
    --max-new-tokens 5 --seed 1 "Hi"
  is "an answer to an umlaut" says "[a-z]" "$unpacked/predibase.exe" generate \
    --max-new-tokens 5 "Grüße an Zoë"
  is "a console shows UTF-8" shows "^Zoë 日本 Grüße$" 0 "" "$unpacked/lua.exe" \
    -e 'io.write "Zoë " io.stderr:write "日本 " print "Grüße"'
  is "Ctrl-C ends an answer" shows "^ Once upon a" 130 small "$unpacked/predibase.exe" \
    generate --max-new-tokens 500 --base-url "$PREDIBASE_BASE_URL/~delay=0.1" "Tell me a story"
  is "Ctrl-C lets batch finish" shows "stopped by Ctrl-C" 130 "rows/s" \
    "$unpacked/predibase.exe" batch "$(many_rows)" --max-new-tokens 20 --concurrency 2 \
    --base-url "$PREDIBASE_BASE_URL/~delay=0.05" --out "$here\\stopped.jsonl"
  is "rows with CRLF are answered" says "3 answered" "$unpacked/predibase.exe" \
    batch "$(crlf_rows)" --out "$here\\Antworten für Zoë.jsonl" --max-new-tokens 3
  is "the output has a line for each" says "^3$" "$unpacked/lua.exe" -e "local n = 0
    for _ in io.lines [[$here\\Antworten für Zoë.jsonl]] do n = n + 1 end print(n)"
  for example in generate stream many template; do
    is "examples/$example.lua" says . "$unpacked/lua.exe" "$unpacked/examples/$example.lua"
  done
  is "the game scene gets an answer" says "^listening" "$unpacked/luajit/luajit.exe" \
    tools/windows/game.lua "$here\\love\\game"
  c_tests
  specs "$unpacked/lua.exe" lua5.4 5.4 "$here\\?.dll"
  specs "$unpacked/luajit/luajit.exe" luajit 5.1 "$here\\luajit\\?.dll"
}

# Writes three rows with the line ends of Windows, and prints the path.
crlf_rows () {
  printf 'prompt\r\none\r\ntwo\r\n"three\r\nlines"\r\n' >"$unpacked/rows ü.csv"
  printf '%s' "$here\\rows ü.csv"
}

# Writes rows that take longer than a test, and prints the path.
many_rows () {
  for i in $(seq 1 400); do echo "{\"prompt\": \"Row $i\"}"; done >"$unpacked/many.jsonl"
  printf '%s' "$here\\many.jsonl"
}

case ${1:-} in
  zip)
    sh tools/windows/build.sh
    pack
    ;;
  test)
    sh tools/windows/build.sh
    pack
    run_tests
    curl=$(sed -n 's/^#define LIBCURL_VERSION "\([0-9.]*\).*/\1/p' \
      "$out/curl/include/curl/curlver.h")
    echo "matrix: Lua 5.4 and LuaJIT | $curl | Windows, under $("$wine" --version) | portable specs"
    echo "$passed passed, $failed failed"
    echo "$skipped skipped"
    [ "$failed" -eq 0 ]
    ;;
  *)
    sed -n 's/^# usage: /usage: /p' "$0" >&2
    exit 64
    ;;
esac
