#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes a release of this checkout, with its uncommitted changes, in a copy of it,
# and checks what the release leaves there. Also checks that a release that
# cannot be made changes nothing.
# usage: sh tools/rehearsal.sh LUA...
set -u
cd "$(dirname "$0")/.."
top=$PWD
copy=$top/build/rehearsal
. tools/checks.sh

run_git () {
  git -c user.name=rehearsal -c user.email=rehearsal@localhost "$@"
}

# A checkout of its own with one commit. The changelog gets an entry, because it
# has none directly after a release.
make_copy () {
  rm -rf "$copy"
  mkdir -p "$copy"
  tar -cf - --exclude=./build --exclude=./.git . | tar -xf - -C "$copy"
  cd "$copy" || exit 1
  sed -i '0,/^## \[Unreleased\]$/s//&\n\n### Added\n\n- A rehearsal./' CHANGELOG.md
  run_git init -q
  run_git add -A
  run_git commit -q -m "rehearsal"
}

# A candidate for the major version after that of the library: newer than all
# others, and with two ways to write it.
next_version () {
  sed -n 's/^return "\([0-9]*\)\..*/\1/p' lua/predibase/version.lua |
    awk '{ print $1 + 1 ".0.0-rc.1" }'
}

is_untouched () { [ -z "$(git status --porcelain)" ] || { git status --porcelain; return 1; }; }

# refuses TEXT COMMAND...: the command fails, says the text, and changes nothing.
refuses () {
  wanted=$1
  shift
  ! "$@" >"$copy.out" 2>&1 && grep -qF "$wanted" "$copy.out" && is_untouched ||
    { cat "$copy.out"; return 1; }
}

# A release that fails late: the rock does not build.
fails_late () {
  echo '#error "rehearsal"' >>src/lua_sse.c
  run_git commit -q -a -m "break it"
  refuses "the checkout is as it was" \
    env ROCK_LUAS=lua5.4 make -s release VERSION="$version" || return 1
  run_git reset -q --hard HEAD^
}

dirty_is_refused () {
  echo >>README.md
  ! make -s release VERSION="$version" >"$copy.out" 2>&1 &&
    grep -q "commit or remove these changes first" "$copy.out" || return 1
  run_git checkout -q README.md
}

staged_is () {
  git status --porcelain >"$copy.out"
  cat "$copy.out"
  {
    printf '%s\n' "M  CHANGELOG.md" "M  lua/predibase/version.lua" \
      "A  rockspecs/predibase-$(lua5.4 tools/release.lua --rock-version "$version")-1.rockspec"
    printf 'M  %s\n' share/man/man1/*.1
    echo "M  src/version.h"
  } | cmp - "$copy.out"
}

# The tarball of another clone of the same commit has the same bytes.
same_tarball () {
  rm -rf "$copy.again"
  git clone -q . "$copy.again" &&
    (umask 077 && cd "$copy.again" && ROCK_LUAS=none DRY_RUN=1 make -s release VERSION="$version") &&
    cmp "build/release/$version/predibase-$version.tar.gz" \
      "$copy.again/build/release/$version/predibase-$version.tar.gz" &&
    cd "$copy.again" && is_untouched && cd "$copy" && rm -rf "$copy.again"
}

tracked_only () {
  git ls-files | sed "s|^|predibase-$version/|" | LC_ALL=C sort >"$copy.out"
  tar -tzf "build/release/$version/predibase-$version.tar.gz" | LC_ALL=C sort |
    diff "$copy.out" -
}

LUAS="$*" sh tools/setup.sh rock || exit 1
for lua; do
  command -v "$lua" >/dev/null || { echo "$lua is not installed"; echo "1 skipped"; }
done
make_copy
version=$(next_version)
check "a version that is not newer is refused" \
  refuses "is older than the version of the library" make -s release VERSION=0.0.1
check "a checkout with changes is refused" dirty_is_refused
check "a release that fails late changes nothing" fails_late
ROCK_LUAS="$*" make -s release VERSION="$version" || failed=$((failed + 1))
check "the changed files are staged, nothing else is left" staged_is
run_git commit -q -m "release: $version"
check "the tarball has exactly the files of the commit" tracked_only
check "the copies of the version agree" lua5.4 tools/release.lua --check
check "the manual pages are those of the version" lua5.4 tools/pages.lua --check
run_git reset -q --hard HEAD^
check "the tarball has the same bytes in another clone" same_tarball
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
