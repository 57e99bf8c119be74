-- SPDX-License-Identifier: MIT
--- The functions that every template can call by name.
-- @module predibase.template.jinja.globals

local arguments = require "predibase.template.jinja.arguments"
local dates = require "predibase.template.date"
local python_text = require "predibase.template.jinja.python_text"
local runtime = require "predibase.template.jinja.runtime"
local values = require "predibase.template.jinja.values"

local M = {}

local raise, kind = runtime.raise, values.kind

local function integer (v)
  local x, is_float = values.number(values.needs(v))
  if not x or is_float then
    raise(("'%s' object cannot be interpreted as an integer"):format(values.type_name(v)))
  end
  return x
end

local functions = {}

--- Makes a range.
function functions.range (_, args, kwargs)
  if kwargs then raise("range() takes no keyword arguments") end
  if args.n < 1 or args.n > 3 then raise("range takes one to three arguments") end
  local bounds = {}
  for i = 1, args.n do bounds[i] = integer(args[i]) end
  local start, stop, step = bounds[1], bounds[2], bounds[3] or 1
  if not stop then start, stop = 0, start end
  if step == 0 then raise("range() arg 3 must not be zero") end
  local made = { kind = "range", start = start, stop = stop, step = step }
  if values.range_length(made) > runtime.RANGE then
    raise(("a range of more than %d items"):format(runtime.RANGE))
  end
  return made
end

--- Makes a dict from a mapping and from keyword arguments.
function functions.dict (rt, args, kwargs)
  if args.n > 1 then raise("dict takes at most one argument") end
  local made, from = values.dict(), args[1]
  if from ~= nil and kind(values.needs(from)) ~= "dict" then
    raise(("a dict made of a %s is not supported"):format(values.type_name(from)))
  end
  for i = 1, from and from.n or 0 do
    values.put(made, from.keys[i], values.get(from, from.keys[i]))
    runtime.charge(rt, 1)
  end
  for _, name in ipairs(kwargs and kwargs.names or {}) do
    values.put(made, name, kwargs.values[name])
  end
  return made
end

--- Makes a namespace.
function functions.namespace (rt, args, kwargs)
  return { kind = "namespace", dict = functions.dict(rt, args, kwargs) }
end

--- Raises an error of the template.
function functions.raise_exception (rt, args, kwargs)
  local message = arguments.bind("raise_exception", { "message", required = 1 }, args, kwargs)
  raise(python_text.str(rt, message))
end

--- Formats the current time.
function functions.strftime_now (rt, args, kwargs)
  local format = arguments.bind("strftime_now", { "format", required = 1 }, args, kwargs)
  if type(format) ~= "string" then raise("strftime_now needs a format string") end
  runtime.charge_string(rt, #format * 10)
  runtime.charge(rt, #format)
  return dates.format(format, rt.now())
end

for _, name in ipairs { "cycler", "joiner", "lipsum" } do
  functions[name] = function () raise(("the function %s is not supported"):format(name)) end
end

for name, call in pairs(functions) do M[name] = values.callable(name, call) end

return M
