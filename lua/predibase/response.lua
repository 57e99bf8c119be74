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

local errors = require "predibase.errors"
local event = require "predibase.event"
local headers_of = require "predibase.headers"
local json = require "predibase.json"
local retry = require "predibase.retry"
local stops = require "predibase.stops"

local M = {}

-- Answers that are errors.

--- Most bytes of a body that an error carries.
local MAX_BODY = 512

-- A longer body is a page, not the error object of an API.
local MAX_JSON = 65536

--- Statuses after which another try may succeed, of those that are a fault of the server.
local RETRYABLE = { [408] = true, [409] = true, [425] = true, [500] = true, [502] = true,
  [503] = true, [504] = true }

--- A 504 that comes after so many seconds is the time limit of a gateway: the server was at work
-- meanwhile, and would be again. Envoy, HAProxy and Caddy answer 502 or 503 when they reach no
-- server, so a short 504 is what is left of that: the gateway gave up at once.
local GATEWAY_CLOCK = 1

local KINDS = { [400] = "validation", [401] = "authentication", [402] = "permission",
  [403] = "permission", [404] = "not_found", [405] = "not_found", [407] = "connection",
  [408] = "server", [409] = "server", [410] = "not_found", [413] = "too_large",
  [415] = "protocol", [422] = "validation", [424] = "generation", [425] = "server",
  [429] = "rate_limited" }

--- What to look at when the server gives no reason of its own.
local HINTS = {
  [401] = "; is the API token right?",
  [403] = "; may this API token use this deployment?",
  [404] = "; are the URL, the tenant and the deployment right?",
  [407] = "; the proxy wants a user name and a password",
}

local TOO_SLOW = "; the time limit of a gateway in front of the server ended the request after "
  .. "%.1f s, so it is not tried again: stream the answer (generate_stream), lower "
  .. "max_new_tokens, or raise that limit"

local function kind_of(status)
  if KINDS[status] then return KINDS[status] end
  if status >= 500 and status <= 599 then return "server" end
  if status >= 400 and status <= 499 then return "validation" end
  return "protocol"
end

--- The value of a header as a string; `headers` may hold anything.
local function text_header(headers, name)
  local value = headers[name]
  if type(value) == "string" and value ~= "" then return value end
  return nil
end

local function media_type(headers)
  local value = text_header(headers, "content-type")
  return value and value:match("^%s*([^;%s]+)")
end

--- What a body in JSON says, whatever content type it came with: the text, its error type, and
-- whether it is an error object in the sense of `event.error_fields`.
local function json_error(body)
  if #body > MAX_JSON then return nil end
  -- A proxy may turn the answer of one endpoint into that of another: LoRAX's events are lines.
  local object = json.decode(body:match("^%s*data:([^\r\n]*)") or body)
  if type(object) ~= "table" then return nil end
  if type(object[1]) == "table" then object = object[1] end
  local text, error_type = event.error_fields(object)
  if text then return text, error_type, true end
  for _, name in ipairs { "message", "detail" } do
    local value = object[name]
    if type(value) == "string" and value ~= "" then return value end
    if type(value) == "table" then return json.encode(value) end
  end
  return nil
end

--- The text of a page: its title where there is one, else its words. The patterns stop at every
-- `<`, so that a body of nothing else takes no time that grows with its square.
local function page_text(body)
  local head = body:sub(1, MAX_JSON)
  local title = head:match("<[tT][iI][tT][lL][eE][^<>]*>([^<]*)<")
  local text = title and title:find("%S") and title or head:gsub("<[^<>]*>", " ")
  return (text:gsub("%s+", " "):gsub("^ ", ""):gsub(" $", ""))
end

--- What a body without an error object says, or nil: nothing, or nothing that can be read.
local function body_text(body, headers)
  local coded = headers_of.is_coded(text_header(headers, "content-encoding"))
  if coded or not body:find("%S") then return nil end
  if media_type(headers) == "text/html" or body:find("^%s*<[%a!]") then return page_text(body) end
  return body
