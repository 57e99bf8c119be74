#!/bin/sh
# SPDX-License-Identifier: MIT
# Copies the built library and the command to their installation folders.
# usage: sh tools/install.sh LUA, with BUILDDIR, DESTDIR, PREFIX, INSTALL_LMOD
# and INSTALL_CMOD in the environment
set -eu
cd "$(dirname "$0")/.."
lua=$1
lmod=$DESTDIR$INSTALL_LMOD cmod=$DESTDIR$INSTALL_CMOD bin=$DESTDIR$PREFIX/bin

find lua -name '*.lua' | while read -r path; do
  target=$lmod/${path#lua/}
  mkdir -p "$(dirname "$target")"
  install -m 644 "$path" "$target"
done
mkdir -p "$cmod/predibase" "$bin"
for module in "$BUILDDIR/$lua/predibase/"*.so; do
  install -m 755 "$module" "$cmod/predibase/${module##*/}"
done
# The command's first line names the interpreter that the modules were built for.
sed "1s|.*|#!$(command -v "$lua")|" bin/predibase >"$bin/predibase"
chmod 755 "$bin/predibase"
echo "predibase: installed for $lua in $lmod, $cmod and $bin"
