#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs the third-party Python clients (spec/honesty/requirements.txt) from
# PyPI into build/honesty-venv, unless they are already there, and prints the
# path of the Python that can import them.
# usage: sh tools/python-clients.sh [--if-there]
# With --if-there it installs nothing, and exits with 1 if they are missing.
set -eu
cd "$(dirname "$0")/.."
venv=build/honesty-venv
wanted=spec/honesty/requirements.txt

if ! cmp -s "$wanted" "$venv/installed.txt"; then
  [ "${1:-}" != --if-there ] || exit 1
  echo "installing lorax-client and huggingface_hub into $venv" >&2
  rm -rf "$venv"
  mkdir -p build
  python3 -m venv "$venv" >&2 || {
    echo "python3 cannot create a virtual environment; on Debian: apt install python3-venv" >&2
    exit 1
  }
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$wanted" >&2
  cp "$wanted" "$venv/installed.txt"
fi
echo "$venv/bin/python"
