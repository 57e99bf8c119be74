-- SPDX-License-Identifier: MIT
--- The messages about what the library needs, and how to install it.
-- @module predibase.requirements.advice

local M = {}

-- The version of Lua as LuaRocks and Alpine write it: "5.4".
local ABI = tostring(_VERSION):match "%d+%.%d+" or "5.4"

local HELP = {
  lua = {
    "Debian, Ubuntu: apt-get install lua5.4    Alpine: apk add lua5.4    macOS: brew install lua",
    "Run the program with that Lua, and install predibase for it.",
  },
  cjson = {
    "Debian, Ubuntu: apt-get install lua-cjson    Alpine: apk add lua" .. ABI .. "-cjson",
    "Elsewhere: luarocks --lua-version=" .. ABI .. " install lua-cjson",
  },
  argparse = {
    "Debian, Ubuntu: apt-get install lua-argparse    Alpine: apk add lua" .. ABI .. "-argparse",
    "Elsewhere: luarocks --lua-version=" .. ABI .. " install argparse",
  },
  libcurl = {
    "Debian, Ubuntu: apt-get install libcurl4-openssl-dev    Fedora: dnf install libcurl-devel",
    "Alpine: apk add curl-dev    macOS: brew install curl",
    "Then install predibase again.",
  },
  build = {
    'In a checkout of predibase: make build and eval "$(make -s env)", with LUA= the name of '
      .. "this Lua.",
    "Elsewhere: luarocks --lua-version=" .. ABI .. " install predibase",
  },
}

--- Returns a message.
-- @tparam string needed what is needed
-- @tparam string found what was found instead
-- @tparam string|string[] help what to do: lines, or the name of what is missing
-- @tparam ?string report the message of `require`; it is long, and so comes last
-- @treturn string
function M.message (needed, found, help, report)
  local lines = { "predibase needs " .. needed .. ".", "  Found: " .. found }
  for _, line in ipairs(HELP[help] or help) do lines[#lines + 1] = "  " .. line end
  if report then lines[#lines + 1] = "  The message of require: " .. report end
  return table.concat(lines, "\n")
end

return M
