-- SPDX-License-Identifier: MIT
--- Attributes, items and slices of values, as Jinja's sandbox gives them.
-- @module predibase.template.jinja.access

local methods = require "predibase.template.jinja.methods"
local runtime = require "predibase.template.jinja.runtime"
local strings = require "predibase.python_strings"
local values = require "predibase.template.jinja.values"

local M = {}

local raise, kind = runtime.raise, values.kind

local function has (sets, k, name)
  return sets[k] ~= nil and sets[k][name] == true
end

local function unsafe (obj, name)
  return values.undefined(name, obj, ("access to attribute '%s' of '%s' object is unsafe"):format(
    name, values.type_name(obj)))
end

--- Returns an attribute that is not an item, such as a method, or nil.
local function own (obj, name)
  local k = kind(obj)
  if k == "namespace" then
    local value = values.get(obj.dict, name)
    if value ~= nil then return name:find("^_") and unsafe(obj, name) or value end
  elseif k == "loop" then
    local value = obj:attribute(name)
    if value ~= nil then return value end
  end
  local method = methods.of[k] and methods.of[k][name]
  if method then
    return values.callable(name, function (rt, args, kwargs)
      return method(rt, obj, args, kwargs)
    end)
  end
  if k == "safe" or has(methods.unsupported, k, name) then
    raise(("the attribute %s of '%s' is not supported"):format(name, values.type_name(obj)))
  end
  if has(methods.unsafe, k, name) then return unsafe(obj, name) end
  return nil
end

local function missing (obj, name)
  if type(name) == "string" and name:find("^__") then return unsafe(obj, name) end
  return values.undefined(name, obj)
end

local function index_of (v)
  local k = kind(v)
  if k == "int" then return v end
  if k == "bool" then return v and 1 or 0 end
  return nil
end

--- Returns the character of a string at an index, or nil.
local function char_at (rt, s, index)
  runtime.charge_scan(rt, #s)
  local n = strings.length(s)
  if index < 0 then index = index + n end
  if index < 0 or index >= n then return nil end
  if n == #s then return s:sub(index + 1, index + 1) end
  runtime.charge_scan(rt, #s)
  return (strings.at(s, strings.offset(s, index)))
end

--- Returns an item like Python's `obj[key]`, or nil.
local function item (rt, obj, key)
  local k = kind(obj)
  if k == "dict" then
    local kk = kind(key)
    if kk == "list" or kk == "dict" or kk == "view" then return nil end
    if kk == "str" and #key > 64 then values.charge_key(rt, key) end
    return values.get(obj, key)
  end
  local index = index_of(key)
  if not index then return nil end
  if k == "list" or k == "tuple" then
    if index < 0 then index = index + obj.n end
    return obj[index + 1]
  elseif k == "str" then
    return char_at(rt, obj, index)
  elseif k == "safe" or k == "range" then
    raise("an item of " .. values.type_name(obj) .. " is not supported")
  end
  return nil
end

--- Returns `obj.name`: an attribute of its own, else an item.
function M.attribute (rt, obj, name)
  local value = own(obj, name)
  if value ~= nil then return value end
  values.needs(obj)
  value = item(rt, obj, name)
  if value ~= nil then return value end
  return missing(obj, name)
end

--- Returns `obj[key]`: an item, else an attribute of its own.
function M.item (rt, obj, key)
  values.needs(obj)
  local value = item(rt, obj, key)
  if value ~= nil then return value end
  if type(key) == "string" then
    value = own(obj, key)
    if value ~= nil then return value end
  end
  return missing(obj, key)
end

local function bound (v)
  if v == nil or kind(v) == "none" then return nil end
  local index = index_of(values.needs(v))
  if not index then raise("slice indices must be integers or None") end
  return index
end

--- Returns `obj[start:stop:step]`.
function M.slice (rt, obj, start, stop, step)
  values.needs(obj)
  local k = kind(obj)
  local from, to, by = bound(start), bound(stop), bound(step)
  if by == 0 then raise("slice step cannot be zero") end
  if k == "str" then
    runtime.charge(rt, #obj / 8)
    -- With another step, each character is taken by itself.
    if by and by ~= 1 and (by ~= -1 or obj:find("[\128-\255]")) then runtime.charge(rt, #obj) end
    return strings.slice(obj, from, to, by)
  elseif k == "list" or k == "tuple" then
    local first, stride, count = strings.bounds(from, to, by, obj.n)
    runtime.charge(rt, count)
    local out = {}
    for i = 0, count - 1 do out[i + 1] = obj[first + i * stride + 1] end
    return values[k](out, count)
  end
  if k == "range" then raise("a slice of a range is not supported") end
  raise(("'%s' object is not subscriptable"):format(values.type_name(obj)))
end

--- Splits a path such as `function.name` or `0.text`, the argument `attribute` of filters.
local function parts_of (attribute)
  if type(attribute) ~= "string" then
    return kind(attribute) == "none" and {} or { attribute }
  end
  local parts = {}
  for part in (attribute .. "."):gmatch("([^.]*)%.") do
    parts[#parts + 1] = part:find("^%d+$") and tonumber(part) or part
  end
  return parts
end

--- Makes a function that gets the value at the end of a path.
function M.getter (rt, attribute, default)
  local parts = parts_of(attribute)
  return function (obj)
    for _, part in ipairs(parts) do
      runtime.charge(rt, 1)
      obj = M.item(rt, obj, part)
      if default ~= nil and kind(obj) == "undefined" then obj = default end
    end
    return obj
  end
end

return M
