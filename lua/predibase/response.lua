-- SPDX-License-Identifier: MIT
--- Makes a result or an error object from a response of the server.
-- @module predibase.response

local errors = require "predibase.errors"
local event = require "predibase.event"
local headers_of = require "predibase.headers"
local json = require "predibase.json"
local reasoning = require "predibase.reasoning"
local retry = require "predibase.retry"
local stops = require "predibase.stop_sequences"

local M = {}

-- Errors.

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

--- Most bytes of the body that an error contains.
local MAX_BODY = 512

-- A longer body is an HTML page and not the error object of an API.
local MAX_JSON = 65536

--- Statuses of server and connection errors after which a retry may succeed.
local RETRYABLE = { [408] = true, [409] = true, [425] = true, [500] = true, [502] = true,
  [503] = true, [504] = true }

--- Seconds after which a 504 is treated as the time limit of a gateway. The server was working on
-- the request until then, and a retry would take as long. An earlier 504 means that the gateway
-- reached no server and gave up immediately, for which Envoy, HAProxy and Caddy send 502 or 503.
local GATEWAY_CLOCK = 1

local KINDS = { [400] = "validation", [401] = "authentication", [402] = "permission",
  [403] = "permission", [404] = "not_found", [405] = "not_found", [407] = "connection",
  [408] = "server", [409] = "server", [410] = "not_found", [413] = "too_large",
  [415] = "protocol", [422] = "validation", [424] = "generation", [425] = "server",
  [429] = "rate_limited" }

--- Hints for responses without a message.
local HINTS = {
  [401] = "; check the API token",
  [403] = "; check that the API token may use this deployment",
  [404] = "; check the URL, the tenant and the deployment",
  [407] = "; the proxy requires a user name and a password",
}

local TOO_SLOW = "; the time limit of a gateway in front of the server ended the request after "
  .. "%.1f s, so it is not retried: stream the answer (generate_stream), lower "
  .. "max_new_tokens, or raise that limit"

local function kind_of (status)
  if KINDS[status] then return KINDS[status] end
  if status >= 500 and status <= 599 then return "server" end
  if status >= 400 and status <= 499 then return "validation" end
  return "protocol"
end

--- Returns a header that is a string and not empty, else nil. `headers` may contain other values.
local function text_header (headers, name)
  local value = headers[name]
  if type(value) == "string" and value ~= "" then return value end
  return nil
end

local function media_type (headers)
  local value = text_header(headers, "content-type")
  return value and value:match("^%s*([^;%s]+)")
end

--- Reads the message of a JSON body of any content type. Returns the text, its error type, and
-- whether the body is an error object as `event.error_fields` defines it; nil without a message.
local function json_error (body)
  if #body > MAX_JSON then return nil end
  -- A proxy may send an event of a stream as a whole body. LoRAX's events are single lines.
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

--- Returns the title of an HTML page, or its text when it has no title. The patterns stop at every
-- `<`, so that a body of many `<` does not take quadratic time.
local function page_text (body)
  local head = body:sub(1, MAX_JSON)
  local title = head:match("<[tT][iI][tT][lL][eE][^<>]*>([^<]*)<")
  local text = title and title:find("%S") and title or head:gsub("<[^<>]*>", " ")
  return (text:gsub("%s+", " "):gsub("^ ", ""):gsub(" $", ""))
end

--- Returns the readable text of a body without an error object; nil when it is empty or coded.
local function body_text (body, headers)
  local coded = headers_of.is_coded(text_header(headers, "content-encoding"))
  if coded or not body:find("%S") then return nil end
  if media_type(headers) == "text/html" or body:find("^%s*<[%a!]") then return page_text(body) end
  return body
end

--- Returns the host that a redirect points to, without query and user name.
local function redirect_host (location)
  local authority = location:match("^%s*%a[%w%+%.%-]*://([^/?#\\]*)")
    or location:match("^%s*//([^/?#\\]*)")
  if not authority then return nil end
  return (authority:gsub("^.*@", ""))
end

local function redirect_text (status, headers)
  local location = text_header(headers, "location")
  local host = location and redirect_host(location)
  local where = "another path"
  if not location then where = "nowhere" elseif host and host ~= "" then where = host end
  return ("the server redirects to %s (status %d); redirects are not followed")
    :format(where, status)
end

--- Makes the message for a response that contains none.
local function plain_text (status, headers, body)
  local text = body_text(body, headers)
  local what = media_type(headers) or "no content type"
  if status >= 200 and status <= 299 then
    return ("unexpected answer (status %d, %s): %s"):format(status, what, text or "empty")
  end
  if text and text ~= "" then
    if what == "text/html" then return "the server answered with an HTML page: " .. text end
    return text
  end
  return ("the server answered %d and gave no reason%s"):format(status, HINTS[status] or "")
end

--- Returns the trace id for support requests: `x-b3-traceid`, or the id in W3C's `traceparent`.
-- @tparam table<string,string> headers lower-case name -> value
-- @treturn ?string
function M.trace_id (headers)
  local id = text_header(headers, "x-b3-traceid")
  if id then return errors.excerpt(id, 64) end
  local parent = text_header(headers, "traceparent")
  return parent and parent:match("^%x%x%-(" .. ("%x"):rep(32) .. ")%-")
