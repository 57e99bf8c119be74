#!/bin/sh
# SPDX-License-Identifier: MIT
# Compares predibase.template.jinja with jinja2, which is installed from PyPI into build/jinja-venv,
# by rendering the same templates with both.
#   spec/jinja/run.sh [interpreter [count [seed]]]     default: lua5.4 5000 1
# Needs python3 with venv. Prints TAP and "N passed, N failed".
set -eu
cd "$(dirname "$0")/../.."
lua=${1:-lua5.4}
venv=build/jinja-venv
wanted=spec/jinja/requirements.txt

if ! cmp -s "$wanted" "$venv/installed.txt"; then
  echo "installing jinja2 into $venv" >&2
  rm -rf "$venv"
  mkdir -p build
  python3 -m venv "$venv" >&2 || {
    echo "python3 cannot make a virtual environment; on Debian: apt install python3-venv" >&2
    exit 1
  }
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$wanted" >&2
  cp "$wanted" "$venv/installed.txt"
fi

LUA_PATH="./lua/?.lua;./lua/?/init.lua;${LUA_PATH:-;}"
LUA_CPATH="./build/$lua/?.so;${LUA_CPATH:-;}"
PYTHONDONTWRITEBYTECODE=1
export LUA_PATH LUA_CPATH PYTHONDONTWRITEBYTECODE
exec "$venv/bin/python" spec/jinja/check.py "$lua" "${2:-5000}" "${3:-1}"
