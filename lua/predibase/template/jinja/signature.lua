-- SPDX-License-Identifier: MIT
--- Brings the arguments of a call, by position and by name, into the order of the parameters.
-- @module predibase.template.jinja.signature

local runtime = require "predibase.template.jinja.runtime"

local M = {}

--- Arguments in the order of the parameters; nil for those not given; at most five.
-- @tparam string name of what is called, for messages
-- @tparam table params array of names; `required` says how many of them must be given
-- @tparam ?table args by position, with `n`
-- @tparam ?table kwargs `{ names, values }`
-- @return the arguments
function M.bind(name, params, args, kwargs)
  local bound, count = {}, args and args.n or 0
  if count > #params then
    runtime.raise(("%s takes at most %d arguments, got %d"):format(name, #params, count))
  end
  for i = 1, count do bound[i] = args[i] end
  for _, key in ipairs(kwargs and kwargs.names or {}) do
    local at
    for i, param in ipairs(params) do
      if param == key then at = i end
    end
    if not at or bound[at] ~= nil then
      runtime.raise(("%s %s '%s'"):format(name, at and "got two values for" or
        "has no argument", key))
    end
    bound[at] = kwargs.values[key]
  end
  for i = 1, params.required or 0 do
    if bound[i] == nil then
      runtime.raise(("%s needs its argument '%s'"):format(name, params[i]))
    end
  end
  return bound[1], bound[2], bound[3], bound[4], bound[5]
end

--- Makes a function of `(rt, self, …)` one that takes its arguments as a call gives them.
-- @tparam string name
-- @tparam table params as for `bind`
-- @tparam function fn
-- @treturn function `(rt, self, args, kwargs)`
function M.define(name, params, fn)
  return function (rt, self, args, kwargs)
    return fn(rt, self, M.bind(name, params, args, kwargs))
  end
end

return M
