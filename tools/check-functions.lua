-- SPDX-License-Identifier: MIT
-- Finds functions that are too long. The lines of a function are counted from the line of its name
-- to its end. In Lua, a function inside another function is also checked by itself.
-- usage: lua5.4 tools/check-functions.lua FILE... (C if .c or .h, else Lua); prints each violation

local whole_file = dofile "tools/whole-file.lua"

local LIMIT = 60 -- lines: what fits on one screen

-- Words of Lua that begin a block, and those that end one. `for` and `while` have a `do`.
local OPENS = { ["function"] = true, ["do"] = true, ["if"] = true, ["repeat"] = true }
local CLOSES = { ["end"] = true, ["until"] = true }

-- Returns the position after the string or comment that begins at `at`, or nil if none does.
local function skip_lua (text, at)
  local comment = text:match("^%-%-()", at)
  local level, long = text:match("^%[(=*)%[()", comment or at)
  if long then
    local _, stop = text:find("]" .. level .. "]", long, true)
    return (stop or #text) + 1
  end
  if comment then return text:match("^[^\n]*()", comment) end
  local quote = text:match("^[\"']", at)
  if not quote then return nil end
  at = at + 1
  while at <= #text and text:sub(at, at) ~= quote do
    at = at + (text:sub(at, at) == "\\" and 2 or 1)
  end
  return at + 1
end

-- Calls `found` with the first and the last line of each function in a Lua text.
local function lua_functions (text, found)
  local at, line, blocks = 1, 1, {}
  while at <= #text do
    local next_at = skip_lua(text, at)
    local word = not next_at and text:match("^[%a_][%w_]*", at)
    if word then
      next_at = at + #word
      if OPENS[word] then
        blocks[#blocks + 1] = { word = word, line = line }
      elseif CLOSES[word] then
        local block = table.remove(blocks)
        if block.word == "function" then found(block.line, line) end
      end
    end
    next_at = next_at or at + 1
    line = line + select(2, text:sub(at, next_at - 1):gsub("\n", ""))
    at = next_at
  end
end

-- The same for a C text in the style of src/: a definition begins and ends in column 1.
local function c_functions (text, found)
  local number, first = 0, nil
  for line in text:gmatch("([^\n]*)\n") do
    number = number + 1
    if line:find("^}") then
      if first then found(first, number) end
      first = nil
    elseif line:find("^[%a_][^=]*%(") then
      first = number
    end
    if first and line:find(";%s*$") and line:find("^%S") then first = nil end -- a declaration
  end
end

local failures = 0
for _, path in ipairs(arg) do
  local text = whole_file.read(path)
  local functions = path:find("%.[ch]$") and c_functions or lua_functions
  functions(text, function (first, last)
    local lines = last - first + 1
    if lines <= LIMIT then return end
    failures = failures + 1
    print(("%s:%d: a function of %d lines, limit %d"):format(path, first, lines, LIMIT))
  end)
end
os.exit(failures == 0 and 0 or 1)
