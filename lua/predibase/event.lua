-- SPDX-License-Identifier: MIT
--- Reads the events of LoRAX /generate_stream and the details of both endpoints.
--
-- The decoded tables are changed in place and returned: fields that are `null` are removed, and
-- integral numbers become integers. Anything that does not have the documented types is a failure
-- of kind `protocol`, so callers need no checks of their own.
-- @module predibase.event

local errors = require "predibase.errors"
local json = require "predibase.json"
local outside_errors = require "predibase.outside_errors"

local M = {}

local null = json.null
local huge = math.huge
local tointeger = rawget(math, "tointeger")

-- From this number on a double cannot hold every integer, so json.parse may have rounded.
local GAPS = 2 ^ 53

--- A generated token.
-- @table Token
-- @tfield integer id the number of the token
-- @tfield string text its text
-- @tfield ?number logprob the logarithm of its probability
-- @tfield ?boolean special true for markers of the model, such as `</s>`
-- @tfield ?boolean skipped true when the server did not need the model for it
-- @tfield ?PromptToken[] alternative_tokens the most likely tokens, with `return_k_alternatives`

--- A token of a prompt, or an alternative of a generated one.
-- @table PromptToken
-- @tfield integer id the number of the token
-- @tfield string text its text
-- @tfield ?number logprob the logarithm of its probability

--- The details of an answer.
-- @table Details
-- @tfield string finish_reason the server's word for why the answer ended
-- @tfield ?integer prompt_tokens the number of tokens of the prompt
-- @tfield ?integer generated_tokens the number of tokens of the answer
-- @tfield ?integer skipped_tokens how many of them needed no model
-- @tfield ?integer|string seed the seed that was used
-- @tfield ?PromptToken[] prefill the tokens of the prompt
-- @tfield ?Token[] tokens the tokens of the answer
-- @tfield ?Sequence[] best_of_sequences the other answers of `best_of`

--- Another answer of `best_of`.
-- @table Sequence
-- @extends Details
-- @tfield string generated_text the text
-- @tfield ?string text the answer alone, if the text was shortened or the reasoning separated
-- @tfield ?string reasoning what the model wrote before its answer
-- @tfield ?string stop_sequence the sequence that was removed from its end

--- Maps each `error_type` of the router to a kind of error.
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

--- Longest message in bytes that is copied from a server's response.
M.MAX_MESSAGE = 4096

-- The functions below check the types in LoRAX's objects, remove `null` and turn integral numbers
-- into integers, in place. They return nil, or a text that says which field is wrong, such as
-- "token.id is not an integer".

--- Tells whether a value is an integer of 0 or more. json.decode returns an integer that a double
-- cannot hold as a string of digits.
local function is_count (v)
  if type(v) == "number" then return v >= 0 and v < huge and v % 1 == 0 end
  return type(v) == "string" and #v >= 16 and not v:find("%D")
end

local function check_count (t, field, needed)
  local v = t[field]
  if v == nil and not needed then return end
  if v == null and not needed then
    t[field] = nil
  elseif is_count(v) then
    t[field] = json.integer(v)
  else
    return field .. " is not an integer"
  end
end

local function check_string (t, field, needed)
  local v = t[field]
  if type(v) == "string" then return end
  if needed or (v ~= nil and v ~= null) then return field .. " is not a string" end
  t[field] = nil
end

local function check_boolean (t, field)
  local v = t[field]
  if v == null then
    t[field] = nil
  elseif v ~= nil and type(v) ~= "boolean" then
    return field .. " is not a boolean"
  end
end

local function check_logprob (t)
  local v = t.logprob
  if v == null then
    t.logprob = nil
  elseif v ~= nil and (type(v) ~= "number" or not (v < huge and v > -huge)) then
    return "logprob is not a number"
  end
end

--- Applies a check to every element of an array field. The field may be missing or `null`.
local function check_list (t, field, check)
  local list = t[field]
  if list == nil or list == null then
    t[field] = nil
    return
  end
  if type(list) ~= "table" then return field .. " is not an array" end
  local n = #list
  for key in next, list do
    if type(key) ~= "number" then return field .. " is not an array" end
  end
  for i = 1, n do
    local message = check(list[i])
    if message then return ("%s[%d]%s"):format(field, i, message) end
  end
end

-- The functions below check an object whose name they do not know. They return the end of a
-- message, such as " is not an object" or ".id is not an integer"; the caller adds the name in
-- front of it.

local function member (message)
  return message and "." .. message
end

--- Checks a prompt token or an alternative: `{ id, text, logprob }`.
local function check_piece (piece)
  if type(piece) ~= "table" then return " is not an object" end
  return member(check_count(piece, "id", true) or check_string(piece, "text", true)
    or check_logprob(piece))
end

local function check_token (token)
  return check_piece(token)
    or member(check_boolean(token, "special") or check_boolean(token, "skipped")
      or check_list(token, "alternative_tokens", check_piece))
end

--- Checks one generated sequence: the details of the answer, or one of `best_of_sequences`.
local function check_sequence (sequence)
  if type(sequence) ~= "table" then return " is not an object" end
  return member(check_string(sequence, "finish_reason", true)
    or check_count(sequence, "prompt_tokens")
    or check_count(sequence, "generated_tokens")
    or check_count(sequence, "skipped_tokens")
    or check_count(sequence, "seed")
    or check_list(sequence, "prefill", check_piece)
    or check_list(sequence, "tokens", check_token))
