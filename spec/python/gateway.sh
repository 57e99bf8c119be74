#!/bin/sh
# SPDX-License-Identifier: MIT
# Tries the gateway of examples/openresty with OpenAI's Python package, which is
# installed from PyPI into build/python-venv. Ends with "N passed, N failed".
# usage: sh spec/python/gateway.sh
# Needs nginx with its Lua module, luajit with luv, and python3 with venv.
set -eu
cd "$(dirname "$0")/../.."
python=$(sh tools/python-clients.sh spec/python)
make -s build LUA=luajit
eval "$(make -s env LUA=luajit)"
LUA_PATH="./?.lua;$LUA_PATH"
export LUA_PATH
exec luajit spec/python/gateway.lua "$python" spec/python/gateway.py
