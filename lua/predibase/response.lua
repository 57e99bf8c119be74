-- SPDX-License-Identifier: MIT
--- Makes a result or an error object from a response of the server.
-- @module predibase.response

local for_failures = require "predibase.for_failures"
local lazy = require "predibase.lazy"
local event = require "predibase.event"
local headers_of = require "predibase.response_headers"
local json = require "predibase.json"
local bad = for_failures "predibase.response.bad_response"
local reasoning = lazy "predibase.reasoning"
local stops = lazy "predibase.stop_sequences"

local M = {}

--- The result of a call that generates text. `tostring` of it is the text. What the server did not
-- send is nil.
-- @table Result
-- @tfield string text the answer
-- @tfield ?"stop"|"length"|"stop_sequence"|"tool_calls"|string finish_reason why the answer ended
-- @tfield ?string raw_finish_reason the server's word for it
-- @tfield ?string generated_text the text as the server sent it, with `reasoning`
-- @tfield ?Details details of the answer
-- @tfield ?string stop_sequence the sequence that `trim_stop` or `client_stop` removed from the
-- text
-- @tfield ?string reasoning what the model wrote before its answer, with the option `reasoning`
-- @tfield ?boolean text_incomplete true when a stream with `keep_text = false` got no whole text at
-- its end, and when the text is empty although tokens were generated: LoRAX sends no text when
-- `max_new_tokens` ends the answer inside a character. With `details = true`, and in a stream, the
-- text comes from the tokens instead
-- @tfield Usage usage the numbers of tokens that are known; LoRAX does not know that of the prompt
-- for every model
-- @tfield Timing timing in seconds; a stream has no times of the server
-- @tfield ?number tokens_per_second of a stream, after its first token
-- @tfield ?string request_id the `X-Request-Id` that was sent
-- @tfield ?string trace_id for questions to the provider
-- @tfield table<string,string> headers of the response: lower-case name -> value
-- @tfield integer status of HTTP
-- @tfield integer attempts the number of attempts
-- @tfield ?string adapter_id the adapter that was used
-- @tfield ?string model_id the model
-- @tfield ?Client client the client that answered, if the called one has the option `fallback`

-- Errors are made by `predibase.response.bad_response`, which most programs never need.

--- Returns the trace id for support requests: `x-b3-traceid`, or the id in W3C's `traceparent`.
-- @tparam table<string,string> headers lower-case name -> value
-- @treturn ?string
function M.trace_id (headers)
  return headers_of.trace_id(headers)
end

--- Makes the error object for a response with any status except 2xx, or of a 2xx that is not a
-- valid answer of LoRAX. The router's `error_type` determines the kind; without it, the status
-- does. The error contains no secrets.
-- @tparam table reply `status`, `headers` (lower-case name -> value), `body` (may be cut off)
-- @tparam ?table meta `attempts`, `secrets` (array of strings), `now` (Unix seconds, for a
-- `retry-after` that is a date in a response without a `date` header), `waited` (seconds since
-- the attempt began)
-- @tparam ?string message the message, if it does not come from the server
-- @treturn Error the error; `body` is an excerpt of at most 512 bytes, `retry_after` in seconds
function M.error (reply, meta, message)
  return bad.error(reply, meta, message)
end

--- Reads the JSON object that a whole response has as its body.
-- @tparam table reply `status`, `headers`, `body`
-- @tparam ?table meta as for `error`
-- @treturn[1] table
-- @treturn[2] nil
-- @treturn[2] Error the error: for any status except 2xx, and for a body that is not a JSON object
-- or reports an error
function M.object (reply, meta)
  return bad.object(reply, meta)
end

--- Makes the error object for a failure without a complete response: the network failed, a time
-- limit expired, or an event of a stream reported an error.
-- @tparam table failure `kind`, `message`, `phase`, `error_type`, `retryable`, `sent`
-- @tparam table head `status` and `headers` of the response, if they were received
-- @tparam table meta `attempts`, `secrets`
-- @treturn Error the error
function M.broken (failure, head, meta)
  return bad.broken(failure, head, meta)
end

--- Checks whether a response that cannot be read was cut off.
-- @tparam table reply `status`, `headers` (lower-case name -> value), `body`
-- @treturn ?table a failure, in the form that transports use; nil when the body was not cut off
function M.truncation (reply)
  return bad.truncation(reply)
end

--- Words the failure of a response that broke off after its head, so that all transports report it
-- in the same words.
-- @tparam table failure of the transport
-- @tparam ?integer status nil when there was no head
-- @tparam number waited seconds since the attempt began
-- @treturn table the failure, or one with another message
function M.cut (failure, status, waited)
  if failure.kind ~= "connection" or not status then return failure end
  local message = ("the server, or a gateway in front of it, ended the response after %.1f s, "
    .. "before it was complete (%s)"):format(waited, failure.message)
  return setmetatable({ message = message }, { __index = failure })
end

-- Results.

--- The finish reasons of LoRAX /generate by the names that results use.
local FINISH_REASONS = { eos_token = "stop" }

local result_mt = { __name = "predibase.result" }

