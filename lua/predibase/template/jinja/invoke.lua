-- SPDX-License-Identifier: MIT
--- Expressions that call something: functions, methods and macros, filters, tests.
-- @module predibase.template.jinja.invoke

local calls = require "predibase.template.jinja.calls"
local iterate = require "predibase.template.jinja.iterate"
local runtime = require "predibase.template.jinja.runtime"
local values = require "predibase.template.jinja.values"

local M = {}

local raise, kind = runtime.raise, values.kind

-- The room that makes functions of expressions; `add` sets it.
local evaluate

local function add_stars(rt, kwargs, mapping)
  if kind(values.needs(mapping)) ~= "dict" then raise("what follows ** must be a mapping") end
  for i = 1, mapping.n do
    local name = values.text(mapping.keys[i])
    if not name then raise("keywords must be strings") end
    if kwargs.values[name] ~= nil then
      raise(("got multiple values for keyword argument '%s'"):format(name))
    end
    runtime.charge(rt, 1)
    kwargs.names[#kwargs.names + 1] = name
    kwargs.values[name] = values.get(mapping, mapping.keys[i])
  end
end

--- A function that gives the arguments of a call: `args` and `kwargs` (nil when there are none).
function M.arguments(given, scope, cost)
  if not given then return function () return { n = 0 } end end
  local args, n = evaluate.each(given.args, scope, cost)
  local named = {}
  for i, pair in ipairs(given.kwargs) do
    named[i] = { name = pair.name, value = evaluate.expression(pair.value, scope, cost) }
  end
  local star = given.star and evaluate.expression(given.star, scope, cost)
  local stars = given.stars and evaluate.expression(given.stars, scope, cost)
  return function (f)
    local out, kwargs = { n = n }, nil
    for i = 1, n do out[i] = args[i](f) end
    if star then
      for item in iterate.iter(f.rt, star(f)) do
        runtime.charge(f.rt, 1)
        out.n = out.n + 1
        out[out.n] = item
      end
    end
    if named[1] or stars then
      kwargs = { names = {}, values = {} }
      for i, pair in ipairs(named) do
        kwargs.names[i] = pair.name
        kwargs.values[pair.name] = pair.value(f)
      end
      if stars then add_stars(f.rt, kwargs, stars(f)) end
      if not kwargs.names[1] then kwargs = nil end
    end
    return out, kwargs
  end
end

--- Filters and tests: `list` is the field of the rendering that holds them.
local function applied(list, what)
  return function (node, scope, cost)
    local inner, name, line = evaluate.expression(node.inner, scope, cost), node.name, node.line
    local given = M.arguments(node.given, scope, cost)
    return function (f)
      local rt = f.rt
      local fn = rt[list][name]
      if not fn then raise(("there is no %s '%s'"):format(what, name), line) end
      local value = inner(f)
      local args, kwargs = given(f)
      rt.line = line
      runtime.charge(rt, 1)
      return fn(rt, value, args, kwargs)
    end
  end
end

--- Adds the expressions of this room to those of `evaluate`.
-- @tparam table make expression -> maker
-- @tparam table room
function M.add(make, room)
  evaluate = room
  make.filter = applied("filters", "filter")
  make.test = applied("tests", "test")
  -- What stands for the text that a filter or set block collected.
  make.held = function () return function (f) return f.held end end

  make.call = function (node, scope, cost)
    local inner, line = evaluate.expression(node.inner, scope, cost), node.line
    local given = M.arguments(node.given, scope, cost)
    return function (f)
      local callee = inner(f)
      local args, kwargs = given(f)
      f.rt.line = line
      return calls.call(f.rt, callee, args, kwargs)
    end
  end
end

return M
