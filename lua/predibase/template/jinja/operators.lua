-- SPDX-License-Identifier: MIT
--- Arithmetic, comparison and membership as Python defines them.
-- @module predibase.template.jinja.operators

local python_text = require "predibase.template.jinja.python_text"
local runtime = require "predibase.template.jinja.runtime"
local strings = require "predibase.python_strings"
local values = require "predibase.template.jinja.values"

local M = {}

local raise, charge = runtime.raise, runtime.charge
local kind, number = values.kind, values.number

local function unsupported (a, operator, b)
  values.needs(a)
  values.needs(b)
  raise(("unsupported operand type(s) for %s: '%s' and '%s'"):format(operator,
    values.type_name(a), values.type_name(b)))
end

--- Returns both operands as numbers, and whether the result is a float.
local function both (a, b, operator)
  local x, fx = number(a)
  local y, fy = number(b)
  if not x or not y then unsupported(a, operator, b) end
  return x, y, fx or fy
end

local function result (x, is_float)
  if is_float then return values.float(x) end
  return values.int(x)
end

local ENTITIES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ["'"] = "&#39;",
  ['"'] = "&#34;" }

--- Makes the value of the filter `escape`: a text with HTML entities in place of the characters
-- that HTML reserves.
function M.escaped (rt, s)
  runtime.charge_string(rt, #s * 5)
  return { kind = "safe", text = (s:gsub("[&<>'\"]", ENTITIES)) }
end

--- Adds two texts of which at least one was made by the filter `safe`. A string is escaped first,
-- as by Python's Markup class. A published template depends on this.
local function add_safe (rt, a, b)
  if type(a) == "string" then a = M.escaped(rt, a) end
  if type(b) == "string" then b = M.escaped(rt, b) end
  if kind(a) ~= "safe" or kind(b) ~= "safe" then unsupported(a, "+", b) end
  runtime.charge_string(rt, #a.text + #b.text)
  return { kind = "safe", text = a.text .. b.text }
end

local function appended (rt, a, b)
  local n = a.n + b.n
  charge(rt, n)
  local out = {}
  for i = 1, a.n do out[i] = a[i] end
  for i = 1, b.n do out[a.n + i] = b[i] end
  return values[a.kind](out, n)
end

local function add (rt, a, b)
  if type(a) == "string" and type(b) == "string" then
    runtime.charge_string(rt, #a + #b)
    return a .. b
  end
  local k, other = kind(a), kind(b)
  if (k == "list" or k == "tuple") and k == other then return appended(rt, a, b) end
  if k == "safe" or other == "safe" then return add_safe(rt, a, b) end
  local x, y, is_float = both(a, b, "+")
  return result(x + y, is_float)
end

local function subtract (_, a, b)
  local x, y, is_float = both(a, b, "-")
  return result(x - y, is_float)
end

local function multiply (rt, a, b)
  if type(b) == "string" then a, b = b, a end
  local n = type(a) == "string" and (kind(b) == "bool" or kind(b) == "int") and number(b)
  if n then
    local made = runtime.repeated(a, n)
    charge(rt, #made / 64)
    return made
  end
  if kind(a) == "list" or kind(b) == "list" or kind(a) == "tuple" or kind(b) == "tuple" then
    raise("the operator * of a list is not supported")
  end
  local x, y, is_float = both(a, b, "*")
  return result(x * y, is_float)
end

local function check_divisor (y)
  if y == 0 then raise("division by zero") end
end

local function divide (_, a, b)
  local x, y = both(a, b, "/")
  check_divisor(y)
  return values.float(x / y)
end

--- Returns the remainder as Python defines it, with the sign of the divisor.
local function modulo (x, y)
  local rest = math.fmod(x, y)
  if rest ~= 0 and (rest < 0) ~= (y < 0) then rest = rest + y end
  return rest
end

local function floor_divide (_, a, b)
  local x, y, is_float = both(a, b, "//")
  check_divisor(y)
  local quotient = math.floor((x - modulo(x, y)) / y + 0.5)
  if not is_float then return values.int(quotient) end
  return values.float(quotient == 0 and 0 * (x / y) or quotient)     -- zero keeps its sign
end

local function remainder (rt, a, b)
  if type(a) == "string" then return python_text.percent(rt, a, b) end
  local x, y, is_float = both(a, b, "%")
  check_divisor(y)
  local rest = modulo(x, y)
  if is_float and rest == 0 then rest = 0 / y end       -- zero has the sign of the divisor
  return result(rest, is_float)
end

--- The binary operators of arithmetic: name -> `(rt, a, b)` that returns a value.
M.binary = { ["+"] = add, ["-"] = subtract, ["*"] = multiply, ["/"] = divide,
  ["//"] = floor_divide, ["%"] = remainder }
M.binary["**"] = function () raise("the operator ** is not supported") end

--- The unary operators: name -> a function from a value to a value.
M.unary = {}

for sign, factor in pairs { ["-"] = -1, ["+"] = 1 } do
  M.unary[sign] = function (v)
    local x, is_float = number(values.needs(v))
    if not x then
      raise(("bad operand type for unary %s: '%s'"):format(sign, values.type_name(v)))
    end
    return result(factor * x, is_float)
  end
end

local equal

local function equal_items (rt, a, b, depth)
  if a.n ~= b.n then return false end
  for i = 1, a.n do
    if not equal(rt, a[i], b[i], depth) then return false end
  end
  return true
end

local function equal_dicts (rt, a, b, depth)
  if a.n ~= b.n then return false end
  for h, value in pairs(a.map) do
    if b.map[h] == nil or not equal(rt, value, b.map[h], depth) then return false end
  end
  return true
end

function equal (rt, a, b, depth)
  if type(a) == "string" and type(b) == "string" then
    if #a == #b then charge(rt, #a / 64) end
    return a == b
  end
  local k, other = kind(a), kind(b)
  if k == "safe" or other == "safe" then
    raise("the comparison of a text made by the filter safe is not supported")
  end
  if k == "str" or other == "str" then return false end
  if k == "bigint" or other == "bigint" then return k == other and a.digits == b.digits end
  local x, y = number(a), number(b)
  if x or y then return x == y end
  if rawequal(a, b) then return true end
  if k ~= other then return false end
  if k == "undefined" then return true end
  charge(rt, 1)
  if depth > runtime.DATA then raise("values that are nested too deeply to be compared") end
  if k == "list" or k == "tuple" then return equal_items(rt, a, b, depth + 1) end
  if k == "dict" then return equal_dicts(rt, a, b, depth + 1) end
  if k == "range" then raise("the comparison of ranges is not supported") end
  return false
end

--- Tells whether two values are equal.
function M.equal (rt, a, b)
  return equal(rt, a, b, 1)
end

--- Tells whether `a < b`, or with `or_equal`, `a <= b`, of strings and numbers.
function M.less (rt, a, b, or_equal)
  local x, y
  if type(a) == "string" and type(b) == "string" then
    charge(rt, math.min(#a, #b) / 64)
    x, y = strings.order(a, b), 0
  else
    x, y = number(a), number(b)
  end
  if kind(a) == "list" or kind(a) == "tuple" then raise("the order of lists is not supported") end
  if not x or not y then
    values.needs(a)
    values.needs(b)
    raise(("'%s' not supported between instances of '%s' and '%s'"):format(
      or_equal and "<=" or "<", values.type_name(a), values.type_name(b)))
  end
  if or_equal then return x <= y end
  return x < y
end

--- Tells whether an item is in a value.
function M.contains (rt, container, item)
  local k = kind(container)
  if k == "str" then
    if type(item) ~= "string" then
      raise(("'in <string>' requires string as left operand, not %s"):format(
        values.type_name(item)))
    end
    return runtime.search(rt, container, item, 1) ~= nil
  elseif k == "dict" or (k == "view" and container.of == "keys") then
    values.charge_key(rt, item)
    return values.get(container.dict or container, item) ~= nil
  end
  for other in values.iter(rt, container) do
    charge(rt, 1)
    if equal(rt, other, item, 1) then return true end
  end
  return false
end

--- Sorts keys; equal keys keep their order. Returns an array of the positions of the keys, in the
-- order of the sorted keys.
function M.stable_order (rt, keys, n, reverse)
  local function before (i, j)       -- a later key moves in front of an earlier one only if less
    if reverse then return M.less(rt, keys[j], keys[i]) end
    return M.less(rt, keys[i], keys[j])
  end
  local places, spare = {}, {}
  for i = 1, n do places[i] = i end
  local width = 1
  while width < n do
    charge(rt, n)
    for low = 1, n, 2 * width do
      local i, j = low, low + width
      local i_end, j_end = math.min(low + width - 1, n), math.min(low + 2 * width - 1, n)
      for k = low, j_end do
        if i <= i_end and (j > j_end or not before(places[j], places[i])) then
          spare[k], i = places[i], i + 1
        else
          spare[k], j = places[j], j + 1
        end
      end
    end
    places, spare = spare, places
    width = 2 * width
  end
  return places
end

--- The operators of comparison: name -> `(rt, a, b)` that returns a boolean.
M.compare = {
  ["=="] = M.equal,
  ["!="] = function (rt, a, b) return not M.equal(rt, a, b) end,
  ["<"] = M.less,
  ["<="] = function (rt, a, b) return M.less(rt, a, b, true) end,
  [">"] = function (rt, a, b) return M.less(rt, b, a) end,
  [">="] = function (rt, a, b) return M.less(rt, b, a, true) end,
  ["in"] = function (rt, a, b) return M.contains(rt, b, a) end,
  ["not in"] = function (rt, a, b) return not M.contains(rt, b, a) end,
}

return M
