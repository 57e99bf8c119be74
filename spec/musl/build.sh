#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds for musl, the C library of Alpine Linux, what the tests need: Lua 5.4,
# Lua 5.1 and LuaJIT, lua-cjson, luv, and libcurl with OpenSSL and HTTP/2.
# usage: sh spec/musl/build.sh FOLDER   (from the checkout)
# A second run keeps what the first has built. The sources are those of
# tools/sources.sh; what these lack is in the crates below.
set -eu
cd "$(dirname "$0")/../.."
top=$PWD
mkdir -p "$1"
prefix=$(cd "$1" && pwd)
last_log=$prefix/last.log
. tools/quietly.sh

libuv_sys=1.53.1
libnghttp2_sys=0.1.13+1.68.1
openssl_src=400.0.2+4.0.3

cc=musl-gcc
# musl-gcc searches its own folder only, which lacks the headers of the kernel.
kernel="-idirafter $prefix/kernel"
flags="-O2 -fPIC -w $kernel"

# Prints the version of a crate that tools/sources.sh uses.
version_of () {
  sed -n "s/^$1=\([^ ]*\).*/\1/p" "$top/tools/sources.sh"
}

crate () { sh "$top/tools/sources.sh" crate "$@"; }
package () { sh "$top/tools/sources.sh" package "$1"; }

# once NAME FUNCTION: runs the function unless an earlier run has.
once () {
  [ ! -e "$prefix/done/$1" ] || return 0
  echo "predibase: building $1 with musl" >&2
  "$2"
  : >"$prefix/done/$1"
}

# --- libraries ------------------------------------------------------------------

