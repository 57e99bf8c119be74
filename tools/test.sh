#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs the C tests and the specs, each file in its own process, and adds up the
# results that they report (TAP). A crash, an early exit, a hang or a run without
# results counts as a failure.
# usage: sh tools/test.sh [c | lua5.5 | ... | lua5.1 | luajit]...
# The first Lua runs every spec. The others leave out specs with a line
# `-- once: WHY` near their top, because their results are the same on every Lua.
# Specs with `-- slow: WHY` run only with ALL=1. Specs with `-- long: WHY` start
# first, so that no processor is idle at the end. (In C: `** once: WHY`.)
# Environment:
#   ALL           1: every spec on every Lua, the slow ones too
#   BUILDDIR      where the build is (build)
#   SPECS         spec files instead of all
#   WRAP          a command to run each test under (valgrind …)
#   WRAP_ENV      settings for the tests alone (LD_PRELOAD=…)
#   JOBS          how many at once (as many as there are processors)
#   TEST_TIMEOUT  seconds for a file (300)
#   LOGS          a folder for the output of the tests; without it, the output is
#                 kept in build/logs only if a test failed
#   TEST_TOKEN    the PREDIBASE_API_TOKEN of the tests; they do not see yours
set -eu
cd "$(dirname "$0")/.."
build=${BUILDDIR:-build}
logs=${LOGS:-$build/logs/$$}
rm -rf "$logs"
mkdir -p "$logs"
: >"$logs/failures"

# The caller's environment must not change the results.
unset PREDIBASE_API_TOKEN PREDIBASE_TENANT_ID PREDIBASE_DEPLOYMENT \
  PREDIBASE_BASE_URL LUA_INIT LUA_INIT_5_2 LUA_INIT_5_3 LUA_INIT_5_4 LUA_INIT_5_5 \
  LUA_PATH_5_2 LUA_CPATH_5_2 LUA_PATH_5_3 LUA_CPATH_5_3 \
  LUA_PATH_5_4 LUA_CPATH_5_4 LUA_PATH_5_5 LUA_CPATH_5_5 \
  http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY \
  no_proxy NO_PROXY
if [ -n "${TEST_TOKEN:-}" ]; then
  export PREDIBASE_API_TOKEN="$TEST_TOKEN"
fi

# says FILE WORD: prints the text of the line `-- WORD: ...` near the top of a file.
says () {
  sed -n "1,8s/^[-*][-*] $2: //p" "$1"
}

# long_first FILE...: prints the same files, those marked `long` first.
long_first () {
  for one; do [ -z "$(says "$one" long)" ] || echo "$one"; done
  for one; do [ -n "$(says "$one" long)" ] || echo "$one"; done
}

# only_others GROUP FILE: succeeds if the file has a line `-- only: LUA...` that
# does not list this group.
only_others () {
  only=$(says "$2" only)
  [ -n "$only" ] || return 1
  case " $only " in *" $1 "*) return 1 ;; esac
}

# left_out GROUP FILE: succeeds if the file runs in this group only with ALL=1.
left_out () {
  [ -z "${ALL:-}${SPECS:-}" ] || return 1
  [ -z "$(says "$2" slow)" ] || return 0
  [ "$1" != "$first" ] && [ -n "$(says "$2" once)" ]
}

# Prints one line "GROUP FILE" per run, for xargs.
plan () {
  first=
  for group; do
    if [ "$group" = c ]; then
      files=$(ls spec/c/test_*.c || :)
    elif [ -n "${SPECS:-}" ]; then
      files=$SPECS
    else
      files=$(ls spec/*_spec.lua spec/c/host_*.c || :)
    fi
    if [ "$group" != c ] && ! command -v "$group" >/dev/null; then
      echo "$group: not installed, so nothing runs on it" >&2
      echo "everything on $group: not installed" >>"$logs/skipped"
      echo 0 0 1 >"$logs/$group.count"
      continue
    fi
    [ "$group" = c ] || first=${first:-$group}
    # shellcheck disable=SC2086 # a list of words
    for file in $(long_first $files); do
      only_others "$group" "$file" && continue
      if left_out "$group" "$file"; then
        echo "$group $file" >>"$logs/left_out"
      else
        echo "$group $file"
      fi
    done
    [ -n "$files" ] || echo "$group nothing"
  done
}

jobs=${JOBS:-$(nproc 2>/dev/null || echo 1)}
export build logs
plan "$@" >"$logs/plan"
xargs <"$logs/plan" -P "$jobs" -L 1 sh tools/test-one.sh

if [ -s "$logs/failures" ]; then
  echo
  echo "Failed:"
  sort "$logs/failures" | sed 's/^/  /'
  echo "  (their complete output is in $logs)"
fi
if [ -s "$logs/skipped" ]; then
  echo
  echo "Skipped:"
  sort "$logs/skipped" | sed 's/^/  /'
fi
if [ -s "$logs/left_out" ]; then
  echo "$(wc -l <"$logs/left_out") runs were left out: specs that are slow, or whose" \
    "results are the same on every Lua; make test ALL=1 runs all"
fi
cat "$logs"/*.count | awk '{ passed += $1; failed += $2; skipped += $3 }
  END {
    if (skipped) printf "%d skipped\n", skipped
    printf "%d passed, %d failed\n", passed, failed
    exit (failed > 0 || passed == 0)
  }' || exit 1
[ -n "${LOGS:-}" ] || rm -rf "$logs"
