#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs one test file for tools/test.sh: a C test, a spec under one Lua, or a host
# program that contains that Lua. Prints one line, or more if a test failed.
# usage: build= logs= sh tools/test-one.sh GROUP FILE, from the top folder
set -u
group=$1 file=$2
name=$(basename "${file%.*}")
log=$logs/$group.$name.tap
LUA_PATH="./lua/?.lua;./lua/?/init.lua;./?.lua;;"
LUA_CPATH="./$build/$group/?.so;;"
export LUA_PATH LUA_CPATH
case $group-$file in
  *-nothing) set -- false ;;
  c-*) set -- "$build/c/$name" ;;
  *.c) set -- "$build/$group/c/$name" ;;
  *) set -- "$group" tools/busted.lua --run=installed -o TAP "$file" ;;
esac
# SELECTED, a folder: of a spec only the tests that a file of its name there
# lists, as patterns of Lua (tools/faults.sh).
if [ -n "${SELECTED:-}" ] && [ -f "$SELECTED/$name" ]; then
  while IFS= read -r pattern; do
    set -- "$@" "--filter=$pattern"
  done <"$SELECTED/$name"
fi

limit=
if command -v timeout >/dev/null; then
  limit="timeout --foreground -k 10 ${TEST_TIMEOUT:-300}"
fi
began=$(date +%s)
# What the sanitizers report is in files, one for each process, because a spec
# reads what the programs that it starts print.
reports=$logs/$group.$name.sanitizer
if [ -n "${ASAN_OPTIONS:-}" ]; then
  ASAN_OPTIONS=$ASAN_OPTIONS:log_path=$reports
  UBSAN_OPTIONS=$UBSAN_OPTIONS:log_path=$reports
fi
run () {
  status=0
  # shellcheck disable=SC2086 # lists of words
  env ${WRAP_ENV:-} $limit ${WRAP:-} "$@" >"$log" 2>&1 </dev/null || status=$?
  for report in "$reports".*; do
    [ -f "$report" ] || continue
    cat "$report" >>"$log"
    rm -f "$report"
    [ "$status" -ne 0 ] || status=1
  done
}
run "$@"
count=$(awk -v name="$group $name" -v status="$status" \
  -v failures="$logs/failures" -v skips="$logs/skipped" -f tools/tap.awk "$log")
echo "$count" >"$log.count"

read -r passed failed skipped <<END
$count
END
took=$(($(date +%s) - began))
# Progress: how many files of the group have ended, and how many there are.
ended=$(find "$logs" -name "$group.*.count" | wc -l)
of=$(grep -c "^$group " "$logs/plan")
kind=specs
[ "$group" != c ] || kind="C tests"
report=$(printf '%s: %d of %d %s  %-28s %4d passed' "$group" "$ended" "$of" \
  "$kind" "$name" "$passed")
[ "$took" -lt 10 ] || report="$report in $took s"
[ "$skipped" -eq 0 ] || report="$report, $skipped skipped"
if [ "$failed" -ne 0 ]; then
  report="$report, $failed FAILED
$(grep -v '^ok ' "$log" | tail -n 80)"
fi
echo "$report"
