#!/bin/sh
# SPDX-License-Identifier: MIT
# Serves the chat page of examples/openresty with a real nginx at
# http://127.0.0.1:PORT (8080 by default). The page uses Predibase or the server
# that PREDIBASE_BASE_URL names, or else the stand-in server. Ctrl-C stops it.
# usage: sh tools/demo-openresty.sh
set -eu
cd "$(dirname "$0")/.."
port=${PORT:-8080}
PATH=$PATH:/usr/sbin
eval "$(make -s env LUA=luajit)"

# A copy of the site, so that nginx writes nothing into the example's folder.
site=build/demo-openresty
rm -rf "$site"
mkdir -p "$site/logs"
cp -r examples/openresty/html examples/openresty/lua "$site"
# Debian's configuration loads modules relative to the site's folder.
[ ! -d /usr/lib/nginx/modules ] || ln -s /usr/lib/nginx/modules "$site/modules"
{
  # Started as root, nginx would run its workers as a user who may not be allowed
  # to read the checkout.
  [ "$(id -u)" -ne 0 ] || echo "user root;"
  sed -e "s|listen 127.0.0.1:8080|listen 127.0.0.1:$port|" \
    -e "s|lua_package_path \"|&$PWD/lua/?.lua;$PWD/lua/?/init.lua;|" \
    -e "s|^    lua_shared_dict|    lua_package_cpath \"$LUA_CPATH\";\n&|" \
    examples/openresty/nginx.conf
} >"$site/nginx.conf"
awk '/^nameserver/ { print "resolver " ($2 ~ /:/ ? "[" $2 "]" : $2) ";"; exit }' \
  /etc/resolv.conf >"$site/resolver.conf"

if [ -z "${PREDIBASE_API_TOKEN:-}" ] && [ -z "${PREDIBASE_BASE_URL:-}" ]; then
  . tools/stand-in.sh
  start_stand_in
  echo "predibase: the page asks the stand-in server at $PREDIBASE_BASE_URL" \
    "(set PREDIBASE_API_TOKEN to ask Predibase)"
else
  stop_stand_in () { :; }
fi
echo "predibase: open http://127.0.0.1:$port, and press Ctrl-C here to end"

# In the background, because a shell runs its traps only after a foreground
# program has ended.
nginx -p "$PWD/$site" -c nginx.conf -e stderr -g 'daemon off;' &
nginx_pid=$!
finish () {
  kill "$nginx_pid" 2>/dev/null || :
  wait "$nginx_pid" || :
  stop_stand_in
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
wait "$nginx_pid"
