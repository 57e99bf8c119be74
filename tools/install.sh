#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs the built library, the command, its manual pages and completions, and
# the types for editors, or removes what it has installed.
# usage: sh tools/install.sh install|uninstall LUA, with BUILDDIR, DESTDIR,
# PREFIX, INSTALL_LMOD, INSTALL_CMOD and INSTALL_ZSH in the environment
# What was installed is listed in PREFIX/share/predibase/installed-ABI: files and
# folders, each without DESTDIR, so that a package can be built with DESTDIR and
# removed without it. A further installation removes what only an older version
# had; several Luas may share the command, the pages and the completions.
set -eu
cd "$(dirname "$0")/.."
action=$1 lua=$2
abi=$("$lua" -e 'print(_VERSION:match("%d%.%d"))')
lists=$DESTDIR$PREFIX/share/predibase
list=$lists/installed-$abi
bin=$PREFIX/bin
# Debian's zsh reads the files of packages from a folder of another name.
zsh=${INSTALL_ZSH:-$PREFIX/share/zsh/site-functions}
if [ "${INSTALL_ZSH:-}$PREFIX" = /usr ] && [ -e /etc/debian_version ]; then
  zsh=/usr/share/zsh/vendor-completions
fi
work=$(mktemp -d)
new=$work/new
trap 'rm -r "$work"' EXIT
[ -z "$DESTDIR" ] || mkdir -p "$DESTDIR"

# make_folder FOLDER: makes a folder, and lists those that did not exist.
make_folder () {
  [ ! -d "$DESTDIR$1" ] || return 0
  case $1 in */*) make_folder "${1%/*}" ;; esac
  mkdir "$DESTDIR$1"
  echo "folder $1" >>"$new"
}

# put MODE SOURCE TARGET
put () {
  make_folder "${3%/*}"
  install -m "$1" "$2" "$DESTDIR$3"
  echo "file $3" >>"$new"
}

# Prints what the lists of the other Luas name.
of_others () {
  for other in "$lists"/installed-*; do
    if [ "$other" != "$list" ] && [ -e "$other" ]; then cat "$other"; fi
  done
}

# Writes the command with the interpreter of this Lua in its first line.
put_command () {
  put 755 bin/predibase "$bin/predibase"
  sed "1s|.*|#!$1|" bin/predibase >"$DESTDIR$bin/predibase"
}

# remove OLD: removes what the list OLD names, except what the new list and those
# of other Luas name. Folders stay if they have other files; prints the lines of
# those that stay.
remove () {
  of_others >"$work/others"
  sort -r "$1" | grep -vxFf "$new" | grep -vxFf "$work/others" >"$work/gone" || :
  while IFS= read -r line; do
    case $line in "file "*) rm -f "$DESTDIR${line#file }" ;; esac
  done <"$work/gone"
  # The names are sorted backwards, so that a folder comes after those in it.
  while IFS= read -r line; do
    case $line in "folder "*) rmdir "$DESTDIR${line#folder }" 2>/dev/null || echo "$line" ;; esac
  done <"$work/gone"
}

install_all () {
  find lua -name '*.lua' | while IFS= read -r path; do
    put 644 "$path" "$INSTALL_LMOD/${path#lua/}"
  done
  for module in "$BUILDDIR/$lua/predibase/"*.so; do
    put 755 "$module" "$INSTALL_CMOD/predibase/${module##*/}"
  done
  find share -type f | while IFS= read -r path; do
    target=$PREFIX/$path
    case $path in share/zsh/*) target=$zsh/${path##*/} ;; esac
    put 644 "$path" "$target"
  done
  find types -type f | while IFS= read -r path; do
    put 644 "$path" "$PREFIX/share/predibase/$path"
  done
  put_command "$(command -v "$lua")"
  make_folder "$PREFIX/share/predibase"
  echo "lua $(command -v "$lua")" >>"$new"
}

case $action in
  install)
    : >"$new"
    install_all
    # Folders that an earlier installation made are still ours.
    if [ -e "$list" ]; then remove "$list" >"$work/folders" && cat "$work/folders" >>"$new"; fi
    sort -u "$new" >"$list"
    echo "predibase: installed for $lua in $DESTDIR$INSTALL_LMOD," \
      "$DESTDIR$INSTALL_CMOD and $DESTDIR$bin"
    ;;
  uninstall)
    if [ ! -e "$list" ]; then
      echo "predibase: nothing is installed for $lua below $DESTDIR$PREFIX:" \
        "there is no $list (give the same PREFIX and DESTDIR as to make install)" >&2
      exit 1
    fi
    : >"$new"
    mv "$list" "$work/old"
    remove "$work/old" >"$work/folders"
    # What several Luas share stays for another one, which runs the command now.
    for other in "$lists"/installed-*; do
      [ -e "$other" ] || continue
      sed "1s|.*|#!$(sed -n 's/^lua //p' "$other")|" bin/predibase >"$DESTDIR$bin/predibase"
      cat "$work/folders" >>"$other"
      break
    done
    echo "predibase: removed what was installed for $lua below $DESTDIR$PREFIX"
    ;;
  *)
    echo "usage: sh tools/install.sh install|uninstall LUA" >&2
    exit 64
    ;;
esac
