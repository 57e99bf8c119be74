-- SPDX-License-Identifier: MIT
--- Filters that order, join up and look at the items of a value.
-- @module predibase.template.jinja.filters.sequences

local access = require "predibase.template.jinja.access"
local attributes = require "predibase.template.jinja.attributes"
local compare = require "predibase.template.jinja.compare"
local iterate = require "predibase.template.jinja.iterate"
local operators = require "predibase.template.jinja.operators"
local runtime = require "predibase.template.jinja.runtime"
local signature = require "predibase.template.jinja.signature"
local values = require "predibase.template.jinja.values"

local M = {}

local raise, kind, truth = runtime.raise, values.kind, values.truth

local function filter(name, params, fn)
  M[name] = signature.define(name, params, fn)
end

local function asked(v) return v ~= nil and truth(v) end

filter("list", {}, function (rt, v)
  local out, n = iterate.all(rt, v)
  return values.list(out, n)
end)

filter("first", {}, function (rt, v)
  local item = iterate.iter(rt, v)()
  if item ~= nil then return item end
  return values.undefined(nil, nil, "No first item, sequence was empty.")
end)

local REVERSIBLE = { list = true, tuple = true, dict = true, str = true, markup = true,
  range = true, view = true, undefined = true }

filter("last", {}, function (rt, v)
  if not REVERSIBLE[kind(v)] then
    raise(("'%s' object is not reversible"):format(values.type_name(v)))
  end
  local out, n = iterate.all(rt, v)
  if n > 0 then return kind(v) == "markup" and values.markup(out[n]) or out[n] end
  return values.undefined(nil, nil, "No last item, sequence was empty.")
end)

filter("reverse", {}, function (rt, v)
  local s = values.text(v)
  if s then
    return access.slice(rt, v, nil, nil, -1)
  end
  local out, n = iterate.all(rt, v)
  local back = {}
  for i = 1, n do back[i] = out[n + 1 - i] end
  if not REVERSIBLE[kind(v)] then return values.list(back, n) end
  local i = 0
  return values.generator(function ()
    i = i + 1
    return back[i]
  end)
end)

filter("items", {}, function (rt, v)
  return iterate.lazy(function ()
    if kind(v) == "undefined" then return function () return nil end end
    if kind(v) ~= "dict" then raise("Can only get item pairs from a mapping.") end
    return iterate.iter(rt, { kind = "view", of = "items", dict = v })
  end)
end)

--- Sorts in place so that equal items keep their order.
local function sort(rt, list, keys, n, reverse)
  local function before(i, j)       -- the one that comes later may go first only if it is less
    if reverse then return compare.less(rt, keys[j], keys[i]) end
    return compare.less(rt, keys[i], keys[j])
  end
  local order, spare = {}, {}
  for i = 1, n do order[i] = i end
  local width = 1
  while width < n do
    runtime.charge(rt, n)
    for low = 1, n, 2 * width do
      local i, j = low, low + width
      local i_end, j_end = math.min(low + width - 1, n), math.min(low + 2 * width - 1, n)
      for k = low, j_end do
        if i <= i_end and (j > j_end or not before(order[j], order[i])) then
          spare[k], i = order[i], i + 1
        else
          spare[k], j = order[j], j + 1
        end
      end
    end
    order, spare = spare, order
    width = 2 * width
  end
  local out = {}
  for i = 1, n do out[i] = list[order[i]] end
  return values.list(out, n)
end

--- What `sort` compares by: a list of one value, or of one for each attribute where several are
-- given with commas. Being lists, equal values need no order.
local function sort_key(rt, attribute, case_sensitive)
  local path = attribute ~= nil and values.text(attribute)
  local keys = {}
  for one in ((path or "") .. ","):gmatch("([^,]*),") do
    keys[#keys + 1] = attributes.key(rt, path and one or attribute, case_sensitive)
  end
  return function (item)
    local made = {}
    for i, key in ipairs(keys) do made[i] = key(item) end
    return values.list(made, #keys)
  end
end

filter("sort", { "reverse", "case_sensitive", "attribute" },
  function (rt, v, reverse, case_sensitive, attribute)
    local list, n = iterate.all(rt, v)
    local key, keys = sort_key(rt, attribute, asked(case_sensitive)), {}
    for i = 1, n do keys[i] = key(list[i]) end
    return sort(rt, list, keys, n, asked(reverse))
  end)

filter("dictsort", { "case_sensitive", "by", "reverse" },
  function (rt, v, case_sensitive, by, reverse)
    local place = ({ key = 1, value = 2 })[by == nil and "key" or values.text(by)]
    if not place then raise('dictsort sorts by "key" or "value"') end
    if kind(values.needs(v)) ~= "dict" then
      raise(("dictsort needs a mapping, got %s"):format(values.type_name(v)))
    end
    local list, n = iterate.all(rt, { kind = "view", of = "items", dict = v })
    local keys = {}
    for i = 1, n do
      local key = list[i][place]
      keys[i] = asked(case_sensitive) and key or attributes.ignore_case(rt, key)
    end
    return sort(rt, list, keys, n, asked(reverse))
  end)

for _, name in ipairs { "min", "max" } do
  filter(name, { "case_sensitive", "attribute" }, function (rt, v, case_sensitive, attribute)
    local key = attributes.key(rt, attribute, asked(case_sensitive))
    local best, best_key
    for item in iterate.iter(rt, v) do
      runtime.charge(rt, 1)
      local k = key(item)
      if best == nil or (name == "min" and compare.less(rt, k, best_key))
        or (name == "max" and compare.less(rt, best_key, k))
      then
        best, best_key = item, k
      end
    end
    if best ~= nil then return best end
    return values.undefined(nil, nil, "No aggregated item, sequence was empty.")
  end)
end

filter("sum", { "attribute", "start" }, function (rt, v, attribute, start)
  local get = attributes.getter(rt, attribute == nil and values.NONE or attribute)
  local total = start == nil and 0 or start
  if values.text(total) then raise("sum cannot add strings; use join") end
  for item in iterate.iter(rt, v) do
    runtime.charge(rt, 1)
    total = operators.binary["+"](rt, total, get(item))
  end
  return total
end)

filter("attr", { "name", required = 1 }, function (rt, v, name)
  local s = values.text(name)
  if not s then raise("attr needs a name") end
  if kind(v) == "dict" then return access.own(v, s) or values.undefined(s, v) end
  return access.attribute(rt, v, s)
end)

local function whole(v, name)
  local n = v ~= nil and values.number(v)
  if not n then raise(name .. " needs a number") end
  return n
end

filter("batch", { "linecount", "fill_with", required = 1 }, function (rt, v, size, fill)
  return iterate.lazy(function ()
    local next_item, n = iterate.iter(rt, v), whole(size, "batch")
    local pending
    return function ()
      local row, count = { pending }, pending ~= nil and 1 or 0
      pending = nil
      for item in next_item do
        runtime.charge(rt, 1)
        if count == n then
          pending = item
          break
        end
        count = count + 1
        row[count] = item
      end
      if count == 0 and pending == nil then return nil end
      if pending == nil and fill ~= nil and kind(fill) ~= "none" then
        runtime.charge(rt, math.max(0, n - count))
        for i = count + 1, n do row[i], count = fill, i end
      end
      return values.list(row, count)
    end
  end)
end)

return M