kernel_headers () {
  mkdir -p "$prefix/kernel"
  for name in linux asm-generic; do ln -sfn "/usr/include/$name" "$prefix/kernel/$name"; done
  for asm in /usr/include/*-linux-gnu/asm; do ln -sfn "$asm" "$prefix/kernel/asm"; done
}

# with_cmake FOLDER OPTION...: builds a library with CMake and installs it.
with_cmake () {
  from=$1
  shift
  rm -rf "$prefix/obj"
  quietly cmake -S "$from" -B "$prefix/obj" "-DCMAKE_C_COMPILER=$cc" \
    "-DCMAKE_C_FLAGS=$flags" -DCMAKE_BUILD_TYPE=Release \
    "-DCMAKE_INSTALL_PREFIX=$prefix" -DCMAKE_INSTALL_LIBDIR=lib "$@"
  quietly make -C "$prefix/obj" -j "$(nproc)" install
  rm -rf "$prefix/obj"
}

build_libuv () {
  with_cmake "$(crate libuv-sys2 $libuv_sys)/libuv" \
    -DLIBUV_BUILD_TESTS=OFF -DLIBUV_BUILD_SHARED=OFF
}

build_nghttp2 () {
  with_cmake "$(crate libnghttp2-sys $libnghttp2_sys)/nghttp2" -DENABLE_LIB_ONLY=ON \
    -DBUILD_SHARED_LIBS=OFF -DBUILD_STATIC_LIBS=ON -DENABLE_DOC=OFF -DBUILD_TESTING=OFF
}

# OpenSSL without what a client of HTTPS does not use, which halves the time.
build_openssl () {
  left_out="apps tests docs legacy module dso comp quic cms ts ct srp idea camellia seed
    rc4 bf cast md4 rmd160 whirlpool sm2 sm3 sm4 aria siphash ec2m dsa ssl-trace
    ui-console cmp dtls ml-dsa slh-dsa lms http srtp rfc3779"
  rm -rf "$prefix/openssl"
  cp -R "$(crate openssl-src $openssl_src)/openssl" "$prefix/openssl"
  cd "$prefix/openssl"
  # shellcheck disable=SC2046,SC2086 # lists of words
  CC=$cc quietly perl ./Configure linux-x86_64 "--prefix=$prefix" --libdir=lib \
    --openssldir=/etc/ssl no-shared $(printf 'no-%s ' $left_out) $kernel
  quietly make -j "$(nproc)" build_libs
  quietly make install_dev
  cd "$top"
  rm -rf "$prefix/openssl"
}

# The crate leaves out folders that CMake enters; empty ones are enough.
build_curl () {
  from=$(crate curl-sys "$(version_of curl_newest)")/curl
  for folder in docs docs/examples docs/libcurl docs/cmdline-opts tests; do
    mkdir -p "$from/$folder"
    : >>"$from/$folder/CMakeLists.txt"
  done
  with_cmake "$from" "-DCMAKE_PREFIX_PATH=$prefix" -DOPENSSL_USE_STATIC_LIBS=ON \
    "-DOPENSSL_ROOT_DIR=$prefix" -DCURL_USE_PKGCONFIG=OFF \
    "-DNGHTTP2_INCLUDE_DIR=$prefix/include" "-DNGHTTP2_LIBRARY=$prefix/lib/libnghttp2.a" \
    -DCMAKE_C_STANDARD_LIBRARIES=-DNGHTTP2_STATICLIB \
    -DBUILD_CURL_EXE=OFF -DBUILD_TESTING=OFF -DBUILD_SHARED_LIBS=ON -DENABLE_MANUAL=OFF \
    -DBUILD_LIBCURL_DOCS=OFF -DBUILD_MISC_DOCS=OFF -DHTTP_ONLY=ON -DUSE_NGHTTP2=ON \
    -DUSE_LIBIDN2=OFF -DCURL_USE_LIBPSL=OFF -DCURL_ZLIB=OFF -DCURL_BROTLI=OFF \
    -DCURL_ZSTD=OFF -DCURL_USE_LIBSSH2=OFF -DCURL_USE_OPENSSL=ON
}

# --- interpreters ----------------------------------------------------------------

# program NAME OBJECTS: links the interpreter, which finds modules below
# the prefix.
program () {
  # shellcheck disable=SC2086 # lists of words
  quietly $cc $flags "-I$prefix/include/$1" -Wl,-E -o "$prefix/bin/$1" \
    tools/sources/interpreter.c $2 -lm
}

build_lua () {  # ABI
  from=$(crate lua-src "$(version_of lua_src)")
  for from in "$from/lua-$1."*; do :; done
  rm -rf "$prefix/obj"
  mkdir -p "$prefix/include/lua$1" "$prefix/obj"
  cp "$from"/*.h "$prefix/include/lua$1"
  sed -i "s|^#define[ \t]*LUA_ROOT[ \t].*|#define LUA_ROOT \"$prefix/\"|" \
    "$prefix/include/lua$1/luaconf.h"
  cp "$from"/*.c "$prefix/obj"
  rm -f "$prefix/obj/luac.c" "$prefix/obj/print.c" "$prefix/obj/lua.c"
  cd "$prefix/obj"
  # shellcheck disable=SC2086 # a list of words
  printf '%s\n' ./*.c | quietly xargs -n 4 -P "$(nproc)" $cc $flags \
    "-I$prefix/include/lua$1" -DLUA_USE_POSIX -DLUA_USE_DLOPEN -DLUA_COMPAT_ALL -c
  cd "$top"
  program "lua$1" "$(echo "$prefix"/obj/*.o) -ldl"
  rm -rf "$prefix/obj"
}

build_lua54 () { build_lua 5.4; }
build_lua51 () { build_lua 5.1; }

build_luajit () {
  from=$(crate luajit-src "$(version_of luajit_src)")
  rm -rf "$prefix/obj"
  cp -R "$from/luajit2" "$prefix/obj"
  cp "$from/luajit_relver.txt" "$prefix/obj/.relver"
  quietly make -C "$prefix/obj/src" -j "$(nproc)" libluajit.a "PREFIX=$prefix" \
    "CC=$cc" HOST_CC=cc BUILDMODE=static CFLAGS=-fPIC \
    XCFLAGS=-DLUAJIT_NO_UNWIND  # gcc's own unwinder is for glibc
  mkdir -p "$prefix/include/luajit" "$prefix/share/lua/5.1/jit"
  cp "$prefix/obj/src"/*.h "$prefix/include/luajit"
  cp "$prefix/obj/src/jit"/*.lua "$prefix/share/lua/5.1/jit"
  program luajit "-Wl,--whole-archive $prefix/obj/src/libluajit.a
    -Wl,--no-whole-archive -ldl"
  rm -rf "$prefix/obj"
}

# --- Lua modules -------------------------------------------------------------------

# module ABI NAME FILES FLAGS...: links files of the current folder into a module.
module () {
  out=$prefix/lib/lua/$1/$2.so include=$prefix/include/lua$1 files=$3
  shift 3
  mkdir -p "$(dirname "$out")"
  # shellcheck disable=SC2086 # lists of words
  quietly $cc $flags -shared "-I$include" -o "$out" $files "$@"
}

build_modules () {
  for abi in 5.4 5.1; do
    cd "$(package lua-cjson)"
    # Its own luaL_setfuncs for Lua 5.1 has the name of a function of LuaJIT.
    [ $abi = 5.4 ] || sed 's/luaL_setfuncs/cjson_setfuncs/' lua_cjson.c >lua_cjson_51.c
    file=lua_cjson.c
    [ $abi = 5.4 ] || file=lua_cjson_51.c
    module $abi cjson "$file strbuf.c fpconv.c" -DNDEBUG -lm
    cd "$(package lua-filesystem)"
    module $abi lfs src/lfs.c
    cd "$(package lua-term)"
    module $abi term/core core.c
    cd "$(package luasocket)/src"
    module $abi socket/core "luasocket.c timeout.c buffer.c io.c auxiliar.c options.c
      inet.c usocket.c except.c select.c tcp.c udp.c compat.c"
    module $abi mime/core "mime.c compat.c"
    cd "$(package lua-luv)"
    set --
    if [ $abi = 5.1 ]; then  # needs a header that gives 5.1 the functions of 5.3
      folder=$(dpkg -L lua-compat53-dev | sed -n 's|/compat-5\.3\.h$||p' | head -n 1)
      set -- "-I$folder"
      [ ! -e "$folder/compat-5.3.c" ] || set -- "$@" "$folder/compat-5.3.c"
    fi
    module $abi luv src/luv.c -D_GNU_SOURCE -DLUA_USE_DLOPEN "$@" \
      "-I$prefix/include" "$prefix/lib/libuv.a"
    cd "$top"
    # Those that are Lua alone are the system's.
    mkdir -p "$prefix/share/lua/$abi"
    for path in /usr/share/lua/$abi/*; do
      ln -sfn "$path" "$prefix/share/lua/$abi/$(basename "$path")"
    done
    cp --remove-destination tools/sources/system.lua "$prefix/share/lua/$abi/system.lua"
  done
}

mkdir -p "$prefix/done" "$prefix/bin" "$prefix/lib" "$prefix/include"
once headers kernel_headers
once lua5.4 build_lua54
once lua5.1 build_lua51
once luajit build_luajit
once libuv build_libuv
once modules build_modules
once nghttp2 build_nghttp2
once openssl build_openssl
once libcurl build_curl
