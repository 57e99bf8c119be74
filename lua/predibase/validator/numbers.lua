-- SPDX-License-Identifier: MIT
--- Compares and measures the numbers of JSON without losing digits. A number is a Lua number, or a
-- value of `json.number`, which has the literal.
-- @module predibase.validator.numbers

local checks = require "predibase.value_checks"
local json = require "predibase.json"

local M = {}

--- From this number on a double does not hold every integer.
local GAPS = 2 ^ 53

local subtype = rawget(math, "type") or function () return nil end

--- Tells whether a value is a number.
-- @param value anything
-- @treturn boolean
function M.is (value)
  return type(value) == "number" or json.literal(value) ~= nil
end

--- Returns a number as text.
local function text_of (value)
  return json.literal(value) or json.encode(value) or tostring(value)
end

local function near (value)
  return type(value) == "number" and value or tonumber(json.literal(value)) or 0
end

--- Returns sign and digits of an integer that a double may not hold; nil for every other number.
local function digits_of (value)
  if subtype(value) ~= "integer" and not json.literal(value) then return nil end
  local sign, digits = text_of(value):match "^(%-?)0*(%d+)$"
  if digits and math.abs(near(value)) >= GAPS then return sign, digits end
  return nil
end

--- Compares two numbers.
-- @param a a number
-- @param b a number
-- @treturn number below 0, 0 or above 0, as `a` is smaller than, equal to or larger than `b`
function M.compare (a, b)
  local sign_a, digits_a = digits_of(a)
  local sign_b, digits_b = digits_of(b)
  if digits_a and digits_b and sign_a == sign_b then
    local order = #digits_a - #digits_b
    if order == 0 and digits_a ~= digits_b then order = digits_a < digits_b and -1 or 1 end
    return sign_a == "" and order or -order
  end
  local x, y = near(a), near(b)
  return x < y and -1 or x > y and 1 or 0
end

--- Tells whether a number has no fraction: 5, 5.0 and 5e3.
-- @param value a number
-- @treturn boolean
function M.is_integer (value)
  return digits_of(value) ~= nil or checks.integral(near(value))
end

--- Counts the digits of a number as it is written: before the point, after it, and in the exponent.
-- @param value a number
-- @treturn number
-- @treturn ?number nil when there is no fraction
-- @treturn ?number nil when there is no exponent
function M.digits (value)
  local whole, rest = text_of(value):match "^%-?(%d+)(.*)$"
  local fraction, exponent = (rest or ""):match "^%.(%d+)", (rest or ""):match "[eE][+-]?(%d+)$"
  return #(whole or ""), fraction and #fraction, exponent and #exponent
end

return M
