-- SPDX-License-Identifier: MIT
--- What `attribute=` means in filters: a path such as `function.name` or `0.text`.
-- @module predibase.template.jinja.attributes

local access = require "predibase.template.jinja.access"
local characters = require "predibase.template.jinja.characters"
local runtime = require "predibase.template.jinja.runtime"
local values = require "predibase.template.jinja.values"

local M = {}

local function parts_of(attribute)
  local path = values.text(attribute)
  if not path then return values.kind(attribute) == "none" and {} or { attribute } end
  local parts = {}
  for part in (path .. "."):gmatch("([^.]*)%.") do
    parts[#parts + 1] = part:find("^%d+$") and tonumber(part) or part
  end
  return parts
end

--- A function that gets the value at the end of a path.
-- @tparam table rt
-- @param attribute str, int or None
-- @param default what stands for undefined on the way; nil for nothing
-- @treturn function
function M.getter(rt, attribute, default)
  local parts = parts_of(attribute)
  return function (item)
    for _, part in ipairs(parts) do
      runtime.charge(rt, 1)
      item = access.item(rt, item, part)
      if default ~= nil and values.kind(item) == "undefined" then item = default end
    end
    return item
  end
end

--- Strings in lower case, everything else as it is.
function M.ignore_case(rt, v)
  local s = values.text(v)
  if s then runtime.charge(rt, #s / 4) end
  return s and characters.lower(s) or v
end

--- A function that gives what items are compared by.
-- @tparam table rt
-- @param attribute nil, None, or a path
-- @tparam boolean case_sensitive
-- @treturn function
function M.key(rt, attribute, case_sensitive)
  local get = M.getter(rt, attribute == nil and values.NONE or attribute)
  if case_sensitive then return get end
  return function (item) return M.ignore_case(rt, get(item)) end
end

return M
