-- SPDX-License-Identifier: MIT
--- Makes a result or an error object of what the server answered.
--
-- A result has `generated_text` (also its `tostring`), `details` (nil unless the server sent
-- them), `usage`, `timing`, `headers`, `status`, `attempts`, `adapter_id`, `model_id`, and
-- `stop_sequence` where the options `trim_stop` and `client_stop` cut one off the text.
-- `text_incomplete` is true when the text is empty although tokens were made: LoRAX sends no text
-- when `max_new_tokens` ends the answer inside a character. `details = true`, or a stream, has it.
--
-- `usage` holds the numbers of tokens that are known: `prompt_tokens` (LoRAX does not know it for
-- every model), `completion_tokens`, `total_tokens`. `timing` is in seconds. Measured here:
-- `total`, the whole call, and `first_token`, until the first token of a stream. From the server's
-- headers (LoRAX /generate): `total_server`, `validation`, `queue`, `inference`, `compute`,
-- `time_per_token`, `time_to_first_token` and `time_per_output_token`; a stream has none of these.
-- @module predibase.response

local event = require "predibase.event"
local failure = require "predibase.response.failure"
local json = require "predibase.json"
local stops = require "predibase.stops"

local M = {}

local result_mt = { __name = "predibase.result" }

function result_mt.__tostring(result)
  return result.generated_text
end

--- So that `"Answer: " .. result` does what is meant, as with an error.
function result_mt.__concat(a, b)
  return tostring(a) .. tostring(b)
end

-- Headers in whole milliseconds, and their names in `timing`.
local TIMES = { "x-total-time", "x-validation-time", "x-queue-time", "x-inference-time",
  "x-compute-time", "x-time-per-token", "x-time-to-first-token", "x-time-per-output-token" }
local NAMES = { "total_server", "validation", "queue", "inference", "compute", "time_per_token",
  "time_to_first_token", "time_per_output_token" }

--- A header that is a number in decimal digits, else nil.
local function count_header(headers, name)
  local digits = headers[name]
  if type(digits) ~= "string" or #digits > 15 then return nil end
  digits = digits:match("^%s*(%d+)%s*$")
  return digits and json.integer(tonumber(digits))
end

--- Adds what the headers tell to what was measured here.
local function timing_of(headers, timing)
  timing = timing or {}
  for i = 1, #TIMES do
    local header = TIMES[i]
    local ms = headers[header] and count_header(headers, header)
    if ms then timing[NAMES[i]] = ms / 1000 end
  end
  return timing
end

local function completion_of(details, headers, counted)
  return details and details.generated_tokens or count_header(headers, "x-generated-tokens")
    or counted
end

local function usage_of(details, headers, completion)
  local prompt = details and details.prompt_tokens or count_header(headers, "x-prompt-tokens")
  -- LoRAX says 0 for models of which it does not know it, and no prompt is empty.
  if prompt == 0 then return { completion_tokens = completion_of(details, headers, completion) } end
  completion = completion_of(details, headers, completion)
  return {
    prompt_tokens = prompt,
    completion_tokens = completion,
    total_tokens = prompt and completion and prompt + completion
      or count_header(headers, "x-total-tokens"),
  }
end

local function text_header(headers, name)
  local value = headers[name]
  return type(value) == "string" and value or nil
end

local function new_result(text, details, head, meta, completion)
  local headers = head.headers or {}
  local adapter_id = text_header(headers, "x-adapter-id")
  if not adapter_id and type(meta.adapter_id) == "string" then adapter_id = meta.adapter_id end
  return setmetatable({
    generated_text = text,
    details = details,
    usage = usage_of(details, headers, completion),
    timing = timing_of(headers, meta.timing),
    headers = headers,
    status = head.status,
    attempts = meta.attempts,
    adapter_id = adapter_id,
    model_id = text_header(headers, "x-model-id"),
  }, result_mt)
end

