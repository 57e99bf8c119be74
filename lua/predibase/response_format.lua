-- SPDX-License-Identifier: MIT
--- Reads the parameter `response_format` in both of its spellings, and writes it for a route.
--
-- LoRAX /generate takes `{ type =, schema = }`, OpenAI and LoRAX /v1/chat/completions take
-- `{ type = "json_schema", json_schema = { name =, description =, schema =, strict = } }`, and the
-- latter also takes `{ type = "json_object", schema = }`. A program may write any of them for any
-- route.
-- @module predibase.response_format

local checks = require "predibase.value_checks"
local json = require "predibase.json"
local names = require "predibase.option_names"
local utf8 = require "predibase.utf8"

-- The module `predibase.schema` is loaded when there is a schema: most programs have none.

local M = {}

--- Values of `type`.
M.TYPES = { text = true, json_object = true, json_schema = true }

--- The `name` of a schema that has none. OpenAI and LoRAX require one.
M.NAME = "answer"

local FIELDS = { type = true, schema = true, json_schema = true }
local NAMED_FIELDS = { name = true, description = true, schema = true, strict = true }

-- What was read from each object that this module made: `type`, `text` (the schema as JSON, or
-- nil), `path` (of the schema, for messages), and `name`, `description`, `strict` where given.
local read_from = setmetatable({}, { __mode = "k" })

local function type_problem (kind, name)
  if type(kind) == "string" and M.TYPES[kind] then return nil end
  local near = type(kind) == "string" and names.nearest(kind, { "text", "json_object",
    "json_schema" })
  return ("`%s.type` must be one of text, json_object, json_schema, got %s%s"):format(name,
    checks.describe(kind), near and ('; did you mean "%s"?'):format(near) or "")
end

