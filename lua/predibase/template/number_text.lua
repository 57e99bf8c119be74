-- SPDX-License-Identifier: MIT
--- Writes numbers as people do, for templates with `{names}`, and writes and reads them as Python
-- does, for templates in Jinja. Lua uses the decimal point of the program's locale, which may be a
-- comma; this module always uses a point.
-- @module predibase.template.number_text

local checks = require "predibase.value_checks"
local python_strings = require "predibase.python_strings"

local M = {}

--- Numbers from 10^21 on, and numbers below 10^-6, are written with an exponent, as in JavaScript.
M.LARGEST, M.SMALLEST = 21, -7

--- Splits a number such as `1.25e-05` into its sign, its digits (`125`) and the number of digits in
-- front of its decimal point. That number is negative (here -4) when zeros separate the point from
-- the digits.
local function parts (text)
  local sign, whole, fraction, exponent = text:match("^(-?)(%d+)%.?(%d*)e([-+]%d+)$")
  return sign, whole .. fraction, #whole + tonumber(exponent)
end

--- Writes a number as people do: `3` for `3.0`, `0.1`, and no exponent unless the number is very
-- large or very small.
-- @tparam number value
-- @treturn ?string nil for NaN and the infinities
function M.plain (value)
  if not checks.finite(value) then return nil end
  if value == 0 then return "0" end
  local text = checks.number(value):lower()
  if not text:find("e", 1, true) then return text end
  local sign, digits, point = parts(text)
  if point > M.LARGEST or point <= M.SMALLEST + 1 then
    return (text:gsub("e%+?(-?)0*", "e%1"))
  end
  if point <= 0 then return sign .. "0." .. ("0"):rep(-point) .. digits end
  return sign .. digits .. ("0"):rep(point - #digits)
end

--- Returns the sign, the digits and the exponent of ten of a number, with the fewest digits that
-- read back as the same number.
local function shortest (x)
  local written
  for places = 0, 16 do
    written = ("%." .. places .. "e"):format(x):gsub(",", ".")
    if tonumber(written) == x then break end
  end
  local sign, first, rest, exponent = written:match("^(-?)(%d)%.?(%d*)e([+-]%d+)$")
  return sign, (first .. rest):gsub("(%d)0+$", "%1"), tonumber(exponent)
end

--- Writes a float as Python's `repr` does.
-- @tparam number x
-- @treturn string
function M.python_float (x)
  if x ~= x then return "nan" end
  if x == math.huge or x == -math.huge then return x > 0 and "inf" or "-inf" end
  if x == 0 then return 1 / x < 0 and "-0.0" or "0.0" end
  local sign, digits, exponent = shortest(x)
  if exponent < -4 or exponent >= 16 then
    local fraction = #digits > 1 and "." .. digits:sub(2) or ""
    local mark = exponent < 0 and "-" or "+"
    return ("%s%s%se%s%02d"):format(sign, digits:sub(1, 1), fraction, mark, math.abs(exponent))
  end
  if exponent < 0 then return sign .. "0." .. ("0"):rep(-exponent - 1) .. digits end
  if #digits <= exponent + 1 then
    return sign .. digits .. ("0"):rep(exponent + 1 - #digits) .. ".0"
  end
  return sign .. digits:sub(1, exponent + 1) .. "." .. digits:sub(exponent + 2)
end

--- Writes an integer as Python does.
-- @tparam number x an integer, which Lua may hold as a float
-- @treturn string
function M.python_int (x)
  if x == 0 then return "0" end
  return ("%.0f"):format(x)
end

--- Reads a number as Python's `int(text)` or `float(text)` does.
-- @tparam string s
-- @tparam boolean is_float
-- @treturn ?number nil when the text is not a number, or is longer than 400 bytes
function M.read_python (s, is_float)
  if #s > 400 then return nil end
  local sign, body = python_strings.strip(s):match("^([+-]?)(.*)$")
  local factor = sign == "-" and -1 or 1
  local word = body:lower()
  if is_float and (word == "inf" or word == "infinity") then return factor * math.huge end
  if is_float and word == "nan" then return 0 / 0 end
  local form = is_float and "^[%d_]*%.?[%d_]*[eE]?[+-]?[%d_]*$" or "^[%d_]+$"
  if not body:find(form) then return nil end
  for digits in body:gmatch("[%d_]+") do
    -- An underscore may stand between two digits only.
    if digits:find("^_") or digits:find("_$") or digits:find("__", 1, true) then return nil end
  end
  local value = tonumber((body:gsub("_", "")))
  return value and factor * value
end

return M
