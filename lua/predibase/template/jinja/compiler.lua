-- SPDX-License-Identifier: MIT
--- Statements as functions of a frame. A statement gives nil, or "break" or "continue" for the
-- loop around it. Nothing here is ever turned into Lua source.
-- @module predibase.template.jinja.compiler

local blocks = require "predibase.template.jinja.blocks"
local evaluate = require "predibase.template.jinja.evaluate"
local functions = require "predibase.template.jinja.functions"
local iterate = require "predibase.template.jinja.iterate"
local loops = require "predibase.template.jinja.loops"
local represent = require "predibase.template.jinja.represent"
local runtime = require "predibase.template.jinja.runtime"
local scopes = require "predibase.template.jinja.scopes"
local values = require "predibase.template.jinja.values"

local M = {}

local raise, charge, truth = runtime.raise, runtime.charge, values.truth

local make = {}

--- Writes text.
function M.emit(rt, piece)
  rt.size = rt.size + #piece
  if rt.size > runtime.OUTPUT then
    raise(("more than %d bytes of output"):format(runtime.OUTPUT))
  end
  rt.out[#rt.out + 1] = piece
end

--- One expression and what it costs to evaluate it.
function M.priced(node, scope)
  local cost = { n = 0 }
  return evaluate.expression(node, scope, cost), cost.n
end

local emit, priced = M.emit, M.priced

--- Statements one after the other.
function M.body(list, scope)
  local run, n = {}, 0
  for i, node in ipairs(list) do
    run[i] = make[node.type](node, scope)
    n = i
  end
  if n == 1 then return run[1] end
  return function (f)
    for i = 1, n do
      local signal = run[i](f)
      if signal then return signal end
    end
  end
end

--- A function that sets up the variables of a scope. Where one begins as an outer one, the outer
-- one is never changed from inside.
function M.entry(scope)
  local loads = scope:entry()
  local n = #loads
  if n == 0 then return function () end end
  return function (f)
    charge(f.rt, n)
    for i = 1, n do
      local load = loads[i]
      local value
      if load.how == "resolve" then
        value = f.rt.context[load.name]
      elseif load.how == "alias" then
        local frame = f
        for _ = 1, scope.fn - load.from.fn do frame = frame.up end
        value = frame[load.from.key]
      end
      f[load.key] = value
    end
  end
end

--- A function that sets variables: `(frame, value)`.
function M.assign(node, scope)
  if node.type == "name" then
    local ref = scope:find(node.name)
    local key = ref.key
    return function (f, value) f[key] = value end
  elseif node.type == "nsref" then
    local get, name = evaluate.variable(scope, node.name), node.attribute
    return function (f, value)
      local space = get(f)
      if space == nil or values.kind(space) ~= "namespace" then
        raise("cannot assign attribute on non-namespace object")
      end
      values.put(space.dict, name, value)
    end
  end
  local parts, n = {}, #node.items
  for i, item in ipairs(node.items) do parts[i] = M.assign(item, scope) end
  return function (f, value)
    local items, count = iterate.all(f.rt, values.needs(value))
    if count ~= n then
      raise(("%s values to unpack (expected %d, got %d)"):format(
        count > n and "too many" or "not enough", n, count))
    end
    for i = 1, n do parts[i](f, items[i]) end
  end
end

make["data"] = function (node)
  local value = node.value
  return function (f) emit(f.rt, value) end
end

make["print"] = function (node, scope)
  local items, costs = {}, {}
  for i, item in ipairs(node.items) do items[i], costs[i] = priced(item, scope) end
  local line = node.line
  return function (f)
    local rt = f.rt
    for i = 1, #items do
      rt.line = line
      charge(rt, costs[i])
      emit(rt, represent.str(rt, items[i](f)))
    end
  end
end

make["if"] = function (node, scope)
  local branches = {}
  for i, branch in ipairs(node.branches) do
    local condition, cost = priced(branch.condition, scope)
    branches[i] = { condition = condition, cost = cost, run = M.body(branch.body, scope) }
  end
  local other, line = node.other and M.body(node.other, scope), node.line
  return function (f)
    f.rt.line = line
    for i = 1, #branches do
      local branch = branches[i]
      charge(f.rt, branch.cost)
      if truth(branch.condition(f)) then return branch.run(f) end
    end
    if other then return other(f) end
  end
end

make["break"] = function () return function () return "break" end end
make["continue"] = function () return function () return "continue" end end

make["set"] = function (node, scope)
  local value, cost = priced(node.value, scope)
  local assign, line = M.assign(node.target, scope), node.line
  return function (f)
    f.rt.line = line
    charge(f.rt, cost)
    assign(f, value(f))
  end
end

functions.add(make, M)
blocks.add(make, M)
loops.add(make, M)

--- Compiles a template.
-- @tparam table list its statements
-- @treturn function of a rendering
function M.template(list)
  local scope = scopes.new()
  scope:analyse(list)
  local enter, run = M.entry(scope), M.body(list, scope)
  return function (rt)
    local frame = { rt = rt }
    enter(frame)
    run(frame)
  end
end

return M
