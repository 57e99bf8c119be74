#!/bin/sh
# SPDX-License-Identifier: MIT
# Opens an example in the program that it lives in. It asks what the environment
# names, else the stand-in server, which is started here and stopped again.
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
