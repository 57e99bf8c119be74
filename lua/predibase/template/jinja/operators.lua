-- SPDX-License-Identifier: MIT
--- Arithmetic and comparisons with Python's meaning.
-- @module predibase.template.jinja.operators

local characters = require "predibase.template.jinja.characters"
local format = require "predibase.template.jinja.format"
local runtime = require "predibase.template.jinja.runtime"
local values = require "predibase.template.jinja.values"

local M = {}

local raise, kind, number = runtime.raise, values.kind, values.number

local function unsupported(a, operator, b)
  values.needs(a)
  values.needs(b)
  raise(("unsupported operand type(s) for %s: '%s' and '%s'"):format(operator,
    values.type_name(a), values.type_name(b)))
end

--- Both operands as numbers, and whether the result is a float.
local function both(a, b, operator)
  local x, fx = number(a)
  local y, fy = number(b)
  if not x or not y then unsupported(a, operator, b) end
  return x, y, fx or fy
end

local function result(x, is_float)
  if is_float then return values.float(x) end
  return values.int(x)
end

local ENTITIES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ["'"] = "&#39;",
  ['"'] = "&#34;" }

--- The text of a value next to Markup: escaped unless it is Markup itself.
function M.escape(s)
  return (s:gsub("[&<>'\"]", ENTITIES))
end

local function appended(rt, a, b)
  local n = a.n + b.n
  runtime.charge(rt, n)
  local out = {}
  for i = 1, a.n do out[i] = a[i] end
  for i = 1, b.n do out[a.n + i] = b[i] end
  return values[a.kind](out, n)
end

local function add(rt, a, b)
  local x, y = values.text(a), values.text(b)
  if x and y then
    local ma, mb = kind(a) == "markup", kind(b) == "markup"
    if ma and not mb then y = M.escape(y) elseif mb and not ma then x = M.escape(x) end
    runtime.charge_string(rt, #x + #y)
    if ma or mb then return values.markup(x .. y) end
    return x .. y
  end
  local ka = kind(a)
  if (ka == "list" or ka == "tuple") and ka == kind(b) then return appended(rt, a, b) end
  local m, n, is_float = both(a, b, "+")
  return result(m + n, is_float)
end

local function subtract(_, a, b)
  local x, y, is_float = both(a, b, "-")
  return result(x - y, is_float)
end

--- A string or list repeated, or nil when these are none.
local function repeated(rt, a, b)
  local n = kind(b) == "int" and b or (kind(b) == "bool" and (b and 1 or 0)) or nil
  if not n then return nil end
  local s = values.text(a)
  if s then
    local made = characters.times(s, n)
    runtime.charge(rt, #made / 64)
    return kind(a) == "markup" and values.markup(made) or made
  end
  if kind(a) ~= "list" and kind(a) ~= "tuple" then return nil end
  local count = math.max(0, n) * a.n
  runtime.charge(rt, count)
  local out = {}
  for i = 0, count - 1 do out[i + 1] = a[i % a.n + 1] end
  return values[a.kind](out, count)
end

local function multiply(rt, a, b)
  local made = repeated(rt, a, b) or repeated(rt, b, a)
  if made then return made end
  local x, y, is_float = both(a, b, "*")
  return result(x * y, is_float)
end

local function divisor(y)
  if y == 0 then raise("division by zero") end
end

local function divide(_, a, b)
  local x, y = both(a, b, "/")
  divisor(y)
  return values.float(x / y)
end

--- Python's remainder, which has the sign of the divisor.
local function modulo(x, y)
  local rest = math.fmod(x, y)
  if rest ~= 0 and (rest < 0) ~= (y < 0) then rest = rest + y end
  return rest
end

local function floor_divide(_, a, b)
  local x, y, is_float = both(a, b, "//")
  divisor(y)
  if is_float then
    local quotient = math.floor((x - modulo(x, y)) / y + 0.5)
    return values.float(quotient == 0 and 0 * (x / y) or quotient)     -- zero keeps its sign
  end
  return values.int(math.floor((x - modulo(x, y)) / y + 0.5))
end

local function remainder(rt, a, b)
  if values.text(a) then return format.percent(rt, a, b) end
  local x, y, is_float = both(a, b, "%")
  divisor(y)
  local rest = modulo(x, y)
  if is_float and rest == 0 then rest = 0 / y end       -- zero has the sign of the divisor
  return result(rest, is_float)
end

local function power(_, a, b)
  local x, y, is_float = both(a, b, "**")
  if x == 0 and y < 0 then raise("zero cannot be raised to a negative power") end
  if x < 0 and y ~= math.floor(y) then raise("complex numbers are not supported") end
  if is_float or y < 0 then return values.float(x ^ y) end
  if x ^ y > runtime.INTEGER or x ^ y < -runtime.INTEGER then
    raise("an integer beyond 2^53, which is not supported")
  end
  return values.int(math.floor(x ^ y + 0.5))
end

--- The operators of arithmetic: `(rt, a, b) -> value`.
M.binary = { ["+"] = add, ["-"] = subtract, ["*"] = multiply, ["/"] = divide,
  ["//"] = floor_divide, ["%"] = remainder, ["**"] = power }

--- `-v`.
function M.negative(v)
  local x, is_float = number(values.needs(v))
  if not x then raise(("bad operand type for unary -: '%s'"):format(values.type_name(v))) end
  return result(-x, is_float)
end

--- `+v`.
function M.positive(v)
  local x, is_float = number(values.needs(v))
  if not x then raise(("bad operand type for unary +: '%s'"):format(values.type_name(v))) end
  return result(x, is_float)
end

return M
