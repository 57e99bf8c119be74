-- SPDX-License-Identifier: MIT
--- Reads the requests of clients of OpenAI's API, and turns their fields into parameters of
-- /generate. What cannot be done is refused with the name of the field, and never ignored, because
-- the answer would look right and be another one than was asked for.

local json = require "predibase.json"
local ordered = require "predibase.template.ordered"

local M = {}

-- The longest conversation. A longer one would not fit into a model's context.
local MAX_MESSAGES = 500

-- Most texts of one request for embeddings.
local MAX_TEXTS = 256

-- Most stop sequences of a request, as in OpenAI's API. The server takes ten, among them those of
-- the chat format.
local MAX_STOPS = 4

--- Makes a refusal: an error in OpenAI's shape, with its status.
local function refuse (message, param, status, code)
  return nil, { status = status or 400, message = message, type = "invalid_request_error",
    param = param, code = code }
end

M.refuse = refuse

-- Fields with the same meaning in /generate.
local SAME = { "top_p", "presence_penalty", "frequency_penalty", "seed",
  -- those of LoRAX's own /v1, which OpenAI's clients send as extra fields
  "top_k", "typical_p", "repetition_penalty", "ignore_eos_token" }

-- Fields without an effect on the answer.
local NO_EFFECT = { "user", "metadata", "store", "service_tier", "safety_identifier",
  "prompt_cache_key" }

-- Fields that are accepted with these values only.
local ONLY = {
  n = { [1] = true }, best_of = { [1] = true }, logprobs = { [false] = true },
  echo = { [false] = true }, parallel_tool_calls = { [true] = true },
  stream = { [true] = true, [false] = true }, encoding_format = { float = true, base64 = true },
}

local function set (...)
  local made = {}
  for _, list in ipairs { ... } do
    for _, name in ipairs(list) do made[name] = true end
  end
  for name in pairs(ONLY) do made[name] = true end
  return made
end

local COMMON = { "model", "stream", "stream_options", "temperature", "stop", "max_tokens",
  "response_format" }

local FIELDS = {
  chat = set(COMMON, SAME, NO_EFFECT, { "messages", "max_completion_tokens", "tools",
    "tool_choice" }),
  completion = set(COMMON, SAME, NO_EFFECT, { "prompt" }),
  embedding = set({ "model", "input", "encoding_format" }, { "user" }),
}

--- Reads the body of the request.
-- @tparam string kind `chat`, `completion` or `embedding`
-- @treturn[1] table the fields, without those that are null
-- @treturn[2] nil
-- @treturn[2] table refusal
function M.read (kind)
  if not (ngx.var.content_type or ""):lower():find "^application/json%f[;%s%z]" then
    return refuse("the body must be JSON, with Content-Type: application/json", nil, 415)
  end
  ngx.req.read_body()
  local body = ngx.req.get_body_data() or ""
  local fields, problem = json.decode(body)
  if type(fields) ~= "table" or not body:find "^%s*{" then
    return refuse("the body is not a JSON object: " .. (problem or "it is another value"))
  end
  fields = json.present(fields)
  -- The order of a schema's properties is the order in which the model writes them.
  for _, name in ipairs { "response_format", "tools" } do
    if type(fields[name]) == "table" then fields[name] = ordered.decode(body)[name] end
  end
  for name, value in pairs(fields) do
    if not FIELDS[kind][name] then
      return refuse("unknown field " .. name, name, 400, "unknown_parameter")
    end
    if ONLY[name] and not ONLY[name][value] then
      return refuse(("this gateway does not support that value of %s"):format(name), name, 400,
        "unsupported_value")
    end
  end
  return fields
end

--- Returns the adapter of a request, "" for the base model.
function M.adapter (fields, this)
  if type(fields.model) ~= "string" then return refuse("model must be a string", "model") end
  local id = this.adapters[fields.model]
  if id then return id end
  return refuse(("the model `%s` does not exist"):format(fields.model), "model", 404,
    "model_not_found")
end

