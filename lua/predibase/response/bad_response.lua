-- SPDX-License-Identifier: MIT
--- Makes the error object for a response that is not a result: it has another status, is not
-- readable, was cut off, or did not arrive as a whole.
-- @module predibase.response.bad_response

local errors = require "predibase.errors"
local event = require "predibase.event"
local headers_of = require "predibase.response_headers"
local json = require "predibase.json"
local retry = require "predibase.retry"

local M = {}

local text_header = headers_of.text

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
  -- Envoy's circuit breaker and its rate limits send these headers, with any status.
  if not error_type and status >= 400 then
    if text_header(headers, "x-envoy-overloaded") then kind = "overloaded" end
    if text_header(headers, "x-envoy-ratelimited") then kind = "rate_limited" end
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
  local trace_id = headers_of.trace_id(headers)
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
  local trace_id = headers and headers_of.trace_id(headers)
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

return M
