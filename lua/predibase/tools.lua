-- SPDX-License-Identifier: MIT
--- Reads the option `tools`: functions that a model may call.
--
-- A tool is written in OpenAI's form, `{ type = "function", ["function"] = { name =, description =,
-- parameters = schema, strict = }, run = f }`, or short, `{ name =, description =, parameters =,
-- strict =, run = }`. `parameters` is a JSON schema: a table, a JSON text or a value of
-- `predibase.template.ordered`. `run` is the function that `session:run` calls; it is not sent.
--
-- LoRAX puts `properties` and `required` of all tools into one schema (LoRAX
-- `router/src/tool_grammar.rs`). It adds a tool `no_tool`, for answers without a call, and to each
-- tool a property `_name`. References lead nowhere in that schema, so they are replaced here by
-- what they refer to.
-- @module predibase.tools

local checks = require "predibase.value_checks"
local errors = require "predibase.errors"
local json = require "predibase.json"
local names = require "predibase.option_names"
local schemas = require "predibase.schema"
local template = require "predibase.template"
local utf8 = require "predibase.utf8"
local validators = require "predibase.validator"

local M = {}

--- A function that a model may call, short or in OpenAI's form.
-- @table Tool
-- @tfield ?string name of the function
-- @tfield ?string description what it does, for the model
-- @tfield ?table|string parameters a JSON schema
-- @tfield ?boolean strict of OpenAI's API
-- @tfield ?fun(arguments:table<string,any>,call:ToolCall):(any,string?) run is called by
-- `session:run`; returns a string, a table, or nil and a message
-- @tfield ?"function" type of OpenAI's form
-- @tfield ?table function of OpenAI's form: name, description, parameters and strict

--- Most characters of a name (OpenAI, "function.name").
M.MAX_NAME = 64

--- The tool that LoRAX adds. The model calls it to answer with a text.
M.NO_TOOL = "no_tool"

--- The property that LoRAX adds to the parameters of every tool.
M.NAME_PROPERTY = "_name"

--- The parameters of a tool that is defined without them. LoRAX requires the field.
local NO_PARAMETERS = '{"type":"object","properties":{}}'

local ordered = template.ordered

local DEFINITION = { name = true, description = true, parameters = true, strict = true }
local LONG = { type = true, ["function"] = true, run = true }
local SHORT = { type = true, run = true }
for name in pairs(DEFINITION) do SHORT[name] = true end

-- Keywords that LoRAX does not copy from the parameters of a tool.
local NOT_COPIED = { "$ref", "allOf", "anyOf", "oneOf", "enum", "const", "prefixItems" }

--- Checks what has to be true of parameters that go to LoRAX. Returns the reason why not.
local function lorax_problem (text, root, path, check_schema)
  if root.type ~= nil and root.type ~= "object" then
    return ('`%s.type` must be "object", got %s'):format(path, checks.describe(root.type))
  end
  for _, keyword in ipairs(NOT_COPIED) do
    if root[keyword] ~= nil then
      return ("`%s`: LoRAX reads only properties and required here, and would lose %s")
        :format(path, keyword)
    end
  end
  local properties = root.properties
  if type(properties) == "table" and properties[M.NAME_PROPERTY] ~= nil then
    return ("`%s.properties.%s`: LoRAX adds a property of this name to every tool; choose another")
      :format(path, M.NAME_PROPERTY)
  end
  return check_schema ~= false and schemas.problem(text, path) or nil
end

-- References.

local DEFINITIONS = { ["$defs"] = true, definitions = true }

-- The server's grammar does not look at `$ref` in a schema that has one of these.
local BEFORE_REFERENCE = { "properties", "allOf", "anyOf", "oneOf", "prefixItems", "enum", "const" }

local function is_reference (object)
  for _, keyword in ipairs(BEFORE_REFERENCE) do
    if object[keyword] ~= nil then return false end
  end
  return type(object["$ref"]) == "string"
end

local copy

--- Returns the copy of what a reference points to, with the description that stands beside the
-- reference; nil when it points to nothing, to a part of itself, or to more than can be copied.
local function referred (state, object, depth)
  local target = schemas.resolve(state.root, object["$ref"])
  if not json.is_object(target) or depth >= schemas.MAX_DEPTH or state.nodes >= schemas.MAX_NODES
  then return nil end
  local description = object.description
  local made = copy(state, target, depth + 1)
  if description == nil then return made end
  local out = {}
  for i = 1, #made do
    if made[i][1] ~= "description" then out[#out + 1] = made[i] end
  end
  out[#out + 1] = { "description", description }
  return json.object(out)
end

function copy (state, value, depth)
  if type(value) ~= "table" or json.literal(value) then return value end
  state.nodes = state.nodes + 1
  if json.is_array(value) then
    local list = {}
    for i = 1, #value do list[i] = copy(state, value[i], depth) end
    return json.array(list)
  end
  local made = is_reference(value) and referred(state, value, depth)
  if made then return made end
  local out = {}
  for i = 1, #value do
    local name, inner = value[i][1], value[i][2]
    if value ~= state.root or not DEFINITIONS[name] then
      out[#out + 1] = { name, copy(state, inner, depth) }
    end
  end
  return json.object(out)
end

--- Copies a schema, with the parts that references refer to in place of the references.
local function without_references (root)
  return copy({ root = root, nodes = 0 }, root, 1)
end

-- Reading.

--- Checks the name of a tool. Returns what is wrong with it.
local function name_problem (name, path, taken, is_lorax)
  if type(name) ~= "string" then
    return ("`%s` must be a string, got %s"):format(path, checks.describe(name))
  elseif #name > M.MAX_NAME or not name:find "^[A-Za-z0-9_-]+$" then
    return ("`%s` must have 1 to %d characters, only letters, digits, _ and -, got %s")
      :format(path, M.MAX_NAME, checks.describe(name))
  elseif is_lorax and name == M.NO_TOOL then
    return ("`%s` must not be %s: LoRAX adds a tool of this name"):format(path, M.NO_TOOL)
  elseif taken[name] then
    return ("`%s`: there is another tool with the name %s"):format(path, name)
  end
end

local function definition_problem (given, path)
  local description, strict = given.description, given.strict
  if description ~= nil and type(description) ~= "string" then
    return ("`%s.description` must be a string, got %s"):format(path, checks.describe(description))
  end
  local valid, place = utf8.valid(description or "")
  if not valid then
    return ("`%s.description` must be valid UTF-8, got byte 0x%02x at position %d")
      :format(path, description:byte(place), place)
  end
  if strict ~= nil and type(strict) ~= "boolean" then
    return ("`%s.strict` must be a boolean, got %s"):format(path, checks.describe(strict))
  end
end

--- Returns name, description, parameters and strict of a tool in either form, the path to them, and
-- `run`. On failure returns nil and the reason.
local function fields_of (entry, path)
  if type(entry) ~= "table" then
    return nil, ("`%s` must be a table, got %s"):format(path, checks.describe(entry))
  end
  entry = json.present(entry)
  local is_long = rawget(entry, "function") ~= nil
  names.check(entry, is_long and LONG or SHORT, "field of " .. path)
  if entry.type ~= nil and entry.type ~= "function" then
    return nil, ('`%s.type` must be "function", got %s'):format(path, checks.describe(entry.type))
  end
  if entry.run ~= nil and not checks.callable(entry.run) then
    return nil, ("`%s.run` must be a function, got %s"):format(path, checks.describe(entry.run))
  end
  if not is_long then return entry, path, entry.run end
  local given = entry["function"]
  path = path .. ".function"
  if type(given) ~= "table" then
    return nil, ("`%s` must be a table, got %s"):format(path, checks.describe(given))
  end
  given = json.present(given)
  names.check(given, DEFINITION, "field of " .. path)
  return given, path, entry.run
end

--- Writes a tool in OpenAI's form.
local function wire_of (tool, parameters)
  local definition = { { "name", tool.name } }
  if tool.description then definition[#definition + 1] = { "description", tool.description } end
  definition[#definition + 1] = { "parameters", parameters }
  if tool.strict ~= nil then definition[#definition + 1] = { "strict", tool.strict } end
  return json.object { { "type", "function" }, { "function", json.object(definition) } }
end

--- Reads one tool. Returns nil and the reason when it is not valid.
local function read_tool (entry, path, taken, context)
  local is_lorax = context.server ~= "openai"
  local given, place, run = fields_of(entry, path)
  if not given then return nil, place end
  local problem = name_problem(given.name, place .. ".name", taken, is_lorax)
    or definition_problem(given, place)
  if problem then return nil, problem end
  local text
  text, problem = schemas.text(given.parameters == nil and NO_PARAMETERS or given.parameters,
    place .. ".parameters")
  if not text then return nil, problem end
  local root = ordered.decode(text)
  problem = is_lorax and lorax_problem(text, root, place .. ".parameters", context.check_schema)
  if problem then return nil, problem end
  local tool = { name = given.name, description = given.description, strict = given.strict,
    parameters = root, run = run, validator = validators.new(text) }
  tool.wire = wire_of(tool, is_lorax and without_references(root) or root)
  return tool
end

--- Reads a list of tools and checks it. Raises for a field that does not exist.
-- @tparam Tool[] list array of tools in OpenAI's form or short, see above; also one that
-- `predibase.template.ordered` read
-- @tparam ?table context `name` (of the option, for messages, default `"tools"`); `server`:
-- `"openai"` sends the schemas as they are given, everything else is for LoRAX; `check_schema`:
-- false leaves out the check of `predibase.schema` for schemas on which LoRAX fails
-- @treturn[1] table[] array of tools: `name`, `description` (or nil), `strict` (or nil),
-- `parameters` (an ordered object), `run` (or nil), `wire` (OpenAI's form, for `json.encode`)
-- @treturn[2] nil
-- @treturn[2] Error error of kind `validation`, whose message has the path
function M.read (list, context)
  context = context or {}
  local name, count, problem = context.name or "tools"
  if type(list) ~= "table" or json.is_object(list) then
    problem = ("`%s` must be an array of tools, got %s"):format(name, checks.describe(list))
  else
    local gap
    count, gap = checks.array(list)
    problem = gap and ("`%s` must be an array of tools; the table given %s"):format(name, gap)
  end
  local tools, taken = {}, {}
  for i = 1, problem and 0 or count do
    local tool
    tool, problem = read_tool(rawget(list, i), ("%s[%d]"):format(name, i), taken, context)
    if not tool then break end
    tools[i], taken[tool.name] = tool, true
  end
  if not problem then return tools end
  return nil, errors.new {
    kind = "validation", error_type = "validation", phase = "request",
    message = "Input validation error: " .. problem,
  }
end

--- Returns what is sent as the field `tools`.
-- @tparam table[] tools as `read` returned it
-- @treturn table array for `json.encode`
function M.wire (tools)
  local list = {}
  for i = 1, #tools do list[i] = tools[i].wire end
  return json.array(list)
end

--- Finds a tool by its name.
-- @tparam table[] tools as `read` returned it
-- @tparam string name
-- @treturn ?table nil when there is none
function M.find (tools, name)
  for i = 1, #tools do
    if tools[i].name == name then return tools[i] end
  end
  return nil
end

--- Checks arguments against the schema of a tool. Pass the value that `template.ordered.decode`
-- made from the text, or use `read_arguments`: a plain table does not tell an empty list from an
-- empty object.
-- @tparam table tool
-- @param value a JSON value; `json.null` is null
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] string the path of the part that is wrong: `$.town`
-- @treturn[2] string the reason
function M.check_arguments (tool, value)
  if type(value) ~= "table" or json.is_array(value) or json.literal(value)
    or not json.is_object(value) and rawget(value, 1) ~= nil then
    return nil, "$", "must be an object, got " .. (json.is_array(value) and "a list"
      or checks.describe(value))
  end
  return tool.validator:check(value)
end

--- Reads the text of a call's arguments. A text without a value stands for no arguments: some
-- servers write it so.
-- @tparam table tool
-- @tparam string text
-- @treturn[1] table the arguments; members that are null are left out
-- @treturn[2] nil
-- @treturn[2] string the path of the part that is wrong
-- @treturn[2] string the reason
function M.read_arguments (tool, text)
  if not text:find "[^ \t\r\n]" then text = "{}" end
  local value, problem = ordered.decode(text)
  if value == nil then return nil, "$", "is not JSON: " .. problem end
  local ok, path, reason = M.check_arguments(tool, value)
  if not ok then return nil, path, reason end
  return json.plain(value, true)
end

return M
