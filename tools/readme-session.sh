#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs code blocks as one who reads would: in their order, the sh blocks in one
# shell that goes on, the lua blocks as programs. What a block starts in the
# background is waited for until it says that it is ready, as one sees, and is
# ended here. The first block that fails ends it all, and is shown.
# usage: sh tools/readme-session.sh BLOCK...
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
    *) timeout 120 lua5.4 "$reading" >"$reading.log" 2>&1 </dev/null ;;
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
