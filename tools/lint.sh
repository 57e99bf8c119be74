#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs every check that does not execute the library: luacheck, the rockspec,
# the layout of the modules, sizes of files and functions, comments.
# usage: sh tools/lint.sh 'MODULE=SOURCES'... (from the Makefile)
set -u
cd "$(dirname "$0")/.."
sh tools/setup.sh lint || exit 1

. tools/checks.sh

# Files may have at most 600 lines, unless a line near the top says why the file
# is longer ("Longer than 600 lines: ..."). Lines may have at most 100 columns
# in Lua and 80 in C.
sizes () {
  find lua bin bench examples spec src tools -name '*.lua' -o -name '*.[ch]' |
    LC_ALL=C sort | LC_ALL=C awk '
      function bad(text) { print path ": " text; wrong = 1 }
      {
        path = $0
        inside = path ~ /^(lua|src)\//
        limit = 600
        width = path ~ /\.lua$/ ? 100 : 80
        lines = excused = 0
        while ((getline line < path) > 0) {
          lines++
          if (lines <= 12 && line ~ /Longer than 600 lines: ./) excused = 1
          shown = line
          gsub(/[\200-\277]/, "", shown)
          if (length(shown) > width && line !~ /^\/\* links:/) bad("line " lines " is too long")
          if (line ~ /[ \t]$/) bad("line " lines " ends with a blank")
          # Preprocessor lines may contain tabs.
          if (line ~ /\t/ && line !~ /^#/) bad("line " lines " has a tab")
        }
        close(path)
        if (inside && lines > limit && !excused) bad(lines " lines, limit " limit)
      }
      END { exit wrong }'
}

function_sizes () {
  find lua src bench tools examples bin -name '*.lua' -o -name '*.[ch]' -o -path bin/predibase |
    LC_ALL=C sort | xargs lua5.4 tools/check-functions.lua
}

# One way to write definitions: a space before the list of parameters.
dialect () {
  wrong=$(find lua bin bench examples spec tools -name '*.lua' | LC_ALL=C sort |
    xargs grep -nE '\bfunction( [A-Za-z_][A-Za-z0-9_.:]*)?\(' | grep -v '^[^:]*:[0-9]*: *--')
  [ -z "$wrong" ] || { echo "$wrong"; return 1; }
}

spdx () {
  missing=$(find lua src tools spec examples bench -name '*.lua' -o -name '*.[ch]' \
    -o -name '*.sh' | xargs grep -L 'SPDX-License-Identifier: MIT')
  [ -z "$missing" ] || { echo "no SPDX line: $missing"; return 1; }
}

# The types are compared with the modules, so the C modules have to be built.
complete_types () {
  make -s build LUA=lua5.4 && lua5.4 tools/check-types.lua
}

rock_lint () {
  if command -v luarocks >/dev/null; then
    luarocks --lua-version=5.4 lint predibase-scm-1.rockspec
  fi
}

check "luacheck" luacheck -q --no-color lua spec tools examples bench bin/predibase \
  .busted predibase-scm-1.rockspec
check "rockspec lists every module" \
  lua5.4 tools/check-rockspec.lua "$@"
check "rockspec passes luarocks lint" rock_lint
check "modules follow the layout rules" lua5.4 tools/graph.lua --check
check "every public function is documented" lua5.4 tools/check-docs.lua
check "the manual can be written" sh tools/docs.sh --source
check "the editor types are those of make types" lua5.4 tools/types.lua --check
check "the editor types are complete" complete_types
check "manual pages and completions are those of the options" lua5.4 tools/pages.lua --check
check "file sizes and line lengths" sizes
check "functions of at most 60 lines" function_sizes
check "one way to write definitions" dialect
check "one version, and the changelog" lua5.4 tools/release.lua --check
check "licence line in every file" spdx
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
