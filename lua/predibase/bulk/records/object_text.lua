-- SPDX-License-Identifier: MIT
--- Adds members to JSON objects and removes them, without decoding the others: their order, digits
-- and white space stay. The texts must have been decoded successfully before.
-- @module predibase.bulk.records.object_text

local json = require "predibase.json"

local M = {}

--- Returns the position of the last byte of the string that begins at `i`.
local function string_end (text, i)
  local at = text:find('["\\]', i + 1)
  while text:byte(at) == 92 do at = text:find('["\\]', at + 2) end
  return at
end

--- Returns the position after the value that begins at `i`, where a comma or brace follows.
local function value_end (text, i)
  local depth = 0
  local at = text:find('[%[%]{}",]', i)
  while true do
    local c = text:sub(at, at)
    if c == '"' then
      at = string_end(text, at)
    elseif c == "{" or c == "[" then
      depth = depth + 1
    elseif depth == 0 then
      return at
    elseif c ~= "," then
      depth = depth - 1
    end
    at = text:find('[%[%]{}",]', at + 1)
  end
end

--- Lists the members of a JSON object in their order.
-- @tparam string text
-- @treturn table array of `{ name, first, stop }` with the positions of the name's quote, and of
-- the comma or brace after the value
function M.members (text)
  local list = {}
  local first = text:find('["}]', text:find("{", 1, true) + 1)
  while text:byte(first) == 34 do
    local last = string_end(text, first)
    local stop = value_end(text, text:find("[^%s:]", last + 1))
    list[#list + 1] = { json.decode(text:sub(first, last)), first, stop }
    if text:byte(stop) == 125 then break end
    first = text:find('"', stop, true)
  end
  return list
end

--- Writes members before the closing brace of an object.
-- @tparam string object
-- @tparam string members as JSON, without braces
-- @treturn string
function M.with_members (object, members)
  local brace = object:byte(-1) == 125 and #object or object:find("}[ \t\r]*$")
  local comma = object:find("^%s*{%s*}") and "" or ","
  return object:sub(1, brace - 1) .. comma .. members .. object:sub(brace)
end

--- Removes the members of a name from the text of an object. If the member was added by
-- `with_members`, what remains is the text that the object had before.
-- @tparam string object
-- @tparam string unwanted
-- @treturn string
function M.without_member (object, unwanted)
  local list = M.members(object)
  for i = #list, 1, -1 do
    local name, first, stop = list[i][1], list[i][2], list[i][3]
    if name == unwanted then
      if i < #list then
        stop = list[i + 1][2]
      elseif i > 1 then
        first = list[i - 1][3]
      end
      object = object:sub(1, first - 1) .. object:sub(stop)
      return M.without_member(object, unwanted)
    end
  end
  return object
end

--- Writes a JSON text in one line: between tokens a line end becomes a space. Inside of strings,
-- JSON allows none; if there is one nevertheless, it is escaped.
-- @tparam string text
-- @treturn string
function M.one_line (text)
  if not text:find("[%z\1-\31]") then return text end
  local out, from = {}, 1
  local first = text:find('"', 1, true)
  while first do
    local last = string_end(text, first) or #text
    out[#out + 1] = text:sub(from, first - 1):gsub("%c", " ")
    out[#out + 1] = text:sub(first, last):gsub("[%z\1-\31]", function (c)
      return ("\\u%04x"):format(c:byte())
    end)
    from = last + 1
    first = text:find('"', from, true)
  end
  out[#out + 1] = text:sub(from):gsub("%c", " ")
  return table.concat(out)
end

return M
