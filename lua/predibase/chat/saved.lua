-- SPDX-License-Identifier: MIT
--- Writes a conversation as JSON and reads it. The API token, the adapter's token, headers and
-- functions are never written.
-- @module predibase.chat.saved

local chat_completion = require "predibase.chat_completion"
local checks = require "predibase.value_checks"
local errors = require "predibase.errors"
local files = require "predibase.files"
local history = require "predibase.chat.history"
local json = require "predibase.json"
local option_names = require "predibase.option_names"
local params = require "predibase.params"
local reasoning = require "predibase.reasoning"
local rendering = require "predibase.rendering"
local template = require "predibase.template"
local usage = require "predibase.usage"
local wire_messages = require "predibase.wire_messages"

local M = {}

--- Version of the file format. Version 1, which knew no tools, can still be read.
M.VERSION = 2

local VERSIONS = { [1] = true, [2] = true }

--- Largest file in bytes that is read: more than any conversation.
M.MAX_FILE = 64 * 1024 * 1024

local OVERS = { generate = true, chat = true }

-- Parameters of chat completions that `generate` does not have.
local OF_CHAT = { "model", "max_tokens", "max_completion_tokens", "n", "tool_prompt", "guideline" }

-- Options that are written and are not parameters.
local KEPT = { "max_input_tokens", "trim_stop", "client_stop", "reasoning" }

local function config_error (message)
  return nil, errors.new { kind = "config", phase = "request", message = message }
end

local function bad (message)
  return nil, errors.new { kind = "validation", phase = "request",
    message = "the saved conversation " .. message }
end

