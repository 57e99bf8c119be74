#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds everything that the zip file for Windows contains, into build/windows:
# Lua 5.4 and LuaJIT, libcurl, the modules of others, and the library. A part
# that is there already is not built again. For tools/windows.sh.
set -eu
cd "$(dirname "$0")/../.."
top=$PWD
out=$top/build/windows
mkdir -p "$out"
last_log=$out/last.log
. tools/quietly.sh

cross=x86_64-w64-mingw32
jobs=$(nproc)

say () { echo "predibase: $*"; }

# once NAME FUNCTION: runs a function unless it has succeeded before and nothing
# that it reads has changed.
once () {
  stamp=$({
    sed -n "/^$2 ()/,/^}/p" tools/windows/build.sh
    cat tools/windows/*.[ch] tools/windows/*.cmake
    grep '^[a-z_]*=' tools/sources.sh
    [ "$2" != build_modules ] || cat src/*.[ch] Makefile
  } | cksum)
  if [ "$(cat "$out/$2.done" 2>/dev/null)" = "$stamp" ]; then return 0; fi
  say "building $1 for Windows"
  "$2"
  cd "$top"
  echo "$stamp" >"$out/$2.done"
}

fetch () { sh tools/sources.sh "$@"; }

version_of () {
  sed -n "s/^$1=\([^ ]*\).*/\1/p" tools/sources.sh
}

# compile FOLDER FLAGS FILE...: compiles into the folder, several files at once.
compile () {
  folder=$1 flags=$2
  shift 2
  rm -rf "$folder"
  mkdir -p "$folder"
  # shellcheck disable=SC2086 # lists of words
  (cd "$folder" && printf '%s\n' "$@" |
    quietly xargs -n 4 -P "$jobs" $cross-gcc -O2 -w $flags -c)
}

# link FILE OBJECT...: links a library or a program that needs no others beside
# it, besides those of Windows.
link () {
  target=$1
  shift
  mkdir -p "$(dirname "$target")"
  quietly $cross-gcc -s -static-libgcc -o "$target" "$@"
}

# --- what the library stands on -----------------------------------------------

build_curl () {
  from=$(fetch crate curl-sys "$(version_of curl_newest)")/curl
  rm -rf "$out/curl" "$out/obj/curl"
  mkdir -p "$out/obj/curl/source"
  cp -R "$from/." "$out/obj/curl/source"
  # The crate leaves out folders that CMake enters; empty ones are enough.
  for folder in docs docs/examples tests; do
    mkdir -p "$out/obj/curl/source/$folder"
    : >"$out/obj/curl/source/$folder/CMakeLists.txt"
  done
  # libcurl becomes a part of predibase/curl.dll: Windows does not look for a
  # DLL in the folder of the module that needs it.
  quietly cmake -S "$out/obj/curl/source" -B "$out/obj/curl/build" \
    "-DCMAKE_TOOLCHAIN_FILE=$top/tools/windows/mingw.cmake" \
    -DCMAKE_BUILD_TYPE=Release "-DCMAKE_INSTALL_PREFIX=$out/curl" \
    -DBUILD_SHARED_LIBS=OFF -DBUILD_STATIC_LIBS=ON -DBUILD_CURL_EXE=OFF \
    -DHTTP_ONLY=ON -DCURL_USE_SCHANNEL=ON -DUSE_WIN32_IDN=ON -DENABLE_UNICODE=ON \
    -DCURL_USE_LIBPSL=OFF -DCURL_USE_LIBSSH2=OFF -DUSE_LIBIDN2=OFF \
    -DCURL_ZLIB=OFF -DCURL_BROTLI=OFF -DCURL_ZSTD=OFF -DUSE_NGHTTP2=OFF \
    -DCURL_TARGET_WINDOWS_VERSION=0x0A00
  quietly make -j "$jobs" -C "$out/obj/curl/build" install
}

# The libraries of Windows that libcurl needs.
curl_libs="-lws2_32 -lcrypt32 -lbcrypt -lsecur32 -ladvapi32 -liphlpapi -lnormaliz"

utf8="-include $top/tools/windows/utf8_calls.h"

build_lua () {
  from=$(fetch crate lua-src "$(version_of lua_src)")
  for from in "$from"/lua-5.4.*; do :; done
  mkdir -p "$out/lua/include"
  cp "$from"/*.h "$out/lua/include"
  compile "$out/obj/lua" "$utf8 -DLUA_BUILD_AS_DLL -DLUA_COMPAT_5_3" \
    "$from"/*.c "$top/tools/windows/utf8_calls.c"
  link "$out/lua/lua54.dll" -shared "$out/obj/lua"/*.o
  build_programs lua "$out/lua/lua54.dll"
}

# build_programs FOLDER DLL: the program for a Lua, and for Lua 5.4 the command.
build_programs () {
  name=lua
  [ "$1" = lua ] || name=$1
  for program in "$name" predibase; do
    flags=
    [ "$program" = "$name" ] || flags='-DSCRIPT="bin\\predibase"'
    compile "$out/obj/$program" \
      "-I$out/$1/include $utf8 -municode -Dmain=interpreter_main $flags" \
      "$top/tools/windows/start.c" "$top/tools/sources/interpreter.c" \
      "$top/tools/windows/utf8_calls.c"
    link "$out/$1/$program.exe" -municode "$out/obj/$program"/*.o "$2"
  done
}

build_luajit () {
  from=$(fetch crate luajit-src "$(version_of luajit_src)")
  rm -rf "$out/obj/luajit-source"
  mkdir -p "$out/obj" "$out/luajit/include" "$out/luajit/jit"
  cp -R "$from/luajit2" "$out/obj/luajit-source"
  cp "$from/luajit_relver.txt" "$out/obj/luajit-source/.relver"
  compile "$out/obj/luajit-utf8" "" "$top/tools/windows/utf8_calls.c"
  quietly make -C "$out/obj/luajit-source/src" -j "$jobs" HOST_CC=gcc \
    CROSS=$cross- TARGET_SYS=Windows "TARGET_CFLAGS=$utf8" \
    "TARGET_LIBS=$out/obj/luajit-utf8/utf8_calls.o"
  cp "$out/obj/luajit-source/src"/*.h "$out/luajit/include"
  cp "$out/obj/luajit-source/src/lua51.dll" "$out/luajit"
  cp "$out/obj/luajit-source/src/jit"/*.lua "$out/luajit/jit"
  build_programs luajit "$out/luajit/lua51.dll"
  rm "$out/luajit/predibase.exe"
}

# The static library of libuv, for luv.
build_libuv () {
  from=$(fetch package libuv1)
  quietly cmake -S "$from" -B "$out/obj/libuv" \
    "-DCMAKE_TOOLCHAIN_FILE=$top/tools/windows/mingw.cmake" \
    -DCMAKE_BUILD_TYPE=Release "-DCMAKE_INSTALL_PREFIX=$out/libuv" \
    -DLIBUV_BUILD_SHARED=OFF -DLIBUV_BUILD_TESTS=OFF -DLIBUV_BUILD_BENCH=OFF
  quietly make -j "$jobs" -C "$out/obj/libuv" install
}

# dll_of LUA: the DLL that a C module for this Lua is linked with.
dll_of () {
  case $1 in
    lua) echo "$out/lua/lua54.dll" ;;
    luajit) echo "$out/luajit/lua51.dll" ;;
  esac
}

# other_module LUA NAME FLAGS FILE...: a module that is not ours.
other_module () {
  lua=$1 name=$2 flags=$3
  shift 3
  compile "$out/obj/$lua-$name" "-I$include $flags" "$@"
  # shellcheck disable=SC2086 # a list of words
  link "$out/$lua/$name.dll" -shared "$out/obj/$lua-$name"/*.o \
    "$(dll_of "$lua")" $libs
}

build_other_modules () {
  cjson=$(fetch package lua-cjson)
  luv=$(fetch package lua-luv)
  lfs=$(fetch package lua-filesystem)
  # The headers of Lua 5.1 serve for LuaJIT, too, and these modules expect them.
  from=$(fetch crate lua-src "$(version_of lua_src)")
  # It has the functions of Lua 5.3 that luv calls, for LuaJIT.
  compat=$(fetch package lua-compat53)/c-api
  for lua in lua luajit; do
    libs='' more=''
    include=$out/lua/include
    if [ $lua = luajit ]; then
      include=$(echo "$from"/lua-5.1.*)
      more=$compat/compat-5.3.c
    fi
    other_module $lua cjson -DNDEBUG \
      "$cjson/lua_cjson.c" "$cjson/strbuf.c" "$cjson/fpconv.c"
    other_module $lua lfs "" "$lfs/src/lfs.c"
    libs="$out/libuv/lib/libuv.a -lws2_32 -liphlpapi -lpsapi -luserenv -luser32
      -ldbghelp -lole32 -lshell32"
    other_module $lua luv "-I$out/libuv/include -I$compat" "$luv/src/luv.c" \
      "$top/tools/windows/stay_loaded.c" $more
  done
}

# --- the library --------------------------------------------------------------

# The sources of a C module, from the Makefile.
sources_of () {
  sed -n -e ':a' -e '/\\$/{N;s/\\\n//;ta' -e '}' -e "s/^$1_SOURCES = //p" Makefile |
    tr -s ' ' '\n' | sed "s|.*|$top/src/&.c|"
}

c_modules=$(sed -n 's/^C_MODULES = //p' Makefile)

warnings="-std=c99 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wvla
  -Wstrict-prototypes -Wmissing-prototypes -Wundef -Werror"

build_modules () {
  for lua in lua luajit; do
    for module in $c_modules; do
      libs=
      [ "$module" != curl ] || libs="$out/curl/lib/libcurl.a $curl_libs"
      # shellcheck disable=SC2046 # a list of words
      compile "$out/obj/$lua-$module" "$(echo $warnings) -D_WIN32_WINNT=0x0A00 \
        -DCURL_STATICLIB -I$out/$lua/include -I$out/curl/include" \
        $(sources_of "$module")
      # shellcheck disable=SC2086 # a list of words
      link "$out/$lua/predibase/$module.dll" -shared \
        "$out/obj/$lua-$module"/*.o "$(dll_of $lua)" $libs
    done
  done
}

build () {
  once libcurl build_curl
  once "Lua 5.4" build_lua
  once LuaJIT build_luajit
  once libuv build_libuv
  once "the modules of others" build_other_modules
  once predibase build_modules
}

build