end

--- The host that a redirect points to; never its query or its user name.
local function redirect_host(location)
  local authority = location:match("^%s*%a[%w%+%.%-]*://([^/?#\\]*)")
    or location:match("^%s*//([^/?#\\]*)")
  if not authority then return nil end
  return (authority:gsub("^.*@", ""))
end

local function redirect_text(status, headers)
  local location = text_header(headers, "location")
  local host = location and redirect_host(location)
  local where = "another path"
  if not location then where = "nowhere" elseif host and host ~= "" then where = host end
  return ("the server redirects to %s (status %d); redirects are not followed")
    :format(where, status)
end

--- What to say about an answer that names no reason.
local function plain_text(status, headers, body)
  local text = body_text(body, headers)
  local what = media_type(headers) or "no content type"
  if status >= 200 and status <= 299 then
    return ("unexpected answer (status %d, %s): %s"):format(status, what, text or "empty")
  end
  if text and text ~= "" then
    if what == "text/html" then return "the server answered with a page: " .. text end
    return text
  end
  return ("the server answered %d and gave no reason%s"):format(status, HINTS[status] or "")
end

--- The id that support asks for: `x-b3-traceid`, else the one in W3C's `traceparent`.
-- @tparam table headers lower-case name -> value
-- @treturn ?string
function M.trace_id(headers)
  local id = text_header(headers, "x-b3-traceid")
  if id then return errors.excerpt(id, 64) end
  local parent = text_header(headers, "traceparent")
  return parent and parent:match("^%x%x%-(" .. ("%x"):rep(32) .. ")%-")
end

local function redacted_headers(headers, secrets)
  local out = {}
  for name, value in next, headers do
    out[name] = type(value) == "string" and errors.redact(value, secrets) or value
  end
  return out
end

--- Makes the error object of an answer: any status but 2xx, or a 2xx that is no answer of LoRAX.
-- The router's `error_type` decides the kind, without one the status does. The secrets appear
-- nowhere in it.
-- @tparam table reply `status`, `headers` (lower-case name -> value), `body` (may be cut off)
-- @tparam ?table meta `attempts`, `secrets` (array of strings), `now` (Unix seconds, for a
-- `retry-after` that is a date and an answer without a `date` of its own), `waited` (seconds since
-- the attempt began)
-- @tparam ?string message what is wrong, where it is not the server that says so
-- @treturn table the error; `body` is an excerpt of at most 512 bytes, `retry_after` in seconds
function M.error(reply, meta, message)
  meta = meta or {}
  local status = tonumber(reply.status) or 0
  local headers, body = reply.headers or {}, reply.body or ""
  local limit = event.MAX_MESSAGE
  -- Before anything is cut off or taken out: what is left of a secret then would not be found.
  local safe = errors.redact(body, meta.secrets)
  local text, error_type, reported
  if message then
    text = message
  elseif status >= 300 and status <= 399 then
    text = redirect_text(status, headers)
  else
    text, error_type, reported = json_error(body)
    -- A page or the wrong answer is a message only as far as a reader looks.
    if not text then text, limit = plain_text(status, headers, safe), MAX_BODY end
  end

  local kind, again = event.kind(text, error_type)
  kind = kind or kind_of(status)
  -- Envoy's own circuit breaker.
  if not error_type and text_header(headers, "x-envoy-overloaded") and status >= 400 then
    kind = "overloaded"
  end
  -- An error under a good status is the server's, as in an event of a stream.
  if kind == "protocol" and reported and status >= 200 and status <= 299 then kind = "server" end
  local retryable
  if kind == "server" or kind == "connection" then
    retryable = again or RETRYABLE[status] or false
  end
  local hint = ""
  if status == 504 and (meta.waited or 0) >= GATEWAY_CLOCK then
    retryable, hint = false, TOO_SLOW:format(meta.waited)
  end
  local function clean(value, most)
    return errors.excerpt(errors.redact(value, meta.secrets), most)
  end
  local trace_id = M.trace_id(headers)
  return errors.new {
    kind = kind,
    message = clean(text, limit) .. hint,
    status = status,
    error_type = error_type and clean(error_type, 100),
    phase = "response",
    retryable = retryable,
    -- The server's own clock is the one that its date was made with.
    retry_after = retry.after(headers, retry.date(text_header(headers, "date")) or meta.now),
    attempts = meta.attempts,
    trace_id = trace_id and clean(trace_id, 64),
    headers = redacted_headers(headers, meta.secrets),
    body = safe ~= "" and errors.excerpt(safe, MAX_BODY) or nil,
  }
