#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs the tests with a build that notes which lines run, and prints a table:
# tools/coverage.lua. All tests run on Lua 5.4, and those of nginx on LuaJIT.
# Python's clients and Jinja itself test some files that no spec tests as well.
# usage: BUILDDIR=build/coverage sh tools/coverage.sh, from the top folder
# Environment: that of tools/test.sh. RUN=0: only the table, of the last run.
set -eu
build=${BUILDDIR:-build/coverage}
folder=$(readlink -f "$build")
status=0

# specs LUA GROUP...: the tests of these groups, for tools/test.sh.
specs () {
  lua=$1
  shift
  WRAP_ENV="LD_PRELOAD=$folder/$lua/line_hits.so" BUILDDIR=$build \
    LOGS=$build/logs/$lua TEST_TIMEOUT=${TEST_TIMEOUT:-1200} \
    TEST_PATIENCE=${TEST_PATIENCE:-300} sh tools/test.sh "$@" || status=1
}

# others NAME COMMAND...: a test that is no spec. Its last line is its result.
others () {
  log=$build/logs/$1.log
  name=$1
  shift
  LD_PRELOAD=$folder/lua5.4/line_hits.so "$@" >"$log" 2>&1 || status=1
  echo "$name: $(tail -n 1 "$log")"
}

if [ "${RUN:-1}" -ne 0 ]; then
  rm -rf "$build/lines" "$build/logs"
  mkdir -p "$build/lines" "$build/logs"
  find "$build" -name '*.gcda' -delete
  others jinja sh spec/jinja/run.sh lua5.4 500
  others python sh spec/python/run.sh lua5.4
  specs lua5.4 c lua5.4
  SPECS=$(grep -l '^-- only: luajit' spec/*_spec.lua)
  export SPECS
  specs luajit luajit
fi
echo
lua5.4 tools/coverage.lua "$build" || status=1
exit "$status"
