#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs what a job needs and is missing, with apt if the system has it.
# usage: sh tools/setup.sh build|test|lint|docs|site|rock|bench|love|neovim|
#   sources|wire|matrix|examples|portable|musl|shells|analyser|gateways|ci
# LUA_RESTY_REDIS_URL is the URL of lua-resty-redis (its file redis.lua), for a
# system that has no package of it.
# Tests for each tool or library itself, not for its package, so that it finds
# those that were installed without apt, and a second run is fast.
set -eu
cd "$(dirname "$0")/.."

# need NAMES COMMAND...: the package is missing when COMMAND fails. Releases of
# Debian name some packages differently; NAMES are the alternatives,
# "luajit2|luajit", of which the first that apt knows is installed.
need () {
  names=$1
  shift
  case " $missing " in *" $names "*) return ;; esac
  "$@" >/dev/null 2>&1 </dev/null || missing="${missing:+$missing }$names"
}

# wish NAMES WHAT COMMAND...: like need, for a package that a release of Debian
# may lack. If it lacks the package, WHAT is reported and counted as skipped.
wish () {
  names=$1 what=$2
  shift 2
  "$@" >/dev/null 2>&1 </dev/null && return
  if [ -n "$apt_knows" ] && ! choose "$names" >/dev/null; then
    case "$skipped" in *"$what"*) ;; *) skipped="$skipped$what: this release has no package $names
" ;; esac
    return
  fi
  case " $missing " in *" $names "*) return ;; esac
  missing="${missing:+$missing }$names"
}

# Like wish, for the tests on one Lua.
wish_lua () {
  lua=$1 names=$2
  shift 2
  wish "$names" "everything on $lua" "$@"
}

# choose NAMES: prints the first of the alternatives that apt can install.
choose () {
  for name in $(echo "$1" | tr '|' ' '); do
    if apt-cache policy "$name" 2>/dev/null | grep -q '^ *Candidate: [0-9]'; then
      echo "$name"
      return
    fi
  done
  return 1
}

# Prints the package with clang's sanitizer runtime, which contains the version.
clang_runtime () {
  version=$(apt-cache depends clang 2>/dev/null |
    sed -n 's/^ *Depends: clang-\([0-9]*\)$/\1/p')
  echo "libclang-rt-${version:-14}-dev"
}

have () {
  command -v "$1" || test -x "/usr/sbin/$1"
}

can_compile () {
  echo '#include <stdio.h>' | "${CC:-cc}" -E -x c -
}

can_fuzz () {
  probe='int LLVMFuzzerTestOneInput(const char *s, long n) { return s && n < 0; }'
  echo "$probe" | clang -fsanitize=fuzzer,address,undefined -x c - -o /dev/null
}

# The Lua module is either loadable, or built in as in OpenResty.
nginx_has_lua () {
  test -e /usr/lib/nginx/modules/ngx_http_lua_module.so ||
    PATH="$PATH:/usr/sbin" nginx -V 2>&1 | grep lua
}

# lua-resty-redis: that of the system, or else the file of LUA_RESTY_REDIS_URL.
has_resty_redis () {
  for file in /usr/share/lua/5.1/nginx/redis.lua \
    /usr/share/lua/5.1/resty/redis.lua \
    /usr/local/openresty/lualib/resty/redis.lua build/resty/redis.lua; do
    test ! -e "$file" || return 0
  done
  test -n "${LUA_RESTY_REDIS_URL:-}" || return 1
  mkdir -p build/resty
  python3 -c 'import sys, urllib.request; urllib.request.urlretrieve(*sys.argv[1:])' \
    "$LUA_RESTY_REDIS_URL" build/resty/redis.lua
}

# has LUA MODULE: succeeds if the Lua can load the module.
has () {
  "$1" -e "require '$2'"
}

# lua_needs LUA: the interpreter, its headers and the modules the library uses.
lua_needs () {
  wanted=need
  # Only the tests need the other Luas, so a system may lack them.
  [ "$job" = build ] || [ "$1" = lua5.4 ] || wanted="wish_lua $1"
  case $1 in
    luajit)
      interpreter="luajit2|luajit"
      headers="libluajit2-5.1-dev|libluajit-5.1-dev"
      ;;
    lua5.1) interpreter=lua5.1 headers=liblua5.1-0-dev ;;
    *) interpreter=$1 headers=lib$1-dev ;;
  esac
  $wanted "$interpreter" have "$1"
  case "$skipped" in *"everything on $1:"*) return ;; esac
  need "$headers" pkg-config --exists "$1"
  need lua-cjson has "$1" cjson
  need lua-argparse has "$1" argparse
  need lua-luv has "$1" luv
}

