-- SPDX-License-Identifier: MIT
--- Compiles expressions into Lua functions that take a frame and return a value. A frame is a table
-- with the variables of one call of a function (template, macro, call block), `rt` (the state of
-- the rendering) and `up` (the enclosing frame).
-- @module predibase.template.jinja.evaluate

local access = require "predibase.template.jinja.access"
local operators = require "predibase.template.jinja.operators"
local python_text = require "predibase.template.jinja.python_text"
local runtime = require "predibase.template.jinja.runtime"
local values = require "predibase.template.jinja.values"

local M = {}

local raise, charge = runtime.raise, runtime.charge
local kind, truth = values.kind, values.truth

local make = {}

--- Compiles an expression into a function. Adds the number of its nodes to the field `n` of `cost`.
function M.expression (node, scope, cost)
  if cost then cost.n = cost.n + 1 end
  return make[node.type](node, scope, cost)
end

local expression = M.expression

local function each (nodes, scope, cost)
  local list = {}
  for i, node in ipairs(nodes) do list[i] = expression(node, scope, cost) end
  return list, #list
end

--- Makes a function that reads a variable.
function M.variable (scope, name)
  local ref = scope:find(name)
  local key, hops = ref.key, scope.fn - ref.fn
  if hops == 0 then return function (f) return f[key] end end
  return function (f)
    for _ = 1, hops do f = f.up end
    return f[key]
  end
end

make["const"] = function (node)
  local value = node.value
  return function () return value end
end

make["name"] = function (node, scope)
  local name = node.name
  local get = M.variable(scope, name)
  return function (f)
    local value = get(f)
    if value == nil then return values.undefined(name) end
    return value
  end
end

for _, sort in ipairs { "list", "tuple" } do
  make[sort] = function (node, scope, cost)
    local items, n = each(node.items, scope, cost)
    return function (f)
      local out = {}
      for i = 1, n do out[i] = items[i](f) end
      return values[sort](out, n)
    end
  end
end

make["dict"] = function (node, scope, cost)
  local items = {}
  for i, pair in ipairs(node.items) do items[i] = each(pair, scope, cost) end
  return function (f)
    local out = values.dict()
    for _, pair in ipairs(items) do
      local key = pair[1](f)
      values.charge_key(f.rt, key)
      values.put(out, key, pair[2](f))
    end
    return out
  end
end

make["attribute"] = function (node, scope, cost)
  local inner, name, line = expression(node.inner, scope, cost), node.name, node.line
  return function (f)
    local obj = inner(f)
    f.rt.line = line
    return access.attribute(f.rt, obj, name)
  end
end

local function slice (node, scope, cost)
  local inner, key, line = expression(node.inner, scope, cost), node.key, node.line
  local function bound (part) return part and expression(part, scope, cost) end
  local start, stop, step = bound(key.start), bound(key.stop), bound(key.step)
  return function (f)
    local obj = inner(f)
    local from, to, by = start and start(f), stop and stop(f), step and step(f)
    f.rt.line = line
    return access.slice(f.rt, obj, from, to, by)
  end
end

make["slice"] = function (node)
  raise("a slice inside brackets with commas", node.line)
end

make["item"] = function (node, scope, cost)
  if node.key.type == "slice" then return slice(node, scope, cost) end
  local inner, key = expression(node.inner, scope, cost), expression(node.key, scope, cost)
  local line = node.line
  return function (f)
    local obj = inner(f)
    local at = key(f)
    f.rt.line = line
    return access.item(f.rt, obj, at)
  end
end

--- Makes a function that returns the arguments of a call.
function M.arguments (given, scope, cost)
  if not given then return function () return { n = 0 } end end
  local args, n = each(given.args, scope, cost)
  local named = {}
  for i, pair in ipairs(given.kwargs) do
    named[i] = { name = pair.name, value = expression(pair.value, scope, cost) }
  end
  return function (f)
    local out, kwargs = { n = n }, nil
    for i = 1, n do out[i] = args[i](f) end
    if named[1] then
      kwargs = { names = {}, values = {} }
      for i, pair in ipairs(named) do
        kwargs.names[i] = pair.name
        kwargs.values[pair.name] = pair.value(f)
      end
    end
    return out, kwargs
  end
