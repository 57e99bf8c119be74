# shellcheck shell=sh
# SPDX-License-Identifier: MIT
# Runs commands whose output is shown only if they fail, for scripts that build.
# usage: last_log=FILE; . tools/quietly.sh, in the top folder

# quietly COMMAND...: runs the command, which may change files and variables.
quietly () {
  if "$@" >"$last_log" 2>&1; then return 0; fi
  tail -n 40 "$last_log" >&2
  echo "predibase: failed: $* (in $PWD)" >&2
  return 1
}
