-- SPDX-License-Identifier: MIT
--- Filters that choose items or change each. They work item by item, when the result is read.
-- @module predibase.template.jinja.filters.selection

local attributes = require "predibase.template.jinja.attributes"
local iterate = require "predibase.template.jinja.iterate"
local runtime = require "predibase.template.jinja.runtime"
local signature = require "predibase.template.jinja.signature"
local values = require "predibase.template.jinja.values"

local M = {}

local raise, truth = runtime.raise, values.truth

local function without(args, count)
  local rest = { n = math.max(0, args.n - count) }
  for i = 1, rest.n do rest[i] = args[i + count] end
  return rest
end

local function named(list, v, what)
  local name = v ~= nil and values.text(v)
  local found = name and list[name]
  if not found then raise(("there is no %s '%s'"):format(what, name or "")) end
  return found
end

local function mapper(rt, args, kwargs)
  if args.n == 0 and kwargs and kwargs.values.attribute ~= nil then
    local attribute, default = signature.bind("map", { "attribute", "default" }, nil, kwargs)
    if default ~= nil and values.kind(default) == "none" then default = nil end
    return attributes.getter(rt, attribute, default)
  end
  if args.n == 0 then raise("map requires a filter argument") end
  local filter = named(rt.filters, args[1], "filter")
  local rest = without(args, 1)
  return function (item) return filter(rt, item, rest, kwargs) end
end

local function nothing() return nil end

--- `map`: an attribute of each item, or a filter applied to each.
function M.map(rt, v, args, kwargs)
  return iterate.lazy(function ()
    if not truth(v) then return nothing end
    local change, next_item = mapper(rt, args, kwargs), iterate.iter(rt, v)
    return function ()
      local item = next_item()
      if item == nil then return nil end
      runtime.charge(rt, 1)
      return change(item)
    end
  end)
end

local function chooser(rt, args, kwargs, by_attribute)
  local get, offset
  if by_attribute then
    if args.n == 0 then raise("Missing parameter for attribute name") end
    get, offset = attributes.getter(rt, args[1]), 1
  else
    get, offset = function (item) return item end, 0
  end
  if args.n <= offset then return function (item) return truth(get(item)) end end
  local test = named(rt.tests, args[offset + 1], "test")
  local rest = without(args, offset + 1)
  return function (item) return truth(test(rt, get(item), rest, kwargs)) end
end

local function selection(wanted, by_attribute)
  return function (rt, v, args, kwargs)
    return iterate.lazy(function ()
      if not truth(v) then return nothing end
      local fits, next_item = chooser(rt, args, kwargs, by_attribute), iterate.iter(rt, v)
      return function ()
        for item in next_item do
          runtime.charge(rt, 1)
          if fits(item) == wanted then return item end
        end
        return nil
      end
    end)
  end
end

M.select = selection(true, false)
M.reject = selection(false, false)
M.selectattr = selection(true, true)
M.rejectattr = selection(false, true)

M.unique = signature.define("unique", { "case_sensitive", "attribute" },
  function (rt, v, case_sensitive, attribute)
    return iterate.lazy(function ()
      local key = attributes.key(rt, attribute, case_sensitive ~= nil and truth(case_sensitive))
      local seen, next_item = {}, iterate.iter(rt, v)
      return function ()
        for item in next_item do
          runtime.charge(rt, 1)
          local by = key(item)
          local long = values.text(by)
          runtime.charge(rt, long and #long / 64 or 0)
          local h = values.hash(by)
          if not seen[h] then
            seen[h] = true
            return item
          end
        end
        return nil
      end
    end)
  end)

return M
