-- SPDX-License-Identifier: MIT
--- Copies values of the program into values of a template.
--
-- A table is a list when its keys are 1 to n or `json.array` marked it, else a dict. Lua does not
-- keep the order of keys, but `json.object` does. The keys of other tables are read in the order in
-- which messages and tools are usually written (`role`, `type`, `function`, `name`, …), then
-- alphabetically. An empty table is a list, except under names that JSON schemas and tool calls use
-- for objects. Integers of Lua 5.3, and those that `json.number` made, keep every digit.
-- @module predibase.template.jinja.convert

local checks = require "predibase.value_checks"
local json = require "predibase.json"
local runtime = require "predibase.template.jinja.runtime"
local values = require "predibase.template.jinja.values"

local M = {}

local subtype = rawget(math, "type")

local ARRAY, OBJECT = getmetatable(json.array {}), getmetatable(json.object {})

local RANK, count = {}, 0
for name in ([[role type format function name enum items description properties required
  parameters arguments content]]):gmatch("%S+") do
  count = count + 1
  RANK[name] = count
end

local OBJECTS = { properties = true, parameters = true, arguments = true, ["function"] = true,
  definitions = true, ["$defs"] = true, schema = true }

local function by_rank (a, b)
  local x, y = RANK[a], RANK[b]
  if x and y then return x < y end
  if x or y then return x ~= nil end
  return a < b
end

--- Reads a number that keeps its spelling, as Python's `json.loads` does.
local function spelled (literal)
  if literal:find("[%.eE]") then return values.float(json.decode(literal)) end
  return values.integer(literal)
end

local function number (v)
  -- An integer of Lua 5.3 and newer may be one that no double holds exactly.
  if subtype and subtype(v) == "integer" and (v > runtime.INTEGER or v < -runtime.INTEGER) then
    return values.integer(("%d"):format(v))
  end
  if not checks.finite(v) then return nil, "a number that is not finite" end
  if v == math.floor(v) then
    if math.abs(v) > runtime.INTEGER then return values.float(v) end
    return v == 0 and 0 or v
  end
  return values.float(v)
end

local convert

local function list_of (t, n, depth)
  local out = {}
  for i = 1, n do
    local value, problem = convert(rawget(t, i), depth, nil)
    if problem then return nil, ("[%d]%s"):format(i, problem) end
    out[i] = value
  end
  return values.list(out, n)
end

local function pairs_of (t, depth)
  local made = values.dict()
  for i = 1, #t do
    local pair = rawget(t, i)
    local key = type(pair) == "table" and rawget(pair, 1)
    if type(key) ~= "string" then
      return nil, ": an ordered object with a member that is not a pair"
    end
    local value, problem = convert(rawget(pair, 2), depth, key)
    if problem then return nil, "." .. key .. problem end
    values.put(made, key, value)
  end
  return made
end

local function dict_of (t, depth)
  local keys = {}
  for key in next, t do
    if type(key) ~= "string" then
      return nil, ": a table with the key " .. checks.describe(key) .. " among others"
    end
    keys[#keys + 1] = key
  end
  table.sort(keys, by_rank)
  local made = values.dict()
  for _, key in ipairs(keys) do
    local value, problem = convert(rawget(t, key), depth, key)
    if problem then return nil, "." .. key .. problem end
    values.put(made, key, value)
  end
  return made
end

function convert (v, depth, name)
  local t = type(v)
  if t == "string" or t == "boolean" then return v end
  if json.literal(v) then return spelled(json.literal(v)) end
  if t == "number" then
    local made, problem = number(v)
    return made, problem and ": " .. problem
  end
  if v == nil or v == json.null then return values.NONE end
  if t ~= "table" then return nil, (": a %s cannot be given to a template"):format(t) end
  if depth > runtime.DATA then return nil, ": tables that are nested too deeply" end
  local meta = getmetatable(v)
  if meta == OBJECT then return pairs_of(v, depth + 1) end
  local empty = next(v) == nil
  if empty and meta ~= ARRAY then return OBJECTS[name] and values.dict() or values.list({}, 0) end
  local n, why = checks.array(v)
  if n then return list_of(v, n, depth + 1) end
  if rawget(v, 1) ~= nil then return nil, ": a table that " .. why end
  return dict_of(v, depth + 1)
end

--- Copies a value; `name` is for messages. Returns nil and what is wrong for a value that cannot be
-- copied.
function M.value (v, name)
  local made, problem = convert(v, 1, name)
  if problem then return nil, name .. problem end
  return made
end

return M
