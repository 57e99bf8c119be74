-- SPDX-License-Identifier: MIT
--- Answers in the format of OpenAI's API, for gateways whose clients speak it: the chunks of a
-- stream, whole answers, and errors.
--
-- Fields and their order are those of OpenAI's reference: `chat.completion`,
-- `chat.completion.chunk`, `text_completion`. A client of that API shows an unknown number of
-- tokens as 0, so unknown numbers are sent as 0, as LoRAX does.
-- @module predibase.resty.openai_answers

local answer = require "predibase.resty.answer"
local errors = require "predibase.errors"
local ffi = require "ffi"
local json = require "predibase.json"
local usage = require "predibase.usage"

local M = {}

-- Finish reasons. OpenAI has no word of its own for a stop sequence.

-- `eos_token` and `content_filter` are the words of LoRAX's routes for `stop` and `stop_sequence`.
local REASONS = { stop = "stop", stop_sequence = "stop", eos_token = "stop", length = "length",
  tool_calls = "tool_calls", content_filter = "stop" }

local function reason_of (result)
  local details = result.details
  return REASONS[result.finish_reason or details and details.finish_reason] or "stop"
end

local function usage_text (result)
  local counts = result.usage or {}
  local prompt, completion = counts.prompt_tokens or 0, counts.completion_tokens or 0
  return ('{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d}'):format(prompt,
    completion, prompt + completion)
end

-- Messages.

--- Writes the arguments of a tool call: OpenAI sends a JSON text inside a string.
local function arguments_of (call)
  local text = call.raw_arguments
  if type(text) == "string" then return text end
  text = call.arguments
  if type(text) == "string" then return text end
  if text == nil or next(text) == nil then return "{}" end
  return assert(json.encode(text))
end

--- Writes the array of tool calls. `indexed` adds the position of each, as chunks have it.
local function calls_text (calls, indexed)
  local parts = {}
  for i, call in ipairs(calls) do
    local index = indexed and ('"index":%d,'):format(i - 1) or ""
    parts[i] = ('{%s"id":%s,"type":"function","function":{"name":%s,"arguments":%s}}')
      :format(index, json.text(call.id or "call_" .. i), json.text(call.name),
        json.text(arguments_of(call)))
  end
  return "[" .. table.concat(parts, ",") .. "]"
end

local function has_calls (message)
  return message.tool_calls ~= nil and message.tool_calls[1] ~= nil
end