end

--- Makes the error object of a failure that no answer as a whole stands for: the network broke, a
-- clock ran out, an event of a stream says so.
-- @tparam table failure `kind`, `message`, `phase`, `error_type`, `retryable`, `sent`
-- @tparam table head `status` and `headers` of the answer that had begun, if one had
-- @tparam table meta `attempts`, `secrets`
-- @treturn table the error
function M.broken(failure, head, meta)
  local secrets, headers = meta.secrets, head.headers
  local trace_id = headers and M.trace_id(headers)
  return errors.new {
    kind = failure.kind,
    message = errors.redact(failure.message, secrets),
    status = head.status,
    error_type = failure.error_type and errors.redact(failure.error_type, secrets),
    phase = failure.phase,
    retryable = failure.retryable,
    sent = failure.sent,
    attempts = meta.attempts,
    trace_id = trace_id and errors.redact(trace_id, secrets),
    headers = headers and redacted_headers(headers, secrets),
  }
end

-- Answers that were cut off. With a Content-Length or in chunks, HTTP itself says that something is
-- missing. Otherwise the end of the connection (or of the HTTP/2 stream) is the end of the body,
-- whether the server had sent all of it or died; but then the JSON in it is not closed.

--- The place behind a string of JSON that begins at `at`, or nil when it does not end.
local function behind_string(text, at)
  at = at + 1
  while true do
    local place = text:find('["\\]', at)
    if not place then return nil end
    if text:byte(place) == 34 then return place + 1 end
    at = place + 2
  end
end

--- Does a text begin as an object or an array of JSON and end before that is closed?
-- @tparam string text
-- @treturn boolean
local function is_open(text)
  local at = text:match "^[ \t\r\n]*()[%[{]"
  if not at then return false end
  local depth = 0
  while true do
    local place = text:find('["%[%]{}]', at)
    if not place then return true end
    local byte = text:byte(place)
    if byte == 34 then
      at = behind_string(text, place)
      if not at then return true end
    else
      depth = depth + ((byte == 91 or byte == 123) and 1 or -1)
      if depth == 0 then return false end
      at = place + 1
    end
  end
end

local CUT = { kind = "connection", phase = "body", sent = true,
  message = "the connection ended in the middle of the answer" }

--- What became of an answer that cannot be read.
-- @tparam table reply `status`, `headers` (lower-case name -> value), `body`
-- @treturn ?table a failure, as a transport gives it; nil: the body was not cut off
function M.truncation(reply)
  local status, headers, body = reply.status, reply.headers or {}, reply.body or ""
  if type(status) ~= "number" or status < 200 or status > 299 or status == 204 then return nil end
  if headers["content-length"] or headers["transfer-encoding"] then return nil end
  if body:find "%S" then return is_open(body) and CUT or nil end
  local kind = headers["content-type"]
  return type(kind) == "string" and kind:lower():find "^%s*application/json" and CUT or nil
end

-- Answers that are results.

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

--- Cuts off what the options `client_stop` and `trim_stop` cut off.
local function cut(text, meta)
  if not (meta.stop and meta.stop[1]) and not meta.trim then return text end
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
  if not (meta.stop and meta.stop[1]) and not meta.trim then return end
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
    return nil, M.error(reply, meta)
  end
  local text, details = answer_in(reply.body)
  if not text then      -- then `details` says why
    return nil, M.error(reply, meta, details and "in the answer, " .. details)
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

return M
