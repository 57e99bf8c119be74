#!/bin/sh
# SPDX-License-Identifier: MIT
# Streams an answer to the terminal, from Predibase or the server that
# PREDIBASE_BASE_URL names. If the environment names neither, this script starts
# the stand-in server and stops it at the end.
# usage: sh tools/demo.sh LUA
set -eu
cd "$(dirname "$0")/.."
lua=${1:-lua5.4}
eval "$(make -s env LUA="$lua")"
prompt=${PROMPT:-"Tell me a story about a lighthouse."}
paragraph='
'

if [ -z "${PREDIBASE_API_TOKEN:-}" ] && [ -z "${PREDIBASE_BASE_URL:-}" ]; then
  . tools/stand-in.sh
  start_stand_in
  echo "predibase: asking the stand-in server at $PREDIBASE_BASE_URL" \
    "(set PREDIBASE_API_TOKEN to ask Predibase)"
  # The stand-in server does not end its text by itself: stop after a paragraph.
  set -- --stop "$paragraph"
else
  set --
fi
echo "> $prompt"
predibase generate --max-new-tokens 400 --seed 7 "$@" --stats "$prompt"
cat <<END

That was a stream of tokens. What to try next:
  eval "\$(make -s env)"         makes lua5.4 and predibase in this shell use the checkout
  predibase mock &              starts the stand-in server; run the line that it prints
  lua5.4 examples/stream.lua    streams an answer in Lua; README.md explains it
  make test                     runs the tests, in about five minutes
END