--- Writes the message of a whole answer. The content is null when there are only tool calls.
local function message_text (choice)
  local calls = has_calls(choice)
  local text = choice.text or choice.content or ""
  local parts = { '{"role":"assistant","content":'
    .. (calls and text == "" and "null" or json.text(text)) }
  if choice.reasoning and choice.reasoning ~= "" then
    parts[2] = '"reasoning_content":' .. json.text(choice.reasoning)
  end
  if calls then parts[#parts + 1] = '"tool_calls":' .. calls_text(choice.tool_calls) end
  return table.concat(parts, ",") .. "}"
end

-- Identity of an answer.

local KINDS = {
  chat = { chunk = "chat.completion.chunk", whole = "chat.completion", prefix = "chatcmpl-" },
  completion = { chunk = "text_completion", whole = "text_completion", prefix = "cmpl-" },
}

--- Writes the members that each chunk and each whole answer begins with.
local function head_text (kind, object, options)
  -- nginx's own id of the request, so that a client's report can be found in the log.
  local id = options.id or KINDS[kind].prefix .. ngx.var.request_id
  return ('{"id":%s,"object":"%s","created":%d,"model":%s'):format(json.text(id), object,
    options.created or ngx.time(), json.text(options.model or ""))
end

-- Whole answers.

local function choice_text (kind, choice, index, reason)
  local body = kind == "chat" and '"message":' .. message_text(choice)
    or '"text":' .. json.text(choice.text or "")
  return ('{"index":%d,%s,"logprobs":null,"finish_reason":"%s"}'):format(index, body, reason)
end

--- Encodes a whole answer: a `chat.completion`, or a `text_completion`.
-- @tparam Result result of `client:generate`, or of another call that returns text
-- @tparam ?table options `kind`: `"chat"` (the default) or `"completion"`; `model`: the name to
-- show (`""`); `id` (`chatcmpl-` or `cmpl-`, and nginx's `$request_id`); `created` (Unix seconds,
-- now); `parsed`: what `format:parse` returned for the text, whose text, tool calls and reasoning
-- are sent in place of those of the result
-- @treturn string JSON
function M.whole (result, options)
  options = options or {}
  local kind = options.kind or "chat"
  local choices = {}
  for i, choice in ipairs(not options.parsed and result.choices or { options.parsed or result }) do
    local reason = has_calls(choice) and "tool_calls"
      or reason_of(choice.finish_reason and choice or result)
    choices[i] = choice_text(kind, choice, i - 1, reason)
  end
  return ('%s,"choices":[%s],"usage":%s}'):format(head_text(kind, KINDS[kind].whole, options),
    table.concat(choices, ","), usage_text(result))
end

-- Embeddings.

--- Writes a vector as OpenAI does for `encoding_format = "base64"`: 32-bit floats, the least
-- significant byte first.
local function base64_of (vector)
  local bytes = ffi.string(ffi.new("float[?]", #vector, vector), 4 * #vector)
  -- The bytes of each number are reversed on processors that store the most significant one first.
  if not ffi.abi "le" then bytes = bytes:gsub("....", string.reverse) end
  return json.text(ngx.encode_base64(bytes))
end

--- Encodes embeddings as the answer of OpenAI's `/v1/embeddings`.
-- @tparam table vectors array of arrays of numbers
-- @tparam ?table options `model`: the name to show (`""`); `base64` (boolean): the vectors are
-- texts, as with `encoding_format = "base64"`; `usage`: the numbers of tokens
-- @treturn[1] string JSON
-- @treturn[2] nil
-- @treturn[2] string which number cannot be written
function M.embeddings (vectors, options)
  options = options or {}
  local list = {}
  for i, vector in ipairs(vectors) do
    local text, problem
    if options.base64 then text = base64_of(vector) else text, problem = json.encode(vector) end
    if not text then return nil, problem end
    list[i] = ('{"object":"embedding","index":%d,"embedding":%s}'):format(i - 1, text)
  end
  local tokens = options.usage and (options.usage.prompt_tokens or options.usage.total_tokens) or 0
  return ('{"object":"list","data":[%s],"model":%s,"usage":{"prompt_tokens":%d,"total_tokens":%d}}')
    :format(table.concat(list, ","), json.text(options.model or ""), tokens, tokens)
end

-- Errors.

local INVALID = { status = 400, type = "invalid_request_error" }

-- Status, `type` and `code` by kind of error. The clients raise different errors by the status.
local ERRORS = {
  validation = INVALID, template = INVALID, tool = INVALID,
  rate_limited = { status = 429, type = "rate_limit_error", code = "rate_limit_exceeded" },
}

-- A request that is too large, before it was sent; an answer that is too large is no fault of the
-- client.
local TOO_LARGE = { status = 413, type = "invalid_request_error" }

-- LoRAX's parameters in validation messages, and the fields of a request to a gateway.
local PARAMETERS = { max_new_tokens = "max_tokens" }

--- Returns the code of a request that is longer than the model's context, which programs look for
-- to shorten a conversation.
local function context_code (text)
  if text:find("`inputs` must have less than", 1, true)
    or text:find("`inputs` tokens + `max_new_tokens` must be", 1, true)
  then
    return "context_length_exceeded"
  end
end

local function class_of (err)
  if err.kind == "too_large" and err.phase == "request" then return TOO_LARGE end
  return ERRORS[err.kind] or { status = answer.STATUS[err.kind] or answer.OTHER_STATUS,
    type = "server_error", code = err.kind }
end

--- Encodes an error as OpenAI does: `{"error":{"message":…,"type":…,"param":…,"code":…}}`.
-- @tparam table public `message`, `type`, and if they are known `param` and `code`
-- @treturn string JSON
function M.encode (public)
  local function text (value)
    return value == nil and "null" or json.encode(value) or json.text(errors.excerpt(value, 4096))
  end
  return ('{"error":{"message":%s,"type":%s,"param":%s,"code":%s}}'):format(text(public.message),
    text(public.type), text(public.param), text(public.code))
end

--- Returns the part of an error that a client may see, in OpenAI's shape.
-- @tparam Error err an error of `predibase.errors`
-- @tparam ?function message as for `predibase.resty.answer`
-- @treturn table `status`, `message`, `type`, `param`, `code`, and `retry_after` in seconds if it
-- is known
function M.public (err, message)
  local class, public = class_of(err), answer.public(err, message)
  local text = tostring(public.message)
  local code = class.code or context_code(text)
  local name = not code and class == INVALID and text:match "error: `([%w_]+)" or nil
  return { status = class.status, message = text, type = class.type,
    param = name and (PARAMETERS[name] or name), code = code, retry_after = public.retry_after }
end

--- Answers the request with an error in OpenAI's shape. Must be called before anything else is
-- sent.
-- @tparam Error err an error of `predibase.errors`
-- @tparam ?function message as for `predibase.resty.answer`
-- @raise if `err` is not an error object
function M.refuse (err, message)
  if not errors.is(err) then
    usage.fail("refuse takes an error object of predibase, got a " .. type(err))
  end
  local public = M.public(err, message)
  answer.send(public.status, M.encode(public), public.retry_after)
end

-- Chunks of a stream. The class has the interface of the formats in
-- `predibase.resty.event_formats`.

local Chunks = {}
Chunks.__index = Chunks

local DONE = "data: [DONE]\n\n"

--- Writes a chunk around the content of its delta. The first one has the role.
local function chunk (self, members)
  if self.kind == "completion" then return self.head .. members .. self.tail end
  if not self.begun then
    self.begun = true
    members = '"role":"assistant"' .. (members == "" and "" or ",") .. members
  end
  return self.head .. members .. self.tail
end

--- Encodes a piece of text.
-- @tparam string text
-- @treturn string
function Chunks:token (text)
  if self.begun then return self.text_head .. json.text(text) .. self.tail end
  return chunk(self, self.text_member .. json.text(text))
end

--- Encodes a piece of reasoning, for which completions have no field.
-- @tparam string text
-- @treturn string
function Chunks:reasoning (text)
  if self.kind == "completion" then return "" end
  return chunk(self, '"reasoning_content":' .. json.text(text))
end

--- Encodes calls of tools, which completions have not.
-- @tparam ToolCall[] calls array of whole calls
-- @treturn string
function Chunks:calls (calls)
  if self.kind == "completion" or not calls[1] then return "" end
  self.called = true
  return chunk(self, '"tool_calls":' .. calls_text(calls, true))
end

--- Encodes the end of a stream: the finish reason, the numbers of tokens if they are wanted, and
-- `[DONE]`.
-- @tparam Result result see `predibase.response`
-- @treturn string
function Chunks:done (result)
  local bytes = ""
  if self.kind == "chat" and not self.begun then bytes = chunk(self, '"content":""') end
  local member = self.kind == "completion" and '"text":""' or ""
  local reason = self.called and "tool_calls" or reason_of(result)
  bytes = bytes .. self.head .. member
    .. self.tail:gsub('"finish_reason":null', '"finish_reason":"' .. reason .. '"', 1)
  if self.include_usage then
    bytes = ('%sdata: %s,"choices":[],"usage":%s}\n\n'):format(bytes, self.identity,
      usage_text(result))
  end
  return bytes .. DONE
end

--- Encodes the failure of a stream. `[DONE]` is left out, because the answer is not complete.
-- @tparam Error err an error of `predibase.errors`
-- @tparam ?function message
-- @treturn string
function Chunks:failed (err, message) -- luacheck: ignore 212
  return "data: " .. M.encode(M.public(err, message)) .. "\n\n"
end

--- Makes the encoder for one stream.
-- @tparam "chat"|"completion" kind `"chat"` or `"completion"`
-- @tparam table options `id`, `model` and `created` as for `whole`; `include_usage` (boolean): a
-- last chunk has the numbers of tokens
-- @treturn OpenaiChunks
function M.chunks (kind, options)
  local identity = head_text(kind, KINDS[kind].chunk, options)
  local is_chat = kind == "chat"
  local head = ('data: %s,"choices":[{"index":0,%s'):format(identity, is_chat and '"delta":{' or "")
  local tail = ('%s"logprobs":null,"finish_reason":null}]%s}\n\n'):format(is_chat and "}," or ",",
    options.include_usage and ',"usage":null' or "")
  local text_member = is_chat and '"content":' or '"text":'
  return setmetatable({
    type = "text/event-stream", comment = ": keep-alive\n\n", refuse = M.refuse,
    kind = kind, identity = identity, head = head, tail = tail, text_member = text_member,
    text_head = head .. text_member,
    include_usage = options.include_usage,
    begun = not is_chat,      -- the role was sent, or there is none
    called = false,           -- tool calls were sent
  }, Chunks)
end

return M