--- Reads OpenAI's `json_schema` into a format. Returns nil, or what is wrong.
local function read_named (format, value, path)
  if type(value) ~= "table" then
    return ("`%s` must be a table with name and schema, got %s"):format(path,
      checks.describe(value))
  end
  value = json.present(value)
  names.check(value, NAMED_FIELDS, "field of " .. path)
  for field, wanted in pairs { name = "string", description = "string", strict = "boolean" } do
    local given = value[field]
    if given ~= nil and type(given) ~= wanted then
      return ("`%s.%s` must be a %s, got %s"):format(path, field, wanted, checks.describe(given))
    end
    format[field] = given
  end
  -- The rule of OpenAI, which LoRAX does not check.
  if format.name and (#format.name > 64 or not format.name:find "^[A-Za-z0-9_-]+$") then
    return ("`%s.name` must have 1 to 64 characters, only letters, digits, _ and -, got %s")
      :format(path, checks.describe(format.name))
  end
  if format.description and not utf8.valid(format.description) then
    return ("`%s.description` must be valid UTF-8"):format(path)
  end
  format.path = path .. ".schema"
  local problem
  format.text, problem = require "predibase.schema".text(value.schema, format.path)
  return problem
end

--- Reads a schema into a format. Returns nil, or what is wrong.
local function read_schema (format, schema, name)
  format.path = name .. ".schema"
  if format.type == "text" then
    return ('`%s` cannot be combined with type "text"; use "json_object"'):format(format.path)
  elseif schema == json.null then
    -- It means any text to /generate, and any object to /v1/chat/completions.
    return ("`%s` must not be null; leave it out to allow any JSON object"):format(format.path)
  end
  local problem
  format.text, problem = require "predibase.schema".text(schema, format.path)
  return problem
end

--- Reads a format. Raises for a field that does not exist.
local function read (value, name)
  if type(value) ~= "table" then
    return nil, ('`%s` must be a table such as { type = "json_object", schema = … }, got %s')
      :format(name, checks.describe(value))
  end
  if read_from[value] then return read_from[value] end
  value = json.fields(value)
  names.check(value, FIELDS, "field of " .. name)
  local problem = type_problem(rawget(value, "type"), name)
  if problem then return nil, problem end
  local format = { type = rawget(value, "type") }
  local schema, named = rawget(value, "schema"), rawget(value, "json_schema")
  if named == json.null then named = nil end
  if schema == json.null and format.type == "text" then schema = nil end
  if named ~= nil and schema ~= nil then
    problem = ("`%s` has both schema and json_schema; give one of them"):format(name)
  elseif named ~= nil and format.type ~= "json_schema" then
    problem = ('`%s.json_schema` needs the type "json_schema"'):format(name)
  elseif named ~= nil then
    problem = read_named(format, named, name .. ".json_schema")
  elseif schema ~= nil then
    problem = read_schema(format, schema, name)
  end
  if problem then return nil, problem end
  return format
end

local function written (format, members)
  local object = json.object(members)
  read_from[object] = format
  return object
end

--- Checks a value and writes it for LoRAX /generate. Raises for a field that does not exist.
--
-- The router uses only `schema`. A missing schema means "any JSON object", even for the type
-- `text`, and null means no constraint. Therefore `{ type = "text" }` is sent with a null schema.
-- @param value `{ type = "text" | "json_object" | "json_schema", schema = table or JSON text }`, or
-- OpenAI's form
-- @tparam string name its name for error messages
-- @treturn[1] table ordered object for `predibase.json`
-- @treturn[2] nil
-- @treturn[2] string what is wrong
function M.flat (value, name)
  local format, problem = read(value, name)
  if not format then return nil, problem end
  local members = { { "type", format.type } }
  if format.type == "text" then
    members[2] = { "schema", json.null }
  elseif format.text then
    members[2] = { "schema", json.raw(format.text) }
  end
  return written(format, members)
end

--- Writes a checked format for /v1/chat/completions.
-- @tparam table object as `flat` returned it
-- @tparam string server `"lorax"` or `"openai"`; only LoRAX takes a schema with `json_object`
-- @treturn table ordered object for `predibase.json`
function M.nested (object, server)
  local format = read_from[object]
  local members = { { "type", format.type } }
  if format.text and format.type == "json_object" and server ~= "openai" then
    members[2] = { "schema", json.raw(format.text) }
  elseif format.text then
    local named = { { "name", format.name or M.NAME } }
    if format.description then named[#named + 1] = { "description", format.description } end
    named[#named + 1] = { "schema", json.raw(format.text) }
    if format.strict ~= nil then named[#named + 1] = { "strict", format.strict } end
    members = { { "type", "json_schema" }, { "json_schema", json.object(named) } }
  elseif format.type == "json_schema" then
    members[1][2] = "json_object"                       -- without a schema it means the same
  end
  return json.object(members)
end

--- Makes a checked format of a schema alone. `flat` accepts it.
-- @tparam string|table schema JSON text, a table or an ordered object
-- @tparam string name its name for error messages
-- @treturn[1] table ordered object for `predibase.json`
-- @treturn[2] nil
-- @treturn[2] string what is wrong
function M.of_schema (schema, name)
  local text, problem = require "predibase.schema".text(schema, name)
  if not text then return nil, problem end
  return M.flat(written({ type = "json_schema", text = text, path = name }, {}))
end

--- Returns what a checked format demands.
-- @tparam table object as `flat` returned it
-- @treturn string its `type`
-- @treturn ?string the schema as JSON; nil for any JSON object, and for a text
-- @treturn ?string the path of the schema, for messages
function M.demand (object)
  local format = read_from[object]
  return format.type, format.text, format.path
end

--- Tells why the server cannot make a grammar from a checked format.
-- @tparam table object as `flat` returned it
-- @treturn ?string nil when the server can make a grammar
function M.grammar_problem (object)
  local format = read_from[object]
  if not format.text then return nil end
  return require "predibase.schema".problem(format.text, format.path)
end

return M
