#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs third-party Python clients (requirements.txt of a folder) from PyPI
# into build/NAME-venv, unless they are already there, and prints the path of
# the Python that can import them.
# usage: sh tools/python-clients.sh [--if-there] [FOLDER]   (spec/honesty)
# With --if-there it installs nothing, and exits with 1 if they are missing.
set -eu
cd "$(dirname "$0")/.."
install=yes
if [ "${1:-}" = --if-there ]; then
  install=no
  shift
fi
folder=${1:-spec/honesty}
venv=build/$(basename "$folder")-venv
wanted=$folder/requirements.txt

if ! cmp -s "$wanted" "$venv/installed.txt"; then
  [ $install = yes ] || exit 1
  echo "installing the packages of $wanted into $venv" >&2
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
