-- SPDX-License-Identifier: MIT
--- Reads the parts that the answers of /v1/chat/completions and /v1/completions, whole or in a
-- stream, have in common. Everything that does not have the documented types is an error message
-- with the path of the field.
-- @module predibase.choices

local checks = require "predibase.value_checks"
local json = require "predibase.json"
local random = require "predibase.random"

local M = {}

local null = json.null

--- The finish reasons of LoRAX's /v1 routes, and of servers with other words for the same.
local LORAX = { content_filter = "stop_sequence", eos_token = "stop" }
local OPENAI = { eos_token = "stop", function_call = "tool_calls" }

--- Returns the name that results use for a finish reason. LoRAX writes `content_filter` when the
-- answer ends at a stop sequence.
-- @tparam ?string raw as the server wrote it
-- @tparam string server the client's option
-- @treturn ?string
function M.finish_reason (raw, server)
  if raw == nil then return nil end
  return (server == "openai" and OPENAI or LORAX)[raw] or raw
end

--- Reads a field that must be a string; null stands for a field that is missing.
-- @tparam table object
-- @tparam string name
-- @tparam string path of the object
-- @treturn[1] ?string nil when it is missing
-- @treturn[2] nil
-- @treturn[2] string what is wrong
function M.string (object, name, path)
  local value = object[name]
  if value == nil or value == null then return nil end
  if type(value) == "string" then return value end
  return nil, ("%s.%s is not a string"):format(path, name)
end

--- Reads a field that must be a string, where an empty one stands for a field that is missing.
-- @tparam table object
-- @tparam string name
-- @tparam string path of the object
-- @treturn[1] ?string nil when it is missing or empty
-- @treturn[2] nil
-- @treturn[2] string what is wrong
function M.text (object, name, path)
  local value, problem = M.string(object, name, path)
  return value ~= "" and value or nil, problem
end

--- Reads the reasoning of a message or delta.
-- @tparam table object
-- @tparam string path of the object
-- @treturn[1] ?string nil when there is none
-- @treturn[2] nil
-- @treturn[2] string what is wrong
function M.reasoning (object, path)
  local found, problem = M.text(object, "reasoning_content", path)
  if found or problem then return found, problem end
  return M.text(object, "reasoning", path)
end

--- Tells whether a decoded object can be encoded again without a change: `{}` and `[]` are the same
-- table, and `json.decode` returns an integer beyond a double as a string of digits.
local function is_exact (object)
  for _, inner in next, object do
    if type(inner) == "table" and (next(inner) == nil or not is_exact(inner))
      or type(inner) == "string" and #inner >= 16 and inner:find "^%-?%d+$" then return false end
  end
  return true
end

--- Reads the arguments of a call, or a piece of them.
-- @tparam table object with the field `arguments`: a string, or an object, as Ollama's own API
-- writes it, if that can be converted to text without a loss
-- @tparam string path of the object
-- @treturn[1] string empty when they are missing
-- @treturn[2] nil
-- @treturn[2] string what is wrong
function M.arguments (object, path)
  if type(object.arguments) == "table" then
    if is_exact(object.arguments) then return json.encode(object.arguments) end
    return nil, path .. ".arguments is an object, and not its JSON text"
  end
  local text, problem = M.string(object, "arguments", path)
  if problem then return nil, problem end
  return text or ""
end

--- Reads the choices of an answer.
-- @tparam table object the answer or chunk
-- @treturn[1] table the array
-- @treturn[1] integer its length
-- @treturn[2] nil
-- @treturn[2] string what is wrong
function M.list (object)
  local list = object.choices
  local count = type(list) == "table" and checks.array(list)
  if not count then return nil, "choices is not an array" end
  for i = 1, count do
    if type(list[i]) ~= "table" then
      return nil, ("choices[%d] is not an object"):format(i)
    end
  end
  return list, count
end

local COUNTS = { "prompt_tokens", "completion_tokens", "total_tokens" }

--- Reads the numbers of tokens. LoRAX writes 0 prompt tokens when it does not know their number.
-- @tparam table object the answer or chunk
-- @treturn[1] ?table `prompt_tokens`, `completion_tokens`, `total_tokens`, each of which may be
-- missing; nil when there is no usage
-- @treturn[2] nil
-- @treturn[2] string what is wrong
function M.usage (object)
  local given = object.usage
  if given == nil or given == null then return nil end
  if type(given) ~= "table" then return nil, "usage is not an object" end
  local usage = {}
  for _, name in ipairs(COUNTS) do
    local value = given[name]
    if value ~= nil and value ~= null then
      if not checks.integral(value) or value < 0 then
        return nil, ("usage.%s is not a number of tokens"):format(name)
      end
      usage[name] = json.integer(value)
    end
  end
  if usage.prompt_tokens == 0 then
    -- LoRAX /v1/completions writes zeros into every chunk but the last.
    if usage.completion_tokens == 0 then return nil end
    usage.prompt_tokens, usage.total_tokens = nil, nil
  end
  return usage
