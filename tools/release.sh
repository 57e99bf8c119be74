#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes a release: checks that it can be made; writes the version, the rockspec
# and the date into the files that have them; makes the tarball, the source rock
# and the binary rocks; installs the rocks and runs what a user runs.
# All of this happens in a clone in build/release/VERSION. Only when everything
# has passed, the changed files are put into the checkout and staged. Nothing is
# committed, tagged or uploaded.
# usage: sh tools/release.sh VERSION
# Environment:
#   LUAS      the interpreters for which binary rocks are made (lua5.4 lua5.3
#             lua5.1 luajit); none: only the tarball and the source rock
#   DATE      of the release, YYYY-MM-DD; today in UTC if empty
#   DRY_RUN   1: leave the checkout as it is
set -eu
cd "$(dirname "$0")/.."
top=$PWD
version=${1:-}
date=${DATE:-$(date -u +%Y-%m-%d)}
name=predibase-$version

stop () {
  echo "release: $*" >&2
  exit 1
}

say () { echo "release: $*"; }

check_checkout () {
  case $version in
    [0-9]*.[0-9]*.[0-9]*) ;;
    *) stop "which version? make release VERSION=1.2.3, or 1.2.3-rc.1" ;;
  esac
  git rev-parse --git-dir >/dev/null 2>&1 || stop "this is not a git checkout"
  changed=$(git status --porcelain)
  [ -z "$changed" ] || stop "commit or remove these changes first:
$changed"
  ! git rev-parse -q --verify "refs/tags/v$version" >/dev/null ||
    stop "the tag v$version exists already"
}

# The same bytes for the same commit, on every machine: names in a fixed order,
# no owner, one time and two modes. Only files that git knows are in it.
write_tarball () {
  time=$(git log -1 --format=%ct "$commit")
  (cd "$out/checkout" && git ls-files -z | LC_ALL=C sort -z |
    tar --null --no-recursion -T - --format=ustar --mtime="@$time" --owner=0 --group=0 \
      --numeric-owner --mode='u=rwX,go=rX' --transform="s|^|$name/|" -cf - |
    gzip -n -9) >"$1"
}

# luarocks takes the tarball from where the rockspec says, so it gets a copy of
# the rockspec that names the file here. The rock then gets the real one.
write_source_rock () {
  mkdir -p "$out/pack"
  sed "s|^  url = \".*\"|  url = \"file://$out/$name.tar.gz\"|" "$rockspec" \
    >"$out/pack/$rock.rockspec"
  (cd "$out" && luarocks --lua-version=5.4 pack "$out/pack/$rock.rockspec")
  cp "$rockspec" "$out/pack/$rock.rockspec"
  (cd "$out/pack" && zip -q "$out/$rock.src.rock" "$rock.rockspec")
}

installed_luas () {
  for lua in ${LUAS:-lua5.4 lua5.3 lua5.1 luajit}; do
    if [ "$lua" = none ]; then :
    elif command -v "$lua" >/dev/null; then echo "$lua"
    else echo "release: skipped: $lua is not installed" >&2; fi
  done
}

check_checkout
rock=predibase-$(lua5.4 tools/release.lua --rock-version "$version")-1
[ "${LUAS:-}" = none ] || sh tools/setup.sh rock
commit=$(git rev-parse HEAD)
out=$top/build/release/$version
trap 'status=$?; [ $status -eq 0 ] ||
  echo "release: stopped; the checkout is as it was, see $out" >&2' EXIT
rm -rf "$out"
mkdir -p "$out"
git clone -q "$top" "$out/checkout"
(
  cd "$out/checkout"
  git checkout -q --detach "$commit"
  lua5.4 tools/release.lua "$version" "$date"
  lua5.4 tools/pages.lua                # the manual pages contain version and date
  git add -A
  git diff --cached --binary >"$out/release.patch"
)
rockspec=$out/checkout/rockspecs/$rock.rockspec
say "the version, the rockspec, the changelog and the manual pages are written"

luarocks --lua-version=5.4 lint "$rockspec"
write_tarball "$out/$name.tar.gz"
write_tarball "$out/again.tar.gz"
cmp "$out/$name.tar.gz" "$out/again.tar.gz" || stop "the tarball has other bytes each time"
rm "$out/again.tar.gz"
say "$(tar -tzf "$out/$name.tar.gz" | wc -l) files are in $name.tar.gz"
write_source_rock >"$out/pack.log" 2>&1 || { cat "$out/pack.log"; exit 1; }
say "$rock.src.rock is packed"

# shellcheck disable=SC2046 # a list of words
(cd "$out/checkout" && sh tools/rock.sh "$out" $(installed_luas))
(cd "$out" && sha256sum "$name.tar.gz" "$rock.src.rock" >SHA256SUMS)

if [ "${DRY_RUN:-}" = 1 ]; then
  say "all is in $out; DRY_RUN=1, so the checkout is as it was"
  exit 0
fi
[ -z "$(git status --porcelain)" ] && [ "$(git rev-parse HEAD)" = "$commit" ] ||
  stop "the checkout was changed in the meantime"
git apply --index "$out/release.patch"
cat <<END

release: $version is ready. What is left to do:

  .ci/run                                    # must end with 0 failed
  git commit -m 'release: $version'
  git tag -a v$version -m 'predibase $version'
  git push origin HEAD v$version
  Upload to the release v$version on the project's page:
    build/release/$version/$name.tar.gz
    build/release/$version/$rock.src.rock
    build/release/$version/SHA256SUMS
  luarocks upload rockspecs/$rock.rockspec

To undo it instead: git reset --hard
END
