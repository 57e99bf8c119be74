-- SPDX-License-Identifier: MIT
--- The shapes of LoRAX's token and details objects: checks types, takes `null` out, makes
-- integers of integral numbers.
-- Every function changes its table in place and returns nil when all is well, else a text that
-- says which field is wrong: "token.id is not an integer".
-- @module predibase.event.shape

local json = require "predibase.json"

local M = {}

local null, huge = json.null, math.huge

--- A whole number of 0 or more. json.decode gives those that a double cannot hold as digits.
local function is_count(v)
  if type(v) == "number" then return v >= 0 and v < huge and v % 1 == 0 end
  return type(v) == "string" and #v >= 16 and not v:find("%D")
end

local function check_count(t, field, needed)
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

local function check_string(t, field, needed)
  local v = t[field]
  if type(v) == "string" then return end
  if needed or (v ~= nil and v ~= null) then return field .. " is not a string" end
  t[field] = nil
end

local function check_boolean(t, field)
  local v = t[field]
  if v == null then
    t[field] = nil
  elseif v ~= nil and type(v) ~= "boolean" then
    return field .. " is not a boolean"
  end
end

local function check_logprob(t)
  local v = t.logprob
  if v == null then
    t.logprob = nil
  elseif v ~= nil and (type(v) ~= "number" or not (v < huge and v > -huge)) then
    return "logprob is not a number"
  end
end

--- Applies a check to every element of an array field; a field that is missing or `null` is fine.
local function check_list(t, field, check)
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

-- Those below check an object: what they return follows its name, " is not an object" or
-- ".id is not an integer". The name is put in front by who knows it, and only if there is a fault.

local function inside(message)
  return message and "." .. message
end

--- A prompt token or an alternative: `{ id, text, logprob }`.
local function check_piece(piece)
  if type(piece) ~= "table" then return " is not an object" end
  return inside(check_count(piece, "id", true) or check_string(piece, "text", true)
    or check_logprob(piece))
end

local function check_token(token)
  return check_piece(token)
    or inside(check_boolean(token, "special") or check_boolean(token, "skipped")
      or check_list(token, "alternative_tokens", check_piece))
end

--- What one generated sequence consists of, the winner's details and the others' alike.
local function check_sequence(sequence)
  if type(sequence) ~= "table" then return " is not an object" end
  return inside(check_string(sequence, "finish_reason", true)
    or check_count(sequence, "prompt_tokens")
    or check_count(sequence, "generated_tokens")
    or check_count(sequence, "skipped_tokens")
    or check_count(sequence, "seed")
    or check_list(sequence, "prefill", check_piece)
    or check_list(sequence, "tokens", check_token))
end

local function check_other_sequence(sequence)
  return check_sequence(sequence) or inside(check_string(sequence, "generated_text", true))
end

--- The `alternative_tokens` of a token.
-- @tparam table token
-- @treturn ?string what is wrong
function M.alternatives(token)
  local message = check_list(token, "alternative_tokens", check_piece)
  return message and "token." .. message
end

--- The `details` of an answer or of the last event of a stream.
-- @tparam table details
-- @treturn ?string what is wrong
function M.details(details)
  local message = check_sequence(details)
    or inside(check_list(details, "best_of_sequences", check_other_sequence))
  return message and "details" .. message
end

--- A whole token event.
-- @tparam table ev
-- @treturn ?string what is wrong
function M.event(ev)
  if ev.token == nil then return "there is no token" end
  local message = check_token(ev.token)
  if message then return "token" .. message end
  message = check_string(ev, "generated_text")
  if message then return message end
  if ev.details == null then ev.details = nil end
  -- Names that the caller tells events apart by.
  ev.error, ev.done = nil, nil
  if ev.details ~= nil then return M.details(ev.details) end
end

return M
