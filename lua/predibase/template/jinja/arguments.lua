-- SPDX-License-Identifier: MIT
--- Binds the arguments of a call, by position and by name, to parameters. `args` is an array with
-- its length in `n`; `kwargs` is nil or `{ names = {…}, values = { name = … } }`.
-- @module predibase.template.jinja.arguments

local runtime = require "predibase.template.jinja.runtime"
local values = require "predibase.template.jinja.values"

local M = {}

local raise = runtime.raise

--- Returns arguments in the order of the parameters, at most five; nil for those not given.
function M.bind (name, params, args, kwargs)
  local bound, count = {}, args and args.n or 0
  if count > #params then
    raise(("%s takes at most %d arguments, got %d"):format(name, #params, count))
  end
  for i = 1, count do bound[i] = args[i] end
  for _, key in ipairs(kwargs and kwargs.names or {}) do
    local at
    for i, param in ipairs(params) do
      if param == key then at = i end
    end
    if not at or bound[at] ~= nil then
      raise(("%s %s '%s'"):format(name, at and "got two values for" or "has no argument", key))
    end
    bound[at] = kwargs.values[key]
  end
  for i = 1, params.required or 0 do
    if bound[i] == nil then raise(("%s needs its argument '%s'"):format(name, params[i])) end
  end
  return bound[1], bound[2], bound[3], bound[4], bound[5]
end

--- Wraps a function of `(rt, self, …)` so that it takes its arguments as `bind` does.
function M.define (name, params, fn)
  return function (rt, self, args, kwargs)
    return fn(rt, self, M.bind(name, params, args, kwargs))
  end
end

--- Binds the arguments of a macro's call.
function M.bind_macro (macro, args, kwargs)
  local bound, places = {}, {}
  if args.n > #macro.params then
    raise(("macro '%s' takes not more than %d argument(s)"):format(macro.name, #macro.params))
  end
  for i, name in ipairs(macro.params) do
    bound[i] = args[i]
    places[name] = i > args.n and i or nil
  end
  if macro.takes_caller then
    places.caller = "caller"
    bound.caller = values.undefined("caller", nil, "No caller defined")
  end
  for _, name in ipairs(kwargs and kwargs.names or {}) do
    if not places[name] then
      raise(("macro '%s' takes no keyword argument '%s'"):format(macro.name, name))
    end
    local value = kwargs.values[name]
    if places[name] ~= "caller" or value ~= values.NONE then bound[places[name]] = value end
  end
  return bound
end

return M