--- Returns the parameters as members of a JSON object, in the order of the API.
local function parameters_of (options)
  local list = {}
  local function add (name)
    local value = options[name]
    if value ~= nil and value ~= json.null and name ~= "api_token" then
      list[#list + 1] = { name, value }
    end
  end
  for _, rule in ipairs(params.list) do add(rule.name) end
  for misspelt in pairs(params.misspelt) do add(misspelt) end
  for _, name in ipairs(OF_CHAT) do add(name) end
  add "extra"
  return list
end

local function message_of (message)
  if json.is_object(message) then return message end
  local members, others = { { "role", message.role } }, {}
  if message.content ~= nil then members[2] = { "content", message.content } end
  for name in pairs(message) do
    if name ~= "role" and name ~= "content" then others[#others + 1] = name end
  end
  table.sort(others)
  for _, name in ipairs(others) do members[#members + 1] = { name, message[name] } end
  return json.object(members)
end

--- Adds the tools without their functions, and the choice among them.
local function add_tools (members, session)
  if session.tools then
    local wire = {}
    for i, tool in ipairs(session.tools) do wire[i] = tool.wire end
    members[#members + 1] = { "tools", json.array(wire) }
  end
  if session.tool_choice ~= nil then
    members[#members + 1] = { "tool_choice", session.tool_choice }
  end
end

--- Writes a session.
-- @tparam table session
-- @tparam table options of the session
-- @treturn[1] string JSON
-- @treturn[2] nil
-- @treturn[2] table the error
function M.encode (session, options)
  local members, list = { { "version", M.VERSION } }, {}
  if session.format then
    members[2] = { "format", session.format.name }
  else
    members[2] = { "over", session.over }
  end
  for _, name in ipairs(rendering.names) do
    if session.rendering and session.rendering[name] ~= nil then
      members[#members + 1] = { name, session.rendering[name] }
    end
  end
  add_tools(members, session)
  for _, name in ipairs(KEPT) do
    local value = options[name]
    if name == "max_input_tokens" then value = session.max_input_tokens end
    if name == "reasoning" and type(value) == "table" then value = reasoning.check(value) end
    if value ~= nil then members[#members + 1] = { name, value } end
  end
  members[#members + 1] = { "parameters", json.object(parameters_of(options)) }
  local first = session.messages[1]
  if first and first.role == "system" then
    members[#members + 1] = { "system", history.text(first) }
  end
  for i, message in ipairs(session.messages) do
    if i > 1 or message.role ~= "system" then list[#list + 1] = message_of(message) end
  end
  members[#members + 1] = { "messages", json.array(list) }
  local text, problem = json.encode(json.object(members))
  if text then return text end
  return nil, errors.new { kind = "validation", phase = "request",
    message = "the conversation cannot be saved: " .. problem }
end

--- Writes a file completely or not at all, see `predibase.replace`.
-- @tparam string path
-- @tparam string text
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] table the error, of kind "config"
function M.write (path, text)
  local found, replace = pcall(require, "predibase.replace")
  if not found then
    return config_error("session:save needs the C module predibase.replace: " .. replace)
  end
  local ok, why = replace.write(path, text .. "\n")
  if ok then return true end
  return config_error(why)
end

--- Returns a message that has only role and content as a plain table, and any other as it is.
local function readable (message)
  local fields = json.fields(message)
  if not json.is_object(message) then return message end
  for name, value in pairs(fields) do
    if name ~= "role" and name ~= "content" or type(value) ~= "string" then return message end
  end
  return fields
end

local function read (source)
  local given = files.without_mark(source)
  if given:find "^%s*{" then return given end
  local text, why = files.read(source, M.MAX_FILE)
  if not text then return config_error(why) end
  if text == "" then return config_error(source .. ": the file is empty") end
  return text
end

--- Replaces values that are JSON of the program's own by their ordered form, which keeps the order
-- of keys and the spelling of numbers.
local function keep_spelling (saved, written)
  if not json.is_object(written) then return end
  local list, parameters = written.messages, json.fields(written.parameters)
  if type(saved.messages) == "table" and not json.is_object(list) then
    for i, message in ipairs(list) do
      if saved.messages[i] ~= json.null then saved.messages[i] = readable(message) end
    end
  end
  for _, name in ipairs { "variables", "tools", "tool_choice" } do
    if saved[name] ~= nil then saved[name] = written[name] end
  end
  if type(saved.parameters) ~= "table" or type(parameters) ~= "table" then return end
  for _, name in ipairs { "response_format", "extra" } do
    if saved.parameters[name] ~= nil then saved.parameters[name] = parameters[name] end
  end
end

--- Checks parameters from a file. Nothing in a file may raise. Returns nil or what is wrong.
local function parameter_problem (parameters, over)
  if type(parameters) ~= "table" then return "needs an object in `parameters`" end
  for name in pairs(parameters) do
    if type(name) ~= "string" then return "needs an object in `parameters`" end
    if name == "api_token" then return "contains an API token; delete the line" end
  end
  local set = over == "chat" and chat_completion.parameters or params.generate
  local ok, good, err = usage.catch(function (given)
    option_names.check(given, set.names, "parameter")
    return params.read(given, { partial = true }, set)
  end, parameters)
  if not ok then return "is invalid: " .. tostring(good) end
  return not good and "is invalid: " .. err.message or nil
end

--- Checks tools from a file.
local function tools_problem (list, choice)
  if choice ~= nil and type(choice) ~= "string" and type(choice) ~= "table" then
    return "has " .. checks.describe(choice) .. " as its tool_choice"
  end
  if list == nil or list == json.null then return nil end
  -- The session checks later what only LoRAX refuses.
  local ok, good, err = usage.catch(require "predibase.tools".read, list, { server = "openai" })
  if not ok then return "is invalid: " .. tostring(good) end
  return not good and "is invalid: " .. err.message or nil
end

--- Reads the messages of a file. Returns nil and what is wrong.
local function read_messages (given, over)
  local messages, problem = history.read(given)
  if not messages or over ~= "chat" or not messages[1] then return messages, problem end
  local ok, good, err = usage.catch(wire_messages.check, messages)
  if not ok then return nil, tostring(good) end
  if not good then return nil, err.message end
  return messages
end

--- Reads a conversation.
-- @tparam string source JSON, or the path of a file
-- @treturn[1] table options for `client:chat_session`
-- @treturn[2] nil
-- @treturn[2] table the error; of kind "config" when the file cannot be read, "validation" when it
-- does not contain a conversation
function M.decode (source)
  local text, err = read(source)
  if not text then return nil, err end
  local saved, problem = json.decode(text)
  if type(saved) ~= "table" then
    return bad("is not a JSON object: " .. (problem or "it is another value"))
  end
  keep_spelling(saved, template.ordered.decode(text))
  if not VERSIONS[saved.version] then
    return bad(("has the version %s, this library reads 1 and 2"):format(
      checks.describe(saved.version)))
  end
  if saved.over ~= nil and saved.over ~= json.null and not OVERS[saved.over] then
    return bad("has " .. checks.describe(saved.over) .. " as its over")
  end
  problem = parameter_problem(saved.parameters or {}, saved.over)
    or tools_problem(saved.tools, saved.tool_choice)
  if problem then return bad(problem) end
  local options = {}
  for name, value in pairs(saved.parameters or {}) do options[name] = value end
  for _, name in ipairs(KEPT) do options[name] = saved[name] end
  options.tools, options.tool_choice = saved.tools, saved.tool_choice
  for _, name in ipairs(rendering.names) do options[name] = saved[name] end
  for name, value in pairs(options) do
    if value == json.null then options[name] = nil end
  end
  options.messages, problem = read_messages(saved.messages, saved.over)
  if problem then return bad("is invalid: " .. problem) end
  for _, name in ipairs { "system", "format", "over" } do
    if saved[name] ~= nil and type(saved[name]) ~= "string" then
      return bad(("has %s as its %s"):format(checks.describe(saved[name]), name))
    end
    options[name] = saved[name]
  end
  return options
end

--- Reads a conversation. The given options replace the saved ones.
-- @tparam string source as for `decode`
-- @tparam table options
-- @tparam boolean bound it continues with an adapter, whose parameters replace the saved ones
-- @treturn[1] table options for `client:chat_session`
-- @treturn[2] nil
-- @treturn[2] table the error; of kind "template" for a format that is not built in
function M.options (source, options, bound)
  local given, err = M.decode(source)
  if not given then return nil, err end
  if bound then given.adapter_id, given.adapter_source, given.merged_adapters = nil, nil, nil end
  local name = given.format or ""
  for option, value in next, options do given[option] = value end
  if options.format ~= nil or given.over == "chat" or template.chat(name) then return given end
  return rendering.refusal(('the format "%s" is not built in: give it again as the option format')
    :format(errors.excerpt(name, 100)))
end

return M
