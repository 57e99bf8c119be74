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
