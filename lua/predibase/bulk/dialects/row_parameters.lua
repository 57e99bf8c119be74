-- SPDX-License-Identifier: MIT
--- Reads the parameters of the API that a row has: as members of its own or in its member
-- `parameters`. The cells of a table of text are converted to what their parameters are.
-- @module predibase.bulk.dialects.row_parameters

local checks = require "predibase.value_checks"
local errors = require "predibase.errors"
local json = require "predibase.json"
local names_of = require "predibase.option_names"
local ordered = require "predibase.template".ordered
local recognition = require "predibase.bulk.dialects.recognition"

local M = {}

-- Parameters that may contain a JSON schema. The order of its properties and the spelling of its
-- numbers reach the model, so these are read from the text of the row.
local ORDERED = { response_format = true, tools = true, tool_choice = true, extra = true }

-- A number as in JSON; spaces around it are not part of it.
local NUMBER = "^%s*(%-?%d+%.?%d*[eE]?[+-]?%d*)%s*$"

local BOOLEANS = { ["true"] = true, ["false"] = false }

-- Cells.

local function wrong (name, wanted, cell)
  return nil, ("`%s` must be %s, got %s"):format(name, wanted, checks.describe(cell))
end

local function number (cell, name)
  local digits = cell:match(NUMBER)
  local value = digits and json.check(digits) and json.decode(digits)
  if value == nil or value == false then return wrong(name, "a number", cell) end
  return value
end

local function integer (cell, name)
  local value = number(cell, name)
  if value == nil then return wrong(name, "an integer", cell) end
  return value
end

-- Digits are kept as text: a seed may be larger than an integer of Lua.
local function seed (cell)
  return cell:match "^%s*(%d+)%s*$" or cell
end

local function boolean (cell, name)
  local value = BOOLEANS[(cell:lower():match "^%s*(.-)%s*$")]
  if value == nil then return wrong(name, "true or false", cell) end
  return value
end

--- Reads a cell with JSON, in the order of its members.
-- @tparam string cell
-- @tparam string name for messages
-- @treturn[1] any
-- @treturn[2] nil
-- @treturn[2] string what is wrong
local function json_cell (cell, name)
  local ok, problem = json.check(cell)
  if not ok then return nil, ("`%s` must be JSON: %s"):format(name, problem) end
  return ordered.decode(cell)
end

--- Makes the reader of cells that are JSON where they begin with a pattern, and otherwise a text.
local function json_after (beginning)
  return function (cell, name)
    if cell:find(beginning) then return json_cell(cell, name) end
    return cell
  end
end

local function text (cell) return cell end

-- Kind of parameter -> reader of its cells. A stop sequence such as `[/INST]` begins like an array
-- of JSON, but is a text.
local READ = { identifier = text, choice = text, token = text, merged = json_cell,
  integer = integer, seed = seed, single = number, boolean = boolean,
  strings = json_after '^%s*%[%s*"', format = json_cell }

-- Parameters that are not in the list of their set.
local OTHERS = { tools = json_cell, tool_choice = json_after "^%s*{" }

--- Set of parameters -> { name = reader of its cells }
local readers = setmetatable({}, { __mode = "k" })

local function readers_of (set)
  if readers[set] then return readers[set] end
  local by_name = {}
  for _, rule in ipairs(set.list) do by_name[rule.name] = READ[rule.kind] or text end
  for _, name in ipairs(set.others or {}) do by_name[name] = OTHERS[name] or json_cell end
  for alias, name in pairs(set.aliases) do by_name[alias] = by_name[name] end
  readers[set] = by_name
  return by_name
end

-- Rows.

--- Returns the text of a member of the row as JSON; nil when the text of the row is not known.
-- @tparam table record `raw`, the text of the row, if it is JSON
-- @tparam string name
-- @treturn ?string
function M.text_of (record, name)
  return record.raw and json.member(record.raw, name) or nil
end

