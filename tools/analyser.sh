#!/bin/sh
# SPDX-License-Identifier: MIT
# Prints the path of emmylua_check, EmmyLua's analyser for the command line, and
# builds it if it is missing. It stays in the user's cache, because the build
# takes minutes. It needs Rust 1.88; Debian's package rustc is older, and its
# package rustc-web, for browsers, is not.
# usage: sh tools/analyser.sh [--rust]   (--rust: only tell whether Rust is there)
set -eu
cd "$(dirname "$0")/.."
version=0.25.1
cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/predibase/emmylua_check-$version
log=$PWD/build/analyser.log

# Succeeds if this system has a Rust that is new enough.
has_rust () {
  command -v cargo >/dev/null && rustc --version 2>/dev/null |
    awk '{ split($2, v, "."); new = v[1] > 1 || v[2] >= 88 }
      END { exit !new }'
}

if [ "${1:-}" = --rust ]; then
  if has_rust; then exit 0; else exit 1; fi
fi
if [ -x "$cache/bin/emmylua_check" ]; then
  echo "$cache/bin/emmylua_check"
  exit
fi
mkdir -p build

has_rust || sh tools/setup.sh analyser >"$log" 2>&1 || exit 1
has_rust || { echo "no Rust 1.88 or newer" >>"$log"; exit 1; }
# Little is optimized: the analyser runs for a second only.
export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=0 \
  CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_DEBUG=false
echo "predibase: building emmylua_check $version, log in build/analyser.log" >&2
target=$(mktemp -d)
status=0
timeout -s KILL 2400 cargo install "emmylua_check@$version" --locked --root "$cache" \
  --target-dir "$target" >"$log" 2>&1 || status=$?
rm -rf "$target"
[ "$status" -eq 0 ] && echo "$cache/bin/emmylua_check"
