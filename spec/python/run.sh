#!/bin/sh
# SPDX-License-Identifier: MIT
# Drives the stand-in server with the Python packages openai and huggingface_hub, installed from
# PyPI into build/python-venv.
#   spec/python/run.sh [interpreter]      default: lua5.4
# Needs python3 with venv, and luv for the interpreter. Prints TAP and "N passed, N failed"; the
# exit status is 0 only when everything passed.
set -eu
cd "$(dirname "$0")/../.."
lua=${1:-lua5.4}
python=$(sh tools/python-clients.sh spec/python)

LUA_PATH="./lua/?.lua;./lua/?/init.lua;${LUA_PATH:-;}"
export LUA_PATH
exec "$python" spec/python/clients.py "$lua"
