-- SPDX-License-Identifier: MIT
--- Turns an error into the response for a browser: a status, a kind, and a message that reveals
-- nothing about the gateway.
-- @module predibase.resty.answer

local errors = require "predibase.errors"
local json = require "predibase.json"
local usage = require "predibase.usage"

local M = {}

--- HTTP status by kind of error, for an error before the first token (RFC 9110 section 15).
-- Problems between this gateway and the model, including its credentials, get `OTHER_STATUS`: the
-- browser sees a bad gateway.
M.STATUS = {
  validation = 422, template = 422, tool = 422,
  rate_limited = 429, overloaded = 503, timeout = 504, cancelled = 499,
}

--- HTTP status for all other kinds of errors.
M.OTHER_STATUS = 502

-- Kinds of errors whose message is about the request of the browser and is shown unchanged.
local ABOUT_THE_QUESTION = { validation = true, template = true, tool = true, generation = true }

-- Messages for the other kinds, whose own messages may contain hosts, ports and credentials.
local SENTENCES = {
  rate_limited = "too many requests",
  overloaded = "the model is busy",
  timeout = "the model did not answer in time",
  cancelled = "the answer was stopped",
  incomplete_generation = "the answer broke off",     -- the same text as BROKEN
  too_large = "the question or the answer is too long",
}
local OTHER_SENTENCE = "the model cannot be reached"

-- If a part of the answer was already sent, this text precedes these messages, and stands alone
-- when there is no message for the kind.
local BROKEN = "the answer broke off"

local function sentence (err)
  local text = ABOUT_THE_QUESTION[err.kind] and err.message or SENTENCES[err.kind]
  if (err.tokens or 0) == 0 then return text or OTHER_SENTENCE end
  if not text or text == BROKEN then return BROKEN end
  return BROKEN .. ": " .. text
end

--- Returns the part of an error that a browser may see.
-- @tparam Error err an error of `predibase.errors`
-- @tparam ?function message receives the error and returns the message to show; nil stands for the
-- default message
-- @treturn table `kind`, `message`, and `retry_after` in seconds if it is known
function M.public (err, message)
  local text = message and message(err) or sentence(err)
  return { kind = err.kind, message = text, retry_after = err.retry_after }
end

--- Encodes a public error as JSON.
-- @tparam table public a result of `public`
-- @treturn string
function M.encode (public)
  local list = { { "kind", public.kind }, { "message", public.message } }
  if public.retry_after then list[3] = { "retry_after", public.retry_after } end
  local text = json.encode(json.object(list))
  -- A message that is not valid UTF-8 cannot be encoded.
  return text or ('{"kind":"%s","message":"%s"}'):format(public.kind, OTHER_SENTENCE)
end

--- Sends a whole response with JSON. Must be called before anything else is sent.
-- @tparam number status
-- @tparam string text JSON
-- @tparam ?number retry_after seconds
function M.send (status, text, retry_after)
  ngx.status = status
  local header = ngx.header
  header["Content-Type"] = "application/json"
  header["Cache-Control"] = "no-store"
  if retry_after then header["Retry-After"] = math.max(1, math.ceil(retry_after)) end
  ngx.print(text)
end

--- Answers the request with an error: a status, `Retry-After` if it is known, and JSON. Must be
-- called before anything else is sent.
-- @tparam Error err an error of `predibase.errors`
-- @tparam ?function message as for `public`
-- @raise if `err` is not an error object
function M.refuse (err, message)
  if not errors.is(err) then
    usage.fail("refuse takes an error object of predibase, got a " .. type(err))
  end
  local public = M.public(err, message)
  M.send(M.STATUS[err.kind] or M.OTHER_STATUS, M.encode(public), public.retry_after)
end

return M
