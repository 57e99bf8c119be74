#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs the tests with a build that notes which lines run, and prints a table:
# tools/coverage.lua. All tests run on Lua 5.4, and those of nginx on LuaJIT.
# usage: BUILDDIR=build/coverage sh tools/coverage.sh, from the top folder
# Environment: that of tools/test.sh. RUN=0: only the table, of the last run.
set -eu
build=${BUILDDIR:-build/coverage}
status=0

# run GROUP...: the tests of these groups, for tools/test.sh.
run () {
  lua=$1
  shift
  WRAP_ENV="LD_PRELOAD=$(readlink -f "$build")/$lua/line_hits.so" BUILDDIR=$build \
    LOGS=$build/logs/$lua TEST_TIMEOUT=${TEST_TIMEOUT:-1200} \
    TEST_PATIENCE=${TEST_PATIENCE:-300} sh tools/test.sh "$@" || status=1
}

if [ "${RUN:-1}" -ne 0 ]; then
  rm -rf "$build/lines"
  mkdir -p "$build/lines"
  find "$build" -name '*.gcda' -delete
  run lua5.4 c lua5.4
  SPECS=$(grep -l '^-- only: luajit' spec/*_spec.lua)
  export SPECS
  run luajit luajit
fi
echo
lua5.4 tools/coverage.lua "$build" || status=1
exit "$status"