function result_mt.__tostring (result)
  return result.text
end

--- Lets `"Answer: " .. result` join the text of the result.
function result_mt.__concat (a, b)
  return tostring(a) .. tostring(b)
end

-- Headers with integral milliseconds, and their names in `timing`.
local TIMES = { "x-total-time", "x-validation-time", "x-queue-time", "x-inference-time",
  "x-compute-time", "x-time-per-token", "x-time-to-first-token", "x-time-per-output-token" }
local NAMES = { "total_server", "validation", "queue", "inference", "compute", "time_per_token",
  "time_to_first_token", "time_per_output_token" }

--- Reads a header that consists of decimal digits; nil when it does not.
local function count_header (headers, name)
  local digits = headers[name]
  if type(digits) ~= "string" or #digits > 15 then return nil end
  digits = digits:match("^%s*(%d+)%s*$")
  return digits and json.integer(tonumber(digits))
end

--- Adds the times in the headers to those that the client measured.
local function timing_of (headers, timing)
  timing = timing or {}
  for i = 1, #TIMES do
    local header = TIMES[i]
    local ms = headers[header] and count_header(headers, header)
    if ms then timing[NAMES[i]] = ms / 1000 end
  end
  return timing
end

local function completion_of (details, headers, counted)
  return details and details.generated_tokens or count_header(headers, "x-generated-tokens")
    or counted
end

local function usage_of (details, headers, completion)
  local prompt = details and details.prompt_tokens or count_header(headers, "x-prompt-tokens")
  -- LoRAX sends 0 when it does not know the number, because no prompt is empty.
  if prompt == 0 then return { completion_tokens = completion_of(details, headers, completion) } end
  completion = completion_of(details, headers, completion)
  return {
    prompt_tokens = prompt,
    completion_tokens = completion,
    total_tokens = prompt and completion and prompt + completion
      or count_header(headers, "x-total-tokens"),
  }
end

--- Makes a result without a text.
-- @tparam table head `status` and `headers` of the response
-- @tparam table meta of the call, see `result`
-- @treturn Result the caller must set `text`, `finish_reason`, `raw_finish_reason` and `usage`
function M.new (head, meta)
  local headers = head.headers or {}
  local adapter_id = headers_of.text(headers, "x-adapter-id")
  if not adapter_id and type(meta.adapter_id) == "string" then adapter_id = meta.adapter_id end
  return setmetatable({
    request_id = meta.request_id,
    trace_id = M.trace_id(headers),
    timing = timing_of(headers, meta.timing),
    headers = headers,
    status = head.status,
    attempts = meta.attempts,
    adapter_id = adapter_id,
    model_id = headers_of.text(headers, "x-model-id"),
    client = meta.client,
  }, result_mt)
end

--- Returns the tokens per second of a stream after its first token; nil when it had only one.
-- @tparam ?number tokens number of all tokens
-- @tparam table timing `total` and `first_token`, in seconds
-- @treturn ?number
function M.tokens_per_second (tokens, timing)
  local seconds = timing.first_token and timing.total and timing.total - timing.first_token
  if not tokens or tokens < 2 or not seconds or seconds <= 0 then return nil end
  return (tokens - 1) / seconds
end

--- Makes a result of /generate. `raw_text` is the text as the server sent it; without reasoning, it
-- is the shortened text.
local function result_of_generate (text, raw_text, details, head, meta, completion)
  local result = M.new(head, meta)
  local raw = details and details.finish_reason
  result.text, result.generated_text, result.details = text, raw_text, details
  result.finish_reason, result.raw_finish_reason = FINISH_REASONS[raw] or raw, raw
  result.usage = usage_of(details, result.headers, completion)
  return result
end

