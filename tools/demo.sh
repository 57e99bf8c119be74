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

if [ -z "${PREDIBASE_API_TOKEN:-}" ] && [ -z "${PREDIBASE_BASE_URL:-}" ]; then
  . tools/stand-in.sh
  start_stand_in
  echo "predibase: asking the stand-in server at $PREDIBASE_BASE_URL" \
    "(set PREDIBASE_API_TOKEN to ask Predibase)"
fi
echo "> $prompt"
predibase generate --max-new-tokens 100 --seed 7 --stats "$prompt"
