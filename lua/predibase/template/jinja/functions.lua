-- SPDX-License-Identifier: MIT
--- Macros, call blocks and what else of a template is a function of its own.
-- @module predibase.template.jinja.functions

local calls = require "predibase.template.jinja.calls"
local evaluate = require "predibase.template.jinja.evaluate"
local invoke = require "predibase.template.jinja.invoke"
local represent = require "predibase.template.jinja.represent"
local runtime = require "predibase.template.jinja.runtime"
local scopes = require "predibase.template.jinja.scopes"
local values = require "predibase.template.jinja.values"

local M = {}

local SPECIAL = { "caller", "kwargs", "varargs" }

--- How many levels of the source a body has.
local function height(node)
  local most = 0
  for _, inner in pairs(node) do
    if type(inner) == "table" then most = math.max(most, height(inner)) end
  end
  return most + (node.type and 1 or 0)
end

--- Whether a name is mentioned anywhere inside.
local function mentions(node, name)
  if node.type == "name" and node.name == name then return true end
  for _, inner in pairs(node) do
    if type(inner) == "table" and mentions(inner, name) then return true end
  end
  return false
end

local function has(list, name)
  for _, item in ipairs(list) do
    if item == name then return true end
  end
  return false
end

--- A macro's body: `(frame, call)` -> text, and what the macro reads besides its parameters.
local function function_of(node, scope, compiler)
  local inner = scopes.new(scope, true)
  local names = {}
  for i, param in ipairs(node.params) do
    names[i] = param.name
    inner:parameter(param.name)
  end
  for _, param in ipairs(node.params) do
    if param.default then inner:analyse { param.default } end
  end
  inner:analyse(node.body)
  local macro = { kind = "macro", name = node.name or "caller", params = names, reads = {} }
  macro.has_caller = has(names, "caller")
  local keys = {}
  for _, name in ipairs(SPECIAL) do
    if mentions(node.body, name) then
      macro.reads[name] = name == "caller" or not has(names, name)
      if not has(names, name) then keys[name] = inner:parameter(name).key end
    end
  end
  local params = {}
  for i, param in ipairs(node.params) do
    params[i] = { key = inner:find(param.name).key, name = param.name,
      default = param.default and evaluate.expression(param.default, inner) }
  end
  local enter, run = compiler.entry(inner), compiler.body(node.body, inner)
  local levels = height(node) + 2
  local function execute(frame, bound)
    for name, key in pairs(keys) do frame[key] = bound[name] end
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
    return (calls.captured(frame.rt, run, frame))
  end
  return function (f)
    local made = { kind = "macro", name = macro.name, params = names }
    made.call = function (rt, args, kwargs)
      local bound = calls.arguments(macro, args, kwargs)
      return calls.deeper(rt, levels, execute, { rt = rt, up = f }, bound)
    end
    return made
  end
end

--- Adds the statements of this room to those of the compiler.
-- @tparam table make statement -> maker
-- @tparam table compiler
function M.add(make, compiler)
  local emit = compiler.emit

  make.macro = function (node, scope)
    local create = function_of(node, scope, compiler)
    local key = scope:find(node.name).key
    return function (f) f[key] = create(f) end
  end

  make.callblock = function (node, scope)
    local create = function_of(node, scope, compiler)
    local inner = evaluate.expression(node.call.inner, scope)
    local given = invoke.arguments(node.call.given, scope)
    local line = node.line
    return function (f)
      local rt = f.rt
      rt.line = line
      local callee = inner(f)
      local args, kwargs = given(f)
      kwargs = kwargs or { names = {}, values = {} }
      if kwargs.values.caller == nil then kwargs.names[#kwargs.names + 1] = "caller" end
      kwargs.values.caller = create(f)
      runtime.charge(rt, 4)
      emit(rt, represent.str(rt, calls.call(rt, callee, args, kwargs)))
    end
  end

  --- `{% generation %}`: a function that is called where it stands.
  make.scope = function (node, scope)
    local create = function_of({ params = {}, body = node.body, line = node.line }, scope, compiler)
    return function (f)
      local made = create(f).call(f.rt, { n = 0 })
      emit(f.rt, made)
    end
  end
end

return M
