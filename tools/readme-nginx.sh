#!/bin/sh
# SPDX-License-Identifier: MIT
# Checks an nginx.conf from the guide, or a part of one, with nginx -t, and the
# Lua code in it with luajit. A part without `http` is put into an http block,
# and also into a server block if it contains no server. Certificates are
# generated for the check.
# usage: sh tools/readme-nginx.sh FILE
set -eu
PATH=$PATH:/usr/sbin
file=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

luajit - "$file" <<'LUA'
for body in io.open(arg[1]):read "*a":gmatch "_by_lua_block (%b{})" do
  assert(loadstring(body:sub(2, -2)))
end
LUA

before= after=
if ! grep -q '^http {' "$file"; then
  before='http {' after='}'
  if ! grep -q '^ *server {' "$file"; then
    before='http { server {' after='} }'
  fi
fi
if grep -q ssl_certificate "$file"; then
  openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -days 1 \
    -keyout "$folder/key" -out "$folder/certificate" 2>"$folder/openssl"
fi
{
  for module in ndk_http ngx_http_lua; do
    for folder_of in /usr/lib/nginx /usr/lib64/nginx /usr/local/nginx; do
      so=$folder_of/modules/${module}_module.so
      [ ! -e "$so" ] || echo "load_module $so;"
    done
  done
  echo "pid $folder/pid; events { }"
  echo "$before"
  # Use the generated certificate instead of the files that the guide names.
  sed -e "s|\(ssl_certificate_key\) [^;]*|\1 $folder/key|" \
    -e "s|\(ssl_certificate\) [^;]*|\1 $folder/certificate|" "$file"
  echo "$after"
} >"$folder/nginx.conf"
nginx -t -q -p "$folder" -e stderr -c "$folder/nginx.conf"