build_needs () {
  need gcc have "${CC:-cc}"
  need libc6-dev can_compile
  need pkg-config have pkg-config
  need libcurl4-openssl-dev pkg-config --exists libcurl
  lua_needs lua5.4
  # libcurl works without this package, but then trusts no certificate authority.
  if have apt-get >/dev/null; then
    need ca-certificates test -e /etc/ssl/certs/ca-certificates.crt
  fi
}

test_needs () {
  build_needs
  for lua in ${LUAS:-lua5.4 lua5.3 lua5.2 lua5.1 luajit}; do
    lua_needs "$lua"
    case "$skipped" in *"everything on $lua:"*) continue ;; esac
    need lua-busted has "$lua" busted.runner
    need lua-cqueues has "$lua" cqueues
    need lua-socket has "$lua" socket
    need lua-readline has "$lua" readline
  done
  need nginx-light have nginx
  case " ${LUAS:-luajit} " in
    *" luajit "*)
      need libnginx-mod-http-lua nginx_has_lua
      wish redis-server "limits in Redis" have redis-server
      wish lua-nginx-redis "limits in Redis" has_resty_redis
      ;;
  esac
  need openssl have openssl
  need python3 python3 -c 'import ssl, threading'
}

lint_needs () {
  build_needs
  need lua-check have luacheck
  docs_needs
}

docs_needs () {
  need lua5.4 have lua5.4
  need lua-ldoc have ldoc
  need cmark-gfm have cmark-gfm
}

site_needs () {
  docs_needs
  need python3-venv python3 -c 'import venv, ensurepip'
}

rock_needs () {
  build_needs
  for lua in ${LUAS:-lua5.4 lua5.3 lua5.1 luajit}; do
    lua_needs "$lua"
    case "$skipped" in *"everything on $lua:"*) continue ;; esac
    need lua-busted has "$lua" busted.runner
  done
  need luarocks have luarocks
  need git have git
}

bench_needs () {
  build_needs
  lua_needs "${BENCH_LUA:-lua5.4}"
  need lua-socket has "${BENCH_LUA:-lua5.4}" socket
  lua_needs luajit
  if [ -n "${PEERS:-}" ]; then
    need python3-venv python3 -c 'import venv, ensurepip'
    wish lua-curl "a comparison with lua-curl" has luajit curl
    wish lua-copas "a comparison with copas" has luajit copas
    wish nodejs "a comparison with Node" node -e 'fetch'
    wish npm "a comparison with Node" have npm
  fi
  need nginx-light have nginx
  need libnginx-mod-http-lua nginx_has_lua
}

# What tools/sources.sh builds with.
sources_needs () {
  need gcc have "${CC:-cc}"
  need libc6-dev can_compile
  need make have make
  need pkg-config have pkg-config
  # Debian 12 has two; the older one cannot read today's index of crates.
  need "cargo-web|cargo" have cargo
  need cmake have cmake
  need m4 have m4
  need libuv1-dev pkg-config --exists libuv
  need libreadline-dev test -e /usr/include/readline/readline.h
  need libssl-dev pkg-config --exists openssl
  need libnghttp2-dev pkg-config --exists libnghttp2
  need zlib1g-dev pkg-config --exists zlib
  need lua-compat53-dev test -e /usr/include/lua5.1/compat-5.3.h
  need lua-busted has lua5.4 busted.runner
  need lua-cqueues has lua5.4 cqueues
  need lua-socket has lua5.4 socket
  need lua-readline has lua5.4 readline
  need lua-argparse has lua5.4 argparse
}

matrix_needs () {
  test_needs
  sources_needs
  wish love "the game scene" have love
  wish neovim "the plugin for Neovim" have nvim
  wish xvfb "the game scene in a window" have Xvfb
  wish xvfb "the game scene in a window" have xvfb-run
  wish xauth "the game scene in a window" have xauth
  wish strace "the system calls of the game scene" have strace
  need debootstrap have debootstrap
}

ci_needs () {
  rock_needs
  sources_needs
  lint_needs
  examples_needs
  wish cppcheck "static analysis" have cppcheck
  wish clang-tidy "static analysis" have clang-tidy
  wish clang "fuzzing, and the warnings of clang" have clang
  wish "$(clang_runtime)" "fuzzing" can_fuzz
  wish valgrind "the specs under valgrind" have valgrind
  wish libc6-dbg "the specs under valgrind" valgrind -q true
  need python3-venv python3 -c 'import venv, ensurepip'
  shells_needs
  windows_needs
  wish tarantool "the specs of Tarantool" have tarantool
  portable_needs
  musl_needs
  gateways_needs
  wire_needs
  need debootstrap have debootstrap
  analyser_needs
  need git have git
  need zip have zip
  need curl have curl
}

