#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs what docs/shipping.md says, in folders below build/shipping: a plugin in
# Neovim, a game in LÖVE, a rock, and the parts of the Dockerfile that need no
# container. Clones come from a repository of the checkout as it is.
# usage: bash tools/shipping.sh
set -euo pipefail
cd "$(dirname "$0")/.."
top=$PWD
out=$top/build/shipping
rm -rf "$out"
mkdir -p "$out/repositories/predibase" "$out/bin" "$out/home"

# --- what the commands of the page find --------------------------------------

repository () {
  git -C "$1" init -q
  git -C "$1" add -A
  git -C "$1" -c user.name=test -c user.email=test@localhost commit -q -m test
}
tar -cf - --exclude=./build --exclude=./.git . | tar -xf - -C "$out/repositories/predibase"
repository "$out/repositories/predibase"
export GIT_CONFIG_COUNT=1 GIT_CONFIG_VALUE_0=https://github.com/predibase-lua/predibase.git
export GIT_CONFIG_KEY_0="url.file://$out/repositories/predibase.insteadOf"

# Neovim's packages and settings.
export XDG_DATA_HOME=$out/home/data XDG_CONFIG_HOME=$out/home/config XDG_STATE_HOME=$out/home/state

# LÖVE draws in a window of a screen that nobody sees.
cat >"$out/bin/love" <<END
#!/bin/sh
ALSOFT_DRIVERS=null LIBGL_ALWAYS_SOFTWARE=1 exec xvfb-run -a $(command -v love) "\$@"
END
chmod +x "$out/bin/love"

# LuaRocks asks no server; the system has what the rock needs.
cat >"$out/luarocks.lua" <<END
rocks_servers = {}
rocks_provided = { ["lua-cjson"] = "2.1.0-1", ["argparse"] = "0.7.1-1" }
END
export LUAROCKS_CONFIG=$out/luarocks.lua

PATH=$out/bin:$PATH ONLY_INSTALLED=1 bash tools/readme.sh docs/shipping.md

# --- what the page says, and its commands do not show ------------------------

passed=0 failed=0
check () {
  local name=$1
  shift
  if "$@" >"$out/check.log" 2>&1; then
    echo "$name: ok"
    passed=$((passed + 1))
  else
    cat "$out/check.log"
    echo "$name: FAILED"
    failed=$((failed + 1))
  fi
}

programs=$top/build/readme/programs/docs_shipping_md

builds_in_neovim () {
  cp -r "$programs/haiku.nvim" "$out/repositories"
  repository "$out/repositories/haiku.nvim"
  mkdir -p "$out/plugins"
  env -u LUA_PATH -u LUA_CPATH SPEC="$programs/spec.lua" REPOSITORIES="$out/repositories" \
    PLUGINS="$out/plugins" timeout 120 nvim --headless -u NONE \
    -c "luafile $top/spec/shipping/lazy.lua"
}

lints () {
  local python
  python=$(sh tools/python-clients.sh spec/shipping)
  "$(dirname "$python")/hadolint" examples/openresty/Dockerfile
}

shows_the_dockerfile () {
  sed 1d examples/openresty/Dockerfile >"$out/Dockerfile"
  sed -n '/^```dockerfile$/,/^```$/p' docs/shipping.md | sed '1d;$d' | diff - "$out/Dockerfile"
}

# The first RUN, with other folders, and then the page with what it has built.
serves_the_page () {
  local site=$out/srv command port pid code=1
  cp -r "$out/repositories/predibase" "$out/src"
  cp -r examples/openresty "$site"
  command=$(sed -n '/^RUN make/,/[^\\]$/p' examples/openresty/Dockerfile | sed 's/^RUN//' |
    sed -e "s|/src|$out/src|; s|=/out|=$out/lualib|" \
      -e "s|-I/usr/local/openresty[^ ]*|$(pkg-config --cflags luajit)|")
  # No pkg-config: the image has none.
  PKG_CONFIG=false sh -c "$command"
  [ "$(cd "$out/lualib" && find . -name '*.so' | sort)" = "./predibase/json_text.so
./predibase/sse.so
./predibase/text_filter.so" ]
  port=$(lua5.4 -e 'local tcp = require "luv".new_tcp()
    tcp:bind("127.0.0.1", 0) print(tcp:getsockname().port)')
  # OpenResty finds what is in its own folder without these paths.
  sed -i -e "s/listen 127.0.0.1:8080/listen 127.0.0.1:$port/" \
    -e "s|lua_package_path \"|&$out/lualib/?.lua;$out/lualib/?/init.lua;|" \
    -e "s|^    lua_shared_dict|    lua_package_cpath \"$out/lualib/?.so;;\";\n&|" \
    "$site/nginx.conf"
  # What only Debian's nginx, started by root, needs.
  if [ -d /usr/lib/nginx/modules ]; then ln -s /usr/lib/nginx/modules "$site/modules"; fi
  if [ "$(id -u)" -eq 0 ]; then sed -i '1i user root;' "$site/nginx.conf"; fi
  PATH=$PATH:/usr/sbin sh "$site/start.sh" nginx &
  pid=$!
  if curl -sSf --retry 20 --retry-connrefused --retry-delay 1 -o "$out/page" \
    "http://127.0.0.1:$port/" && grep '<title>' "$out/page" &&
    curl -sSN -o "$out/answer" "http://127.0.0.1:$port/api/chat" \
      -H 'content-type: application/json' \
      -d '{"messages":[{"role":"user","content":"What is your name?"}]}' &&
    grep '"text":"' "$out/answer"; then
    code=0
  fi
  kill "$pid"
  wait "$pid" || :
  return $code
}

eval "$(make -s env LUA=lua5.4)"
. tools/stand-in.sh
start_stand_in
check "lazy.nvim's build, in Neovim" builds_in_neovim
check "the Dockerfile passes hadolint" lints
check "the page shows the Dockerfile" shows_the_dockerfile
check "the image's commands and its start" serves_the_page
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
