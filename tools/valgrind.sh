#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs the specs about object lifetimes under valgrind. A leak or an invalid
# memory access fails.
# usage: sh tools/valgrind.sh LUA
set -eu
cd "$(dirname "$0")/.."
SPECS=${SPECS:-$(ls spec/*lifetime*_spec.lua)}
WRAP="valgrind -q --error-exitcode=99 --leak-check=full
  --errors-for-leak-kinds=definite"
TEST_TIMEOUT=900
export SPECS WRAP TEST_TIMEOUT
sh tools/test.sh "$1"
