#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs the C tests and the specs, each file as a process of its own, and adds
# up what they report (TAP). A crash, an early end, a hang or a run that
# reports nothing is a failure like any other.
# usage: sh tools/test.sh [c | lua5.4 | lua5.3 | lua5.1 | luajit]...
# Environment:
#   BUILDDIR      where the build is (build)
#   SPECS         spec files instead of all
#   WRAP          a command to run each test under (valgrind …)
#   WRAP_ENV      settings for the tests alone (LD_PRELOAD=…)
#   TEST_TIMEOUT  seconds for a file (300)
#   TEST_TOKEN    a PREDIBASE_API_TOKEN for the tests; yours is kept from them
set -eu
cd "$(dirname "$0")/.."
build=${BUILDDIR:-build}
logs=$build/logs
rm -rf "$logs"
mkdir -p "$logs"
: >"$logs/counts"
: >"$logs/failures"

# Nothing in the environment of whoever runs this may change a result.
unset PREDIBASE_API_TOKEN PREDIBASE_TENANT_ID PREDIBASE_DEPLOYMENT \
  PREDIBASE_BASE_URL LUA_INIT LUA_INIT_5_3 LUA_INIT_5_4 \
  LUA_PATH_5_3 LUA_CPATH_5_3 LUA_PATH_5_4 LUA_CPATH_5_4 \
  http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY \
  no_proxy NO_PROXY
if [ -n "${TEST_TOKEN:-}" ]; then
  export PREDIBASE_API_TOKEN="$TEST_TOKEN"
fi

limit=
if command -v timeout >/dev/null; then
  limit="timeout --foreground -k 10 ${TEST_TIMEOUT:-300}"
fi

# run GROUP NAME COMMAND...
run () {
  group=$1 name=$2
  shift 2
  log=$logs/$group.$name.tap
  status=0
  # shellcheck disable=SC2086 # lists of words
  env ${WRAP_ENV:-} $limit ${WRAP:-} "$@" >"$log" 2>&1 </dev/null || status=$?
  awk -v name="$group $name" -v status="$status" \
    -v failures="$logs/failures" -f tools/tap.awk "$log" >>"$logs/counts"
  tail -n 1 "$logs/counts" | while read -r passed failed skipped; do
    printf '%-7s %-28s %4d passed' "$group" "$name" "$passed"
    [ "$skipped" -eq 0 ] || printf ', %d skipped' "$skipped"
    [ "$failed" -eq 0 ] || printf ', %d FAILED' "$failed"
    echo
    if [ "$failed" -ne 0 ]; then
      grep -v '^ok ' "$log" | tail -n 80
    fi
  done
}

nothing () {
  echo "0 1 0" >>"$logs/counts"
  echo "$1: there is nothing to run" >>"$logs/failures"
}

run_c () {
  found=
  for source in spec/c/test_*.c; do
    [ -e "$source" ] || continue
    found=yes
    name=$(basename "$source" .c)
    run c "$name" "$build/c/$name"
  done
  [ -n "$found" ] || nothing c
}

run_lua () {
  found=
  LUA_PATH="./lua/?.lua;./lua/?/init.lua;./?.lua;;"
  LUA_CPATH="./$build/$1/?.so;;"
  export LUA_PATH LUA_CPATH
  for spec in ${SPECS:-spec/*_spec.lua}; do
    [ -e "$spec" ] || continue
    found=yes
    run "$1" "$(basename "$spec" .lua)" \
      "$1" tools/busted.lua --run=installed -o TAP "$spec"
  done
  [ -n "$found" ] || nothing "$1"
  # programs with this Lua inside; a choice of specs leaves them out
  if [ -z "${SPECS:-}" ]; then
    for source in spec/c/host_*.c; do
      name=$(basename "$source" .c)
      run "$1" "$name" "$build/$1/c/$name"
    done
  fi
}

for group; do
  if [ "$group" = c ]; then run_c; else run_lua "$group"; fi
done

if [ -s "$logs/failures" ]; then
  echo
  echo "Failed:"
  sed 's/^/  /' "$logs/failures"
fi
awk '{ passed += $1; failed += $2; skipped += $3 }
  END {
    if (skipped) printf "%d skipped\n", skipped
    printf "%d passed, %d failed\n", passed, failed
    exit (failed > 0 || passed == 0)
  }' "$logs/counts"