end

local function check_other_sequence (sequence)
  return check_sequence(sequence) or member(check_string(sequence, "generated_text", true))
end

local function check_alternatives (token)
  local message = check_list(token, "alternative_tokens", check_piece)
  return message and "token." .. message
end

local function check_details (details)
  local message = check_sequence(details)
    or member(check_list(details, "best_of_sequences", check_other_sequence))
  return message and "details" .. message
end

local function check_event (ev)
  if ev.token == nil then return "token is missing" end
  local message = check_token(ev.token)
  if message then return "token" .. message end
  message = check_string(ev, "generated_text")
  if message then return message end
  if ev.details == null then ev.details = nil end
  -- The caller distinguishes events by these fields.
  ev.error, ev.done = nil, nil
  if ev.details ~= nil then return check_details(ev.details) end
end

--- Tells whether an id is so large that it may have been rounded.
local function has_gaps (tokens)
  for i = 1, #tokens do
    if tokens[i].id >= GAPS then return true end
  end
  return false
end

--- Fast path: reads the event of an ordinary token. Decoding raises for bad JSON, and comparing or
-- indexing raises for a value of the wrong type, so a good token costs no type checks. In all other
-- cases this function returns nil or raises, and `decode_checked` must read the event again.
local function decode_usual (payload)
  local ev = json.parse(payload)
  local token = ev.token
  local id, logprob = token.id, token.logprob
  if id < 0 or id >= GAPS or id % 1 ~= 0 or type(token.text) ~= "string" then return nil end
  if ev.error ~= nil or ev.done ~= nil then return nil end
  if tointeger then token.id = tointeger(id) end
  -- Comparing a string with a number raises; arithmetic would convert the string.
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
  elseif others ~= nil and (check_alternatives(token) or has_gaps(others)) then
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

local function protocol (message)
  return nil, { kind = "protocol", message = message }
end

--- Decodes an event with all checks.
local function decode_checked (payload)
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
  message = check_event(ev)
  if message then return protocol("in the event, " .. message) end
  return ev
end

--- Decodes the data of one event.
--
-- For a token the result is `{ token = { id, text, logprob, special, skipped, alternative_tokens },
-- generated_text, details }`; `generated_text` is nil except in the last event. Fields that this
-- module does not know are left as lua-cjson decodes them. For an error the result is `{ error,
-- error_type }`, both strings (`error_type` may be nil), and for the end mark of the /v1 routes `{
-- done = true }`. Raises no errors itself, but passes on those that a signal handler or a debug
-- hook raises.
-- @tparam string payload the data of the event
-- @treturn[1] table the event
-- @treturn[2] nil
-- @treturn[2] table `{ kind = "protocol", message }`
function M.decode (payload)
  local ok, ev = pcall(decode_usual, payload)
  if ok and ev then return ev end
  if not ok then outside_errors.raise_if_outside(ev, decode_usual, payload) end
  return decode_checked(payload)
end

--- Reads the error object of LoRAX, or of common gateways.
-- `error` may be a string, an object with a `message`, or any other value, whose JSON text is used.
-- @tparam table object a decoded JSON object
-- @treturn[1] string the message of the server, never empty
-- @treturn[1] ?string the type of the error
-- @treturn[2] nil the object is not an error
function M.error_fields (object)
  local value, error_type = object.error, object.error_type
  if type(error_type) ~= "string" or error_type == "" then error_type = nil end
  if value == nil or value == null or value == false then
    if object.object == "error" and type(object.message) == "string" then     -- older vLLM
      value, error_type = object.message, type(object.type) == "string" and object.type or nil
      return value ~= "" and value or error_type or "the server gave no reason", error_type
    end
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

--- Returns the kind of an error by its type. The router also uses the type `generation` when it
-- cannot connect to its shard, the process that runs the model. The server is then restarting.
-- @tparam string text the message of the server
-- @tparam ?string error_type
-- @treturn ?string nil when the type does not determine the kind
-- @treturn ?boolean true when a retry may succeed although errors of this kind are not retryable
function M.kind (text, error_type)
  if error_type == "generation" and text:find("error trying to connect", 1, true) then
    return "server", true
  end
  return error_type and M.kinds[error_type]
end

--- Makes a failure from an error event of LoRAX. An unknown `error_type` gets the kind `server`.
-- @tparam table ev an event with `error`, as `decode` returned it
-- @tparam ?table secrets array of strings that must not appear in the message
-- @treturn table `{ kind, message, error_type, retryable }`
function M.failure (ev, secrets)
  local error_type = ev.error_type
  local kind, retryable = M.kind(ev.error, error_type)
  return {
    kind = kind or "server",
    retryable = retryable,
    message = errors.excerpt(errors.redact(ev.error, secrets), M.MAX_MESSAGE),
    error_type = error_type and errors.excerpt(errors.redact(error_type, secrets), 100),
  }
end

--- Checks and normalises the `details` of an answer or of the last event: `null` is removed, and
-- integers become integers (`seed` a string of digits where Lua has no integer of that size).
-- @function details
-- @tparam table details `finish_reason`, `prompt_tokens`, `generated_tokens`, `skipped_tokens`,
-- `seed`, `prefill`, `tokens`, `best_of_sequences`; changed in place
-- @treturn[1] table details
-- @treturn[2] nil
-- @treturn[2] string what has the wrong type
function M.details (details)
  local message = check_details(details)
  if message then return nil, message end
  return details
end

return M
