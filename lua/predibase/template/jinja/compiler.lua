-- SPDX-License-Identifier: MIT
--- Compiles the statements of a template into Lua functions, without generating Lua source. Each
-- function takes a frame, the table of the values of the variables, and returns nil, or "break" or
-- "continue" for the enclosing loop.
-- @module predibase.template.jinja.compiler

local arguments = require "predibase.template.jinja.arguments"
local evaluate = require "predibase.template.jinja.evaluate"
local python_text = require "predibase.template.jinja.python_text"
local runtime = require "predibase.template.jinja.runtime"
local scopes = require "predibase.template.jinja.scopes"
local values = require "predibase.template.jinja.values"

local M = {}

local raise, charge, truth = runtime.raise, runtime.charge, values.truth

local make = {}

--- Appends a text to the output.
local function emit (rt, piece)
  rt.size = rt.size + #piece
  if rt.size > runtime.OUTPUT then
    raise(("more than %d bytes of output"):format(runtime.OUTPUT))
  end
  rt.out[#rt.out + 1] = piece
end

--- Compiles an expression into a function. Also returns the number of steps that a call of the
-- function is charged.
local function priced (node, scope)
  local cost = { n = 0 }
  return evaluate.expression(node, scope, cost), cost.n
end

--- Compiles a list of statements into one function.
local function body (list, scope)
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

--- Makes a function that sets the initial values of a scope's variables.
local function entry (scope)
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

--- Makes a function `(frame, value)` that assigns to a target.
local function assign_to (node, scope)
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
  for i, item in ipairs(node.items) do parts[i] = assign_to(item, scope) end
  return function (f, value)
    local items, count = values.all(f.rt, values.needs(value))
    if count ~= n then
      raise(("%s values to unpack (expected %d, got %d)"):format(
        count > n and "too many" or "not enough", n, count))
    end
    for i = 1, n do parts[i](f, items[i]) end
  end
end

--- Runs statements. Returns the text that they render, and what `run` returned.
local function captured (rt, run, frame)
  local out, size = rt.out, rt.size
  rt.out, rt.size = {}, 0
  local signal = run(frame)
  local made = table.concat(rt.out)
  rt.out, rt.size = out, size
  return made, signal
end

make["data"] = function (node)
  local value = node.value
  return function (f) emit(f.rt, value) end
end

make["print"] = function (node, scope)
  local value, cost = priced(node.inner, scope)
  local line = node.line
  return function (f)
    local rt = f.rt
    rt.line = line
    charge(rt, cost)
    emit(rt, python_text.str(rt, value(f)))
  end
end

make["if"] = function (node, scope)
  local branches = {}
  for i, branch in ipairs(node.branches) do
    local condition, cost = priced(branch.condition, scope)
    branches[i] = { condition = condition, cost = cost, run = body(branch.body, scope) }
  end
  local other, line = node.other and body(node.other, scope), node.line
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
  local assign, line = assign_to(node.target, scope), node.line
  return function (f)
    f.rt.line = line
    charge(f.rt, cost)
    assign(f, value(f))
  end
end

--- Makes a function that runs the body of a block and applies the filters of the block to the text
-- that the body renders. The function returns the value, or nil and a signal.
local function collected (node, scope)
  local inner = scopes.new(scope)
  inner:analyse(node.body)
  local wrap
  if node.filter then
    local root = node.filter
    while root.inner do root = root.inner end
    root.inner = { type = "held", line = node.line }
    inner:analyse { node.filter }
    wrap = priced(node.filter, inner)
  end
  local enter, run, line = entry(inner), body(node.body, inner), node.line
  return function (f)
    enter(f)
    local made, signal = captured(f.rt, run, f)
    if signal then return nil, signal end
    if not wrap then return made end
    f.rt.line = line
    local before = f.held
    f.held = made
    local value = wrap(f)
    f.held = before
    return value
  end
end

make["setblock"] = function (node, scope)
  local collect, assign = collected(node, scope), assign_to(node.target, scope)
  return function (f)
    local value, signal = collect(f)
    if signal then return signal end
    assign(f, value)
  end
end

make["filterblock"] = function (node, scope)
  local collect = collected(node, scope)
  return function (f)
    local value, signal = collect(f)
    if signal then return signal end
    emit(f.rt, python_text.str(f.rt, value))
  end
end

--- The variable `loop`. As in Jinja, it reads one item ahead only on request.

local Loop = { kind = "loop" }
Loop.__index = Loop

--- Moves to the next item.
function Loop:advance ()
  local item = self.after
  if item ~= nil then self.after = nil else item = self.next_item() end
  if item == nil then return nil end
  self.index0 = self.index0 + 1
  self.before, self.current = self.current, item
  return item
end

--- Returns the item after the current one.
function Loop:peek ()
  if self.after == nil then self.after = self.next_item() end
  return self.after
end

--- Counts the items; a generator is read to its end for that.
function Loop:length ()
  if self.count then return self.count end
  local iterable = self.iterable
  local n = iterable.kind ~= "generator" and values.length(iterable)
  if not n then
    local rest, more = {}, 0
    for item in self.next_item do
      charge(self.rt, 1)
      more = more + 1
      rest[more] = item
    end
    n = more + self.index0 + 1 + (self.after ~= nil and 1 or 0)
    self.next_item = values.iter(self.rt, values.list(rest, more))
  end
  self.count = n
  return n
end

local read = {
  index0 = function (self) return self.index0 end,
  index = function (self) return self.index0 + 1 end,
  revindex0 = function (self) return self:length() - self.index0 - 1 end,
  revindex = function (self) return self:length() - self.index0 end,
  first = function (self) return self.index0 == 0 end,
  last = function (self) return self:peek() == nil end,
  length = function (self) return self:length() end,
  previtem = function (self)
    if self.index0 > 0 then return self.before end
    return values.undefined(nil, nil, "there is no previous item")
  end,
  nextitem = function (self)
    local item = self:peek()
    if item ~= nil then return item end
    return values.undefined(nil, nil, "there is no next item")
  end,
}

local UNSUPPORTED = { changed = true, cycle = true, depth = true, depth0 = true }

--- Returns an attribute of the loop.
function Loop:attribute (name)
  if read[name] then return read[name](self) end
  if UNSUPPORTED[name] then raise(("loop.%s is not supported"):format(name)) end
  return nil
end

--- Makes a function that filters the items of a loop by its `if`. Each item is tested when the loop
-- asks for it.
local function filtered (node, scope)
  local inner = scopes.new(scope, true)
  inner:bind(node.target)
  inner:analyse { node.test }
  local enter, assign = entry(inner), assign_to(node.target, inner)
  local test, cost = priced(node.test, inner)
  return function (f, next_item)
    local frame
    return function ()
      if not frame then
        frame = { rt = f.rt, up = f }
        enter(frame)
      end
      for item in next_item do
        charge(f.rt, cost + 1)
        assign(frame, item)
        if truth(test(frame)) then return item end
      end
      return nil
    end
  end
end

--- Makes a function that runs all rounds of a loop. The function returns whether `else` applies.
local function rounds (node, scope)
  local inner = scopes.new(scope)
  inner:parameter("loop")
  inner:bind(node.target)
  inner:analyse(node.body)
  local assign, enter = assign_to(node.target, inner), entry(inner)
  local run, key, line = body(node.body, inner), inner:find("loop").key, node.line
  return function (f, iterable, next_item)
    local rt = f.rt
    local loop = setmetatable({ rt = rt, iterable = iterable, next_item = next_item, index0 = -1 },
      Loop)
    local item = loop:advance()
    -- As in Jinja, rounds that end in break or continue do not count for `else`.
    local empty = true
    while item ~= nil do
      charge(rt, 2)
      f[key] = loop
      assign(f, item)
      enter(f)
      local signal = run(f)
      if signal == "break" then break end
      empty = empty and signal ~= nil
      rt.line = line
      item = loop:advance()
    end
    f[key] = nil
    return empty
  end
end

make["for"] = function (node, scope)
  local iter, cost = priced(node.iter, scope)
  local pass = node.test and filtered(node, scope)
  local run, line = rounds(node, scope), node.line
  local other, enter_other
  if node.other then
    local inner = scopes.new(scope)
    inner:analyse(node.other)
    enter_other, other = entry(inner), body(node.other, inner)
  end
  return function (f)
    local rt = f.rt
    rt.line = line
    charge(rt, cost)
    local iterable = iter(f)
    local next_item = values.iter(rt, iterable)
    if pass then
      next_item = pass(f, next_item)
      iterable = values.generator(next_item)
    end
    if run(f, iterable, next_item) and other then
      enter_other(f)
      return other(f)
    end
  end
end

--- Returns the number of levels of a syntax tree.
local function height (node)
  local most = 0
  for _, inner in pairs(node) do
    if type(inner) == "table" then most = math.max(most, height(inner)) end
  end
  return most + (node.type and 1 or 0)
end

local function mentions (node, name)
  if node.type == "name" and node.name == name then return true end
  for _, inner in pairs(node) do
    if type(inner) == "table" and mentions(inner, name) then return true end
  end
  return false
end

--- Defines the parameters of a macro in its scope, and `caller` if its body reads it. Returns a
-- description of the macro, and its parameters with their keys and defaults.
local function parameters (node, inner)
  local macro, params = { name = node.name or "caller", params = {} }, {}
  local declared = {}
  for i, param in ipairs(node.params) do
    macro.params[i] = param.name
    declared[param.name] = true
    inner:parameter(param.name)
  end
  for _, param in ipairs(node.params) do
    if param.default then inner:analyse { param.default } end
  end
  inner:analyse(node.body)
  for _, name in ipairs { "kwargs", "varargs" } do
    if mentions(node.body, name) and not declared[name] then
      raise(("%s in a macro is not supported"):format(name), node.line)
    end
  end
  if mentions(node.body, "caller") and not declared.caller then
    macro.takes_caller = true
    macro.caller_key = inner:parameter("caller").key
  end
  for i, param in ipairs(node.params) do
    params[i] = { key = inner:find(param.name).key, name = param.name,
      default = param.default and evaluate.expression(param.default, inner) }
  end
  return macro, params
end

--- Calls a function. Meanwhile, its levels are added to the depth of the template's execution,
-- which is limited.
local function deeper (rt, levels, fn, ...)
  rt.depth = rt.depth + levels
  if rt.depth > runtime.DEPTH then raise("macros that call one another without end") end
  local result = fn(...)
  rt.depth = rt.depth - levels
  return result
end

--- Makes a function that takes a frame and returns the value of a macro, or of the variable
-- `caller` of a call block.
local function function_of (node, scope)
  local inner = scopes.new(scope, true)
  local macro, params = parameters(node, inner)
  local enter, run = entry(inner), body(node.body, inner)
  local levels = height(node) + 2
  local function execute (frame, bound)
    if macro.takes_caller then frame[macro.caller_key] = bound.caller end
    enter(frame)
    for i, param in ipairs(params) do frame[param.key] = bound[i] end
    for i, param in ipairs(params) do
      if bound[i] == nil and param.default then
        frame[param.key] = param.default(frame)
      elseif bound[i] == nil then
        frame[param.key] = values.undefined(param.name, nil,
          ("parameter '%s' was not provided"):format(param.name))
      end
    end
    return (captured(frame.rt, run, frame))
  end
  return function (f)
    return { kind = "macro", name = macro.name, call = function (rt, args, kwargs)
      local bound = arguments.bind_macro(macro, args, kwargs)
      return deeper(rt, levels, execute, { rt = rt, up = f }, bound)
    end }
  end
end

make["macro"] = function (node, scope)
  local create = function_of(node, scope)
  local key = scope:find(node.name).key
  return function (f) f[key] = create(f) end
end

make["callblock"] = function (node, scope)
  local create = function_of(node, scope)
  local inner = evaluate.expression(node.call.inner, scope)
  local given = evaluate.arguments(node.call.given, scope)
  local line = node.line
  return function (f)
    local rt = f.rt
    rt.line = line
    local callee = inner(f)
    local args, kwargs = given(f)
    kwargs = kwargs or { names = {}, values = {} }
    if kwargs.values.caller == nil then kwargs.names[#kwargs.names + 1] = "caller" end
    kwargs.values.caller = create(f)
    charge(rt, 4)
    emit(rt, python_text.str(rt, evaluate.call(rt, callee, args, kwargs)))
  end
end

-- The body of `{% generation %}` is compiled like a macro that is called once, at its own place.
make["generation"] = function (node, scope)
  local create = function_of({ params = {}, body = node.body, line = node.line }, scope)
  return function (f) emit(f.rt, create(f).call(f.rt, { n = 0 })) end
end

--- Compiles a template.
function M.template (list)
  local scope = scopes.new()
  scope:analyse(list)
  local enter, run = entry(scope), body(list, scope)
  return function (rt)
    local frame = { rt = rt }
    enter(frame)
    run(frame)
  end
end

return M