--- Joins the texts of the tokens. LoRAX sends an empty `generated_text` when `max_new_tokens` ends
-- the answer inside a character, although its tokens have text.
local function text_of_tokens (details)
  local pieces = {}
  for _, token in ipairs(details and details.tokens or {}) do
    if not token.special then pieces[#pieces + 1] = token.text end
  end
  return table.concat(pieces)
end

--- Reads the answer in a body: LoRAX /generate sends an object, LoRAX / an array of one. Returns
-- its text and details. On failure returns nil and a message about the details, or only nil when
-- the body is not an answer.
local function answer_in (body)
  local object = json.decode(body or "")
  if type(object) ~= "table" then return nil end
  if type(object[1]) == "table" and #object == 1 then object = object[1] end
  if type(object.generated_text) ~= "string" then return nil end
  local may_report = object.error ~= nil or object.error_type ~= nil
  if may_report and event.error_fields(object) then return nil end
  local details = object.details
  if details == nil or details == json.null then return object.generated_text end
  local message
  details, message = event.details(details)
  if not details then return nil, message end
  return object.generated_text, details
end

--- Shortens a text as the options `client_stop` and `trim_stop` require.
local function cut (text, meta)
  if not (meta.stop and meta.stop[1]) and not meta.trim then return text end
  return stops.cut(text, meta.stop, meta.trim)
end

--- Joins the texts of tokens, with the special tokens that are marks of reasoning. Returns nil when
-- none is a mark.
local function text_with_marks (tokens, marks)
  local pieces, found = {}, false
  for _, token in ipairs(tokens or {}) do
    local is_mark = token.special and reasoning.is_mark(marks, token.text)
    found = found or is_mark
    if is_mark or not token.special then pieces[#pieces + 1] = token.text end
  end
  return found and table.concat(pieces) or nil
end

--- Separates the reasoning from the answer, and shortens the answer.
-- @treturn string the answer
-- @treturn ?string the reasoning
-- @treturn ?string the stop sequence that was found
-- @treturn ?string its kind
local function separate (text, tokens, meta)
  local marks, answer, thoughts = meta.marks, text, nil
  if marks then
    answer, thoughts = reasoning.split(text_with_marks(tokens, marks) or text, marks,
      meta.begins_inside)
  end
  local found, kind
  answer, found, kind = cut(answer, meta)
  if answer == "" and thoughts and meta.trim and not found then
    -- The answer ended inside the reasoning.
    thoughts, found, kind = stops.cut(thoughts, nil, meta.trim)
  end
  return answer, thoughts, found, kind
end

--- Copies the details of an answer that the client ended, with the matching `finish_reason`.
local function stopped (details)
  local copy = {}
  for name, value in pairs(details or {}) do copy[name] = value end
  copy.finish_reason = "stop_sequence"
  return copy
end

--- Shortens the other sequences of `best_of`, and separates their reasoning, in the same way.
local function cut_sequences (details, meta)
  if not (meta.stop and meta.stop[1]) and not meta.trim and not meta.marks then return end
  for _, sequence in ipairs(details and details.best_of_sequences or {}) do
    local text, kind
    text, sequence.reasoning, sequence.stop_sequence, kind = separate(sequence.generated_text,
      sequence.tokens, meta)
    sequence.text = text
    if not meta.marks then sequence.generated_text = text end
    if kind == "stop" then sequence.finish_reason = "stop_sequence" end
  end
end

--- Makes a result from a response of LoRAX /generate (or of LoRAX /, an array of one).
-- @tparam table reply `status`, `headers` (lower-case name -> value), `body`
-- @tparam ?table meta `attempts`, `secrets` (array of strings), `adapter_id` (the requested one;
-- the server's header takes precedence), `timing` (`total`, `first_token`, in seconds; becomes the
-- `timing` of the result), `now` (Unix seconds), `stop` and `trim` (arrays of sequences, see
-- `predibase.stop_sequences`), `marks` and `begins_inside` (see `predibase.reasoning`)
-- @treturn[1] Result the result
-- @treturn[2] nil
-- @treturn[2] Error the error
function M.result (reply, meta)
  meta = meta or {}
  local status = reply.status
  if type(status) ~= "number" or status < 200 or status > 299 then
    return nil, M.error(reply, meta)
  end
  local text, details = answer_in(reply.body)
  if not text then      -- `details` is then the message
    return nil, M.error(reply, meta, details and "in the answer, " .. details)
  end
  local incomplete = text == "" and not (details and details.tokens)
  if text == "" then text = text_of_tokens(details) end
  local answer, thoughts, found, kind = separate(text, details and details.tokens, meta)
  cut_sequences(details, meta)
  if kind == "stop" then details = stopped(details) end
  local result = result_of_generate(answer, meta.marks and text or answer, details, reply, meta)
  result.reasoning = thoughts
  if incomplete and (result.usage.completion_tokens or 0) > 1 then result.text_incomplete = true end
  result.stop_sequence = found
  return result
end

--- Makes the result of a stream that ended normally. It has the same fields as that of `result`.
-- @tparam table state `final` (the last event, as `event.decode` returned it), `text` (a function
-- that returns the text of all tokens except the special ones), `count` (the number of tokens),
-- `status`, `headers`; `stopped`, the sequence at which the client ended the text, and `trimmed`,
-- the sequence removed from its end; `answer` (a function) and `reasoning`, if these were separated
-- @tparam ?table meta as for `result`
-- @treturn Result the result
function M.stream_result (state, meta)
  meta = meta or {}
  local text, details, found = state.final.generated_text, state.final.details, state.trimmed
  local raw
  if state.answer then
    raw = (text or "") ~= "" and text or state.text()
    text, found = state.answer(), state.stopped or found
    if state.stopped then details = stopped(details) end
  elseif state.stopped then
    text, details, found = state.text(), stopped(details), state.stopped
  elseif text == nil or text == "" then
    text = state.text()
  elseif meta.trim then
    text, found = stops.cut(text, nil, meta.trim)
  end
  local result = result_of_generate(text, raw or text, details, state, meta, state.count)
  result.reasoning = state.reasoning
  result.tokens_per_second = M.tokens_per_second(result.usage.completion_tokens, result.timing)
  result.stop_sequence = found
  return result
end

--- Tells whether a value is a result that holds a text.
-- @param value anything
-- @treturn boolean
function M.is (value)
  return getmetatable(value) == result_mt
end

return M
