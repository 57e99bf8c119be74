-- SPDX-License-Identifier: MIT
--- Adds members to JSON objects and removes them, without decoding the others: their order, digits
-- and white space stay. The texts must have been decoded successfully before.
-- @module predibase.bulk.records.object_text

local json = require "predibase.json"

local M = {}

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
  local list = json.members(object)
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

return M
