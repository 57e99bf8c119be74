#!/bin/sh
# SPDX-License-Identifier: MIT
# Prints the nginx.conf of the relay benchmark: /relay uses predibase.resty,
# /proxy passes on the same stream with nginx's own proxy_pass, and /warm relays
# a short stream.
# usage: sh bench/gateway.sh URL WARM-URL STREAMS
# URL is the part of the URL before /generate_stream.
set -eu
url=$1
warm=$2
streams=$3
for folder in /usr/lib/nginx/modules /usr/lib64/nginx/modules \
    /usr/local/nginx/modules; do
  [ -e "$folder/ngx_http_lua_module.so" ] || continue
  echo "load_module $folder/ndk_http_module.so;"
  echo "load_module $folder/ngx_http_lua_module.so;"
  break
done
user=
[ "$(id -u)" -ne 0 ] || user="user root;"
cat <<CONF
daemon off;
worker_processes 1;
$user
pid nginx.pid;
error_log stderr warn;
worker_rlimit_nofile $((3 * streams + 64));
events { worker_connections $((3 * streams + 64)); }
http {
  access_log off;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  lua_package_path "$PWD/lua/?.lua;$PWD/lua/?/init.lua;/usr/share/lua/5.1/?.lua;;";
  lua_package_cpath "$PWD/build/luajit/?.so;;";
  init_by_lua_block {
    local predibase = require "predibase"
    relay = require "predibase.resty".relay
    client = assert(predibase.new { base_url = "$url", max_retries = 0 })
    warm = assert(predibase.new { base_url = "$warm", max_retries = 0 })
  }
  server {
    include listen.conf;
    lua_check_client_abort on;
    location = /relay {
      content_by_lua_block { relay(client:generate_stream "water") }
    }
    location = /pid { return 200 \$pid; }
    location = /warm {
      content_by_lua_block { relay(warm:generate_stream "water") }
    }
    location = /proxy {
      proxy_pass $url/generate_stream;
      proxy_http_version 1.1;
      proxy_buffering off;
      proxy_method POST;
      proxy_set_header Connection "";
      proxy_set_header Content-Type application/json;
      proxy_set_body '{"inputs":"water","parameters":{}}';
    }
  }
}
CONF
