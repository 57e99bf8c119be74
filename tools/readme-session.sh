#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs code blocks as a reader would, in their order: all sh blocks in one shell,
# each lua block as a program. When a block starts a background process, waits
# until the process prints that it is ready, and ends it at the end. Stops at
# the first block that fails, and prints it.
# usage: sh tools/readme-session.sh BLOCK...
# LUA in the environment is the interpreter (lua5.4).
set -eu
started='' reading=''

finish () {
  status=$?
  for pid in $started; do kill "$pid" 2>/dev/null || :; done
  if [ "$status" -ne 0 ]; then
    cat "$reading" "$reading.log"
    echo "$reading: FAILED"
  fi
}
trap finish EXIT

await () {
  tries=0
  until grep -q '^export ' "$reading.log"; do
    [ "$tries" -lt 200 ] && kill -0 "$1"
    sleep 0.1
    tries=$((tries + 1))
  done
}

for reading; do
  case $reading in
    *.sh) . "$reading" >"$reading.log" 2>&1 </dev/null ;;
    *) timeout 120 "${LUA:-lua5.4}" "$reading" >"$reading.log" 2>&1 </dev/null ;;
  esac
  case " $started " in
    *" ${!:-none} "*) ;;
    *) if [ -n "${!:-}" ]; then
        started="$started $!"
        await "$!"
      fi ;;
  esac
  echo "$(head -n 1 "$reading" | sed 's/^[-#]* *//'): ok"
done
