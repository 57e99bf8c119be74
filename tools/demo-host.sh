#!/bin/sh
# SPDX-License-Identifier: MIT
# Opens an example in its host program. The example uses the server that the
# environment names. Without one, this script starts the stand-in server and
# stops it at the end.
# usage: sh tools/demo-host.sh love|neovim
set -eu
cd "$(dirname "$0")/.."
eval "$(make -s env LUA=luajit)"

if [ -z "${PREDIBASE_API_TOKEN:-}" ] && [ -z "${PREDIBASE_BASE_URL:-}" ]; then
  . tools/stand-in.sh
  start_stand_in
fi
case $1 in
  love) love examples/love ;;
  neovim)
    nvim --cmd "set runtimepath^=$PWD/examples/neovim" \
      +"helptags $PWD/examples/neovim/doc" +'help predibase' +'wincmd p' ;;
esac
