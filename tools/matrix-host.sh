#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs the specs that run inside another program, for tools/matrix.sh: nginx,
# Neovim or LÖVE, with LuaJIT.
# usage: sh tools/matrix-host.sh nginx|neovim|love...
set -eu
cd "$(dirname "$0")/.."
PATH=$PATH:/usr/sbin
# The rows may run on a busy machine.
export TEST_TIMEOUT="${TEST_TIMEOUT:-1800}"
LUAS=luajit sh tools/setup.sh test
for host; do [ "$host" = nginx ] || sh tools/setup.sh "$host"; done
make -s -j "$(nproc)" build LUA=luajit
. /etc/os-release
version=$(LUA_CPATH="build/luajit/?.so" luajit -e '
  print((require "predibase.curl".version():match "[%d.]+"))')
status=0
for host; do
  case $host in
    nginx)
      named=$(nginx -v 2>&1 | sed 's|.*/|nginx |;s| (.*||')
      SPECS=$(ls spec/resty_*_spec.lua spec/openresty_*_spec.lua)
      ;;
    neovim)
      named=$(nvim --version | sed -n '1s/NVIM v/Neovim /p')
      SPECS=spec/examples/neovim.lua
      ;;
    love)
      named=$(love --version | sed -n '1s/LOVE \([0-9.]*\).*/LÖVE \1/p')
      SPECS="spec/examples/love.lua spec/examples/love_parts.lua"
      ;;
    *) echo "predibase: no specs for $host" >&2; exit 64 ;;
  esac
  export SPECS
  echo "matrix: $named | $version | Debian ${VERSION_ID:-testing} | its specs"
  sh tools/test.sh luajit || status=1
done
exit $status
