#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs the specs on every Lua, libcurl and host program to be had, and prints
# the results as a table in Markdown. The result of each row is kept in
# build/matrix, with its date, so that a row can be run again alone.
# usage: sh tools/matrix.sh [ROW]...    (all rows without arguments)
#        sh tools/matrix.sh --table     (prints the table of the kept results)
#        sh tools/matrix.sh --readme    (writes it into the README)
#        sh tools/matrix.sh --list      (the rows and their commands)
# Environment: SET, the set of specs for all rows of a Lua; tools/matrix-row.sh
# describes the sets, and the table names them.
# A row is any command that prints, for each line of the table,
#   matrix: LUA OR PROGRAM | LIBCURL | SYSTEM | WHICH TESTS
#   N skipped                           (may be missing)
#   N passed, N failed
set -eu
cd "$(dirname "$0")/.."
kept=build/matrix/results

rows () {
  cat <<'END'
lua5.5         sh tools/matrix-row.sh lua5.5 system ${SET:-all}
lua5.4         sh tools/matrix-row.sh lua5.4 system ${SET:-all}
lua5.3         sh tools/matrix-row.sh lua5.3 system ${SET:-most}
lua5.2         sh tools/matrix-row.sh lua5.2 system ${SET:-all}
lua5.1         sh tools/matrix-row.sh lua5.1 system ${SET:-most}
luajit         sh tools/matrix-row.sh luajit system ${SET:-all}
luajit-newest  sh tools/matrix-row.sh luajit-newest system ${SET:-most}
lua5.4-curl-newest  sh tools/matrix-row.sh lua5.4 newest ${SET:-network}
luajit-curl-newest  sh tools/matrix-row.sh luajit newest ${SET:-network}
lua5.4-curl-oldest  sh tools/matrix-row.sh lua5.4 oldest ${SET:-network}
luajit-curl-oldest  sh tools/matrix-row.sh luajit oldest ${SET:-network}
windows        sh tools/windows.sh test
hosts          sh tools/matrix-host.sh nginx neovim love
hosts-13       TEST='sh tools/matrix-host.sh nginx neovim' sh tools/debian.sh trixie
hosts-testing  TEST='sh tools/matrix-host.sh neovim' sh tools/debian.sh testing
END
}

# Reads the output of a row, prints its lines of the table.
lines_of () {
  awk -v date="$(date +%Y-%m-%d)" '
    function flush() {
      if (named == "") return
      counts = failed == "" ? "did not end |" : passed " | " failed
      printf "| %s | %s | %s | %s |\n", named, counts, skipped, date
      named = ""
    }
    /^matrix: / { flush(); named = substr($0, 9); skipped = 0; passed = failed = "" }
    /^[0-9]+ skipped$/ { skipped = $1 }
    /^[0-9]+ passed, [0-9]+ failed/ { passed = $1; failed = $3 }
    END { flush() }' "$1"
}

table () {
  echo "| Lua or program | libcurl | system | tests | passed | failed | skipped | date |"
  echo "|---|---|---|---|---|---|---|---|"
  rows | while read -r name _; do
    [ ! -e "$kept/$name.lines" ] || cat "$kept/$name.lines"
  done
}

# Replaces what stands between two comments in the README.
write_readme () {
  table >build/matrix/table.md
  awk '
    /^<!-- end of the matrix -->/ { inside = 0 }
    !inside { print }
    /^<!-- matrix/ {
      inside = 1
      while ((getline line < "build/matrix/table.md") > 0) print line
    }' README.md >build/matrix/README.md
  cat build/matrix/README.md >README.md
}

run_row () {
  command=$(rows | sed -n "s/^$1  *//p")
  [ -n "$command" ] || { echo "predibase: no row $1; --list lists them" >&2; exit 64; }
  echo "predibase: $1: $command"
  log=build/matrix/$1.log status=0
  # The exit status says less than the counts, which stand in the output.
  { sh -c "$command" 2>&1 || echo "matrix row $1: exit status $?"; } </dev/null |
    tee "$log" | grep -v '^[^ ]*: [0-9]* of [0-9]* specs .*passed\( in [0-9]* s\)\{0,1\}$' || :
  lines_of "$log" >"$kept/$1.lines"
  [ -s "$kept/$1.lines" ] || {
    echo "matrix row $1: no result"
    return 1
  }
  # In a line of the table, the sixth field is the number of failures.
  awk -F' *[|] *' '$7 != "0" { bad = 1 } END { exit bad }' "$kept/$1.lines" || return 1
}

mkdir -p "$kept"
case ${1:-} in
  --list) rows; exit ;;
  --table) table; exit ;;
  --readme) write_readme; exit ;;
esac
[ $# -gt 0 ] || {
  # shellcheck disable=SC2046 # a list of words
  set -- $(rows | awk '{ print $1 }')
}
failed=0
for row; do run_row "$row" || failed=1; done
echo
table
exit $failed
