-- SPDX-License-Identifier: MIT
--- What a browser is told of an error: a status, a kind, and a sentence that gives nothing away.
-- @module predibase.resty.answer

local errors = require "predibase.errors"
local json = require "predibase.json"
local usage = require "predibase.usage"

local M = {}

--- The status of an answer that could not begin (RFC 9110 section 15). What is wrong between this
-- gateway and the model, its credentials included, is a bad gateway to the browser.
M.STATUS = {
  validation = 422, template = 422, tool = 422,
  rate_limited = 429, overloaded = 503, timeout = 504, cancelled = 499,
}
M.OTHER_STATUS = 502

-- Kinds whose message is about what was asked for, in the server's own words.
local ABOUT_THE_QUESTION = { validation = true, template = true, tool = true, generation = true }

-- The others would tell strangers of hosts, ports and credentials.
local SENTENCES = {
  rate_limited = "too many requests",
  overloaded = "the model is busy",
  timeout = "the model did not answer in time",
  cancelled = "the answer was stopped",
  incomplete_generation = "the answer broke off",     -- as BROKEN
  too_large = "the question or the answer is too long",
}
local OTHER_SENTENCE = "the model cannot be reached"

-- What stands in front of them, or in place of the last one, once a part of the answer was sent.
local BROKEN = "the answer broke off"

local function sentence(err)
  local text = ABOUT_THE_QUESTION[err.kind] and err.message or SENTENCES[err.kind]
  if (err.tokens or 0) == 0 then return text or OTHER_SENTENCE end
  if not text or text == BROKEN then return BROKEN end
  return BROKEN .. ": " .. text
end

--- What a browser may know of an error.
-- @tparam table err of `predibase.errors`
-- @tparam ?function message gets the error, returns the sentence to show (nil: the usual one)
-- @treturn table `kind`, `message`, and `retry_after` in seconds where there is one
function M.public(err, message)
  local text = message and message(err) or sentence(err)
  return { kind = err.kind, message = text, retry_after = err.retry_after }
end

--- A public error as JSON.
-- @tparam table public of `public`
-- @treturn string
function M.encode(public)
  local list = { { "kind", public.kind }, { "message", public.message } }
  if public.retry_after then list[3] = { "retry_after", public.retry_after } end
  local text = json.encode(json.object(list))
  -- A message that is no UTF-8 has no JSON.
  return text or ('{"kind":"%s","message":"%s"}'):format(public.kind, OTHER_SENTENCE)
end

--- Answers the request with an error: its status, `Retry-After` where it is known, and JSON. Only
-- before anything else was sent.
-- @tparam table err of `predibase.errors`
-- @tparam ?function message as for `public`
-- @raise for what is no error object
function M.refuse(err, message)
  if not errors.is(err) then
    usage.fail("refuse takes an error object of predibase, got a " .. type(err))
  end
  local public = M.public(err, message)
  ngx.status = M.STATUS[err.kind] or M.OTHER_STATUS
  local header = ngx.header
  header["Content-Type"] = "application/json"
  header["Cache-Control"] = "no-store"
  if public.retry_after then header["Retry-After"] = math.max(1, math.ceil(public.retry_after)) end
  ngx.print(M.encode(public))
end

return M
