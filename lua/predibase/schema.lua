-- SPDX-License-Identifier: MIT
--- Writes JSON schemas as text, and finds the parts that the server cannot turn into a grammar.
--
-- LoRAX makes a grammar from `response_format.schema` with Outlines 0.1.1, in the process that
-- generates the tokens. If Outlines raises an error, every request of the batch fails, including
-- those of other clients, and the router may end. Therefore such a schema is refused before it is
-- sent, unless `check_schema` is false. The rules were found by tests with the real router, which
-- accepts everything that they do not refuse.
-- @module predibase.schema

local checks = require "predibase.value_checks"
local errors = require "predibase.errors"
local files = require "predibase.files"
local json = require "predibase.json"

local M = {}

--- Deepest nesting of a schema, including its references.
M.MAX_DEPTH = 128

--- Most subschemas that are checked. References can make a short text expand to many.
M.MAX_NODES = 100000

--- Types for which the server has a grammar (JSON Schema 2020-12, validation section 6.1.1).
M.TYPES = { string = true, number = true, integer = true, boolean = true, null = true,
  array = true, object = true }

--- Formats of strings for which the server has a grammar.
M.FORMATS = { date = true, time = true, ["date-time"] = true, uuid = true }

--- Messages for the parts that the server cannot translate.
M.REASONS = {
  unknown_type = "the server knows the types string, number, integer, boolean, null, array and "
    .. "object, in lower case",
  no_type = "the server cannot tell what to generate: it needs a type, enum, const, $ref, anyOf, "
    .. "allOf or oneOf (use {} for any JSON)",
  format = "the server knows the formats date, time, date-time and uuid; use a pattern instead",
  keyword = "the server has no grammar for it",
  not_a_schema = "the server accepts only an object here; use {} for any JSON",
  not_a_list = "it must be a list that is not empty",
  not_a_table = "it must be an object",
  choice = "the server accepts only strings, numbers, booleans and null here, not objects or lists",
  reference = "the server resolves only references that begin with #/ within this schema",
  recursion = "it refers to itself, and the grammar would be infinite",
  depth = "it is nested too deeply for the server",
  size = "its references expand to more parts than the server can handle",
}

local COMBINATORS = { "allOf", "anyOf", "oneOf", "prefixItems" }
local UNKNOWN = { "not", "if" }

local visit

local function fail (path, reason)
  return ("`%s`: %s"):format(path, M.REASONS[reason])
end

local function is_object (value)
  return type(value) == "table" and #value == 0
end

local function at (path, key)
  if type(key) == "number" then return ("%s[%d]"):format(path, key) end
  if key:find "^[%a_$][%w_$]*$" then return path .. "." .. key end
  return ("%s[%q]"):format(path, key)
end

--- Returns the value to which a reference points (RFC 6901: `~1` is a slash, `~0` a tilde).
-- @param root the schema, plain or of `predibase.template.ordered`
-- @param reference the value of `$ref`
-- @return ?any nil when it does not begin with `#/`, and when there is no such place
function M.resolve (root, reference)
  if type(reference) ~= "string" then return nil end
  local rest = reference:match "^#(/.*)$"
  if not rest then return nil end
  local place = root
  for part in rest:gmatch "/([^/]*)" do
    local key = part:gsub("~1", "/"):gsub("~0", "~")
    if type(place) ~= "table" then return nil end
    local inner = place[key]
    if inner == nil and not json.is_object(place) then inner = place[(tonumber(key) or -1) + 1] end
    if inner == nil then return nil end
    place = inner
  end
  return place
end

local function visit_list (state, list, path)
  if type(list) ~= "table" or #list == 0 then return fail(path, "not_a_list") end
  for i = 1, #list do
    local problem = visit(state, list[i], at(path, i))
    if problem then return problem end
  end
end