# The checks for macOS and the BSDs (python3-venv installs the compiler).
portable_needs () {
  test_needs
  need python3-venv python3 -c 'import venv, ensurepip'
  need clang have clang
  need lld have ld.lld
}

# A compiler for Windows, and Wine to run what it makes.
windows_needs () {
  build_needs
  need lua-busted has lua5.4 busted.runner
  wish gcc-mingw-w64-x86-64 "the library for Windows" have x86_64-w64-mingw32-gcc
  wish wine64 "the library for Windows" test -e /usr/lib/wine/wine64
  wish cmake "the library for Windows" have cmake
  wish cargo "the library for Windows" have cargo
}

# Exchanges over sockets: its server uses OpenSSL.
wire_needs () {
  test_needs
  need libssl-dev pkg-config --exists openssl
}

# What reads the manual pages and the completions.
shells_needs () {
  lua_needs lua5.4
  wish mandoc "mandoc's check of the manual pages" have mandoc
  wish groff-base "groff's check of the manual pages" test -e /usr/share/groff/current/tmac/doc.tmac
  wish bash-completion "completions in bash" test -e /usr/share/bash-completion/bash_completion
  wish zsh "completions in zsh" have zsh
  wish fish "completions in fish" have fish
}

# A Rust that can build the analyser of the editor types (tools/analyser.sh).
analyser_needs () {
  wish "cargo-web|cargo" "the check of the editor types" \
    sh tools/analyser.sh --rust
}

# The gateways of spec/gateways (python3-venv installs Envoy).
gateways_needs () {
  test_needs
  wish haproxy "HAProxy as a gateway" have haproxy
  wish caddy "Caddy as a gateway" have caddy
  need python3-venv python3 -c 'import venv, ensurepip'
}

# What builds for musl, the C library of Alpine Linux.
musl_needs () {
  test_needs
  sources_needs
  need musl-tools have musl-gcc
  need perl have perl
  need binutils have readelf
}

# The host programs of the examples.
love_needs () {
  build_needs
  lua_needs luajit
  need love have love
}

neovim_needs () {
  build_needs
  lua_needs luajit
  need neovim have nvim
}

openresty_needs () {
  build_needs
  lua_needs luajit
  need nginx-light have nginx
  need libnginx-mod-http-lua nginx_has_lua
}

examples_needs () {
  test_needs
  wish chromium "the chat page in a browser" have chromium
  wish chromium-driver "the chat page in a browser" have chromedriver
  wish love "the game scene" have love
  wish neovim "the plugin for Neovim" have nvim
  wish xvfb "the game scene in a window" have Xvfb
  wish xvfb "the game scene in a window" have xvfb-run
  wish xauth "the game scene in a window" have xauth
  wish strace "the system calls of the game scene" have strace
}

look () {
  missing='' skipped=''
  "${job}_needs"
}

say_skipped () {
  [ -z "$skipped" ] || printf '%s' "$skipped" | sed 's/^/predibase: skipped: /'
}

job=${1:-build}
apt_knows=
look
[ -n "$missing" ] || exit 0

if ! have apt-get >/dev/null; then
  echo "predibase: missing (names of Debian packages): $missing" >&2
  echo "predibase: please install them with this system's package manager" >&2
  exit 1
fi
as_root=
if [ "$(id -u)" -ne 0 ]; then
  as_root=sudo
  if ! have sudo >/dev/null; then
    echo "predibase: as root, please run: apt-get install $missing" >&2
    exit 1
  fi
fi
mkdir -p build
echo "predibase: asking apt which packages this system has"
$as_root sh tools/apt-install.sh >build/setup.log 2>&1 || :
apt_knows=yes
look
say_skipped
[ -n "$missing" ] || exit 0
packages=
for names in $missing; do
  # If apt knows none of the names, let apt report that.
  packages="${packages:+$packages }$(choose "$names" || echo "${names%%|*}")"
done
echo "predibase: installing through apt: $packages"
# The log contains the complete output of apt; the terminal shows the progress.
{
  # shellcheck disable=SC2086 # a list of words
  $as_root sh tools/apt-install.sh $packages 2>&1 && echo "all is installed"
} | tee build/setup.log | awk '
  / newly installed/ { of = $3 }
  /^Setting up / { n++; if (n % 40 == 0) { printf "  %d of %d packages set up\n", n, of; fflush() } }'
if ! tail -n 1 build/setup.log | grep -qx "all is installed"; then
  cat build/setup.log >&2
  echo "predibase: apt-get failed, see above" >&2
  exit 1
fi
look
if [ -n "$missing" ]; then
  echo "predibase: still missing after the installation: $missing" >&2
  exit 1
fi
