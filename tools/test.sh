#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs the C tests and the specs, each file as a process of its own, and adds
# up what they report (TAP). A crash, an early end, a hang or a run that
# reports nothing is a failure like any other.
# usage: sh tools/test.sh [c | lua5.4 | lua5.3 | lua5.1 | luajit]...
# The first Lua runs every spec. The others leave out those that say near their
# top `-- once: WHY`, because what they look at is the same on every Lua.
# `-- slow: WHY` is left to ALL. `-- long: WHY` begins before others, so that no
# processor is idle at the end. (In C: `** once: WHY`.)
# Environment:
#   ALL           1: every spec on every Lua, the slow ones too
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

# says FILE WORD: what the line `-- WORD: ...` near the top of a file says.
says () {
  sed -n "1,8s/^[-*][-*] $2: //p" "$1"
}

# long_first FILE...: the same files, those that take long in front.
long_first () {
  for one; do [ -z "$(says "$one" long)" ] || echo "$one"; done
  for one; do [ -n "$(says "$one" long)" ] || echo "$one"; done
}

# only_others GROUP FILE: that the file says `-- only: LUA...` and means others.
only_others () {
  only=$(says "$2" only)
  [ -n "$only" ] || return 1
  case " $only " in *" $1 "*) return 1 ;; esac
}

# left_out GROUP FILE: that it runs only with ALL=1.
left_out () {
  [ -z "${ALL:-}${SPECS:-}" ] || return 1
  [ -z "$(says "$2" slow)" ] || return 0
  [ "$1" != "$first" ] && [ -n "$(says "$2" once)" ]
}

# One line a run for xargs: GROUP FILE. Lines of different runs may come in any
# order, those of one run stay together.
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
      echo "$group: there is none here, so nothing runs on it" >&2
      echo "everything on $group: there is none here" >>"$logs/skipped"
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
  echo "  (all they printed is in $logs)"
fi
if [ -s "$logs/skipped" ]; then
  echo
  echo "Skipped:"
  sort "$logs/skipped" | sed 's/^/  /'
fi
if [ -s "$logs/left_out" ]; then
  echo "$(wc -l <"$logs/left_out") runs were left out: specs that are slow, or the" \
    "same on every Lua; make test ALL=1 runs all"
fi
cat "$logs"/*.count | awk '{ passed += $1; failed += $2; skipped += $3 }
  END {
    if (skipped) printf "%d skipped\n", skipped
    printf "%d passed, %d failed\n", passed, failed
    exit (failed > 0 || passed == 0)
  }' || exit 1
[ -n "${LOGS:-}" ] || rm -rf "$logs"
