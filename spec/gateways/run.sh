#!/bin/sh
# SPDX-License-Identifier: MIT
# Puts real gateways in front of the stand-in server, and finds what the client
# makes of what they do. Compares the tables of docs/gateways.md with that; they
# are those of the versions in Debian 12.
# usage: sh spec/gateways/run.sh [--page] [--only SITUATION] [GATEWAY]...
# With --page it writes the tables instead. The gateways are envoy, haproxy,
# caddy and nginx_proxy. Envoy is installed from PyPI into build/gateways-venv;
# the others, nginx with its Lua module, openssl, and luajit with luv are
# needed. START_SECONDS (5) is the time that a deployment needs to start.
# Ends with "N passed, N failed"; a gateway that is not installed is skipped.
set -eu
cd "$(dirname "$0")/../.."
build=${BUILDDIR:-build}
python=$(sh tools/python-clients.sh spec/gateways)
ENVOY=$("$python" -c 'import envoy, os
print(os.path.join(os.path.dirname(envoy.__file__), "_bin", "envoy"))')
make -s build LUA=lua5.4
make -s build LUA=luajit
eval "$(make -s env LUA=luajit)"
LUA_PATH="./?.lua;$LUA_PATH"
CALLER_CPATH="$PWD/$build/lua5.4/?.so;;"
PATH="$PATH:/usr/sbin"
export ENVOY LUA_PATH CALLER_CPATH PATH
exec luajit spec/gateways/main.lua "$@"