--- Returns the sequences to stop at: those of the request, and those that end an answer.
local function stop_of (fields, more)
  local stop, list = fields.stop, {}
  if type(stop) == "string" then stop = { stop } end
  if stop ~= nil and type(stop) ~= "table" then
    return refuse("stop must be a string or an array of strings", "stop")
  end
  if #(stop or {}) > MAX_STOPS then
    return refuse(("stop takes at most %d sequences"):format(MAX_STOPS), "stop")
  end
  for i, text in ipairs(stop or {}) do
    if type(text) ~= "string" or text == "" then
      return refuse("stop must have only strings that are not empty", "stop")
    end
    list[i] = text
  end
  local own = #list
  for _, text in ipairs(more) do list[#list + 1] = text end
  return list, own
end

--- Returns the response format in the form of /generate: the schema stands beside the type, and not
-- in an object of its own.
local function format_of (fields)
  local given = json.fields(fields.response_format)
  if given == nil then return nil end
  local kind = type(given) == "table" and given.type
  if kind == "text" then return nil end
  if kind == "json_object" then return { type = kind } end
  local inner = kind == "json_schema" and json.fields(given.json_schema)
  local schema = type(inner) == "table" and inner.schema
  if not json.is_object(schema) then
    return refuse('response_format must be {"type":"text"}, {"type":"json_object"} or '
      .. '{"type":"json_schema","json_schema":{"name":…,"schema":{…}}}', "response_format")
  end
  return { type = kind, schema = json.encode(schema) }
end

--- Returns the parameters of a request.
-- @tparam table fields
-- @tparam string adapter
-- @tparam table stop sequences that end an answer of the model
-- @treturn[1] table options of `client:generate` and `client:generate_stream`
-- @treturn[2] nil
-- @treturn[2] table refusal
function M.parameters (fields, adapter, stop)
  local list, own = stop_of(fields, stop)
  if not list then return nil, own end
  local response_format, refusal = format_of(fields)
  if refusal then return nil, refusal end
  local most = fields.max_completion_tokens or fields.max_tokens
  local options = {
    adapter_id = adapter ~= "" and adapter or nil,
    max_new_tokens = most, temperature = fields.temperature,
    -- OpenAI's models sample unless the temperature is 0; LoRAX samples only when it is asked to.
    do_sample = fields.temperature ~= 0,
    response_format = response_format, stop = list[1] and list or nil, trim_stop = true,
    details = true,
  }
  -- The server looks for a sequence only where a token ends; the client finds it everywhere.
  if own > 0 then
    options.client_stop = {}
    for i = 1, own do options.client_stop[i] = list[i] end
  end
  for _, name in ipairs(SAME) do options[name] = fields[name] end
  return options
end

--- Tells whether the numbers of tokens are wanted at the end of a stream.
function M.wants_usage (fields)
  local options = fields.stream_options
  if options == nil then return false end
  if type(options) ~= "table" or not fields.stream then
    return refuse("stream_options is an object, and only for streams", "stream_options")
  end
  return options.include_usage == true
end

--- Returns the texts to embed.
function M.texts (fields)
  local input = fields.input
  if type(input) == "string" then input = { input } end
  if type(input) ~= "table" or #input == 0 then
    return refuse("input must be a string or an array of strings", "input")
  elseif #input > MAX_TEXTS then
    return refuse(("input takes at most %d texts"):format(MAX_TEXTS), "input")
  end
  for _, text in ipairs(input) do
    if type(text) ~= "string" then
      return refuse("input must have only strings; this gateway takes no tokens", "input")
    end
  end
  return input
end

--- Returns the tools that the model may call, or nil for none.
function M.tools (fields)
  local tools, choice = fields.tools, fields.tool_choice
  if tools ~= nil and type(tools) ~= "table" or json.is_object(tools) then
    return refuse("tools must be an array", "tools")
  end
  if choice == "none" or not tools or not tools[1] then return nil end
  if fields.response_format then
    return refuse("response_format and tools exclude each other", "response_format")
  end
  if choice == nil or choice == "auto" then return tools end
  return refuse('tool_choice can be "auto" or "none": no prompt can force a call', "tool_choice",
    400, "unsupported_value")
end

--- Returns the messages of a conversation in the form that `format:render` takes.
function M.messages (fields)
  local list = fields.messages
  if type(list) ~= "table" or #list == 0 then
    return refuse("messages must be an array that is not empty", "messages")
  elseif #list > MAX_MESSAGES then
    return refuse("messages has too many entries", "messages")
  end
  local messages = {}
  for i, message in ipairs(list) do
    if type(message) ~= "table" then
      return refuse("a message must be an object", ("messages[%d]"):format(i - 1))
    end
    messages[i] = json.present(message)
    if messages[i].role == "developer" then messages[i].role = "system" end
    messages[i].name = nil
  end
  return messages
end

return M