local function visit_named (state, schemas, path)
  if not is_object(schemas) then return fail(path, "not_a_table") end
  local names = {}
  for name in pairs(schemas) do names[#names + 1] = tostring(name) end
  table.sort(names)             -- so that the first problem is always the same
  for _, name in ipairs(names) do
    local problem = visit(state, schemas[name], at(path, name))
    if problem then return problem end
  end
end

local function check_choices (list, path)
  if type(list) ~= "table" or #list == 0 then return fail(path, "not_a_list") end
  for i = 1, #list do
    if type(list[i]) == "table" then return fail(at(path, i), "choice") end
  end
end

local function check_type (value, path)
  local list = type(value) == "table" and value or { value }
  if #list == 0 then return fail(path, "not_a_list") end
  for i = 1, #list do
    if not M.TYPES[list[i]] then
      return fail(type(value) == "table" and at(path, i) or path, "unknown_type")
    end
  end
end

local function visit_reference (state, reference, path)
  local target = M.resolve(state.root, reference)
  if target == nil then return fail(at(path, "$ref"), "reference") end
  if state.open[reference] then return fail(at(path, "$ref"), "recursion") end
  state.open[reference] = true
  local problem = visit(state, target, at(path, "$ref"))
  state.open[reference] = nil
  return problem
end

--- Tells whether a value of this type may be a string. The server uses a format only for strings.
local function is_string (kind)
  if type(kind) ~= "table" then return kind == nil or kind == "string" end
  for i = 1, #kind do
    if kind[i] == "string" then return true end
  end
  return false
end

--- Checks the keywords of a subschema that contain no other subschemas.
local function check_keywords (schema, path)
  for _, keyword in ipairs(UNKNOWN) do
    if schema[keyword] ~= nil then return fail(at(path, keyword), "keyword") end
  end
  if schema.type ~= nil then
    local problem = check_type(schema.type, at(path, "type"))
    if problem then return problem end
  end
  if schema.format ~= nil and not M.FORMATS[schema.format] and is_string(schema.type) then
    return fail(at(path, "format"), "format")
  end
  if schema.enum ~= nil then
    local problem = check_choices(schema.enum, at(path, "enum"))
    if problem then return problem end
  end
  if type(schema.const) == "table" then return fail(at(path, "const"), "choice") end
  local known = schema.type ~= nil or schema.enum ~= nil or schema.const ~= nil
    or schema.properties ~= nil or schema["$ref"] ~= nil
  for _, keyword in ipairs(COMBINATORS) do known = known or schema[keyword] ~= nil end
  if not known and next(schema) ~= nil then return fail(path, "no_type") end
end

local function check_children (state, schema, path)
  local problem
  for _, keyword in ipairs(COMBINATORS) do
    if schema[keyword] ~= nil then
      problem = visit_list(state, schema[keyword], at(path, keyword))
      if problem then return problem end
    end
  end
  if schema.properties ~= nil then
    problem = visit_named(state, schema.properties, at(path, "properties"))
    if problem then return problem end
  end
  if schema["$ref"] ~= nil then
    problem = visit_reference(state, schema["$ref"], path)
    if problem then return problem end
  end
  if schema.items ~= nil then
    problem = visit(state, schema.items, at(path, "items"))
    if problem then return problem end
  end
  local additional = schema.additionalProperties
  if additional ~= nil and type(additional) ~= "boolean" then
    return visit(state, additional, at(path, "additionalProperties"))
  end
end

--- Checks one subschema and everything below it.
-- @treturn ?string the path and the reason of the first problem
function visit (state, schema, path)
  if not is_object(schema) then return fail(path, "not_a_schema") end
  if state.depth >= M.MAX_DEPTH then return fail(path, "depth") end
  state.nodes = state.nodes + 1
  if state.nodes > M.MAX_NODES then return fail(path, "size") end
  state.depth = state.depth + 1
  local problem = check_keywords(schema, path) or check_children(state, schema, path)
  state.depth = state.depth - 1
  return problem
end

-- The last schema that was checked. Programs usually send the same one with every prompt.
local last, last_name, last_problem

--- Checks a schema for parts that the server cannot translate.
-- @tparam string text the schema, as JSON
-- @tparam string name the name of the schema in error messages
-- @treturn ?string the path and the reason of the first problem; nil when there is none
function M.problem (text, name)
  if last == text and last_name == name then return last_problem end
  local root, why = json.decode(text)
  if root == nil then return ("%s: %s"):format(name, why) end
  local problem = visit({ root = root, open = {}, depth = 0, nodes = 0 }, root, name)
  last_problem = problem and problem .. "; such a schema fails every request that the server "
    .. "decodes together with it (check_schema = false sends it anyway)"
  last, last_name = text, name
  return last_problem
end

-- Empty lists.

local function set (names)
  local made = {}
  for name in names:gmatch "%S+" do made[name] = true end
  return made
end

-- Keywords of JSON Schema (draft 4 to 2020-12) by the type of their values.
local LISTS = set "required enum type examples anyOf allOf oneOf prefixItems"
local LISTS_OF_SCHEMAS = set "anyOf allOf oneOf prefixItems items"
local LISTS_BY_NAME = set "dependentRequired"
local SCHEMAS_BY_NAME = set [[properties patternProperties $defs definitions dependentSchemas
  dependencies]]
local SCHEMAS = set [[items additionalItems additionalProperties unevaluatedItems
  unevaluatedProperties contains propertyNames not if then else]]

--- Copies a table. `change` makes each value of the copy from its key and the original value. The
-- metatable, which marks ordered objects and lists, is kept.
local function changed (t, change, out)
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

local function list (value)
  if type(value) == "table" and next(value) == nil then return json.array {} end
  return value
end

local schema

local function each (change, seen)
  return function (_, value) return change(value, seen) end
end

local function member (seen)
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

--- Copies a schema. Each table is copied once, even if it occurs several times or contains itself.
function schema (value, seen)
  -- The encoder refuses tables that are nested deeper, so they need no copy.
  if type(value) ~= "table" or seen.depth > json.MAX_DEPTH then return value end
  if not seen[value] then
    seen[value], seen.depth = {}, seen.depth + 1
    changed(value, member(seen), seen[value])
    seen.depth = seen.depth - 1
  end
  return seen[value]
end

--- Marks the empty lists of a schema. An empty Lua table may be a list or an object, and is encoded
-- as an object. Most JSON libraries do not distinguish the two when they decode. In a schema the
-- keyword determines which of the two it is.
-- @tparam table value a schema
-- @treturn table a copy
function M.mark_lists (value)
  return schema(value, { depth = 1 })
end

local WANTED = "a JSON schema: a table with named fields, or a string of JSON"

--- Returns a schema as JSON text. A string is returned unchanged to keep the order of its
-- properties, because they are generated in this order.
-- @tparam string|table value JSON text, a table, or an object of `predibase.json`
-- @tparam string name its name for error messages
-- @treturn[1] string the text of a JSON object
-- @treturn[2] nil
-- @treturn[2] string what is wrong
function M.text (value, name)
  local text, problem
  if type(value) == "string" then
    local ok
    text = files.without_mark(value)
    ok, problem = json.check(text)
    if not ok then
      return nil, ("`%s` must be %s; this string is not JSON: %s"):format(name, WANTED, problem)
    end
  elseif type(value) == "table" then
    text, problem = json.encode(M.mark_lists(value))
    if not text then return nil, ("`%s` must be %s: %s"):format(name, WANTED, problem) end
  else
    return nil, ("`%s` must be %s, got %s"):format(name, WANTED, checks.describe(value))
  end
  if not text:find("^[ \t\r\n]*{") then
    return nil, ("`%s` must be a JSON object, got %s"):format(name, errors.excerpt(text, 40))
  end
  return text
end

return M
