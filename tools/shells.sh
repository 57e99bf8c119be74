#!/bin/sh
# SPDX-License-Identifier: MIT
# Checks what make install gives a user besides the library: the manual pages,
# the completions in bash, zsh and fish, and that make uninstall removes it all.
# usage: sh tools/shells.sh LUA     (after make build)
set -u
cd "$(dirname "$0")/.."
sh tools/setup.sh shells || exit 1
lua=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
. tools/checks.sh
skipped=0

# lacks WHAT COMMAND: succeeds if the system lacks the command.
lacks () {
  command -v "$2" >/dev/null && return 1
  echo "$1: $2 is not installed"
  skipped=$((skipped + 1))
}

# make_here TARGET TREE [LUA]
make_here () {
  make -s "$1" LUA="${3:-$lua}" DESTDIR="$2" PREFIX=/opt/predi
}

# --- the pages --------------------------------------------------------------

mandoc_accepts () { mandoc -T lint -W warning share/man/man1/*.1; }

# groff reports what it does not understand on standard error only.
groff_accepts () {
  for page in share/man/man1/*.1; do groff -mdoc -ww -Tutf8 "$page" >/dev/null; done 2>"$work/groff"
  [ ! -s "$work/groff" ] || { cat "$work/groff"; return 1; }
}

# fits WIDTH: no line is wider, except those of commands, which are not divided,
# and the first and the last line, which have a form of their own.
fits () {
  backspace=$(printf '\010')
  for page in share/man/man1/*.1; do
    mandoc -T utf8 -O "width=$(($1 - 2))" "$page" | sed "s/.$backspace//g" |
      LC_ALL=C.UTF-8 awk -v most="$1" '
        /^[A-Z]/ { examples = /^EXAMPLES/ }
        NR > 1 && !examples && length($0) > most && !/^predibase / { print; bad = 1 }
        END { exit bad }' || { echo "in $page at $1 columns"; return 1; }
  done
}

# Each page that another one names exists, and so does one for each command.
pages_refer () {
  sed -n 's/^\.Xr \(.*\) 1.*/\1/p' share/man/man1/*.1 | sort -u | while read -r name; do
    [ -e "share/man/man1/$name.1" ] || { echo "no page $name"; exit 1; }
  done
}


check "manual pages and completions are those of the options" \
  lua5.4 tools/pages.lua --check
check "pages refer to pages that exist" pages_refer
if ! lacks "manual pages" mandoc; then
  check "mandoc has nothing to say about the pages" mandoc_accepts
  check "pages fit in 80 columns" fits 80
  check "pages fit in 40 columns" fits 40
fi
if ! lacks "manual pages" groff; then
  check "groff has nothing to say about the pages" groff_accepts
fi

# --- make install, make uninstall -------------------------------------------

# Installs into a tree that has a file already, in a folder of the library, too.
leaves_foreign_files () {
  tree="$work/with a blank/tree"
  make_here install "$tree" || return 1
  mkdir -p "$tree/opt/predi/etc"
  echo mine >"$tree/opt/predi/etc/mine"
  echo mine >"$tree/opt/predi/share/man/man1/mine.1"
  make_here uninstall "$tree" || return 1
  left=$(cd "$tree" && find . -type f | LC_ALL=C sort | tr '\n' ' ')
  [ "$left" = "./opt/predi/etc/mine ./opt/predi/share/man/man1/mine.1 " ] ||
    { echo "left: $left"; return 1; }
}

leaves_nothing () {
  tree="$work/empty"
  mkdir "$tree"
  make_here install "$tree" && make_here uninstall "$tree" || return 1
  [ -z "$(ls -A "$tree")" ] || { find "$tree"; return 1; }
}

# The older version has a module, a folder and a page that the new one lacks.
replaces_older_version () {
  tree="$work/older"
  old="$work/old checkout"
  mkdir "$old"
  cp -r Makefile lua bin share tools "$old"
  mkdir -p "$old/build" "$old/lua/predibase/gone"
  cp -r "build/$lua" "$old/build/"
  echo "return {}" >"$old/lua/predibase/gone/module.lua"
  echo old >"$old/share/man/man1/predibase-gone.1"
  (cd "$old" && BUILDDIR=build DESTDIR="$tree" PREFIX=/opt/predi INSTALL_LMOD=/opt/predi/lua \
    INSTALL_CMOD=/opt/predi/cmod sh tools/install.sh install "$lua") || return 1
  [ -e "$tree/opt/predi/lua/predibase/gone/module.lua" ] || return 1
  make_here install "$tree" && make_here install "$tree" || return 1
  [ ! -e "$tree/opt/predi/lua" ] && [ ! -e "$tree/opt/predi/cmod" ] &&
    [ -z "$(find "$tree" -name '*gone*')" ] || { find "$tree" -name '*gone*'; return 1; }
  fresh="$work/fresh"
  make_here install "$fresh" || return 1
  (cd "$tree" && find . | sort) >"$work/a"
  (cd "$fresh" && find . | sort) >"$work/b"
  diff "$work/a" "$work/b" || return 1
  make_here uninstall "$tree" && [ -z "$(ls -A "$tree")" ] || { find "$tree"; return 1; }
}

# Two Luas share the command, which stays until the second is removed.
shares_with_another_lua () {
  tree="$work/two"
  other=lua5.1
  make -s build LUA=$other && make_here install "$tree" && make_here install "$tree" $other &&
    make_here uninstall "$tree" $other || return 1
  head -n 1 "$tree/opt/predi/bin/predibase" | grep -q "$lua" || return 1
  [ -e "$tree/opt/predi/share/man/man1/predibase.1" ] || return 1
  [ ! -e "$tree/opt/predi/share/lua/5.1" ] || return 1
  make_here install "$tree" $other && make_here uninstall "$tree" || return 1
  head -n 1 "$tree/opt/predi/bin/predibase" | grep -q $other || return 1
  make_here uninstall "$tree" $other || return 1
  [ -z "$(ls -A "$tree")" ] || { find "$tree"; return 1; }
}

says_what_is_missing () {
  if make_here uninstall "$work/nowhere" 2>"$work/said"; then return 1; fi
  grep -q "nothing is installed for $lua" "$work/said"
}

check "make uninstall leaves an empty tree" leaves_nothing
check "make uninstall leaves the files of others" leaves_foreign_files
check "make install removes what only an older version had" replaces_older_version
if ! lacks "two Luas" lua5.1; then
  check "two Luas share the command and its pages" shares_with_another_lua
fi
check "make uninstall says when there is nothing to remove" says_what_is_missing

# --- the shells -------------------------------------------------------------

finds_page () {
  found=$(MANPATH="$work/installed/opt/predi/share/man" man -w predibase-batch-merge) &&
    [ "$found" = "$work/installed/opt/predi/share/man/man1/predibase-batch-merge.1" ]
}

make_here install "$work/installed" >/dev/null || exit 1
if ! lacks "manual pages" man; then check "man finds an installed page" finds_page; fi
echo "$passed passed, $failed failed"
echo "$skipped skipped"
status=0
python3 spec/shells/complete.py "$work/installed/opt/predi" || status=1
[ "$failed" -eq 0 ] && [ "$status" -eq 0 ]
