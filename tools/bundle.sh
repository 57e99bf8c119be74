#!/bin/sh
# SPDX-License-Identifier: MIT
# Copies what a host program such as Neovim or LÖVE needs in order to load the
# library: the Lua files except those of the command and of the stand-in server,
# the C modules, and lua-cjson. A folder of Lua files that is the checkout's own
# gets only the C modules.
# usage: sh tools/bundle.sh LUA LUA_FOLDER C_FOLDER MODULE...
#   with BUILDDIR, and CJSON: the file cjson.so, by default that of LUA, or none
set -eu
cd "$(dirname "$0")/.."
lua=$1 lua_folder=$2 c_folder=$3
shift 3

mkdir -p "$lua_folder" "$c_folder/predibase"
if [ "$(cd "$lua_folder" && pwd -P)" != "$(pwd -P)/lua" ]; then
  find lua -name '*.lua' | sed 's|^lua/||' |
    grep -v -e '^predibase/cli[/.]' -e '^predibase/mock[/.]' |
    while read -r path; do
      mkdir -p "$lua_folder/$(dirname "$path")"
      cp "lua/$path" "$lua_folder/$path"
    done
fi
for module; do
  case $module in interrupt | descriptor) continue ;; esac   # of the command
  # A running program may have loaded the old file, so it is replaced and not
  # written over.
  cp "$BUILDDIR/$lua/predibase/$module.so" "$c_folder/predibase/$module.so.new"
  mv "$c_folder/predibase/$module.so.new" "$c_folder/predibase/$module.so"
done

cjson=${CJSON:-$("$lua" -e '
  for pattern in package.cpath:gmatch "[^;]+" do
    local path = pattern:gsub("%?", "cjson")
    local file = io.open(path, "rb")
    if file then
      print(path)
      break
    end
  end')}
case $cjson in
  none) ;;
  '')
    echo "predibase: $lua has no lua-cjson (Debian: apt install lua-cjson;" \
      "elsewhere: luarocks install lua-cjson); CJSON= names the file cjson.so," \
      "CJSON=none leaves it out, for Neovim and OpenResty, which contain one" >&2
    exit 1
    ;;
  *)
    cp "$cjson" "$c_folder/cjson.so.new"
    mv "$c_folder/cjson.so.new" "$c_folder/cjson.so"
    ;;
esac
