-- SPDX-License-Identifier: MIT
--- Reads the chunks of a streamed chat completion or completion.
--
-- A delta is what one chunk adds to the answer: `text` (a string, never nil), `reasoning`,
-- `finish_reason` and `raw_finish_reason` (of the last delta), and `tool_calls` (of the last delta:
-- the calls are complete then). An answer is complete when a chunk with a finish reason has come.
-- Some servers send the numbers of tokens in a chunk of their own after it, so the reader waits for
-- that chunk, for `[DONE]` or for the end of the body.
-- @module predibase.chat_delta

local checks = require "predibase.value_checks"
local choices = require "predibase.choices"
local event = require "predibase.event"
local forced_call = require "predibase.forced_call"
local json = require "predibase.json"

--- What one chunk of a stream adds to a completion.
-- @table CompletionDelta
-- @tfield string text may be empty
-- @tfield ?string finish_reason in the last delta: why the answer ended
-- @tfield ?string raw_finish_reason the server's word for it

--- What one chunk of a stream adds to a chat completion.
-- @table Delta
-- @extends CompletionDelta
-- @tfield ?string reasoning what it adds to the reasoning
-- @tfield ?ToolCall[] tool_calls in the last delta: all calls of tools

--- A token or a delta of a session: the fields of both.
-- @table SessionDelta
-- @extends Delta
-- @tfield ?integer id the number of the token
-- @tfield ?number logprob the logarithm of its probability
-- @tfield ?boolean special true for markers of the model
-- @tfield ?boolean skipped true when the server did not need the model for it
-- @tfield ?PromptToken[] alternative_tokens the most likely tokens

local M = {}

--- Most calls in one answer: a server that numbers them wrongly must not fill the memory.
M.MAX_CALLS = 1000

local Reader = { raw = true }
Reader.__index = Reader

local function protocol (message)
  return nil, { kind = "protocol", message = message }
end

local UNFINISHED = {
  kind = "incomplete_generation", phase = "body",
  message = "the stream ended with [DONE] before a chunk with a finish_reason",
}

--- Counts bytes that the reader keeps and that are not text of the answer: a server that ignores
-- `max_tokens` would fill the memory. Returns a failure when there are too many.
local function keep (self, bytes)
  self.bytes = self.bytes + bytes
  if self.bytes <= self.max_text then return nil end
  return { kind = "too_large", phase = "body", message =
    ("the reasoning and the calls of the stream are larger than max_response_bytes (%d bytes)")
      :format(self.max_text) }
end

-- Calls in pieces.

