#!/bin/sh
# SPDX-License-Identifier: MIT
# Streams an answer to the terminal: from Predibase (or the server named by
# PREDIBASE_BASE_URL) when the environment says which, else from the stand-in
# server, which is started here and stopped again.
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
  # Its language model does not know when to end: one paragraph is a story.
  set -- --stop "$paragraph"
else
  set --
fi
echo "> $prompt"
predibase generate --max-new-tokens 400 --seed 7 "$@" --stats "$prompt"
cat <<END

That was a stream of tokens. What to try next:
  eval "\$(make -s env)"         this shell's lua5.4 and predibase use the checkout
  predibase mock &              the stand-in server; paste the line that it prints
  lua5.4 examples/stream.lua    the same in Lua; README.md explains it
  make test                     the tests, in about five minutes
END
