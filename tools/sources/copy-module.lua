-- SPDX-License-Identifier: MIT
-- Copies a Lua file that an older Lua understands. Lua 5.5 refuses an assignment to the variable of
-- a `for`; the copy gets a local variable of the same name in that loop.
-- usage: LUA copy-module.lua FROM TO, with the Lua that shall run the copy
local from, to = arg[1], arg[2]
local compile = rawget(_G, "loadstring") or load

local function read (path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

local function lines_of (text)
  local lines = {}
  for line in (text .. "\n"):gmatch "([^\n]*)\n" do lines[#lines + 1] = line end
  return lines
end

--- Returns the number of the last line before `number` that begins a loop with this variable.
local function loop_before (lines, number, variable)
  for i = number, 1, -1 do
    local variables = lines[i]:match "^%s*for%s+([%w_,%s]-)%s*=" or
      lines[i]:match "^%s*for%s+([%w_,%s]-)%s+in%s"
    if variables and (" " .. variables:gsub(",", " ") .. " "):find(" " .. variable .. " ", 1, true)
      and lines[i]:find "%f[%w_]do%s*$" then
      return i
    end
  end
end

local lines = lines_of(read(from))
for _ = 1, 100 do
  local _, why = compile(table.concat(lines, "\n"), "=text")
  local number, variable =
    (why or ""):match "^text:(%d+): attempt to assign to const variable '(.-)'"
  if not number then break end
  local first = assert(loop_before(lines, tonumber(number), variable), from .. ": " .. why)
  lines[first] = lines[first] .. (" local %s = %s"):format(variable, variable)
end

local file = assert(io.open(to, "wb"))
assert(file:write(table.concat(lines, "\n")))
assert(file:close())
