-- SPDX-License-Identifier: MIT
--- Reads the events of LoRAX /generate_stream and the details of both endpoints.
--
-- The decoded tables are handed on as they are, with `null` taken out and integers as integers.
-- Whatever does not have the documented shape is a failure of kind `protocol` here, so that no
-- caller ever meets a wrong type.
-- @module predibase.event

local errors = require "predibase.errors"
local json = require "predibase.json"
local shape = require "predibase.event.shape"
local try = require "predibase.try"

local M = {}

local null = json.null
local huge = math.huge
local tointeger = rawget(math, "tointeger")

-- Doubles have gaps from here on, and json.parse may have rounded.
local GAPS = 2 ^ 53

--- The kind of error that each `error_type` of the router stands for.
M.kinds = {
  generation = "generation",
  overloaded = "overloaded",
  validation = "validation",
  incomplete_generation = "incomplete_generation",
  template_error = "template",
  missing_template_variable = "template",
  tool_error = "tool",
  embedding_failure = "server",
  classification_failure = "server",
  healthcheck = "server",
  ["failed healthcheck"] = "server",
  ["no fast tokenizer"] = "not_found",
  invalid_input = "validation",
}

--- Longest message that is taken over from a server, in bytes.
M.MAX_MESSAGE = 4096

local alternatives = shape.alternatives

--- Is one of the ids so big that it may have been rounded?
local function has_gaps(tokens)
  for i = 1, #tokens do
    if tokens[i].id >= GAPS then return true end
  end
  return false
end

--- Reads the event that nearly every token comes in. Decoding raises, and so do the comparisons
-- and the indexing where a type is wrong; that costs nothing while all is well. Anything but a
-- plain good token gives nil or an error, and then `careful` finds out what it is.
local function plain_token(payload)
  local ev = json.parse(payload)
  local token = ev.token
  local id, logprob = token.id, token.logprob
  if id < 0 or id >= GAPS or id % 1 ~= 0 or type(token.text) ~= "string" then return nil end
  if ev.error ~= nil or ev.done ~= nil then return nil end
  if tointeger then token.id = tointeger(id) end
  -- Comparing a number with a string raises, unlike calculating with it.
  if logprob == null then
    token.logprob = nil
  elseif logprob ~= nil and not (logprob < huge and logprob > -huge) then
    return nil
  end
  local special, skipped = token.special, token.skipped
  if special ~= false and special ~= true and special ~= nil then return nil end
  if skipped ~= false and skipped ~= true and skipped ~= nil then return nil end
  local others = token.alternative_tokens
  if others == null then
    token.alternative_tokens = nil
  elseif others ~= nil and (alternatives(token) or has_gaps(others)) then
    return nil
  end
  local text = ev.generated_text
  if text == null then
    ev.generated_text = nil
  elseif text ~= nil and type(text) ~= "string" then
    return nil
  end
  local details = ev.details
  if details == null then
    ev.details = nil
  elseif details ~= nil then
    return nil
  end
  return ev
end

local function protocol(message)
  return nil, { kind = "protocol", message = message }
end

local function careful(payload)
  local ev, message = json.decode(payload)
  if ev == nil then
    if type(payload) == "string" and payload:find("^%s*%[DONE%]%s*$") then
      return { done = true }
    end
    return protocol("the event is not JSON: " .. message)
  end
  if type(ev) ~= "table" then return protocol "the event is not a JSON object" end
  local text, error_type = M.error_fields(ev)
  if text then return { error = text, error_type = error_type } end
  message = shape.event(ev)
  if message then return protocol("in the event, " .. message) end
  return ev
end

--- Decodes the data of one event.
--
-- A token event comes back as `{ token = { id, text, logprob, special, skipped,
-- alternative_tokens }, generated_text, details }`; `generated_text` is nil on all but the last.
-- Fields that this module does not know are left as lua-cjson gives them.
-- An error event comes back as `{ error, error_type }`, both strings (`error_type` may be nil),
-- and the end mark of the /v1 routes as `{ done = true }`.
-- Raises nothing of its own, only what a signal handler or a debug hook raises meanwhile.
-- @tparam string payload
-- @treturn[1] table the event
-- @treturn[2] nil
-- @treturn[2] table `{ kind = "protocol", message }`
function M.decode(payload)
  local ok, ev = pcall(plain_token, payload)
  if ok and ev then return ev end
  if not ok then try.again(ev, plain_token, payload) end
  return careful(payload)
end

--- Reads the error object of LoRAX and the common ones of gateways.
-- `error` may be a string, an object with a `message`, or anything else (then its JSON text).
-- @tparam table object a decoded JSON object
-- @treturn[1] string the server's text, never empty
-- @treturn[1] ?string the error type
-- @treturn[2] nil this object reports no error
function M.error_fields(object)
  local value, error_type = object.error, object.error_type
  if type(error_type) ~= "string" or error_type == "" then error_type = nil end
  if value == nil or value == null or value == false then
    if error_type and object.token == nil then return error_type, error_type end
    return nil
  end
  if type(value) == "table" then
    if not error_type and type(value.type) == "string" then error_type = value.type end
    value = type(value.message) == "string" and value.message or json.encode(value) or ""
  elseif type(value) ~= "string" then
    value = tostring(json.integer(value))
  end
  if value == "" then value = error_type or "the server gave no reason" end
  return value, error_type
end

--- The kind of an error by its type. `generation` is the router's word also for a shard, the
-- process behind it, that it cannot reach: then the server is being restarted.
-- @tparam string text the server's
-- @tparam ?string error_type
-- @treturn ?string nil when the type says nothing
-- @treturn ?boolean true when another try may succeed although the kind alone would not say so
function M.kind(text, error_type)
  if error_type == "generation" and text:find("error trying to connect", 1, true) then
    return "server", true
  end
  return error_type and M.kinds[error_type]
end

--- The failure that an error event stands for (`error_type` of LoRAX; an unknown one is a fault of
-- the server).
-- @tparam table ev as `decode` returned it, with `error`
-- @tparam ?table secrets array of strings that must not appear in the message
-- @treturn table `{ kind, message, error_type, retryable }`
function M.failure(ev, secrets)
  local error_type = ev.error_type
  local kind, retryable = M.kind(ev.error, error_type)
  return {
    kind = kind or "server",
    retryable = retryable,
    message = errors.excerpt(errors.redact(ev.error, secrets), M.MAX_MESSAGE),
    error_type = error_type and errors.excerpt(errors.redact(error_type, secrets), 100),
  }
end

--- Normalises the `details` of an answer or of the last event: `null` taken out, integers as
-- integers (`seed` as a string of digits where Lua has no integer of that size).
-- @function details
-- @tparam table details `finish_reason`, `prompt_tokens`, `generated_tokens`, `skipped_tokens`,
-- `seed`, `prefill`, `tokens`, `best_of_sequences`; changed in place
-- @treturn[1] table details
-- @treturn[2] nil
-- @treturn[2] string what has the wrong type
function M.details(details)
  local message = shape.details(details)
  if message then return nil, message end
  return details
end

return M
