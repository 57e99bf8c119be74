-- SPDX-License-Identifier: MIT
--- Numbers as Python writes and reads them.
-- @module predibase.template.jinja.numbers

local M = {}

--- The shortest digits that read back as the same number: mantissa digits and exponent of ten.
local function shortest(x)
  local written
  for places = 0, 16 do
    written = ("%." .. places .. "e"):format(x):gsub(",", ".")
    if tonumber(written) == x then break end
  end
  local sign, first, rest, exponent = written:match("^(-?)(%d)%.?(%d*)e([+-]%d+)$")
  return sign, (first .. rest):gsub("(%d)0+$", "%1"), tonumber(exponent)
end

--- A float as Python's `repr` writes it.
-- @tparam number x
-- @treturn string
function M.float(x)
  if x ~= x then return "nan" end
  if x == math.huge then return "inf" end
  if x == -math.huge then return "-inf" end
  local sign, digits, exponent = shortest(x)
  if x == 0 then return (1 / x < 0 and "-" or "") .. "0.0" end
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

--- An integer in digits.
-- @tparam number x
-- @treturn string
function M.int(x)
  if x == 0 then return "0" end
  return ("%.0f"):format(x)
end

-- Most places that Lua's format takes.
local MOST = 99

--- A number that lies exactly between two with so many places, cut off there; nil for all others.
-- Not every Lua goes to the even one of the two.
local function cut_between(x, places)
  local all = ("%." .. MOST .. "f"):format(x):gsub(",", ".")
  local kept, rest = all:match("^(-?%d+%." .. ("%d"):rep(places) .. ")(%d+)$")
  if not kept or not rest:find("^50*$") then return nil end
  return places == 0 and kept:sub(1, -2) or kept
end

--- A decimal number with a fixed number of places; from exactly between it goes to the even one.
-- @tparam number x
-- @tparam integer places
-- @treturn string
function M.fixed(x, places)
  if x ~= x then return "nan" end
  if x == math.huge or x == -math.huge then return x > 0 and "inf" or "-inf" end
  local shown = math.min(places, MOST)
  -- Beyond that nobody looks for the even one.
  local cut = shown < 32 and cut_between(x, shown)
  if cut and cut:find("[02468]$") then return cut .. ("0"):rep(places - shown) end
  return (("%." .. shown .. "f"):format(x):gsub(",", ".")) .. ("0"):rep(places - shown)
end

local function stripped(text)
  return text:gsub("^[%s\28-\31]+", ""):gsub("^(.-)[%s\28-\31]*$", "%1")
end

--- The digits of a literal without the underscores that may stand between two of them.
local function plain(digits)
  if digits:find("^_") or digits:find("_$") or digits:find("__", 1, true) then return nil end
  return (digits:gsub("_", ""))
end

--- Reads an integer as Python's `int(text, base)`.
-- @tparam string text
-- @tparam integer base
-- @treturn ?number
function M.read_int(text, base)
  if #text > 400 then return nil end
  local sign, digits = stripped(text):match("^([+-]?)([%w_]+)$")
  if not digits then return nil end
  local prefix = ({ [16] = "^0[xX]_?", [8] = "^0[oO]_?", [2] = "^0[bB]_?" })[base]
  if prefix then digits = digits:gsub(prefix, "") end
  digits = plain(digits)
  if not digits or digits == "" then return nil end
  local value = 0
  for char in digits:gmatch(".") do
    local digit = tonumber(char, 36)
    if not digit or digit >= base then return nil end
    value = value * base + digit
  end
  return sign == "-" and -value or value
end

--- Reads a float as Python's `float(text)`.
-- @tparam string text
-- @treturn ?number
function M.read_float(text)
  if #text > 400 then return nil end
  local sign, body = stripped(text):match("^([+-]?)(.*)$")
  local word = body:lower()
  local factor = sign == "-" and -1 or 1
  if word == "inf" or word == "infinity" then return factor * math.huge end
  if word == "nan" then return 0 / 0 end
  if not body:find("^[%d_]*%.?[%d_]*[eE]?[+-]?[%d_]*$") or body:find("^[eE.]*$") then return nil end
  for digits in body:gmatch("[%d_]+") do
    if not plain(digits) then return nil end
  end
  local value = tonumber((body:gsub("_", "")))
  return value and factor * value
end

return M
