-- SPDX-License-Identifier: MIT
--- Checks and copies what messages and options say about tools: the list of tools, and the calls in
-- the messages of an assistant.
--
-- Both are accepted in OpenAI's form (`{ type = "function", ["function"] = { name = …, … } }`) and
-- in short (`{ name = …, … }`). The parameters of a tool are a table or the text of a JSON object.
-- The arguments of a call are a table or the text of a JSON object.
-- @module predibase.template.tool_messages

local checks = require "predibase.value_checks"
local json = require "predibase.json"
local ordered = require "predibase.template.ordered"

local M = {}

local describe = checks.describe

local function field (t, name)
  local value
  if json.is_object(t) then value = t[name] else value = rawget(t, name) end
  if value == json.null then return nil end
  return value
end

--- Returns the function that a tool or a call names: the table itself in the short form.
local function function_of (entry)
  local inner = field(entry, "function")
  if inner == nil then return entry end
  if type(inner) ~= "table" then return nil, "function must be a table, got " .. describe(inner) end
  return inner
end

local function name_of (described)
  local name = field(described, "name")
  if type(name) ~= "string" or name == "" then
    return nil, "needs a name, got " .. describe(name)
  end
  return name
end

--- Returns the members of a table, without one that is for programs only, in the order that they
-- have.
local function without (t, left_out)
  local out = {}
  if json.is_object(t) then
    for _, pair in ipairs(t) do
      if pair[1] ~= left_out then out[#out + 1] = pair end
    end
    return json.object(out)
  end
  for key, value in next, t do
    if key ~= left_out then out[key] = value end
  end
  return out
end


--- Changes one member of a copy of a table.
local function with (t, name, value)
  local out, found = {}, false
  if not json.is_object(t) then
    for key, old in next, t do out[key] = old end
    out[name] = value
    return setmetatable(out, getmetatable(t))
  end
  for i, pair in ipairs(t) do
    out[i] = pair[1] == name and { name, value } or pair
    found = found or pair[1] == name
  end
  if not found then out[#out + 1] = { name, value } end
  return json.object(out)
end

--- Returns the description of a function without the function of the program, and with its
-- parameters as a table.
local function described_for_model (described)
  if field(described, "run") ~= nil then described = without(described, "run") end
  local text = field(described, "parameters")
  if type(text) ~= "string" then return described end
  local schema, problem = ordered.decode(text)
  if not json.is_object(schema) then
    return nil, "has parameters that are no JSON object: " .. (problem or "another value")
  end
  return with(described, "parameters", schema)
end

--- Returns a tool in OpenAI's form. Returns nil and what is wrong.
local function whole_tool (tool)
  local inner = field(tool, "function")
  local described, problem = described_for_model(inner or without(tool, "type"))
  if not described then return nil, problem end
  if not inner then
    return json.object { { "type", "function" }, { "function", described } }
  end
  tool = without(tool, "run")
  return described == inner and tool or with(tool, "function", described)
end

--- Reads the option `tools`.
-- @tparam table tools array of tools
-- @tparam function copy takes a value and returns a copy with guarded texts, or nil and what is
-- wrong
-- @treturn[1] ?table copies in OpenAI's form; nil for an empty list
-- @treturn[2] nil
-- @treturn[2] string what is wrong
function M.tools (tools, copy)
  local count, why = checks.array(tools)
  if not count or json.is_object(tools) then
    return nil, "tools must be a list of tools" .. (why and ", this table " .. why or "")
  end
  local out, seen = {}, {}
  for i = 1, count do
    local tool, name = rawget(tools, i), nil
    if type(tool) ~= "table" then
      return nil, ("tools[%d] must be a table, got %s"):format(i, describe(tool))
    end
    local described, problem = function_of(tool)
    if described then name, problem = name_of(described) end
    if name and seen[name] then problem = ('has the name "%s" of another tool'):format(name) end
    local whole
    if not problem then whole, problem = whole_tool(tool) end
    if whole then out[i], problem = copy(whole) end
    if problem then return nil, ("tools[%d] %s"):format(i, problem) end
    seen[name] = true
  end
  return count > 0 and json.array(out) or nil
end

--- Decodes the text of a JSON object; the order of its keys is kept. Returns every other value
-- unchanged.
local function decoded (arguments)
  if type(arguments) ~= "string" then return arguments end
  local value = ordered.decode(arguments)
  return json.is_object(value) and value or arguments
end

--- Returns the arguments of a call. The text in `raw_arguments`, which `format:parse` makes, comes
-- first, because it has the order of the keys.
local function arguments_of (call, described)
  local raw = field(call, "raw_arguments")
  if type(raw) == "string" then
    local value = decoded(raw)
    if value ~= raw then return value end
  end
  local value = field(described, "arguments")
  if value == nil then return json.object {} end
  if type(value) ~= "string" and (type(value) ~= "table" or json.literal(value)) then
    return nil, "needs a table or a text as its arguments, got " .. describe(value)
  end
  value = decoded(value)
  return type(value) == "table" and next(value) == nil and json.object {} or value
end

local function call_of (call, copy)
  if type(call) ~= "table" then return nil, "must be a table, got " .. describe(call) end
  local described, problem = function_of(call)
  if not described then return nil, problem end
  local name, arguments, id
  name, problem = name_of(described)
  if name then name, problem = copy(name) end
  if name then arguments, problem = arguments_of(call, described) end
  if arguments then arguments, problem = copy(arguments) end
  if problem then return nil, problem end
  id = field(call, "id")
  if id ~= nil and type(id) ~= "string" then
    return nil, "needs a string as its id, got " .. describe(id)
  end
  if id then id, problem = copy(id) end
  if problem then return nil, problem end
  return { id = id, name = name, arguments = arguments }
end

--- Reads the calls in a message.
-- @param calls an array of calls
-- @tparam function copy see `tools`
-- @treturn[1] ?table array of `{ id, name, arguments }`; the arguments are a table, or a string if
-- they are not a JSON object; nil for an empty list
-- @treturn[2] nil
-- @treturn[2] string what is wrong
function M.calls (calls, copy)
  if type(calls) ~= "table" then
    return nil, "they must be a list of calls, got " .. describe(calls)
  end
  local count, why = checks.array(calls)
  if not count or json.is_object(calls) then
    return nil, "they must be a list of calls" .. (why and ", this table " .. why or "")
  end
  local out = {}
  for i = 1, count do
    local call, problem = call_of(rawget(calls, i), copy)
    if not call then return nil, ("call %d %s"):format(i, problem) end
    out[i] = call
  end
  return count > 0 and out or nil
end

--- Returns a call with its arguments as a table. A call that `format:parse` made gets the field
-- `function`, where templates look for it.
local function open_call (call)
  if type(call) ~= "table" then return call end
  local inner = field(call, "function")
  if type(inner) == "table" then
    local arguments = field(inner, "arguments")
    local value = decoded(arguments)
    return value ~= arguments and with(call, "function", with(inner, "arguments", value)) or call
  end
  local raw = field(call, "raw_arguments")
  local arguments = raw ~= nil and arguments_of(call, call) or decoded(field(call, "arguments"))
  if raw ~= nil then
    call = with(without(call, "raw_arguments"), "type", "function")
    call = with(call, "function", json.object { { "name", field(call, "name") },
      { "arguments", arguments } })
  end
  return arguments ~= nil and with(call, "arguments", arguments) or call
end

--- Returns a message for a model's own template, in which the arguments of calls are tables: most
-- templates write them with `tojson`.
-- @tparam table message
-- @treturn table the message, or a changed copy
function M.opened (message)
  local calls = field(message, "tool_calls")
  if type(calls) ~= "table" or json.is_object(calls) or not checks.array(calls) then
    return message
  end
  local out, changed = {}, false
  for i, call in ipairs(calls) do
    out[i] = open_call(call)
    changed = changed or out[i] ~= call
  end
  return changed and with(message, "tool_calls", json.array(out)) or message
end

return M
