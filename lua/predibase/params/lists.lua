-- SPDX-License-Identifier: MIT
--- Marks the empty lists of a JSON schema. A Lua table that is empty may be a list or an object,
-- and is written as an object; most JSON libraries do not tell the two apart when they read. In a
-- schema the keyword says which one it is.
-- @module predibase.params.lists

local encode = require "predibase.json.encode"
local json = require "predibase.json"

local M = {}

local function set(names)
  local made = {}
  for name in names:gmatch "%S+" do made[name] = true end
  return made
end

-- What stands behind the keywords of JSON Schema (draft 4 to 2020-12).
local LISTS = set "required enum type examples anyOf allOf oneOf prefixItems"
local LISTS_OF_SCHEMAS = set "anyOf allOf oneOf prefixItems items"
local LISTS_BY_NAME = set "dependentRequired"
local SCHEMAS_BY_NAME = set [[properties patternProperties $defs definitions dependentSchemas
  dependencies]]
local SCHEMAS = set [[items additionalItems additionalProperties unevaluatedItems
  unevaluatedProperties contains propertyNames not if then else]]

--- A copy whose members are what `change` makes of their names and values. The mark of an ordered
-- object or of a list stays.
local function changed(t, change, out)
  local ordered = json.is_object(t)
  out = out or {}
  for key, value in next, t do
    if ordered and type(value) == "table" then
      out[key] = { rawget(value, 1), change(rawget(value, 1), rawget(value, 2)) }
    else
      out[key] = change(key, value)
    end
  end
  return setmetatable(out, getmetatable(t))
end

local function list(value)
  if type(value) == "table" and next(value) == nil then return json.array {} end
  return value
end

local schema

local function each(change, seen)
  return function (_, value) return change(value, seen) end
end

local function member(seen)
  return function (name, value)
    if type(value) ~= "table" then return value end
    if LISTS[name] then value = list(value) end
    if LISTS_BY_NAME[name] then return changed(value, each(list)) end
    if SCHEMAS_BY_NAME[name] or LISTS_OF_SCHEMAS[name] and rawget(value, 1) ~= nil
      and not json.is_object(value) then
      return changed(value, each(schema, seen))
    end
    return SCHEMAS[name] and schema(value, seen) or value
  end
end

--- The copy of a schema. Each table is copied once, however often it is in there, even in itself.
function schema(value, seen)
  -- What is nested deeper is refused when it is written.
  if type(value) ~= "table" or seen.depth > encode.MAX_DEPTH then return value end
  if not seen[value] then
    seen[value], seen.depth = {}, seen.depth + 1
    changed(value, member(seen), seen[value])
    seen.depth = seen.depth - 1
  end
  return seen[value]
end

--- Marks the empty lists.
-- @tparam table value a schema
-- @treturn table a copy
function M.marked(value)
  return schema(value, { depth = 1 })
end

return M
