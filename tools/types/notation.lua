-- SPDX-License-Identifier: MIT
-- The types in LDoc comments, as the files of LuaLS write them, for tools/types.lua.

local comments = dofile "tools/docs/comments.lua"

local M = {}

--- Returns a type of a comment as LuaLS writes it. `names` replaces names of a variant.
function M.luals (text, names)
  local parts = {}
  -- What stands in quotes is a value.
  for outside, quoted in (text .. '""'):gmatch '([^"]*)("[^"]*")' do
    outside = outside:gsub("%f[%w_.]%u%w*", function (name)
      return "predibase." .. (names and names[name] or name)
    end)
    parts[#parts + 1] = outside .. quoted
  end
  parts[#parts] = parts[#parts]:sub(1, -3)
  return (table.concat(parts):gsub(":", ": "):gsub(",", ", "))
end

--- Returns a type to which nil is added.
function M.optional (text)
  if text == "any" or text:find "%?$" then return text end
  return (text:find "[|]" or text:find "^fun%(") and "(" .. text .. ")?" or text .. "?"
end

--- Joins the types of several groups in one union. Returns it, and whether nil is part of it.
function M.union (types)
  local known, list, has_nil = {}, {}, false
  for _, text in ipairs(types) do
    local plain = text:match "^%((.*)%)%?$" or text:match "^(.*)%?$"
    if plain then text, has_nil = plain, true end
    if text == "nil" then
      has_nil = true
    elseif not known[text] then
      known[text] = true
      list[#list + 1] = text
    end
  end
  return #list == 0 and "nil" or table.concat(list, "|"), has_nil
end

--- Returns a union without the types in a set.
function M.without (text, set)
  local left = {}
  for _, member in ipairs(comments.members(text)) do
    if not set[member] then left[#left + 1] = member end
  end
  return #left > 0 and table.concat(left, "|") or text
end

--- Returns the types in the overloads of a comment: the name of a parameter, or the position of a
-- result -> set of types.
function M.overloaded (tags)
  local types = setmetatable({}, { __index = function () return {} end })
  local function add (key, text)
    local set = rawget(types, key) or {}
    set[text:gsub("%?$", "")], types[key] = true, set
  end
  for _, tag in ipairs(tags) do
    if tag.tag == "overload" then
      local parameters, results = tag.text:gsub("%s", ""):match "^fun%((.-)%):(.*)$"
      for name, text in parameters:gmatch "([%w_]+):([^,]+)" do add(name, text) end
      results = results:match "^%((.*)%)$" or results
      local i = 0
      for text in results:gmatch "[^,]+" do
        i = i + 1
        add(i, text)
      end
    end
  end
  return types
end

return M
