#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds interpreters and libcurls that no Debian package has, from the sources
# in crates, with the Lua modules that the specs need beside them.
# usage: sh tools/sources.sh lua5.5|lua5.4|lua5.3|lua5.2|lua5.1|luajit
#        sh tools/sources.sh curl-newest|curl-oldest
#        sh tools/sources.sh crate NAME VERSION   (prints the crate's folder)
#        sh tools/sources.sh package NAME  (the same for a source package of Debian)
#        sh tools/sources.sh env NAME...          (shell lines for eval)
# Environment:
#   SOURCES  the folder for all of it (build/sources); a second run finds there
#            what the first has built
# What `env` prints puts the built interpreters first in PATH and makes
# pkg-config find the built libraries: `make build LUA=lua5.5` then works.
# Needs what `sh tools/setup.sh sources` installs.
set -eu
cd "$(dirname "$0")/.."
top=$PWD
mkdir -p "${SOURCES:-build/sources}"
sources=$(cd "${SOURCES:-build/sources}" && pwd)
last_log=$sources/last.log
. tools/quietly.sh

# lua-src contains Lua 5.1 to 5.5, luajit-src LuaJIT, curl-sys libcurl.
lua_src=551.1.0             # Lua 5.1.5, 5.2.4, 5.3.6, 5.4.9, 5.5.1
luajit_src=210.7.4          # LuaJIT 2.1
curl_newest=0.4.91          # libcurl 8.22.0
curl_oldest=0.4.27          # libcurl 7.68.0, the oldest that this library takes
# The release of Debian whose source packages of Lua modules are compiled.
suite=trixie

say () { echo "predibase: $*" >&2; }

# --- downloads ----------------------------------------------------------------

# crate NAME VERSION: downloads a crate once and prints its folder.
crate () {
  into=$sources/crates/$1-$2
  if [ ! -e "$into/done" ]; then
    say "downloading the crate $1 $2"
    rm -rf "$into"
    mkdir -p "$into/src"
    : >"$into/src/lib.rs"
    cat >"$into/Cargo.toml" <<END
[package]
name = "sources"
version = "0.0.0"
[dependencies]
$1 = "=$2"
[workspace]
END
    (cd "$into" && quietly cargo vendor --versioned-dirs vendor) || return 1
    : >"$into/done"
  fi
  for found in "$into/vendor/$1-$2"*; do echo "$found"; done
}

# Prints the mirror from which this system gets Debian's packages.
mirror () {
  apt-cache policy make 2>/dev/null |
    sed -n 's|^ *[0-9]* \(https\{0,1\}://[^ ]*\) [^ ]*/main .*|\1|p' |
    grep -v security | head -n 1
}

# apt COMMAND...: apt-get with a list of sources of our own, which leaves the
# system's lists alone.
apt () {
  quietly apt-get -q \
    -o Dir::Etc::sourcelist="$sources/apt/sources.list" \
    -o Dir::Etc::sourceparts=/dev/null \
    -o Dir::State::lists="$sources/apt/lists" \
    -o Dir::Cache="$sources/apt/cache" \
    -o APT::Sandbox::User=root "$@"
}