end

--- Returns the function that compiles the application of a filter or a test. `list` is the field of
-- `rt` that contains the filters or tests.
local function applied (list, what)
  return function (node, scope, cost)
    local inner, name, line = expression(node.inner, scope, cost), node.name, node.line
    local given = M.arguments(node.given, scope, cost)
    return function (f)
      local rt = f.rt
      local fn = rt[list][name]
      if not fn then raise(("there is no %s '%s'"):format(what, name), line) end
      local value = inner(f)
      local args, kwargs = given(f)
      rt.line = line
      charge(rt, 1)
      return fn(rt, value, args, kwargs)
    end
  end
end

make["filter"] = applied("filters", "filter")
make["test"] = applied("tests", "test")

-- Stands for the text that a filter block or set block collected.
make["held"] = function () return function (f) return f.held end end

--- Calls a value.
function M.call (rt, callee, args, kwargs)
  local k = kind(callee)
  if k ~= "function" and k ~= "macro" then
    values.needs(callee)
    raise(("'%s' object is not callable"):format(values.type_name(callee)))
  end
  charge(rt, 2)
  return callee.call(rt, args, kwargs)
end

make["call"] = function (node, scope, cost)
  local inner, line = expression(node.inner, scope, cost), node.line
  local given = M.arguments(node.given, scope, cost)
  return function (f)
    local callee = inner(f)
    local args, kwargs = given(f)
    f.rt.line = line
    return M.call(f.rt, callee, args, kwargs)
  end
end

make["not"] = function (node, scope, cost)
  local inner = expression(node.inner, scope, cost)
  return function (f) return not truth(inner(f)) end
end

for name, sign in pairs { negative = "-", positive = "+" } do
  local apply = operators.unary[sign]
  make[name] = function (node, scope, cost)
    local inner, line = expression(node.inner, scope, cost), node.line
    return function (f)
      local value = inner(f)
      f.rt.line = line
      return apply(value)
    end
  end
end

--- Returns the first operand, and an array of the operators with their operands.
local function rest_of (node, scope, cost, list)
  local rest = {}
  for i, part in ipairs(node.rest) do
    rest[i] = { apply = list[part.operator], value = expression(part.value, scope, cost) }
  end
  return expression(node.first, scope, cost), rest
end

make["binary"] = function (node, scope, cost)
  local first, rest = rest_of(node, scope, cost, operators.binary)
  local line = node.line
  return function (f)
    local rt, value = f.rt, first(f)
    for i = 1, #rest do
      local part = rest[i]
      local other = part.value(f)
      rt.line = line
      value = part.apply(rt, value, other)
    end
    return value
  end
end

make["compare"] = function (node, scope, cost)
  local first, rest = rest_of(node, scope, cost, operators.compare)
  local line = node.line
  return function (f)
    local rt, left, result = f.rt, first(f), true
    for i = 1, #rest do
      local part = rest[i]
      local right = part.value(f)
      rt.line = line
      result = part.apply(rt, left, right)
      if not result then return false end
      left = right
    end
    return result
  end
end

make["concat"] = function (node, scope, cost)
  local items, n = each(node.items, scope, cost)
  return function (f)
    local out, size = {}, 0
    for i = 1, n do
      out[i] = python_text.str(f.rt, items[i](f))
      size = size + #out[i]
    end
    runtime.check_size(size)
    runtime.charge_string(f.rt, size)
    return table.concat(out)
  end
end

for word, stops in pairs { ["and"] = false, ["or"] = true } do
  make[word] = function (node, scope, cost)
    local items, n = each(node.items, scope, cost)
    return function (f)
      for i = 1, n - 1 do
        local value = items[i](f)
        if truth(value) == stops then return value end
      end
      return items[n](f)
    end
  end
end

make["choice"] = function (node, scope, cost)
  local condition, yes = expression(node.condition, scope, cost), expression(node.yes, scope, cost)
  local no = node.no and expression(node.no, scope, cost)
  return function (f)
    if truth(condition(f)) then return yes(f) end
    if no then return no(f) end
    return values.undefined(nil, nil, "the inline if-expression evaluated to false and no else "
      .. "section was defined.")
  end
end

return M
