#!/bin/sh
# SPDX-License-Identifier: MIT
# Starts OpenResty with the page of this folder, as the main process of a
# container.
# usage: sh start.sh [NGINX]   (another nginx with Lua)
set -eu
cd "$(dirname "$0")"
mkdir -p logs
# nginx does not read /etc/resolv.conf.
awk '/^nameserver/ { print "resolver " ($2 ~ /:/ ? "[" $2 "]" : $2) ";"; exit }' \
  /etc/resolv.conf >resolver.conf
# Messages go to the log of the container.
exec "${1:-openresty}" -p "$PWD" -c nginx.conf \
  -g 'daemon off; error_log /dev/stderr warn;'