--- Reads a value that is JSON: the cell of a table, or a member of a row of JSON.
-- @tparam table record
-- @tparam string name
-- @treturn[1] any
-- @treturn[2] nil
-- @treturn[2] string what is wrong
function M.json_value (record, name)
  local value = rawget(record.row, name)
  if not record.cells then return value end
  local ok, problem = json.check(value)
  if not ok then return nil, ('the column "%s" must have JSON: %s'):format(name, problem) end
  return json.decode(value)
end

local function in_order (raw, value)
  if not raw then return value end
  local found = ordered.decode(raw)
  if found == nil then return value end
  return found
end

--- Adds a parameter to those of a row. Returns what is wrong, or nil.
local function add (own, name, value, spellings)
  local right = spellings and spellings[name] or name
  if own[right] ~= nil then return ("`%s` is given twice"):format(right) end
  own[right] = value
end

--- Calls a function with each member of a table. Returns the problem that it returns for the first
-- name in alphabetical order, so that the same row always has the same error.
local function first_problem (members, check)
  local first, found
  for name, value in next, members do
    local problem = check(name, value)
    if problem and (first == nil or tostring(name) < tostring(first)) then
      first, found = name, problem
    end
  end
  return found
end

--- Adds the parameters that are members, or columns, of the row itself.
local function add_members (own, record, set, spellings)
  local by_name = readers_of(set)
  return first_problem(record.row, function (name, value)
    local known = by_name[name] or spellings and by_name[spellings[name]]
    if not known or not recognition.has(record, name) then return nil end
    if record.cells then
      local problem
      value, problem = known(value, name)
      if value == nil then return problem end
    elseif ORDERED[name] then
      value = in_order(M.text_of(record, name), value)
    end
    return add(own, name, value, spellings)
  end)
end

local function unknown (name, set)
  if type(name) ~= "string" then return '"parameters" must be an object' end
  local candidates = {}
  for known in pairs(set.names) do candidates[#candidates + 1] = known end
  table.sort(candidates)
  local near = names_of.nearest(name, candidates)
  return ('"parameters" has an unknown parameter "%s"%s'):format(errors.excerpt(name, 60),
    near and ('; did you mean "%s"?'):format(near) or "")
end

--- Adds the parameters of the row's member `parameters`.
local function add_object (own, record, set, spellings)
  if not recognition.has(record, "parameters") then return nil end
  local object, wrong_json = M.json_value(record, "parameters")
  if object == nil then return wrong_json end
  if type(object) ~= "table" then
    return '"parameters" must be an object, got ' .. checks.describe(object)
  end
  return first_problem(json.fields(object), function (name, value)
    local right = spellings and spellings[name] or name
    if not set.names[right] then return unknown(name, set) end
    if value == json.null then return nil end
    if ORDERED[name] then
      local raw = record.cells and record.row.parameters or M.text_of(record, "parameters")
      value = in_order(raw and json.member(raw, name), value)
    end
    return add(own, name, value, spellings)
  end)
end

--- Reads the parameters of a row.
-- @tparam table record `row`, `cells` (boolean): its values are cells of a table of text; `raw`
-- @tparam table set the parameters of the route, see `predibase.params`
-- @tparam boolean with_members parameters may be members of the row itself
-- @tparam ?table spellings other name -> the name in the set
-- @treturn[1] table name -> value; empty when there are none
-- @treturn[2] nil
-- @treturn[2] string what is wrong
function M.read (record, set, with_members, spellings)
  local own = {}
  local problem = with_members and add_members(own, record, set, spellings)
    or add_object(own, record, set, spellings)
  if problem then return nil, problem end
  return own
end

--- Finds a parameter that is a member of a row although it belongs into `parameters`.
-- @tparam table record
-- @tparam table set
-- @treturn ?string its name, the first in alphabetical order
function M.misplaced (record, set)
  local by_name, found = readers_of(set), nil
  for name in next, record.row do
    if by_name[name] and recognition.has(record, name) and (not found or name < found) then
      found = name
    end
  end
  return found
end

return M
