#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs a packed source rock for each Lua into an empty tree, packs a binary
# rock there, installs that into another empty tree, and checks what a user gets:
# every module loads, the documents are there, the README runs. LuaRocks has no
# network, and nobody tells it where libcurl is.
# usage: sh tools/rock.sh FOLDER LUA...
# FOLDER has predibase-VERSION.tar.gz and the source rock, whose name has the
# version as LuaRocks writes it. The binary rock for each Lua goes to FOLDER/LUA;
# LuaJIT gets that of Lua 5.1, if there is one.
set -u
cd "$(dirname "$0")/.."
top=$PWD
folder=$(cd "$1" && pwd)
shift
passed=0 failed=0
source_rock=$(echo "$folder"/predibase-*.src.rock)
rock_version=${source_rock##*/predibase-}
rock_version=${rock_version%.src.rock}
version=$(echo "$folder"/predibase-*.tar.gz)
version=${version##*/predibase-}
version=${version%.tar.gz}
busted=2.1.1-1
specs="init client stream batch bulk_run chat template_format cli_template"

# step NAME COMMAND...
step () {
  name=$1
  shift
  if "$@" >"$folder/step.log" 2>&1; then
    passed=$((passed + 1))
    echo "$name: ok"
  else
    failed=$((failed + 1))
    grep -v '^ok ' "$folder/step.log" | tail -n 60
    echo "$name: FAILED"
    return 1
  fi
}

# use_tree NAME: makes LuaRocks use the new, empty tree FOLDER/LUA/NAME. What the
# system's packages provide counts as installed. Only LuaJIT has to be named.
use_tree () {
  tree=$folder/$lua/$1
  rock=$tree/lib/luarocks/rocks-$abi/predibase/$rock_version
  rm -rf "$tree"
  mkdir -p "$tree"
  cat >"$folder/$lua/config.lua" <<END
rocks_trees = { { name = "test", root = "$tree" } }
rocks_servers = {}
rocks_provided = {
  ["lua-cjson"] = "2.1.0-1", ["argparse"] = "0.7.1-1", ["luv"] = "1.44.2-0",
}
END
  [ "$lua" != luajit ] || cat >>"$folder/$lua/config.lua" <<END
lua_interpreter = "luajit"
variables = {
  LUA_DIR = "/usr", LUA_BINDIR = "$(dirname "$(command -v luajit)")",
  LUA_INCDIR = "$(pkg-config --cflags-only-I luajit | sed 's/^-I//;s/ .*//')",
}
END
}

rocks () {
  LUAROCKS_CONFIG=$folder/$lua/config.lua nice luarocks --lua-version="$abi" "$@"
}

# with_tree COMMAND...: runs a command that finds the library only in the tree.
with_tree () {
  env -u LUA_PATH_5_3 -u LUA_PATH_5_4 -u LUA_CPATH_5_3 -u LUA_CPATH_5_4 \
    -u PREDIBASE_BASE_URL LUA="$lua" PATH="$tree/bin:$PATH" \
    LUA_PATH="$tree/share/lua/$abi/?.lua;$tree/share/lua/$abi/?/init.lua;;" \
    LUA_CPATH="$tree/lib/lua/$abi/?.so;;" "$@"
}

version_is_right () {
  [ "$(env -u LUA_PATH -u LUA_CPATH "$tree/bin/predibase" --version)" = \
    "predibase $version" ]
}

documents_are_there () {
  for file in docs/install.md docs/cookbook.md examples/generate.lua \
    types/library/predibase/client.lua share/man/man1/predibase.1; do
    [ -s "$rock/$file" ] || { echo "$rock/$file is missing"; return 1; }
  done
}

# Runs the README's blocks and an example as a reader of the rock would: without
# the line that makes the shell use a checkout, and with the reader's Lua.
readme_runs () {
  blocks=$folder/$lua/readme
  rm -rf "$blocks"
  mkdir -p "$blocks"
  lua5.4 tools/readme.lua README.md "$blocks"
  # shellcheck disable=SC2016 # for the shell of the reader
  echo '$LUA examples/generate.lua' >"$blocks/README_md-9999.sh"
  port=$(lua5.4 -e 'local tcp = require "luv".new_tcp()
    tcp:bind("127.0.0.1", 0) print(tcp:getsockname().port)')
  sed -i "/make -s env/d; s/\\<8090\\>/$port/g; s/\\<lua5\\.4\\>/$lua/g" "$blocks"/*
  rm -rf "$folder/$lua/reader"
  mkdir "$folder/$lua/reader"
  cp -R "$rock/docs" "$rock/examples" "$folder/$lua/reader"
  (cd "$folder/$lua/reader" &&
    with_tree timeout 600 sh "$top/tools/readme-session.sh" "$blocks"/*)
}

# luarocks requires busted as a rock and does not accept the system's package,
# so this writes a rock that installs tools/busted.lua under that name.
install_busted () {
  cat >"$folder/$lua/busted-$busted.rockspec" <<END
package = "busted"
version = "$busted"
source = { url = "file://$top/tools/busted.lua" }
build = {
  type = "builtin", modules = {},
  install = { bin = { busted = "$top/tools/busted.lua" } },
}
END
  rocks make "$folder/$lua/busted-$busted.rockspec"
}

# Runs luarocks test in the unpacked tarball, with a spec of each larger part.
specs_pass () {
  install_busted || return 1
  rm -rf "$folder/$lua/source"
  mkdir "$folder/$lua/source"
  tar -xzf "$folder/predibase-$version.tar.gz" -C "$folder/$lua/source"
  cd "$folder/$lua/source/predibase-$version" || return 1
  # Files beside the specs would be found before the installed ones.
  rm -rf lua src
  files=
  for spec in $specs; do files="$files spec/${spec}_spec.lua"; done
  # shellcheck disable=SC2086 # words
  rocks test "rockspecs/predibase-$rock_version.rockspec" -- -o TAP $files >test.log 2>&1
  status=$?
  cat test.log
  # An exit status of 0 without tests is no success.
  [ "$(grep -c '^ok ' test.log)" -ge 100 ] || status=1
  cd "$top" || return 1
  return $status
}

# Packs what is installed; the binary rock goes to FOLDER/LUA.
pack_binary () {
  (cd "$folder/$lua" && rocks pack predibase "$rock_version")
}

binary_of () {
  find "$folder/$1" -maxdepth 1 -name 'predibase-*.rock' 2>/dev/null
}

build_binary () {
  use_tree built
  step "$lua: luarocks install of the source rock" rocks install "$source_rock" &&
    step "$lua: its version" version_is_right &&
    step "$lua: luarocks pack of a binary rock" pack_binary &&
    step "$lua: luarocks test" specs_pass
}

for lua; do
  abi=$("$lua" -e 'print(_VERSION:match("%d%.%d"))')
  rm -rf "${folder:?}/$lua"
  mkdir -p "$folder/$lua"
  binary=
  [ "$lua" != luajit ] || binary=$(binary_of lua5.1)
  if [ -z "$binary" ]; then
    build_binary || continue
    binary=$(binary_of "$lua")
  fi
  use_tree installed
  step "$lua: luarocks install of ${binary##*/}" rocks install "$binary" &&
    step "$lua: every module loads" \
      with_tree "$lua" tools/load-rock.lua "$rock" "$version" &&
    step "$lua: docs and examples are installed" documents_are_there &&
    step "$lua: its version" version_is_right &&
    step "$lua: the README runs" readme_runs
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