--- The text of the tokens. LoRAX sends an empty `generated_text` when `max_new_tokens` cuts the
-- answer inside a character, although its tokens carried text.
local function text_of_tokens(details)
  local pieces = {}
  for _, token in ipairs(details and details.tokens or {}) do
    if not token.special then pieces[#pieces + 1] = token.text end
  end
  return table.concat(pieces)
end

--- The answer in a body: LoRAX /generate sends an object, LoRAX / an array of one. Returns its text
-- and its details, or nil and what is wrong with them (nil when it is no answer at all).
local function answer_in(body)
  local object = json.decode(body or "")
  if type(object) ~= "table" then return nil end
  if type(object[1]) == "table" and #object == 1 then object = object[1] end
  if type(object.generated_text) ~= "string" or event.error_fields(object) then return nil end
  local details = object.details
  if details == nil or details == json.null then return object.generated_text end
  local message
  details, message = event.details(details)
  if not details then return nil, message end
  return object.generated_text, details
end

--- Cuts off what the options `client_stop` and `trim_stop` cut off.
local function cut(text, meta)
  if not meta.stop and not meta.trim then return text end
  return stops.cut(text, meta.stop, meta.trim)
end

--- The details of an answer that was cut where the server had not stopped.
local function stopped(details)
  local copy = {}
  for name, value in pairs(details or {}) do copy[name] = value end
  copy.finish_reason = "stop_sequence"
  return copy
end

--- The other sequences that `best_of` brought are cut as well.
local function cut_sequences(details, meta)
  if not meta.stop and not meta.trim then return end
  for _, sequence in ipairs(details and details.best_of_sequences or {}) do
    local kind
    sequence.generated_text, sequence.stop_sequence, kind = cut(sequence.generated_text, meta)
    if kind == "stop" then sequence.finish_reason = "stop_sequence" end
  end
end

--- Makes a result of the answer to LoRAX /generate (or to LoRAX /, an array of one).
-- @tparam table reply `status`, `headers` (lower-case name -> value), `body`
-- @tparam ?table meta `attempts`, `secrets` (array of strings), `adapter_id` (asked for; the
-- server's header goes before it), `timing` (`total`, `first_token`; seconds; becomes the
-- result's), `now` (Unix seconds), `stop` and `trim` (arrays of sequences, see `predibase.stops`)
-- @treturn[1] table the result
-- @treturn[2] nil
-- @treturn[2] table the error
function M.result(reply, meta)
  meta = meta or {}
  local status = reply.status
  if type(status) ~= "number" or status < 200 or status > 299 then
    return nil, failure.new(reply, meta)
  end
  local text, details = answer_in(reply.body)
  if not text then      -- then `details` says why
    return nil, failure.new(reply, meta, details and "in the answer, " .. details)
  end
  local incomplete = text == "" and not (details and details.tokens)
  if text == "" then text = text_of_tokens(details) end
  local found, kind
  text, found, kind = cut(text, meta)
  cut_sequences(details, meta)
  local result = new_result(text, kind == "stop" and stopped(details) or details, reply, meta)
  if incomplete and (result.usage.completion_tokens or 0) > 1 then result.text_incomplete = true end
  result.stop_sequence = found
  return result
end

--- Makes a result of a stream that has ended well, in the shape of `result`.
-- @tparam table state `final` (the last event, as `event.decode` gave it), `text` (a function that
-- gives the text of all tokens but the special ones), `count` (how many tokens there were),
-- `status`, `headers`; `stopped`, the sequence that the client ended the text at, and `trimmed`,
-- the one taken off its end
-- @tparam ?table meta as for `result`
-- @treturn table the result
function M.stream_result(state, meta)
  meta = meta or {}
  local text, details, found = state.final.generated_text, state.final.details, state.trimmed
  if state.stopped then
    text, details, found = state.text(), stopped(details), state.stopped
  elseif text == nil or text == "" then
    text = state.text()
  elseif meta.trim then
    text, found = stops.cut(text, nil, meta.trim)
  end
  local result = new_result(text, details, state, meta, state.count)
  result.stop_sequence = found
  return result
end

--- Makes an error of an answer that is no good one; see `predibase.response.failure`.
-- @function error
-- @tparam table reply
-- @tparam ?table meta
-- @treturn table the error
M.error = failure.new

--- Makes an error of a failure of the network or of a stream; see `predibase.response.failure`.
-- @function broken
-- @tparam table failure
-- @tparam table head
-- @tparam table meta
-- @treturn table the error
M.broken = failure.broken

--- The id that support asks for; see `predibase.response.failure`.
-- @function trace_id
-- @tparam table headers lower-case name -> value
-- @treturn ?string
M.trace_id = failure.trace_id

return M
