#!/bin/sh
# SPDX-License-Identifier: MIT
# Is the stand-in server honest? Two clients that others wrote must be able to use it: lorax-client
# and huggingface_hub, installed from PyPI into build/honesty-venv.
#   spec/honesty/run.sh [interpreter]      default: lua5.4
# Needs python3 with venv, and luv for the interpreter. Prints TAP and "N passed, N failed"; the
# exit status is 0 only when everything passed.
set -eu
cd "$(dirname "$0")/../.."
lua=${1:-lua5.4}
python=$(sh tools/python-clients.sh)

LUA_PATH="./lua/?.lua;./lua/?/init.lua;${LUA_PATH:-;}"
export LUA_PATH
exec "$python" spec/honesty/check.py "$lua"
