-- SPDX-License-Identifier: MIT
--- Chat completions (LoRAX and OpenAI: POST /v1/chat/completions).
--
-- The server renders the messages with the chat template of its model. LoRAX reads some fields
-- otherwise than OpenAI's clients write them; with the client's option `server = "lorax"`, which is
-- the default, this module translates them. With `server = "openai"` they are sent as they are.
-- @module predibase.chat_completion

local chat_delta = require "predibase.chat_delta"
local checks = require "predibase.value_checks"
local choices = require "predibase.choices"
local errors = require "predibase.errors"
local json = require "predibase.json"
local openai_api = require "predibase.openai_api"
local params = require "predibase.params"
local reasoning = require "predibase.reasoning"
local request = require "predibase.request"
local stops = require "predibase.stop_sequences"
local usage = require "predibase.usage"
local utf8 = require "predibase.utf8"
local wire_messages = require "predibase.wire_messages"

local M = {}

--- The parameters of chat completions.
-- @table ChatParameters
-- @tfield ?integer max_tokens most tokens of the answer, above 0
-- @tfield ?integer max_new_tokens the same by its name in `generate`
-- @tfield ?integer max_completion_tokens the same by its newer name in OpenAI's API
-- @tfield ?string adapter_id `repo/version` at Predibase (default: the base model)
-- @tfield ?string model the same by its name in OpenAI's API
-- @tfield ?"pbase"|"hub"|"local"|"s3" adapter_source where the adapter is (default `"pbase"`)
-- @tfield ?string api_token for private adapters of the hub
-- @tfield ?number temperature 0 or more; 0 always takes the most likely token
-- @tfield ?number top_p above 0, at most 1
-- @tfield ?integer top_k only the so many most likely tokens
-- @tfield ?integer n make so many answers
-- @tfield ?string|string[] stop the sequences at which the server stops
-- @tfield ?number presence_penalty -2 to 2
-- @tfield ?number frequency_penalty -2 to 2
-- @tfield ?number repetition_penalty above 0
-- @tfield ?number repitition_penalty the spelling of Predibase's documentation
-- @tfield ?boolean ignore_eos_token go on after the end-of-sequence token
-- @tfield ?integer|string seed 0 to 2^64 - 1, or its decimal digits
-- @tfield ?ResponseFormat response_format the form of the answer
-- @tfield ?string tool_prompt LoRAX: what the model is told about the tools
-- @tfield ?string guideline LoRAX: a further text of the template
-- @tfield ?Tool[] tools functions that the model may call
-- @tfield ?string|table tool_choice `"auto"`, `"none"`, `"required"`, the name of a tool, or
-- OpenAI's table
-- @tfield ?table<string,any> extra further fields of the request

--- The options of `client:chat_completion`.
-- @table ChatOptions
-- @extends ChatParameters, TextOptions, CallOptions
-- @tfield ?boolean stop_on_server with `client_stop`: stop the model at the sequence (default
-- false)

--- The options of `client:chat_completion_stream`.
-- @table ChatStreamOptions
-- @extends ChatParameters, TextOptions, CallOptions
-- @tfield ?boolean keep_text `false` does not keep the text for the result (default true)
-- @tfield ?fun(delta:Delta) on_token receives each delta

--- The options of `client:chat_completion_many`.
-- @table ChatManyOptions
-- @extends ChatParameters, TextOptions, CallOptions
-- @tfield ?integer concurrency requests at the same time, 1 to 1000 (default 32)
-- @tfield ?boolean retry_generation send a conversation once more whose error is of kind
-- "generation" (default true)

--- A conversation of `client:chat_completion_many` with its own options.
-- @table ConversationEntry
-- @extends ChatOptions
-- @tfield Message[] messages the conversation

-- Parameters.

