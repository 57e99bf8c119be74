-- SPDX-License-Identifier: MIT
--- Makes an error object of an HTTP answer that is none of LoRAX's good ones.
-- LoRAX itself answers JSON, its web framework plain text, gateways in front of it HTML or
-- nothing at all; whatever it is, this gives an error of one of the documented kinds.
-- @module predibase.response.failure

local coding = require "predibase.response.coding"
local errors = require "predibase.errors"
local event = require "predibase.event"
local json = require "predibase.json"
local retry = require "predibase.retry"

local M = {}

--- Most bytes of a body that an error carries.
M.MAX_BODY = 512

-- A longer body is a page, not the error object of an API.
local MAX_JSON = 65536

--- Statuses after which another try may succeed, of those that are a fault of the server.
local RETRYABLE = { [408] = true, [409] = true, [425] = true, [500] = true, [502] = true,
  [503] = true, [504] = true }

--- A 504 that comes after so many seconds is the time limit of a gateway: the server was at work
-- meanwhile, and would be again. Envoy, HAProxy and Caddy answer 502 or 503 when they reach no
-- server, so a short 504 is what is left of that: the gateway gave up at once.
M.GATEWAY_CLOCK = 1

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
local function header(headers, name)
  local value = headers[name]
  if type(value) == "string" and value ~= "" then return value end
  return nil
end

local function media_type(headers)
  local value = header(headers, "content-type")
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
  if coding.is_coded(header(headers, "content-encoding")) or not body:find("%S") then return nil end
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
  local location = header(headers, "location")
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
  local id = header(headers, "x-b3-traceid")
  if id then return errors.excerpt(id, 64) end
  local parent = header(headers, "traceparent")
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
function M.new(reply, meta, message)
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
    if not text then text, limit = plain_text(status, headers, safe), M.MAX_BODY end
  end

  local kind, again = event.kind(text, error_type)
  kind = kind or kind_of(status)
  -- Envoy's own circuit breaker.
  if not error_type and header(headers, "x-envoy-overloaded") and status >= 400 then
    kind = "overloaded"
  end
  -- An error under a good status is the server's, as in an event of a stream.
  if kind == "protocol" and reported and status >= 200 and status <= 299 then kind = "server" end
  local retryable
  if kind == "server" or kind == "connection" then
    retryable = again or RETRYABLE[status] or false
  end
  local hint = ""
  if status == 504 and (meta.waited or 0) >= M.GATEWAY_CLOCK then
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
    retry_after = retry.after(headers, retry.date(header(headers, "date")) or meta.now),
    attempts = meta.attempts,
    trace_id = trace_id and clean(trace_id, 64),
    headers = redacted_headers(headers, meta.secrets),
    body = safe ~= "" and errors.excerpt(safe, M.MAX_BODY) or nil,
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

return M
