-- SPDX-License-Identifier: MIT
--- Going over the items of a value.
-- @module predibase.template.jinja.iterate

local characters = require "predibase.template.jinja.characters"
local runtime = require "predibase.template.jinja.runtime"
local values = require "predibase.template.jinja.values"

local M = {}

local kind = values.kind

local function counted(n, at)
  local i = 0
  return function ()
    if i >= n then return nil end
    i = i + 1
    return at(i)
  end
end

local function view_items(view)
  local dict = view.dict
  return counted(dict.n, function (i)
    local key = dict.keys[i]
    if view.of == "keys" then return key end
    local value = values.get(dict, key)
    if view.of == "values" then return value end
    return values.tuple { key, value }
  end)
end

--- A function that gives the items of a value, then nil.
-- @tparam table rt
-- @param v a value
-- @treturn function
function M.iter(rt, v)
  local k = kind(v)
  if k == "list" or k == "tuple" then
    return counted(v.n, function (i) return v[i] end)
  elseif k == "dict" then
    return counted(v.n, function (i) return v.keys[i] end)
  elseif k == "str" or k == "markup" then
    local s, at = values.text(v), 1
    return function ()
      runtime.charge(rt, 0.5)
      local char, after = characters.at(s, at)
      at = after or at
      return char
    end
  elseif k == "range" then
    return counted(values.range_length(v), function (i) return v.start + (i - 1) * v.step end)
  elseif k == "generator" then
    return v.next
  elseif k == "view" then
    return view_items(v)
  elseif k == "undefined" then
    return function () return nil end
  end
  runtime.raise(("'%s' object is not iterable"):format(values.type_name(v)))
end

--- All items of a value as an array, and their number.
-- @tparam table rt
-- @param v a value
-- @treturn table
-- @treturn integer
function M.all(rt, v)
  local out, n = {}, 0
  for item in M.iter(rt, v) do
    n = n + 1
    if n % 64 == 0 then runtime.charge(rt, 64) end
    out[n] = item
  end
  runtime.charge(rt, n % 64)
  return out, n
end

--- A generator whose items are looked for when the first is asked for.
-- @tparam function find gives the function that gives the items
-- @return a value
function M.lazy(find)
  local next_item
  return values.generator(function ()
    if not next_item then next_item = find() end
    return next_item()
  end)
end

--- Whether a value can be gone over.
function M.iterable(v)
  local k = kind(v)
  return k == "list" or k == "tuple" or k == "dict" or k == "str" or k == "markup" or k == "range"
    or k == "generator" or k == "view" or k == "undefined" or k == "loop"
end

--- A range, of at most as many items as Jinja's sandbox allows.
function M.range(start, stop, step)
  if step == 0 then runtime.raise("range() arg 3 must not be zero") end
  local made = { kind = "range", start = start, stop = stop, step = step }
  if values.range_length(made) > runtime.RANGE then
    runtime.raise(("a range of more than %d items"):format(runtime.RANGE))
  end
  return made
end

return M