# source_package NAME: unpacks what the authors of a Debian source package
# released, and prints the folder.
source_package () {
  into=$sources/packages/$1
  if [ ! -e "$into/done" ]; then
    say "downloading the sources of Debian's $1"
    if [ ! -e "$sources/apt/done" ]; then
      mkdir -p "$sources/apt/lists/partial" "$sources/apt/cache/archives/partial"
      echo "deb-src $(mirror) $suite main" >"$sources/apt/sources.list"
      apt update || return 1
      : >"$sources/apt/done"
    fi
    rm -rf "$into"
    mkdir -p "$into/unpacked"
    (cd "$into" && apt source --only-source --tar-only "$1" &&
      tar -xf ./*.orig.tar.* -C unpacked --strip-components=1) || return 1
    : >"$into/done"
  fi
  echo "$into/unpacked"
}

# --- interpreters -------------------------------------------------------------

cflags="-O2 -fPIC -w"

# compile_all INCLUDE_FLAGS FILE...: compiles into the current folder, several
# files at once.
compile_all () {
  flags=$1
  shift
  # shellcheck disable=SC2086 # lists of words
  printf '%s\n' "$@" | quietly xargs -n 4 -P "$(nproc)" \
    ${CC:-cc} $cflags $flags -c
}

write_pc () {  # NAME VERSION LIBS
  mkdir -p "$prefix/lib/pkgconfig"
  cat >"$prefix/lib/pkgconfig/$1.pc" <<END
Name: $1
Description: built by tools/sources.sh
Version: $2
Cflags: -I$prefix/include
Libs: $3
END
}

# A Lua of lua-src: 5.1, 5.2, ...
build_lua () {
  abi=$1
  from=$(crate lua-src "$lua_src")
  for from in "$from/lua-$abi."*; do :; done
  mkdir -p "$prefix/include" "$prefix/obj" "$prefix/bin"
  cp "$from"/*.h "$prefix/include"
  # Where this Lua searches for modules.
  sed -i "s|^#define[ \t]*LUA_ROOT[ \t].*|#define LUA_ROOT \"$prefix/\"|" \
    "$prefix/include/luaconf.h"
  cp "$from"/*.c "$prefix/obj"
  rm -f "$prefix/obj/luac.c" "$prefix/obj/print.c"
  cd "$prefix/obj"
  # What the makefile of each release defines.
  case $abi in
    5.2) compat=-DLUA_COMPAT_ALL ;;
    5.3) compat=-DLUA_COMPAT_5_2 ;;
    5.4) compat=-DLUA_COMPAT_5_3 ;;
    *) compat= ;;
  esac
  compile_all "-I$prefix/include -DLUA_USE_LINUX $compat" ./*.c
  quietly ar rcs "$prefix/lib/liblua$abi.a" ./*.o
  # shellcheck disable=SC2086 # a list of words
  quietly ${CC:-cc} $cflags "-I$prefix/include" -Wl,-E -o "$prefix/bin/lua$abi" \
    "$top/tools/sources/interpreter.c" ./*.o -lm -ldl
  cd "$top"
  write_pc "lua$abi" "${from##*-}" "$prefix/lib/liblua$abi.a -lm -ldl -Wl,-E"
}

build_luajit () {
  abi=5.1
  from=$(crate luajit-src "$luajit_src")
  rm -rf "$prefix/obj"
  cp -R "$from/luajit2" "$prefix/obj"
  # The build reads its release number there.
  cp "$from/luajit_relver.txt" "$prefix/obj/.relver"
  quietly make -C "$prefix/obj/src" -j "$(nproc)" libluajit.a "PREFIX=$prefix" \
    CFLAGS=-fPIC "XCFLAGS=-fPIC" BUILDMODE=static
  mkdir -p "$prefix/include" "$prefix/bin" "$prefix/share/lua/5.1/jit"
  cp "$prefix/obj/src"/*.h "$prefix/obj/src"/*.hpp "$prefix/include" 2>/dev/null || :
  cp "$prefix/obj/src/jit"/*.lua "$prefix/share/lua/5.1/jit"
  cp "$prefix/obj/src/libluajit.a" "$prefix/lib/libluajit.a"
  # shellcheck disable=SC2086 # a list of words
  quietly ${CC:-cc} $cflags "-I$prefix/include" -Wl,-E -o "$prefix/bin/luajit" \
    "$top/tools/sources/interpreter.c" -Wl,--whole-archive \
    "$prefix/lib/libluajit.a" -Wl,--no-whole-archive -lm -ldl
  version=$("$prefix/bin/luajit" -e 'print((jit.version:gsub("%a* *", "", 1)))')
  write_pc luajit "$version" "$prefix/lib/libluajit.a -lm -ldl -Wl,-E"
}

# --- Lua modules --------------------------------------------------------------

# module NAME FILES FLAGS...: links the files of the current folder into the
# module NAME (cjson, socket.core).
module () {
  out=$prefix/lib/lua/$abi/$(echo "$1" | tr . /).so
  files=$2
  shift 2
  mkdir -p "$(dirname "$out")"
  # shellcheck disable=SC2086 # lists of words
  quietly ${CC:-cc} $cflags -shared "-I$prefix/include" -o "$out" $files "$@"
}

# Sources that name the newest Lua they know also compile for the next one.
admit_next_lua () {
  sed -i 's/\(LUA_VERSION_NUM *\(<=\|>\) *\)504/\1505/' "$@"
}

build_c_modules () {
  cd "$(source_package lua-cjson)"
  # Its own luaL_setfuncs for Lua 5.1 has the name of a function of LuaJIT.
  sed 's/luaL_setfuncs/cjson_setfuncs/' lua_cjson.c >lua_cjson_51.c
  case $abi in 5.1) file=lua_cjson_51.c ;; *) file=lua_cjson.c ;; esac
  module cjson "$file strbuf.c fpconv.c" -DNDEBUG -lm
  cd "$(source_package lua-filesystem)"
  admit_next_lua src/lfs.c
  module lfs src/lfs.c
  cd "$(source_package lua-luv)"
  # Needs a header that gives Lua 5.1 the functions of 5.3: Debian's lua-compat53.
  # shellcheck disable=SC2046 # lists of words
  module luv src/luv.c -D_GNU_SOURCE -DLUA_USE_DLOPEN \
    $(compat53) $(pkg-config --cflags --libs libuv)
  cd "$(source_package luasocket)/src"
  module socket.core "luasocket.c timeout.c buffer.c io.c auxiliar.c options.c
    inet.c usocket.c except.c select.c tcp.c udp.c compat.c"
  module mime.core "mime.c compat.c"
  cd "$(source_package lua-term)"
  module term.core core.c
  cd "$(source_package lua-readline)"
  module C-readline C-readline.c -lreadline
  build_cqueues
  cd "$top"
}

build_cqueues () {
  cd "$(source_package lua-cqueues)/src"
  admit_next_lua ../vendor/compat53/c-api/compat-5.3.h
  m4 errno.c.m4 >errno.c
  cp ../config.h.guess config.h
  cp ../config.h.guess lib/config.h
  set --
  case $abi in 5.1 | 5.2) set -- ../vendor/compat53/c-api/compat-5.3.c ;; esac
  # Lua 5.5 has these three no more, not even for compatibility.
  [ "$abi" != 5.5 ] || set -- \
    '-DluaL_optunsigned(L,a,d)=((lua_Unsigned)luaL_optinteger(L,a,(lua_Integer)(d)))' \
    '-DluaL_checkunsigned(L,a)=((lua_Unsigned)luaL_checkinteger(L,a))' \
    '-Dlua_pushunsigned(L,n)=lua_pushinteger(L,(lua_Integer)(n))'
  module _cqueues "$(echo ./*.c lib/*.c)" -std=gnu99 -I. -D_REENTRANT -D_GNU_SOURCE \
    -DLUA_COMPAT_APIINTCASTS -DCOMPAT53_PREFIX=cqueues -DCQUEUES_COMMIT='""' \
    -DCQUEUES_VENDOR='"source"' -DCQUEUES_VERSION=20200726L "$@" \
    -lssl -lcrypto -lpthread -lm
}

compat53 () {
  case $abi in 5.1 | 5.2)
    folder=$(dpkg -L lua-compat53-dev | sed -n 's|/compat-5\.3\.h$||p' | head -n 1)
    echo "-I$folder"
    ls "$folder/compat-5.3.c" 2>/dev/null || :
    ;;
  esac
}

# The modules that are Lua alone come from Debian's packages for lua5.4, and for
# LuaJIT and 5.1 to 5.3 from those for the same Lua.
copy_lua_modules () {
  from=$abi
  [ -d "/usr/share/lua/$from/busted" ] || from=5.4
  dpkg -L lua-busted lua-luassert lua-say lua-cliargs lua-mediator lua-penlight \
    lua-argparse lua-socket lua-cqueues lua-term lua-readline |
    grep "^/usr/share/lua/$from/.*\.lua$" | sort -u | while read -r path; do
    to=$prefix/share/lua/$abi/${path#"/usr/share/lua/$from/"}
    mkdir -p "$(dirname "$to")"
    "$prefix/bin/$name" tools/sources/copy-module.lua "$path" "$to"
  done
  cp tools/sources/system.lua "$prefix/share/lua/$abi"
}

# --- libcurl ------------------------------------------------------------------

# The crate leaves out folders that CMake enters; empty ones are enough.
build_curl () {
  from=$(crate curl-sys "$1")/curl
  for folder in docs docs/examples docs/libcurl docs/cmdline-opts tests; do
    mkdir -p "$from/$folder"
    : >>"$from/$folder/CMakeLists.txt"
  done
  mkdir -p "$prefix/obj"
  cd "$prefix/obj"
  quietly cmake "$from" -DCMAKE_BUILD_TYPE=Release "-DCMAKE_INSTALL_PREFIX=$prefix" \
    -DCMAKE_INSTALL_LIBDIR=lib -DCMAKE_POLICY_VERSION_MINIMUM=3.5 \
    -DBUILD_CURL_EXE=OFF -DBUILD_TESTING=OFF -DBUILD_SHARED_LIBS=ON \
    -DENABLE_MANUAL=OFF -DBUILD_LIBCURL_DOCS=OFF -DBUILD_MISC_DOCS=OFF \
    -DHTTP_ONLY=ON -DUSE_NGHTTP2=ON -DUSE_LIBIDN2=OFF \
    -DCURL_BROTLI=OFF -DCURL_ZSTD=OFF -DCURL_USE_LIBPSL=OFF \
    -DCURL_USE_LIBSSH2=OFF -DCMAKE_USE_LIBSSH2=OFF -DENABLE_THREADED_RESOLVER=ON \
    -DCURL_USE_OPENSSL=ON -DCMAKE_USE_OPENSSL=ON
  quietly make -j "$(nproc)" install
  cd "$top"
  # The modules find this libcurl at run time without LD_LIBRARY_PATH.
  sed -i "s|^Libs:.*|Libs: -L$prefix/lib -Wl,-rpath,$prefix/lib -lcurl|" \
    "$prefix/lib/pkgconfig/libcurl.pc"
}

# --- all of it ----------------------------------------------------------------

# Whatever the result depends on; a change builds it anew.
stamp () {
  echo "$lua_src $luajit_src $curl_newest $curl_oldest $suite $sources"
  cat tools/sources.sh tools/sources/*
}

build () {
  name=$1
  prefix=$sources/$name
  if [ -e "$prefix/done" ] && stamp | cmp -s - "$prefix/done"; then return 0; fi
  say "building $name from its sources"
  rm -rf "$prefix"
  mkdir -p "$prefix/lib"
  case $name in
    lua5.[1-5]) build_lua "${name#lua}" ;;
    luajit) build_luajit ;;
    curl-newest) build_curl "$curl_newest" ;;
    curl-oldest) build_curl "$curl_oldest" ;;
    *) say "no sources are known for $name"; return 1 ;;
  esac
  case $name in
    lua*) build_c_modules && copy_lua_modules ;;
  esac
  rm -rf "$prefix/obj"
  stamp >"$prefix/done"
}

# Prints shell lines that put the built things first.
environment () {
  path='' found=''
  for name; do
    path="$path$sources/$name/bin:"
    found="$found$sources/$name/lib/pkgconfig:"
  done
  echo "export PATH='$path'\"\$PATH\""
  echo "export PKG_CONFIG_PATH='$found'\"\${PKG_CONFIG_PATH:-}\""
}

case ${1:-} in
  '') say "which one? The head of tools/sources.sh lists them"; exit 64 ;;
  crate) crate "$2" "$3" ;;
  package) source_package "$2" ;;
  env)
    shift
    for name; do build "$name"; done
    environment "$@"
    ;;
  *) for name; do build "$name"; done ;;
esac
