-- SPDX-License-Identifier: MIT
--- Reads JSON and keeps what would be lost in Lua's tables and numbers: the order of keys, the form
-- `1.0`, and every digit of a large integer. So the schema of a tool is written into the prompt as
-- its author wrote it.
-- @module predibase.template.ordered

local json = require "predibase.json"

local M = {}

--- Deepest nesting, the same as in `predibase.json`.
M.MAX_DEPTH = 128

local read

local function space (text, i)
  return text:find("[^ \t\r\n]", i) or #text + 1
end

--- Returns a number: a Lua number if Lua would write it in the same way.
local function number (literal, i)
  if literal == "0" or #literal < 16 and literal:find("^%-?[1-9]%d*$") then
    return tonumber(literal)
  end
  local ok = json.check(literal)
  if not ok then return nil, ("no number at byte %d, or one that is too large"):format(i) end
  local value = json.decode(literal)
  if literal:find("[1-9]") and literal:find(".", 1, true) and json.encode(value) == literal then
    return value
  end
  return json.number(literal)
end

--- Reads the literal (a string, a number, true, false or null) at `i`. Returns it and the position
-- after it.
local function literal (text, i)
  if i > #text then return nil, "the text ends before the value" end
  local stop
  if text:sub(i, i) == '"' then
    stop = i + 1
    while true do
      stop = text:find('[\\"]', stop)
      if not stop then return nil, "a string without its end" end
      if text:sub(stop, stop) == '"' then break end
      stop = stop + 2
    end
  else
    stop = (text:find("[%s%]},:%[{\"]", i) or #text + 1) - 1
  end
  if stop < i then return nil, ("something unexpected at byte %d"):format(i) end
  if text:find("^[%-%d]", i) then
    local value, problem = number(text:sub(i, stop), i)
    return value, value == nil and problem or stop + 1
  end
  local list = json.decode("[" .. text:sub(i, stop) .. "]")
  if not list or list[1] == nil then return nil, ("no JSON at byte %d"):format(i) end
  return list[1], stop + 1
end

--- Reads the members between brackets. `member(i)` reads one and returns the position after it.
-- Returns the position after the closing bracket.
local function members (text, i, closing, member)
  i = space(text, i + 1)
  if text:sub(i, i) == closing then return i + 1 end
  while true do
    local after, problem = member(i)
    if not after then return nil, problem end
    i = space(text, after)
    local char = text:sub(i, i)
    if char == closing then return i + 1 end
    if char ~= "," then return nil, ("expected , or %s at byte %d"):format(closing, i) end
    i = space(text, i + 1)
  end
end

local function array (text, i, depth)
  local out = {}
  local stop, problem = members(text, i, "]", function (at)
    local value, after = read(text, at, depth + 1)
    if value == nil then return nil, after end
    out[#out + 1] = value
    return after
  end)
  if not stop then return nil, problem end
  return json.array(out), stop
end

local function object (text, i, depth)
  local out, places = {}, {}
  local stop, problem = members(text, i, "}", function (at)
    if text:sub(at, at) ~= '"' then return nil, ("expected a key at byte %d"):format(at) end
    local key, after = literal(text, at)
    if key == nil then return nil, after end
    at = space(text, after)
    if text:sub(at, at) ~= ":" then return nil, ("expected : at byte %d"):format(at) end
    local value
    value, after = read(text, space(text, at + 1), depth + 1)
    if value == nil then return nil, after end
    -- Of two equal keys, the last value is used, at the place of the first.
    local place = places[key] or #out + 1
    places[key], out[place] = place, { key, value }
    return after
  end)
  if not stop then return nil, problem end
  return json.object(out), stop
end

function read (text, i, depth)
  if depth > M.MAX_DEPTH then return nil, ("nested deeper than %d"):format(M.MAX_DEPTH) end
  local char = text:sub(i, i)
  if char == "[" then return array(text, i, depth) end
  if char == "{" then return object(text, i, depth) end
  return literal(text, i)
end

--- Reads a JSON text. Arrays and objects are made by `json.array` and `json.object`, `null` is
-- `json.null`, and a number that Lua would write in another way (`1.0`, an integer beyond 2^53) is
-- made by `json.number`. The members of an object can be read by their names; `tostring` returns
-- the spelling of such a number.
-- @tparam string text
-- @treturn[1] table|string|number|boolean the value
-- @treturn[2] nil
-- @treturn[2] string what is wrong with the text
function M.decode (text)
  local value, after = read(text, space(text, text:match("^\239\187\191()") or 1), 1)
  if value == nil then return nil, after end
  local rest = space(text, after)
  if rest <= #text then return nil, ("more text after the value at byte %d"):format(rest) end
  return value
end

--- Reads the value that begins at a byte of a text; the text after the value is not checked.
-- @tparam string text
-- @tparam integer at
-- @treturn[1] table|string|number|boolean the value
-- @treturn[1] integer the position after the value
-- @treturn[2] nil
-- @treturn[2] string what is wrong with the text
function M.at (text, at)
  return read(text, at, 1)
end

--- Converts what `decode` returned to plain tables and numbers.
-- @function plain
-- @param value
-- @return a new value; other values unchanged
M.plain = json.plain

return M
