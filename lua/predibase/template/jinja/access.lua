-- SPDX-License-Identifier: MIT
--- Attributes, items and slices, as Jinja's sandbox gives them.
-- @module predibase.template.jinja.access

local characters = require "predibase.template.jinja.characters"
local runtime = require "predibase.template.jinja.runtime"
local values = require "predibase.template.jinja.values"

local M = {}

local raise, kind = runtime.raise, values.kind

-- What types have by name: kind -> name -> `(rt, self, args, kwargs)`, or a word: "unsafe" for what
-- the sandbox hides, "absent" for what this interpreter does not have. `methods` fills it.
local methods = {}

--- Gives a kind of value its methods.
-- @tparam string k the kind
-- @tparam table list
function M.register(k, list)
  methods[k] = list
end

-- What every Python object has.
local DUNDER = {}
for name in ([[class delattr dict dir doc eq format ge getattribute getstate gt hash init
  init_subclass le lt module ne new reduce reduce_ex repr setattr sizeof str subclasshook
  ]]):gmatch("%S+") do
  DUNDER["__" .. name .. "__"] = true
end

local function unsafe(obj, name)
  return values.undefined(name, obj, ("access to attribute '%s' of '%s' object is unsafe"):format(
    name, values.type_name(obj)))
end

--- An attribute that a value has by itself, or nil.
local function own(obj, name)
  local k = kind(obj)
  if k == "namespace" then
    local value = values.get(obj.dict, name)
    if value ~= nil then return name:find("^_") and unsafe(obj, name) or value end
  elseif k == "loop" then
    local value = obj:attribute(name)
    if value ~= nil then return value end
  end
  local entry = methods[k] and methods[k][name]
  if type(entry) == "function" then
    return values.callable(name, function (rt, args, kwargs)
      return entry(rt, obj, args, kwargs)
    end)
  elseif entry == "unsafe" or (DUNDER[name] and k ~= "undefined") then
    return unsafe(obj, name)
  elseif entry == "absent" then
    return values.callable(name, function ()
      raise(("the method %s of '%s' is not supported"):format(name, values.type_name(obj)))
    end)
  elseif type(entry) == "table" then
    return entry.value(obj)
  end
  return nil
end

local function index_of(v)
  local k = kind(v)
  if k == "int" then return v end
  if k == "bool" then return v and 1 or 0 end
  return nil
end

--- The character of a string at an index, or nil.
local function char_at(rt, s, index)
  runtime.charge_scan(rt, #s)
  local n = values.length(s)
  if index < 0 then index = index + n end
  if index < 0 or index >= n then return nil end
  if n == #s then return s:sub(index + 1, index + 1) end
  runtime.charge_scan(rt, #s)
  return (characters.at(s, characters.offset(s, index)))
end

--- An item as Python's `obj[key]` gives it, or nil.
local function item(rt, obj, key)
  local k = kind(obj)
  if k == "dict" then
    local kk = kind(key)
    if kk == "list" or kk == "dict" or kk == "view" then return nil end
    if kk == "str" and #key > 64 then runtime.charge(rt, #key / 64) end
    return values.get(obj, key)
  end
  local index = index_of(key)
  if not index then return nil end
  if k == "list" or k == "tuple" then
    if index < 0 then index = index + obj.n end
    return obj[index + 1]
  elseif k == "str" then
    return char_at(rt, obj, index)
  elseif k == "markup" then
    local char = char_at(rt, obj.text, index)
    return char and values.markup(char)
  elseif k == "range" then
    local n = values.range_length(obj)
    if index < 0 then index = index + n end
    if index >= 0 and index < n then return obj.start + index * obj.step end
  end
  return nil
end

M.own = own

--- `obj.name`: what the value has by that name, else its item.
-- @tparam table rt
-- @param obj a value
-- @tparam string name
-- @return a value, undefined when there is none
function M.attribute(rt, obj, name)
  local value = own(obj, name)
  if value ~= nil then return value end
  values.needs(obj)
  value = item(rt, obj, name)
  if value ~= nil then return value end
  return values.undefined(name, obj)
end

--- `obj[key]`: the item, else what the value has by that name.
-- @tparam table rt
-- @param obj a value
-- @param key a value
-- @return a value, undefined when there is none
function M.item(rt, obj, key)
  values.needs(obj)
  local value = item(rt, obj, key)
  if value ~= nil then return value end
  local name = values.text(key)
  if name then
    value = own(obj, name)
    if value ~= nil then return value end
  end
  return values.undefined(name or key, obj)
end

local function bound(v)
  if v == nil or kind(v) == "none" then return nil end
  local index = index_of(values.needs(v))
  if not index then raise("slice indices must be integers or None") end
  return index
end

--- `obj[start:stop:step]`; nil for a bound that is left out.
function M.slice(rt, obj, start, stop, step)
  values.needs(obj)
  local k = kind(obj)
  local from, to, by = bound(start), bound(stop), bound(step)
  if k == "str" or k == "markup" then
    local s = values.text(obj)
    runtime.charge(rt, #s / 8)
    -- Every character by itself, but for what is taken as a whole.
    if by and by ~= 1 and (by ~= -1 or s:find("[\128-\255]")) then runtime.charge(rt, #s) end
    local made = characters.slice(s, from, to, by)
    return k == "str" and made or values.markup(made)
  elseif k == "list" or k == "tuple" then
    local first, stride, count = characters.bounds(from, to, by, obj.n)
    runtime.charge(rt, count)
    local out = {}
    for i = 0, count - 1 do out[i + 1] = obj[first + i * stride + 1] end
    return values[k](out, count)
  elseif k == "range" then
    local first, stride, _, last = characters.bounds(from, to, by, values.range_length(obj))
    return { kind = "range", start = obj.start + first * obj.step,
      stop = obj.start + last * obj.step, step = stride * obj.step }
  end
  raise(("'%s' object is not subscriptable"):format(values.type_name(obj)))
end

return M