end

local function redacted_headers (headers, secrets)
  local out = {}
  for name, value in next, headers do
    out[name] = type(value) == "string" and errors.redact(value, secrets) or value
  end
  return out
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
  meta = meta or {}
  local status = tonumber(reply.status) or 0
  local headers, body = reply.headers or {}, reply.body or ""
  local limit = event.MAX_MESSAGE
  -- Redact before the body is cut or parsed, because a part of a secret would not be found.
  local safe = errors.redact(body, meta.secrets)
  local text, error_type, reported
  if message then
    text = message
  elseif status >= 300 and status <= 399 then
    text = redirect_text(status, headers)
  else
    text, error_type, reported = json_error(body)
    -- A page or an unexpected answer is quoted only in part.
    if not text then text, limit = plain_text(status, headers, safe), MAX_BODY end
  end

  local kind, again = event.kind(text, error_type)
  kind = kind or kind_of(status)
  -- Envoy's circuit breaker sends this header.
  if not error_type and text_header(headers, "x-envoy-overloaded") and status >= 400 then
    kind = "overloaded"
  end
  -- An error object with a 2xx status is an error of the server, as in an event of a stream.
  if kind == "protocol" and reported and status >= 200 and status <= 299 then kind = "server" end
  local retryable
  if kind == "server" or kind == "connection" then
    retryable = again or RETRYABLE[status] or false
  end
  local hint = ""
  if status == 504 and (meta.waited or 0) >= GATEWAY_CLOCK then
    retryable, hint = false, TOO_SLOW:format(meta.waited)
  end
  local function clean (value, most)
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
    -- Compare a date with the server's own clock, if it sent the time.
    retry_after = retry.after(headers, retry.date(text_header(headers, "date")) or meta.now),
    attempts = meta.attempts,
    request_id = meta.request_id,
    trace_id = trace_id and clean(trace_id, 64),
    headers = redacted_headers(headers, meta.secrets),
    body = safe ~= "" and errors.excerpt(safe, MAX_BODY) or nil,
  }
end

--- Reads the JSON object that a whole response has as its body.
-- @tparam table reply `status`, `headers`, `body`
-- @tparam ?table meta as for `error`
-- @treturn[1] table
-- @treturn[2] nil
-- @treturn[2] Error the error: for any status except 2xx, and for a body that is not a JSON object
-- or reports an error
function M.object (reply, meta)
  local status = reply.status
  if type(status) ~= "number" or status < 200 or status > 299 then
    return nil, M.error(reply, meta)
  end
  local body = reply.body or ""
  local object = body:find "^%s*{" and json.decode(body)
  if type(object) ~= "table" or event.error_fields(object) then return nil, M.error(reply, meta) end
  return object
end

--- Makes the error object for a failure without a complete response: the network failed, a time
-- limit expired, or an event of a stream reported an error.
-- @tparam table failure `kind`, `message`, `phase`, `error_type`, `retryable`, `sent`
-- @tparam table head `status` and `headers` of the response, if they were received
-- @tparam table meta `attempts`, `secrets`
-- @treturn Error the error
function M.broken (failure, head, meta)
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
    request_id = meta.request_id,
    trace_id = trace_id and errors.redact(trace_id, secrets),
    headers = headers and redacted_headers(headers, secrets),
  }
end

-- Responses that were cut off. With a Content-Length or chunks, HTTP itself detects that something
-- is missing. Without them the body ends where the connection (or the HTTP/2 stream) ends, even if
-- the server crashed while sending it. The JSON of such a body is not closed.

--- Returns the position after the JSON string that begins at `at`, or nil when it does not end.
local function behind_string (text, at)
  at = at + 1
  while true do
    local place = text:find('["\\]', at)
    if not place then return nil end
    if text:byte(place) == 34 then return place + 1 end
    at = place + 2
  end
end

--- Tells whether a text begins as a JSON object or array but ends before that is closed.
-- @tparam string text
-- @treturn boolean
local function is_open (text)
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

--- Checks whether a response that cannot be read was cut off.
-- @tparam table reply `status`, `headers` (lower-case name -> value), `body`
-- @treturn ?table a failure, in the form that transports use; nil when the body was not cut off
function M.truncation (reply)
  local status, headers, body = reply.status, reply.headers or {}, reply.body or ""
  if type(status) ~= "number" or status < 200 or status > 299 or status == 204 then return nil end
  if headers["content-length"] or headers["transfer-encoding"] then return nil end
  if body:find "%S" then return is_open(body) and CUT or nil end
  local kind = headers["content-type"]
  return type(kind) == "string" and kind:lower():find "^%s*application/json" and CUT or nil
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
  local adapter_id = text_header(headers, "x-adapter-id")
  if not adapter_id and type(meta.adapter_id) == "string" then adapter_id = meta.adapter_id end
  return setmetatable({
    request_id = meta.request_id,
    trace_id = M.trace_id(headers),
    timing = timing_of(headers, meta.timing),
    headers = headers,
    status = head.status,
    attempts = meta.attempts,
    adapter_id = adapter_id,
    model_id = text_header(headers, "x-model-id"),
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
