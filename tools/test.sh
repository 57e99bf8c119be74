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
#   JOBS          how many at once (as many as there are processors)
#   TEST_TIMEOUT  seconds for a file (300)
#   LOGS          where to keep what the tests print; else it is kept in
#                 build/logs only if something failed
#   TEST_TOKEN    a PREDIBASE_API_TOKEN for the tests; yours is kept from them
set -eu
cd "$(dirname "$0")/.."
build=${BUILDDIR:-build}
logs=${LOGS:-$build/logs/$$}
rm -rf "$logs"
mkdir -p "$logs"
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

# only_others GROUP FILE: that the file says `-- only: LUA...` and means others.
only_others () {
  only=$(sed -n '1,5s/^-- only: //p' "$2")
  [ -n "$only" ] || return 1
  case " $only " in *" $1 "*) return 1 ;; esac
}

# One line a run for xargs: GROUP FILE. Lines of different runs may come in any
# order, those of one run stay together.
plan () {
  for group; do
    if [ "$group" = c ]; then
      files=$(ls spec/c/test_*.c || :)
    elif [ -n "${SPECS:-}" ]; then
      files=$SPECS
    else
      files=$(ls spec/*_spec.lua spec/c/host_*.c || :)
    fi
    for file in $files; do
      only_others "$group" "$file" || echo "$group $file"
    done
    [ -n "$files" ] || echo "$group nothing"
  done
}

jobs=${JOBS:-$(nproc 2>/dev/null || echo 1)}
export build logs
plan "$@" | xargs -P "$jobs" -L 1 sh tools/test-one.sh

if [ -s "$logs/failures" ]; then
  echo
  echo "Failed:"
  sort "$logs/failures" | sed 's/^/  /'
  echo "  (all they printed is in $logs)"
fi
cat "$logs"/*.count | awk '{ passed += $1; failed += $2; skipped += $3 }
  END {
    if (skipped) printf "%d skipped\n", skipped
    printf "%d passed, %d failed\n", passed, failed
    exit (failed > 0 || passed == 0)
  }' || exit 1
[ -n "${LOGS:-}" ] || rm -rf "$logs"
