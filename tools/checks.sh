# shellcheck shell=sh
# SPDX-License-Identifier: MIT
# Counts checks, for scripts that include this file and end with their counts.
# usage: . tools/checks.sh, in the top folder
passed=0 failed=0

# check NAME COMMAND...: one check, which shows its output only if it fails. The
# command runs in a subshell.
check () {
  checked=$1
  shift
  if output=$("$@" 2>&1); then
    echo "$checked: ok"
    passed=$((passed + 1))
  else
    printf '%s\n%s: FAILED\n' "$output" "$checked"
    failed=$((failed + 1))
  fi
}

# tests LABEL LOG LUA: runs tools/test.sh with a Lua (or c) and the variables
# BUILDDIR and SPECS, shows what failed, and counts.
tests () {
  BUILDDIR=$BUILDDIR SPECS=$SPECS sh tools/test.sh "$3" >"$2" 2>&1 || :
  grep -v "^$3: [0-9]* of [0-9]* .* passed\( in [0-9]* s\)\{0,1\}\$" "$2" |
    sed '/^[0-9]* passed, [0-9]* failed$/d'
  counts=$(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$2")
  # shellcheck disable=SC2086 # two numbers
  set -- "$1" ${counts:-0 1}
  echo "$1: $2 passed"
  passed=$((passed + $2)) failed=$((failed + $3))
}
