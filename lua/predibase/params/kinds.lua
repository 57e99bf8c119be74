-- SPDX-License-Identifier: MIT
--- Checks of single parameter values: their Lua type, and whether the router's type holds them.
-- Every function takes the value, the parameter's name and its rule, and returns the value
-- ready for `predibase.json`, or nil and the error text without `Input validation error: `.
-- @module predibase.params.kinds

local checks = require "predibase.checks"
local json = require "predibase.json"
local names = require "predibase.names"
local utf8 = require "predibase.utf8"

local M = {}

--- The largest finite 32-bit float (IEEE 754 binary32), the router's type of all fractions.
M.SINGLE_MAX = 3.4028234663852886e38

--- Numbers below this are rounded to it, as `3.4028235e38` is; from here on to infinity.
M.SINGLE_LIMIT = 3.4028235677973366e38

--- The largest integer to which no other one is rounded in a double.
M.EXACT_MAX = 2^53 - 1

--- The largest seed: an unsigned 64-bit integer.
M.SEED_MAX = "18446744073709551615"

local describe = checks.describe
local integer_type = rawget(math, "type") or function() return nil end

local function wrong(name, wanted, value, hint)
  local text = ("`%s` must be %s, got %s"):format(name, wanted, describe(value))
  return nil, hint and text .. "; " .. hint or text
end

--- The 32-bit float nearest to a number, as the router will see it.
-- Multiplying by 2^29 + 1 and subtracting leaves the upper 24 of 53 bits, rounded; numbers
-- below the smallest normal one are rounded to multiples of 2^-149.
-- @tparam number value below `SINGLE_LIMIT` in size
-- @treturn number
function M.to_single(value)
  if value > -2^-126 and value < 2^-126 then
    local steps = value / 2^-149
    if steps >= 0 then return (steps + 2^52 - 2^52) * 2^-149 end
    return (steps - 2^52 + 2^52) * 2^-149
  end
  if value > M.SINGLE_MAX then return M.SINGLE_MAX end
  if value < -M.SINGLE_MAX then return -M.SINGLE_MAX end
  local shifted = value * (2^29 + 1)
  return shifted - (shifted - value)
end

--- UTF-8 text without control characters: it becomes part of a response header of the router,
-- which ends its process on a control character there.
function M.identifier(value, name)
  if type(value) ~= "string" then return wrong(name, "a string", value) end
  local control = checks.control(value)
  if control then
    local hint = value:find("[\r\n]$") and " (a newline at the end often comes from a file)" or ""
    return nil, ("`%s` must not contain control characters, got %s%s; strip it")
      :format(name, control, hint)
  end
  local valid, at = utf8.valid(value)
  if not valid then
    return nil, ("`%s` must be valid UTF-8, got byte 0x%02x at position %d")
      :format(name, value:byte(at), at)
  end
  return value
end

--- One of a few names; upper and lower case alike unless the rule says `exact`.
function M.choice(value, name, rule)
  local wanted = "one of " .. table.concat(rule.choices, ", ")
  if type(value) ~= "string" then return wrong(name, wanted, value) end
  local wished = rule.exact and value or value:lower()
  for _, choice in ipairs(rule.choices) do
    if choice == wished then return value end
  end
  local near = names.nearest(value, rule.choices)
  return wrong(name, wanted, value, near and ('did you mean "%s"?'):format(near))
end

--- The token for an adapter's repository; empty, it keeps the server from taking the one of the
-- request. Its value is in no message.
function M.token(value, name)
  if type(value) ~= "string" then
    return nil, ("`%s` must be a string, got a %s"):format(name, type(value))
  end
  local problem = value ~= "" and checks.token(value)
  if problem then return nil, ("`%s` %s"):format(name, problem) end
  return value
end

--- `true` or `false`; words such as `"true"` are refused, as the router refuses them.
function M.boolean(value, name)
  if type(value) ~= "boolean" then return wrong(name, "a boolean", value) end
  return value
end

--- A number that stays finite as a 32-bit float.
function M.single(value, name)
  if type(value) ~= "number" then return wrong(name, "a number", value) end
  if not checks.finite(value) then return wrong(name, "a finite number", value) end
  if value >= M.SINGLE_LIMIT or value <= -M.SINGLE_LIMIT then
    return wrong(name, "a number that fits a 32-bit float (at most 3.4e38)", value)
  end
  return value
end

--- A number without a fraction inside the router's integer type. The lower end is the range's
-- matter except where the router has no text for it.
function M.integer(value, name, rule)
  if not checks.integral(value) then
    return wrong(name, "an integer", value)
  end
  if rule.min and value < rule.min then
    return wrong(name, ("an integer >= %d"):format(rule.min), value)
  end
  if value > rule.max then
    return wrong(name, ("an integer <= %.0f"):format(rule.max), value)
  end
  return json.integer(value + 0)              -- + 0 turns -0 into 0, which is an integer
end

--- An unsigned 64-bit integer: an integer, a float that is surely exact, or decimal digits.
function M.seed(value, name)
  local wanted = "an integer from 0 to " .. M.SEED_MAX
  if type(value) == "string" then
    local digits = value:match("^0*(%d+)$")
    if not digits or #digits > #M.SEED_MAX or #digits == #M.SEED_MAX and digits > M.SEED_MAX then
      return wrong(name, wanted, value)
    end
    return json.raw(digits)
  end
  if not checks.integral(value) or value < 0 then return wrong(name, wanted, value) end
  if integer_type(value) ~= "integer" and value > M.EXACT_MAX then
    return wrong(name, wanted, value,
      "a float above 2^53 - 1 may have lost digits, write the seed as a string")
  end
  return json.integer(value + 0)
end

--- An array of non-empty UTF-8 strings.
function M.strings(value, name)
  if type(value) == "string" then
    return wrong(name, "an array of strings", value,
      ("write %s = { %s }"):format(name, #value <= checks.SHOWN and ("%q"):format(value) or "…"))
  end
  if type(value) ~= "table" then return wrong(name, "an array of strings", value) end
  local count, problem = checks.array(value)
  if not count then
    return nil, ("`%s` must be an array of strings; the table given %s"):format(name, problem)
  end
  local copy = {}
  for i = 1, count do
    local text = rawget(value, i)
    local entry = ("%s[%d]"):format(name, i)
    if type(text) ~= "string" then return wrong(entry, "a string", text) end
    if text == "" then
      return nil, ("`%s` must not be empty: it would end every answer at its first token")
        :format(entry)
    end
    local valid, at = utf8.valid(text)
    if not valid then
      return nil, ("`%s` must be valid UTF-8, got byte 0x%02x at position %d")
        :format(entry, text:byte(at), at)
    end
    copy[i] = text
  end
  return json.array(copy)
end

return M
