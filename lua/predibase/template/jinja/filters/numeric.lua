-- SPDX-License-Identifier: MIT
--- Filters that make numbers.
-- @module predibase.template.jinja.filters.numeric

local numbers = require "predibase.template.jinja.numbers"
local runtime = require "predibase.template.jinja.runtime"
local signature = require "predibase.template.jinja.signature"
local values = require "predibase.template.jinja.values"

local M = {}

local raise, kind = runtime.raise, values.kind

local function filter(name, params, fn)
  M[name] = signature.define(name, params, fn)
end

local function needed(v, name)
  local x, is_float = values.number(values.needs(v))
  if not x then raise(("%s needs a number, got %s"):format(name, values.type_name(v))) end
  return x, is_float
end

filter("abs", {}, function (_, v)
  if kind(v) == "bigint" then return values.integer((v.digits:gsub("^%-", ""))) end
  local x, is_float = needed(v, "abs")
  return is_float and values.float(math.abs(x)) or math.abs(x)
end)

local function truncated(x)
  return values.int(x < 0 and math.ceil(x) or math.floor(x))
end

filter("int", { "default", "base" }, function (_, v, default, base)
  values.needs(v)
  if kind(v) == "bigint" then return v end
  if default == nil then default = 0 end
  local radix = base == nil and 10 or needed(base, "int")
  local s = values.text(v)
  local x
  if s then
    x = numbers.read_int(s, radix)
    if x then return values.int(x) end
    x = numbers.read_float(s)
    if not x or x ~= x or x == math.huge or x == -math.huge then return default end
    return truncated(x)
  end
  x = values.number(v)
  if not x or x ~= x then return default end
  if x == math.huge or x == -math.huge then raise("cannot convert float infinity to integer") end
  return truncated(x)
end)

filter("float", { "default" }, function (_, v, default)
  values.needs(v)
  if kind(v) == "bigint" then return values.float(tonumber(v.digits)) end
  local s = values.text(v)
  local x = values.number(v)
  if s then x = numbers.read_float(s) end
  if x then return values.float(x) end
  return default == nil and values.float(0) or default
end)

--- Python's `round`: to the nearest, from exactly between to the even one.
local function nearest(x, places)
  if places >= 0 then return tonumber(numbers.fixed(x, places) .. "e0") end
  local unit = 10 ^ -places
  local low = math.floor(x / unit)
  local rest = x / unit - low
  if rest > 0.5 or (rest == 0.5 and low % 2 == 1) then low = low + 1 end
  return low * unit
end

filter("round", { "precision", "method" }, function (_, v, precision, method)
  local x, is_float = needed(v, "round")
  local places, fraction = 0, false
  if precision ~= nil then places, fraction = needed(precision, "round") end
  if places > runtime.PLACES or places < -runtime.PLACES then
    raise(("round to more than %d decimal places"):format(runtime.PLACES))
  end
  local how = method == nil and "common" or values.text(method)
  if how == "common" then
    if fraction then raise("round: the precision must be an integer") end
    if not is_float then return places >= 0 and x or values.int(nearest(x, places)) end
    if x ~= x or x == math.huge or x == -math.huge then return v end
    return values.float(nearest(x, places))
  elseif how ~= "ceil" and how ~= "floor" then
    raise("method must be common, ceil or floor")
  end
  if x ~= x or x == math.huge or x == -math.huge then
    raise("a float that is no number cannot be rounded")
  end
  -- Python's are integers, of which none is minus zero.
  return values.float((math[how](x * 10 ^ places) + 0) / 10 ^ places)
end)

filter("length", {}, function (rt, v)
  local s = values.text(v)
  if s then runtime.charge_scan(rt, #s) end
  local n = values.length(v)
  if not n then raise(("object of type '%s' has no len()"):format(values.type_name(v))) end
  return n
end)


return M
