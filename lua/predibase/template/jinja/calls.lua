-- SPDX-License-Identifier: MIT
--- Calling what a template may call.
-- @module predibase.template.jinja.calls

local runtime = require "predibase.template.jinja.runtime"
local values = require "predibase.template.jinja.values"

local M = {}

local raise, kind = runtime.raise, values.kind

--- Calls a value.
-- @tparam table rt
-- @param callee a value
-- @tparam table args
-- @tparam ?table kwargs
-- @return a value
function M.call(rt, callee, args, kwargs)
  local k = kind(callee)
  if k ~= "function" and k ~= "macro" then
    values.needs(callee)
    raise(("'%s' object is not callable"):format(values.type_name(callee)))
  end
  runtime.charge(rt, 2)
  return callee.call(rt, args, kwargs)
end

--- Runs a function some levels of the source deeper.
-- @tparam table rt
-- @tparam integer levels
-- @tparam function fn takes `...`
-- @return what it gives
function M.deeper(rt, levels, fn, ...)
  rt.depth = rt.depth + levels
  if rt.depth > runtime.DEPTH then raise("macros that call one another without end") end
  local result = fn(...)
  rt.depth = rt.depth - levels
  return result
end

--- Runs statements into a string of their own.
-- @tparam table rt
-- @tparam function run
-- @param frame its argument
-- @treturn string
-- @return what `run` gave
function M.captured(rt, run, frame)
  local out, size = rt.out, rt.size
  rt.out, rt.size = {}, 0
  local signal = run(frame)
  local made = table.concat(rt.out)
  rt.out, rt.size = out, size
  return made, signal
end

local function param_values(macro, args, kwargs, used)
  local bound = {}
  for i, name in ipairs(macro.params) do
    if i <= args.n then
      bound[i] = args[i]
    elseif kwargs and kwargs.values[name] ~= nil then
      bound[i] = kwargs.values[name]
      used[name] = true
    end
  end
  return bound
end

--- The keyword arguments that no parameter took, as an ordered dict.
local function left_over(kwargs, used)
  local rest = values.dict()
  for _, name in ipairs(kwargs and kwargs.names or {}) do
    if not used[name] then values.put(rest, name, kwargs.values[name]) end
  end
  return rest
end

--- Brings the arguments of a macro's call in order.
-- @tparam table macro `name`, `params`, and whether it reads `caller`, `varargs`, `kwargs`
-- @tparam table args
-- @tparam ?table kwargs
-- @treturn table values of the parameters by position, and `caller`, `varargs`, `kwargs`
function M.arguments(macro, args, kwargs)
  local used = {}
  local bound = param_values(macro, args, kwargs, used)
  if macro.reads.caller and not macro.has_caller then
    bound.caller = kwargs and kwargs.values.caller
    used.caller = true
    if bound.caller == nil or kind(bound.caller) == "none" then
      bound.caller = values.undefined("caller", nil, "No caller defined")
    end
  end
  local rest = left_over(kwargs, used)
  if macro.reads.kwargs then
    bound.kwargs = rest
  elseif rest.n > 0 then
    raise(("macro '%s' takes no keyword argument '%s'"):format(macro.name, rest.keys[1]))
  end
  local count = #macro.params
  if macro.reads.varargs then
    local more = { n = math.max(0, args.n - count) }
    for i = 1, more.n do more[i] = args[count + i] end
    bound.varargs = values.tuple(more, more.n)
  elseif args.n > count then
    raise(("macro '%s' takes not more than %d argument(s)"):format(macro.name, count))
  end
  return bound
end

return M