--- Returns the call that a piece belongs to. Some servers number all calls with 0, or do not number
-- them; then the id of a piece tells where the next call begins, or its name where it has no id.
local function call_of (self, index, id, name)
  local call = self.calls[index]
  local is_next = call and (id and call.id and id ~= call.id
    or not id and name and call.name and call.parts[1])
  if call and not is_next then return call end
  if #self.order == M.MAX_CALLS then return nil end
  call = { parts = {}, index = index, position = #self.order + 1 }
  self.calls[index] = call
  self.order[call.position] = call
  return call
end

--- Adds a piece of a call. Returns what is wrong, or nil and a failure.
local function add_piece (self, piece, path)
  if type(piece) ~= "table" then return path .. " is not an object" end
  local index = piece.index
  if index == nil or index == json.null then index = self.last_call or 0 end
  if not checks.integral(index) or index < 0 or index >= M.MAX_CALLS then
    return path .. ".index is not the number of a call"
  end
  local f = piece["function"]
  if f == nil or f == json.null then f = {} end
  if type(f) ~= "table" then return path .. ".function is not an object" end
  local id, problem = choices.text(piece, "id", path)
  if problem then return problem end
  local name, text
  name, problem = choices.text(f, "name", path .. ".function")
  if problem then return problem end
  text, problem = choices.arguments(f, path .. ".function")
  if problem then return problem end
  local call = call_of(self, index, id, name)
  if not call then return path .. " is one call too many" end
  self.last_call = index
  call.id, call.name = call.id or id, call.name or name
  if text == "" then return nil end
  call.parts[#call.parts + 1] = text
  return nil, keep(self, #text)
end

--- Adds the pieces in a delta. Returns what is wrong, or nil and a failure.
local function add_pieces (self, list)
  if list == nil or list == json.null then return nil end
  local count = type(list) == "table" and checks.array(list)
  if not count then return "choices[1].delta.tool_calls is not an array" end
  for i = 1, count do
    local problem, failure = add_piece(self, list[i],
      ("choices[1].delta.tool_calls[%d]"):format(i))
    if problem or failure then return problem, failure end
  end
end

--- Joins the pieces of all calls. Returns nil when there are none; or nil and what is wrong.
local function joined_calls (self)
  if #self.order == 0 then return nil end
  table.sort(self.order, function (a, b)
    if a.index ~= b.index then return a.index < b.index end
    return a.position < b.position
  end)
  local made = {}
  for i, call in ipairs(self.order) do
    if not call.name then return nil, ("the call %d of a tool has no name"):format(call.index) end
    made[i] = choices.new_call(self.new_id(call.id), call.name, table.concat(call.parts))
  end
  return made
end

-- Chunks.

-- What to add to a message about an answer that is cut off, by the finish reason.
local CUT_BY = { length = "; raise max_tokens", content_filter = "; a sequence of stop ended it" }

--- Ends the JSON that LoRAX forces on the model. Returns the last words; or nil and a failure.
local function finish_forced (self, raw)
  local words, call, cut = self.forced:finish()
  if words and not (self.forced.cut and raw ~= "length") then
    if call then
      self.tool_calls = { choices.new_call(self.new_id(nil), call.name, call.arguments) }
    end
    return words
  end
  local message = words and "the model's answer is not complete" or call
  if cut or words then
    return nil, { kind = "incomplete_generation", retryable = false,
      message = message .. (CUT_BY[raw] or "") }
  end
  return nil, { kind = "tool", retryable = false, message = message }
end

--- Records the finish reason and completes the calls. Returns nil; or a failure.
local function finish (self, delta, raw)
  if self.forced then
    local words, failure = finish_forced(self, raw)
    if not words then return failure end
    delta.text = delta.text .. words
  else
    local calls, problem = joined_calls(self)
    if problem then return { kind = "protocol", message = "in the event, " .. problem } end
    self.tool_calls = calls
  end
  self.raw_finish_reason = raw
  self.finish_reason = self.tool_calls and "tool_calls" or choices.finish_reason(raw, self.server)
  delta.tool_calls, delta.finish_reason = self.tool_calls, self.finish_reason
  delta.raw_finish_reason = raw
end

--- Reads the fields of a delta. Returns the text and the reasoning, each of which may be nil; or
-- nil, nil and what is wrong, or nil, nil, nil and a failure.
local function texts_of (self, choice)
  if self.plain then
    if choice.text == nil then return nil, nil, "choices[1].text is not a string" end
    local text, problem = choices.string(choice, "text", "choices[1]")
    return text, nil, problem
  end
  local given = choice.delta
  if given == json.null then return nil end
  if type(given) ~= "table" then return nil, nil, "choices[1].delta is not an object" end
  local text, problem = choices.string(given, "content", "choices[1].delta")
  if problem then return nil, nil, problem end
  local reasoning
  reasoning, problem = choices.reasoning(given, "choices[1].delta")
  if problem then return nil, nil, problem end
  return text, reasoning, add_pieces(self, given.tool_calls)
end

local function closing (self)
  return { generated_text = "", details = { finish_reason = self.raw_finish_reason } }
end

--- Keeps what belongs to the answer and is not its text. Returns a failure when it is too much.
local function take_texts (self, text, reasoning)
  if reasoning then self.reasoning[#self.reasoning + 1] = reasoning end
  return keep(self, (self.forced and #(text or "") or 0) + #(reasoning or ""))
end

--- Reads a choice. Returns an event; or nil and a failure.
local function read_choice (self, choice)
  local index = choice.index
  if index ~= nil and index ~= json.null and index ~= 0 then
    return protocol "in the event, choices[1].index is not 0"
  end
  local text, reasoning, problem, failure = texts_of(self, choice)
  if problem then return protocol("in the event, " .. problem) end
  local raw
  raw, problem = choices.text(choice, "finish_reason", "choices[1]")
  if problem then return protocol("in the event, " .. problem) end
  failure = failure or take_texts(self, text, reasoning)
  if failure then return nil, failure end
  if text and self.forced then text = self.forced:feed(text) end
  -- The first chunk of most servers only has the role.
  local is_empty = self.server == "openai" and (text or "") == "" and not reasoning
  if not raw and (is_empty or not text and not reasoning) then return {} end
  local delta = { text = text or "", reasoning = reasoning }
  if raw then
    failure = finish(self, delta, raw)
    if failure then return nil, failure end
  end
  return { token = delta }
end

--- Reads what comes after the last delta. The answer is complete, so only the numbers of tokens
-- matter.
local function read_rest (self, data)
  local chunk = json.decode(data)
  if type(chunk) ~= "table" then return closing(self) end
  local usage, problem = choices.usage(chunk)
  if problem then return protocol("in the event, " .. problem) end
  self.usage = usage or self.usage
  local _, count = choices.list(chunk)
  return not usage and type(count) == "number" and count > 0 and {} or closing(self)
end

--- Decodes the data of one event.
-- @tparam string data
-- @treturn[1] table the event, see `predibase.stream`
-- @treturn[2] nil
-- @treturn[2] table `{ kind, message }`
function Reader:decode (data)
  if self.finish_reason then return read_rest(self, data) end
  if data:find "^%s*%[DONE%]%s*$" then return nil, UNFINISHED end
  local chunk, problem = json.decode(data)
  if chunk == nil then return protocol("the event is not JSON: " .. problem) end
  if type(chunk) ~= "table" then return protocol "the event is not a JSON object" end
  local text, error_type = event.error_fields(chunk)
  if text then return { error = text, error_type = error_type } end
  local usage
  usage, problem = choices.usage(chunk)
  if problem then return protocol("in the event, " .. problem) end
  self.usage = usage or self.usage
  local list, count = choices.list(chunk)
  if not list then return protocol("in the event, " .. count) end
  if count == 0 then return {} end
  if count > 1 then return protocol "in the event, choices has more than one element" end
  local ev, failure = read_choice(self, list[1])
  if ev and ev.token and self.finish_reason and usage then
    ev.generated_text, ev.details = "", closing(self).details
  end
  return ev, failure
end

--- Returns the closing event when the body has ended and the answer is complete.
-- @treturn ?table
function Reader:at_end ()
  return self.finish_reason and closing(self) or nil
end

--- Makes a reader for one stream.
-- @tparam table context `server` (the client's option), `forced` (LoRAX forces the form of a call
-- on the model), `plain` (the chunks are those of /v1/completions)
-- @tparam table client the data that all calls share: `random` (a generator), `max_text` (most
-- bytes of the reasoning and of the calls)
-- @treturn table
function M.new (context, client)
  return setmetatable({
    server = context.server, plain = context.plain, max_text = client.max_text,
    new_id = choices.id_maker(context.server, client.random),
    forced = context.forced and forced_call.new() or nil,
    calls = {}, order = {},     -- calls in pieces: index -> its newest call, and all calls
    bytes = 0,                  -- kept bytes that are not text of the answer
    reasoning = {},
    -- last_call: the index of the last piece
    -- usage, tool_calls, finish_reason, raw_finish_reason: when they are known
  }, Reader)
end

return M
