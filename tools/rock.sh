#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs luarocks make and luarocks test without a network, in a separate tree and
# with a configuration that says what the system's packages provide. Leaves out
# the long specs, which make test runs; the purpose here is to find files that
# are missing from the rock.
# usage: sh tools/rock.sh LUA...
set -u
cd "$(dirname "$0")/.."
sh tools/setup.sh rock || exit 1
top=$(pwd)
include=$(pkg-config --variable=includedir libcurl)
library=$(pkg-config --variable=libdir libcurl)
version=2.1.1-1

# luarocks requires busted as a rock and does not accept the system's package,
# so this writes a rock that installs tools/busted.lua under that name.
write_shim () {
  mkdir -p build/rock/shim
  cat >"build/rock/shim/busted-$version.rockspec" <<END
package = "busted"
version = "$version"
source = { url = "file://$top/tools/busted.lua" }
build = {
  type = "builtin",
  modules = {},
  install = { bin = { busted = "$top/tools/busted.lua" } },
}
END
}

# write_config LUA ABI
write_config () {
  cat >"build/rock/$1.lua" <<END
rocks_trees = { { name = "project", root = "$top/build/rock/$1" } }
rocks_servers = {}
rocks_provided = {
  ["lua-cjson"] = "2.1.0-1", ["argparse"] = "0.7.1-1", ["luv"] = "1.44.2-0",
}
lua_interpreter = "$1"
lua_version = "$2"
variables = {
  LUA_DIR = "/usr",
  LUA_BINDIR = "$(dirname "$(command -v "$1")")",
  LUA_INCDIR = "$(pkg-config --cflags-only-I "$1" | sed 's/^-I//;s/ .*//')",
  CURL_INCDIR = "$include",
  CURL_LIBDIR = "$library",
}
END
}

# step NAME COMMAND...
step () {
  name=$1
  shift
  if "$@" >"build/rock/step.log" 2>&1; then
    passed=$((passed + 1))
    echo "$name: ok"
  else
    failed=$((failed + 1))
    grep -v '^ok ' build/rock/step.log | tail -n 100
    echo "$name: FAILED"
  fi
}

# luarocks compiles next to the sources. A copy keeps the checkout clean, and
# proves that the rock needs nothing from the build folder.
copy_checkout () {
  rm -rf build/rock
  mkdir -p build/rock/checkout
  tar -cf - --exclude=./build --exclude=./.git . |
    tar -xf - -C build/rock/checkout
}

left_out=
for name in wire faults mock interrupted away http2 tls proxy resty loop lifetime \
  async_scale cli jinja fork stray kills; do
  left_out="$left_out --exclude-pattern=$name"
done
passed=0 failed=0
copy_checkout
write_shim
for lua; do
  abi=$("$lua" -e 'print(_VERSION:match("%d%.%d"))')
  write_config "$lua" "$abi"
  LUAROCKS_CONFIG=$top/build/rock/$lua.lua
  export LUAROCKS_CONFIG
  rocks="luarocks --lua-version=$abi"
  cd "$top/build/rock/checkout" || exit 1
  rm -f src/*.o
  cd "$top" || exit 1
  # shellcheck disable=SC2086 # words
  {
    step "$lua: busted's shim" \
      $rocks make "build/rock/shim/busted-$version.rockspec"
    step "$lua: luarocks make" \
      sh -c "cd build/rock/checkout && $rocks make predibase-scm-1.rockspec"
    step "$lua: the installed command" \
      "build/rock/$lua/bin/predibase" --version
    step "$lua: luarocks test" \
      sh -c "cd build/rock/checkout &&
        timeout 600 $rocks test predibase-scm-1.rockspec -- -o TAP $left_out"
  }
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
