#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs the tests that spec/support/fault_matrix.lua names, on Lua 5.4 and LuaJIT,
# over libcurl and inside nginx, and prints a row for each fault. The two faults
# that come from a seed run ten thousand times.
# usage: sh tools/faults.sh, from the top folder, after make build hosts
# Environment: BUILDDIR (build), and that of tools/test.sh
set -eu
folder=${BUILDDIR:-build}/faults
rm -rf "$folder"
mkdir -p "$folder/selected"
SPECS=$(lua5.4 tools/faults.lua plan "$folder/selected")
export SPECS
status=0
SELECTED=$folder/selected LOGS=$folder/logs FAULT_CALLS=${FAULT_CALLS:-10000} \
  FAULT_DAMAGES=${FAULT_DAMAGES:-10000} TEST_TIMEOUT=${TEST_TIMEOUT:-900} \
  sh tools/test.sh lua5.4 luajit || status=$?
echo
lua5.4 tools/faults.lua report "$folder/selected" "$folder/logs" || status=1
exit "$status"
