-- SPDX-License-Identifier: MIT
-- Lists the Lua files that a program loads, and how long Lua takes to parse each, with warm caches.
-- In a new process it takes about twice as long.
-- usage: lua5.4 bench/loading.lua require|client|command       (make build first)

package.path = "./lua/?.lua;./lua/?/init.lua;" .. package.path
local abi = rawget(_G, "jit") and "luajit" or "lua" .. _VERSION:match "%d+%.%d+"
package.cpath = "./build/" .. abi .. "/?.so;" .. package.cpath

local ROUNDS = 50

-- What the command loads only after a failure. Nothing listens where it calls here, so they are
-- refused, for a list of what it loads when it succeeds.
local OF_FAILURES = {
  ["predibase.transport.curl.failure"] = true, ["predibase.cli.failures"] = true,
}

local function refuse_failures (name)
  if OF_FAILURES[name] then error "not listed" end
end

local PROGRAMS = {
  require = function () require "predibase" end,
  client = function ()
    local client = assert(require "predibase".new { base_url = "http://127.0.0.1:1",
      api_token = false, max_retries = 0 })
    assert(not client:generate_stream "x":next())
  end,
  command = function ()
    table.insert(rawget(package, "searchers") or rawget(package, "loaders"), 1, refuse_failures)
    require "predibase.host".makes_one_call = true
    local arguments = require "predibase.cli.command_line".parse { "generate", "--base-url",
      "http://127.0.0.1:1", "--no-token", "--max-retries", "0", "x" }
    require "predibase.cli"
    require "predibase.requirements".check(false, true)
    assert(not pcall(require "predibase.cli.generate_command".run, arguments))
  end,
}

--- Returns the text of the file of a module, or nil.
local function source_of (name)
  for template in package.path:gmatch "[^;]+" do
    local file = io.open((template:gsub("%?", (name:gsub("%.", "/")))), "rb")
    if file then
      local text = file:read "*a"
      file:close()
      return text
    end
  end
end

local program = PROGRAMS[arg[1]] or error "usage: loading.lua require|client|command"
local before = {}
for name in pairs(package.loaded) do before[name] = true end
program()
local list, microseconds, bytes = {}, 0, 0
for name in pairs(package.loaded) do
  local text = not before[name] and source_of(name)
  if text then
    local parse = rawget(_G, "loadstring") or load
    local began = os.clock()
    for _ = 1, ROUNDS do assert(parse(text, "@" .. name)) end
    local each = (os.clock() - began) / ROUNDS * 1e6
    list[#list + 1] = { name, each, #text }
    microseconds, bytes = microseconds + each, bytes + #text
  end
end
table.sort(list, function (a, b) return a[2] > b[2] end)
for _, entry in ipairs(list) do
  print(("%6.0f us %7d bytes  %s"):format(entry[2], entry[3], entry[1]))
end
print(("%d files, %d bytes, %.2f ms"):format(#list, bytes, microseconds / 1000))
