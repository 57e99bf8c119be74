#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs the C tests and the specs with AddressSanitizer and UBSan. The
# interpreter was built without them, so LD_PRELOAD loads their libraries.
# usage: BUILDDIR=build/asan sh tools/asan.sh LUA
set -eu
cd "$(dirname "$0")/.."
asan=$(gcc -print-file-name=libasan.so)
ubsan=$(gcc -print-file-name=libubsan.so)
# A small quarantine for freed memory, so that the memory limits in specs hold.
# The interceptor of __tls_get_addr guesses where a module's thread-local memory
# is by what stands before it. A wrong guess makes the leak checker crash.
ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:exitcode=99:quarantine_size_mb=8
ASAN_OPTIONS=$ASAN_OPTIONS:intercept_tls_get_addr=0
UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
LSAN_OPTIONS=suppressions=$PWD/tools/lsan-suppressions.txt:print_suppressions=0
export ASAN_OPTIONS UBSAN_OPTIONS LSAN_OPTIONS
WRAP_ENV="LD_PRELOAD=$asan:$ubsan" sh tools/test.sh c "$1"
