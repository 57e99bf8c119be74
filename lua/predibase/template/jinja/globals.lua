-- SPDX-License-Identifier: MIT
--- What every template may call by name.
-- @module predibase.template.jinja.globals

local access = require "predibase.template.jinja.access"
local dates = require "predibase.template.date"
local iterate = require "predibase.template.jinja.iterate"
local represent = require "predibase.template.jinja.represent"
local runtime = require "predibase.template.jinja.runtime"
local signature = require "predibase.template.jinja.signature"
local values = require "predibase.template.jinja.values"

local M = {}

local raise, kind = runtime.raise, values.kind

local function integer(v)
  local x, is_float = values.number(values.needs(v))
  if not x or is_float then
    raise(("'%s' object cannot be interpreted as an integer"):format(values.type_name(v)))
  end
  return x
end

local function range(_, args, kwargs)
  if kwargs then raise("range() takes no keyword arguments") end
  if args.n < 1 or args.n > 3 then raise("range takes one to three arguments") end
  local bounds = {}
  for i = 1, args.n do bounds[i] = integer(args[i]) end
  if args.n == 1 then return iterate.range(0, bounds[1], 1) end
  return iterate.range(bounds[1], bounds[2], bounds[3] or 1)
end

local function pair_of(rt, v)
  local items, n = iterate.all(rt, v)
  if n ~= 2 then raise("a dict is made of pairs") end
  return items[1], items[2]
end

--- `dict(…)`: of a mapping or of pairs, and of keyword arguments.
local function dict(rt, args, kwargs)
  if args.n > 1 then raise(("dict expected at most 1 argument, got %d"):format(args.n)) end
  local made, from = values.dict(), args[1]
  if from ~= nil and kind(from) == "dict" then
    for i = 1, from.n do values.put(made, from.keys[i], values.get(from, from.keys[i])) end
    runtime.charge(rt, from.n)
  elseif from ~= nil then
    for item in iterate.iter(rt, values.needs(from)) do
      runtime.charge(rt, 2)
      local key, value = pair_of(rt, item)
      runtime.charge(rt, values.text(key) and #values.text(key) / 64 or 0)
      values.put(made, key, value)
    end
  end
  for _, name in ipairs(kwargs and kwargs.names or {}) do
    values.put(made, name, kwargs.values[name])
  end
  return made
end

local function namespace(rt, args, kwargs)
  return { kind = "namespace", dict = dict(rt, args, kwargs) }
end

local function cycler(_, args)
  if args.n == 0 then raise("at least one item has to be provided") end
  return { kind = "cycler", items = args, at = 0 }
end

access.register("cycler", {
  current = { value = function (v) return v.items[v.at + 1] end },
  next = function (_, v)
    local item = v.items[v.at + 1]
    v.at = (v.at + 1) % v.items.n
    return item
  end,
  reset = function (_, v)
    v.at = 0
    return values.NONE
  end,
})

local function joiner(rt, args, kwargs)
  local sep = signature.bind("joiner", { "sep" }, args, kwargs)
  local text, used = sep == nil and ", " or represent.str(rt, sep), false
  return values.callable("joiner", function ()
    if used then return text end
    used = true
    return ""
  end)
end

local function raise_exception(rt, args, kwargs)
  local message = signature.bind("raise_exception", { "message", required = 1 }, args, kwargs)
  runtime.raise(represent.str(rt, message))
end

local function strftime_now(rt, args, kwargs)
  local format = signature.bind("strftime_now", { "format", required = 1 }, args, kwargs)
  local text = values.text(format)
  if not text then raise("strftime_now needs a format string") end
  runtime.charge_string(rt, #text * 10)
  runtime.charge(rt, #text)
  return dates.format(text, rt.now())
end

for name, call in pairs { range = range, dict = dict, namespace = namespace, cycler = cycler,
  joiner = joiner, raise_exception = raise_exception, strftime_now = strftime_now } do
  M[name] = values.callable(name, call)
end

return M
