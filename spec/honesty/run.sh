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
venv=build/honesty-venv
wanted=spec/honesty/requirements.txt

if ! cmp -s "$wanted" "$venv/installed.txt"; then
  echo "installing lorax-client and huggingface_hub into $venv" >&2
  rm -rf "$venv"
  mkdir -p build
  python3 -m venv "$venv" || {
    echo "python3 cannot make a virtual environment; on Debian: apt install python3-venv" >&2
    exit 1
  }
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$wanted"
  cp "$wanted" "$venv/installed.txt"
fi

LUA_PATH="./lua/?.lua;./lua/?/init.lua;${LUA_PATH:-;}"
export LUA_PATH
exec "$venv/bin/python" spec/honesty/check.py "$lua"