local RANGES = {
  { name = "max_tokens", above = 0, text = "`max_tokens` must be strictly positive" },
  { name = "n", above = 0, text = "`n` must be strictly positive" },
}
for _, range in ipairs(params.ranges) do RANGES[#RANGES + 1] = range end

local function text (value, name)
  if type(value) ~= "string" then
    return nil, ("`%s` must be a string, got %s"):format(name, checks.describe(value))
  end
  local valid, at = utf8.valid(value)
  if valid then return value end
  return nil, ("`%s` must be valid UTF-8, got byte 0x%02x at position %d"):format(name,
    value:byte(at), at)
end

--- The parameters, in the order of sending. `adapter_id` is sent as `model`.
M.parameters = params.define {
  list = {
    { name = "adapter_id", kind = "identifier" },
    { name = "adapter_source", kind = "choice", choices = { "hub", "local", "s3", "pbase" } },
    { name = "api_token", kind = "token" },
    { name = "temperature", kind = "single" },
    { name = "top_p", kind = "single" },
    { name = "n", kind = "integer", max = 2^31 - 1 },
    { name = "max_tokens", kind = "integer", min = -2^31, max = 2^31 - 1 },                 -- i32
    { name = "stop", kind = "strings", single = true },
    { name = "presence_penalty", kind = "single" },
    { name = "frequency_penalty", kind = "single" },
    { name = "repetition_penalty", kind = "single" },
    { name = "top_k", kind = "integer", min = -2^31, max = 2^31 - 1 },
    { name = "ignore_eos_token", kind = "boolean" },
    { name = "seed", kind = "seed" },
    { name = "response_format", kind = "format" },
    { name = "tool_prompt", check = text },
    { name = "guideline", check = text },
  },
  ranges = RANGES,
  aliases = { model = "adapter_id", max_new_tokens = "max_tokens",
    max_completion_tokens = "max_tokens", repitition_penalty = "repetition_penalty" },
  others = { "tools", "tool_choice" },
  reserved = { "messages", "stream" },
  before = function (values, context)
    if (values.n or 1) <= 1 then return nil end
    if context.stream then return "`n` must be 1 when streaming" end
    if context.server == "openai" then return nil end
    -- LoRAX makes `n` answers as /generate does with `best_of`.
    if values.temperature == 0 then return "you must use sampling when `n` is > 1" end
    if values.seed ~= nil then return "`seed` must not be set when `n` is > 1" end
  end,
  complete = function (checked, add, context)
    if context.server ~= "openai" then params.complete_adapter(checked, add) end
  end,
}

local STREAM_NAMES = request.stream_names(M.parameters.names)
local NAMES = request.whole_names(STREAM_NAMES)

-- Tools.

local function refuse_tool (message)
  return nil, errors.new { kind = "tool", error_type = "tool_error", phase = "request",
    retryable = false, message = "Tool error: " .. message }
end

--- Returns the name that a `tool_choice` in OpenAI's form of an object contains.
local function chosen_name (choice)
  if type(choice) ~= "table" then return nil end
  choice = json.present(choice)
  local f = choice.type == "function" and choice["function"]
  local name = type(f) == "table" and json.present(f).name
  return type(name) == "string" and name or nil
end

--- Translates `tool_choice`. Returns the value to send, or nil for none, and whether the tools are
-- sent; or nil, nil and an error.
local function read_choice (choice, tools, server)
  if choice == nil or choice == json.null or choice == "auto" then
    return choice == "auto" and server == "openai" and choice or nil, true
  elseif choice == "none" then
    return server == "openai" and choice or nil, server == "openai"
  elseif choice == "required" then
    if server == "openai" then return choice, true end
    if #tools == 1 then return tools[1].name, true end
    return nil, nil, select(2, request.refuse('`tool_choice` "required" with several tools: LoRAX '
      .. "can force one tool by its name only; name it, or give one tool"))
  end
  local name = type(choice) == "string" and choice or chosen_name(choice)
  if not name then
    return nil, nil, select(2, request.refuse('`tool_choice` must be "auto", "none", "required", '
      .. "the name of a tool, or { type = \"function\", [\"function\"] = { name = … } }, got "
      .. checks.describe(choice)))
  end
  if not require "predibase.tools".find(tools, name) then
    return nil, nil, select(2, refuse_tool(("Tool with name %s not found"):format(name)))
  end
  if server ~= "openai" then return name, true end
  return json.object { { "type", "function" }, { "function", json.object { { "name", name } } } },
    true
end

--- Reads the options `tools` and `tool_choice` into a plan. Returns an array of members to send; or
-- nil and an error.
local function read_tools (plan, given, server)
  local list, choice = given.tools, given.tool_choice
  local members = {}
  if list == nil or list == json.null or type(list) == "table" and next(list) == nil then
    if choice ~= nil and choice ~= json.null and choice ~= "none" and choice ~= "auto" then
      return request.refuse "`tool_choice` needs `tools`"
    end
    return members
  end
  local module = require "predibase.tools"
  local tools, err = module.read(list, { server = server,
    check_schema = plan.settings.check_schema })
  if not tools then return nil, err end
  local wanted, are_sent
  wanted, are_sent, err = read_choice(choice, tools, server)
  if err then return nil, err end
  if not are_sent then return members end
  plan.tools = tools
  members[1] = { "tools", module.wire(tools) }
  if wanted ~= nil then members[2] = { "tool_choice", wanted } end
  return members
end

-- Requests.

local function write (plan, client, given)
  local server = client.cfg.server
  local all = openai_api.merged(client, given, plan.route)
  local of_tools, err = read_tools(plan, all, server)
  if not of_tools then return err end
  all.tools, all.tool_choice = nil, nil
  local list
  list, err = params.read(all, { stream = plan.stream, server = server,
    check_schema = server ~= "openai" and plan.settings.check_schema }, M.parameters)
  if not list then return err end
  err = request.check_token(plan, client, all.api_token)
  if err then return err end
  local model, members = openai_api.members_of(plan, list, server)
  local format = all.response_format
  if plan.tools and server ~= "openai" and type(format) == "table"
    and json.present(format).type ~= "text" then
    return select(2, refuse_tool "Response format and tools are mutually exclusive")
  end
  for _, member in ipairs(of_tools) do members[#members + 1] = member end
  openai_api.add_stream(plan, members, server)
  return openai_api.encode(plan, client, model, members)
end

--- Checks the type of messages.
-- @param messages
-- @raise for messages that are not a table
function M.check_messages (messages)
  if type(messages) == "table" then return end
  usage.fail("messages must be an array such as { { role = \"user\", content = … } }, got "
    .. checks.describe(messages))
end

local function body (plan, messages)
  M.check_messages(messages)
  local context = plan.context
  local list, problem = wire_messages.write(messages, context.server, context.forced)
  if not list then return request.refuse(problem) end
  return '{"model":' .. plan.model .. ',"messages":' .. list .. plan.rest
end

--- Reads one choice of a whole answer. Returns `text`, `reasoning`, `tool_calls`, `message`,
-- `finish_reason` and `raw_finish_reason`; or nil and what is wrong.
local function read_answer (choice, path, meta)
  local context, message = meta.context, choice.message
  if type(message) ~= "table" then return nil, path .. ".message is not an object" end
  local made = {}
  local problem, calls, raw
  made.text, problem = choices.string(message, "content", path .. ".message")
  if problem then return nil, problem end
  made.reasoning, problem = choices.reasoning(message, path .. ".message")
  if problem then return nil, problem end
  calls, problem = choices.calls(message, path .. ".message",
    choices.id_maker(context.server, meta.random))
  if problem then return nil, problem end
  raw, problem = choices.string(choice, "finish_reason", path)
  if problem then return nil, problem end
  local is_empty = made.text == nil and not calls
  if is_empty and (raw == nil or message.content == nil and not made.reasoning) then
    return nil, path .. ".message has neither content nor tool_calls"
  end
  local kind
  made.text = made.text or ""
  if meta.marks and not context.forced then
    local thoughts
    made.text, thoughts = reasoning.split(made.text, meta.marks, meta.begins_inside)
    made.reasoning = made.reasoning or thoughts
  end
  made.text, made.stop_sequence, kind = stops.cut(made.text, meta.stop, meta.trim)
  if kind == "stop" then calls = nil end        -- the model calls tools after its text
  made.tool_calls, made.raw_finish_reason = calls, raw
  made.finish_reason = kind == "stop" and "stop_sequence" or calls and "tool_calls"
    or choices.finish_reason(raw, context.server)
  made.message = choices.message(made.text, calls)
  return made
end

local function read (reply, meta)
  return openai_api.read(reply, meta, read_answer)
end

--- The route of whole answers.
M.ROUTE = {
  name = "chat_completion", path = "/v1/chat/completions", accept = "application/json",
  names = NAMES, params = M.parameters, needs = openai_api.NEEDS, reasons = request.NO_TOKENS,
  write = write, body = body, read = read,
}

--- The route of streams.
M.STREAM = {
  name = "chat_completion_stream", path = "/v1/chat/completions", accept = "text/event-stream",
  stream = true, deltas = true, names = STREAM_NAMES, params = M.parameters,
  needs = openai_api.NEEDS,
  write = write, body = body, read = read, reader = chat_delta.new, finish = openai_api.finish,
}

M.ROUTE.streamed = M.STREAM

--- The options of `chat_completion_many`. Its calls use `ROUTE`.
M.MANY = {
  name = "chat_completion_many", reasons = request.NO_TOKENS, route = M.ROUTE,
  entries = { field = "messages", type = "table", what = "conversation", many = "conversations",
    wanted = "an array of messages" },
  names = request.many_names(NAMES),
}

return M