end

--- The result of `client:chat_completion`.
-- @table ChatResult
-- @extends Result
-- @tfield Message message to append to the messages
-- @tfield ?ToolCall[] tool_calls the functions that the model calls
-- @tfield ?ChatChoice[] choices all answers, when there are several

--- One of several answers to a conversation.
-- @table ChatChoice
-- @tfield string text the text
-- @tfield Message message to append to the messages
-- @tfield ?ToolCall[] tool_calls the functions that the model calls
-- @tfield ?string reasoning what the model wrote before its answer
-- @tfield ?string finish_reason why the answer ended
-- @tfield ?string raw_finish_reason the server's word for it
-- @tfield ?string stop_sequence the sequence that was removed from its end

--- A call of a tool.
-- @table ToolCall
-- @tfield string id answers have it as `tool_call_id`
-- @tfield string name of the tool
-- @tfield ?table<string,any> arguments nil when the text is not a JSON object
-- @tfield string raw_arguments the text

-- Calls of tools.

--- Returns a function that makes the ids of calls. LoRAX gives every call the id "0", but ids must
-- be unique in a conversation.
-- @tparam string server the client's option
-- @tparam function draw a generator of `predibase.random`
-- @treturn function takes the server's id, or nil; returns a string
function M.id_maker (server, draw)
  return function (id)
    if server == "openai" and id and id ~= "" then return id end
    return "call_" .. random.id(draw)
  end
end

--- Converts the integral numbers in a value, so that they print without a fraction.
local function with_integers (value)
  for key, inner in next, value do
    value[key] = type(inner) == "table" and with_integers(inner) or json.integer(inner)
  end
  return value
end

--- Makes a call of a tool. The arguments are decoded; where they are no JSON object, `arguments` is
-- nil, and `raw_arguments` has the text.
-- @tparam string id
-- @tparam string name
-- @tparam string text the arguments
-- @treturn table `id`, `name`, `arguments`, `raw_arguments`
function M.new_call (id, name, text)
  local value = text:find "^%s*{" and json.decode(text) or nil
  if not text:find "%S" then value = {} end
  return { id = id, name = name, raw_arguments = text,
    arguments = type(value) == "table" and with_integers(M.without_nulls(value)) or nil }
end

--- Removes the members of objects that are null, at every depth. Elements of arrays stay.
-- @tparam table value as `json.decode` returned it; it is changed
-- @treturn table value
function M.without_nulls (value)
  local is_list = value[1] ~= nil
  for key, inner in next, value do
    if inner == null and not is_list then
      value[key] = nil
    elseif type(inner) == "table" then
      M.without_nulls(inner)
    end
  end
  return value
end

--- Reads the calls of a whole message.
-- @tparam table message
-- @tparam string path of the message
-- @tparam function new_id makes an id; takes the server's, or nil
-- @treturn[1] ?table array of calls; nil when there are none
-- @treturn[2] nil
-- @treturn[2] string what is wrong
function M.calls (message, path, new_id)
  local list = message.tool_calls
  if list == nil or list == null then return nil end
  local count = type(list) == "table" and checks.array(list)
  if not count then return nil, path .. ".tool_calls is not an array" end
  local calls = {}
  for i = 1, count do
    local place = ("%s.tool_calls[%d]"):format(path, i)
    local entry = list[i]
    local f = type(entry) == "table" and entry["function"]
    if type(f) ~= "table" then return nil, place .. ".function is not an object" end
    if type(f.name) ~= "string" then return nil, place .. ".function.name is not a string" end
    local text, problem, id
    text, problem = M.arguments(f, place .. ".function")
    if not text then return nil, problem end
    id, problem = M.string(entry, "id", place)
    if problem then return nil, problem end
    calls[i] = M.new_call(new_id(id), f.name, text)
  end
  return calls[1] and calls or nil
end

--- Makes the message of an answer in OpenAI's form, for the history.
-- @tparam string text
-- @tparam ?table calls
-- @treturn table
function M.message (text, calls)
  if not calls then return { role = "assistant", content = text } end
  local list = {}
  for i, call in ipairs(calls) do
    local raw = call.raw_arguments
    list[i] = { id = call.id, type = "function",
      ["function"] = { name = call.name, arguments = raw:find "%S" and raw or "{}" } }
  end
  return { role = "assistant", content = text ~= "" and text or nil, tool_calls = list }
end

return M
