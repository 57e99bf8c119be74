-- SPDX-License-Identifier: MIT
--- Equality, order and membership with Python's meaning.
-- @module predibase.template.jinja.compare

local iterate = require "predibase.template.jinja.iterate"
local runtime = require "predibase.template.jinja.runtime"
local values = require "predibase.template.jinja.values"

local M = {}

local raise, kind, number = runtime.raise, values.kind, values.number
local equal

--- The order of two strings by their bytes: that of code points, whatever the program's locale.
local function order(rt, x, y)
  local size = math.min(#x, #y)
  for from = 1, size, 256 do
    local a, b = x:sub(from, from + 255), y:sub(from, from + 255)
    if a ~= b then
      for i = 1, math.min(#a, #b) do
        if a:byte(i) ~= b:byte(i) then return a:byte(i) - b:byte(i) end
      end
      break
    end
    runtime.charge(rt, 4)
  end
  return #x - #y
end

local function equal_items(rt, a, b, depth)
  if a.n ~= b.n then return false end
  for i = 1, a.n do
    if not equal(rt, a[i], b[i], depth) then return false end
  end
  return true
end

local function equal_dicts(rt, a, b, depth)
  if a.n ~= b.n then return false end
  for h, value in pairs(a.map) do
    if b.map[h] == nil or not equal(rt, value, b.map[h], depth) then return false end
  end
  return true
end

local function equal_ranges(a, b)
  local n = values.range_length(a)
  if n ~= values.range_length(b) then return false end
  return n == 0 or (a.start == b.start and (n == 1 or a.step == b.step))
end

function equal(rt, a, b, depth)
  local x, y = values.text(a), values.text(b)
  if x and y and #x == #y then runtime.charge(rt, #x / 64) end
  if x or y then return x == y end
  local i, j = kind(a) == "bigint", kind(b) == "bigint"
  if i or j then return i and j and a.digits == b.digits or false end
  x, y = number(a), number(b)
  if x or y then return x == y end
  if rawequal(a, b) then return true end
  local k = a.kind
  if k ~= b.kind then return false end
  if k == "undefined" then return true end
  runtime.charge(rt, 1)
  if depth > runtime.DATA then raise("values that are nested too deeply to be compared") end
  if k == "list" or k == "tuple" then return equal_items(rt, a, b, depth + 1) end
  if k == "dict" then return equal_dicts(rt, a, b, depth + 1) end
  return k == "range" and equal_ranges(a, b)
end

--- Whether two values are equal.
function M.equal(rt, a, b)
  return equal(rt, a, b, 1)
end

--- Two numbers, one of which is an integer beyond 2^53, as two that are ordered like these; nil
-- where one is no number.
local function big_order(a, b)
  local i, j = kind(a) == "bigint", kind(b) == "bigint"
  if not (i and j) then
    return i and tonumber(a.digits) or number(a), j and tonumber(b.digits) or number(b)
  end
  local x, y = a.digits, b.digits
  local negative = x:find("^%-")
  if negative ~= y:find("^%-") then return tonumber(x), tonumber(y) end
  if #x ~= #y then x, y = #x, #y else x, y = x < y and 0 or 1, x == y and 1 or x < y and 1 or 0 end
  if negative then return y, x end
  return x, y
end

local less

local function less_items(rt, a, b, or_equal, depth)
  if depth > runtime.DATA then raise("values that are nested too deeply to be compared") end
  for i = 1, math.min(a.n, b.n) do
    runtime.charge(rt, 1)
    if not equal(rt, a[i], b[i], depth) then return less(rt, a[i], b[i], or_equal, depth + 1) end
  end
  if or_equal then return a.n <= b.n end
  return a.n < b.n
end

function less(rt, a, b, or_equal, depth)
  local x, y = values.text(a), values.text(b)
  if x and y then
    x, y = order(rt, x, y), 0
  elseif kind(a) == "bigint" or kind(b) == "bigint" then
    x, y = big_order(a, b)
  else
    x, y = number(a), number(b)
  end
  if x and y then
    if or_equal then return x <= y end
    return x < y
  end
  local k = kind(a)
  if (k == "list" or k == "tuple") and k == kind(b) then
    return less_items(rt, a, b, or_equal, depth)
  end
  values.needs(a)
  values.needs(b)
  raise(("'%s' not supported between instances of '%s' and '%s'"):format(or_equal and "<=" or "<",
    values.type_name(a), values.type_name(b)))
end

--- Whether `a < b`, or with `or_equal`, `a <= b`.
function M.less(rt, a, b, or_equal)
  return less(rt, a, b, or_equal, 1)
end

--- Whether an item is in a value.
function M.contains(rt, container, item)
  local k = kind(container)
  if k == "str" or k == "markup" then
    local needle = values.text(item)
    if not needle then
      raise(("'in <string>' requires string as left operand, not %s"):format(
        values.type_name(item)))
    end
    return runtime.search(rt, values.text(container), needle, 1) ~= nil
  elseif k == "dict" or (k == "view" and container.of == "keys") then
    local key = values.text(item)
    runtime.charge(rt, key and #key / 64 or 0)
    return values.get(container.dict or container, item) ~= nil
  end
  for other in iterate.iter(rt, container) do
    runtime.charge(rt, 1)
    if equal(rt, other, item, 1) then return true end
  end
  return false
end

--- The operators: `(rt, a, b) -> boolean`.
M.operators = {
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
