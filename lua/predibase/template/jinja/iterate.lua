-- SPDX-License-Identifier: MIT
--- Going over the items of a value.
-- @module predibase.template.jinja.iterate

local failure = require "predibase.template.jinja.failure"
local limits = require "predibase.template.jinja.limits"
local text = require "predibase.template.jinja.text"
local values = require "predibase.template.jinja.values"

local M = {}

local kind = values.kind

--- Counts steps; every loop, filter and string that is made or gone over pays here.
-- @tparam table rt the rendering
-- @tparam number n
function M.charge(rt, n)
  rt.steps = rt.steps + n
  if rt.steps > rt.max_steps then
    failure.raise(("the template takes more than %.0f steps; the option max_steps sets how many "
      .. "it may take"):format(rt.max_steps))
  end
end

local charge = M.charge

--- A string of so many bytes is about to be made.
function M.room(rt, bytes)
  text.room(bytes)
  charge(rt, bytes / 64)
end

--- So many bytes are gone over one by one.
function M.scan(rt, bytes)
  charge(rt, bytes / 16)
end

-- What is longer is looked for by its beginning: a plain search may compare as many bytes as the
-- lengths of the two strings multiplied.
local HEAD = 32

--- Finds a string in another one, as `string.find` does, and counts what is compared.
-- @tparam table rt
-- @tparam string s
-- @tparam string needle
-- @tparam integer from
-- @treturn ?integer first byte
-- @treturn ?integer last byte
function M.search(rt, s, needle, from)
  local head = #needle > HEAD and needle:sub(1, HEAD) or needle
  while true do
    local first, last = s:find(head, from, true)
    charge(rt, 1 + ((last or #s) - from) / 32)
    if not first or head == needle then return first, last end
    charge(rt, #needle / 64)
    last = first + #needle - 1
    if s:sub(first, last) == needle then return first, last end
    from = first + 1
  end
end

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
      charge(rt, 0.5)
      local char, after = text.at(s, at)
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
  failure.raise(("'%s' object is not iterable"):format(values.type_name(v)))
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
    if n % 64 == 0 then charge(rt, 64) end
    out[n] = item
  end
  charge(rt, n % 64)
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
  if step == 0 then failure.raise("range() arg 3 must not be zero") end
  local made = { kind = "range", start = start, stop = stop, step = step }
  if values.range_length(made) > limits.RANGE then
    failure.raise(("a range of more than %d items"):format(limits.RANGE))
  end
  return made
end

return M
