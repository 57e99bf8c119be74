#!/bin/sh
# SPDX-License-Identifier: MIT
# Checks the C files with cppcheck, clang-tidy and gcc's analyzer. Each prints
# what it finds; the last line is N passed, N failed, N skipped.
# usage: PLAIN_CFLAGS= LUA_CFLAGS= CURL_CFLAGS= sh tools/static.sh
set -u
cd "$(dirname "$0")/.."
passed=0 failed=0 skipped=0
files=$(ls src/*.c | grep -v _windows)
flags="-std=c99 -D_GNU_SOURCE -Isrc ${LUA_CFLAGS:-} ${CURL_CFLAGS:-}"

# Of clang-tidy's groups, these checks are left out:
#   easily-swappable-parameters     C has no other way to pass two numbers
#   implicit-widening, narrowing    gcc's -Wconversion checks them, in fewer false alarms
#   sizeof-expression               a userdata that holds one pointer
#   err33                           the results of snprintf and signal, where nothing depends on them
#   dcl37, reserved-identifier      _FILE_OFFSET_BITS
#   mt-unsafe                       strerror, and readdir on a folder of one thread
#   DeprecatedOrUnsafeBuffer        asks for functions of Annex K, which no libc of Linux has
#   int-to-ptr                      Windows' handles and libcurl's sockets
#   Padding                         a constant table of five rows
checks='-*,clang-analyzer-*,bugprone-*,cert-*,performance-*,portability-*,misc-*,concurrency-*'
for name in bugprone-easily-swappable-parameters \
  bugprone-implicit-widening-of-multiplication-result bugprone-narrowing-conversions \
  bugprone-sizeof-expression bugprone-misplaced-widening-cast bugprone-reserved-identifier \
  cert-dcl37-c cert-dcl51-cpp cert-err33-c concurrency-mt-unsafe misc-unused-parameters \
  performance-no-int-to-ptr clang-analyzer-optin.performance.Padding \
  clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling; do
  checks="$checks,-$name"
done

# check NAME COMMAND FUNCTION: runs the function, which must print nothing and
# succeed. Counted as skipped without the command.
check () {
  if ! command -v "$2" >/dev/null; then
    echo "$1: skipped, $2 is not installed"
    skipped=$((skipped + 1))
  elif found=$("$3") && [ -z "$found" ]; then
    echo "$1: ok"
    passed=$((passed + 1))
  else
    printf '%s\n%s: FAILED\n' "$found" "$1"
    failed=$((failed + 1))
  fi
}

# shellcheck disable=SC2086 # lists of words
run_cppcheck () {
  # It reads no system headers, whose constants are therefore given. Inconclusive
  # results are included. sizeof *p is meant where p is
  # an array of pointers (divideSizeof).
  cppcheck -q --enable=warning,performance,portability --inconclusive --std=c99 \
    --suppress=missingIncludeSystem --suppress=divideSizeof \
    --suppress=toomanyconfigs "-D__has_include(x)=1" -DLUA_VERSION_NUM=504 \
    -DLIBCURL_VERSION_NUM=0x075801 -Isrc $files 2>&1
}

# Findings go to standard output, and the number of those in system headers to
# standard error.
# shellcheck disable=SC2086 # lists of words
run_tidy () {
  clang-tidy --quiet --warnings-as-errors='*' --checks="$checks" $files -- $flags \
    2>/dev/null
}

# shellcheck disable=SC2086 # lists of words
run_analyzer () {
  status=0
  for file in $files; do
    gcc $flags -O2 -fanalyzer -Werror -c "$file" -o /dev/null 2>&1 || status=1
  done
  return $status
}

check "cppcheck" cppcheck run_cppcheck
check "clang-tidy" clang-tidy run_tidy
check "gcc -fanalyzer" gcc run_analyzer
echo "$passed passed, $failed failed"
echo "$skipped skipped"
[ "$failed" -eq 0 ]
