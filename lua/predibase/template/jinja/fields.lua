-- SPDX-License-Identifier: MIT
--- The replacement fields of `"…".format(…)`.
-- @module predibase.template.jinja.fields

local access = require "predibase.template.jinja.access"
local format = require "predibase.template.jinja.format"
local represent = require "predibase.template.jinja.represent"
local runtime = require "predibase.template.jinja.runtime"
local values = require "predibase.template.jinja.values"

local M = {}

local raise = runtime.raise

--- The value that a field names: `0`, `name`, `name.attribute`, `name[item]`.
local function value_of(rt, field, args, kwargs, auto)
  local name, rest = field:match("^([^.%[]*)(.*)$")
  local value
  if name == "" or name:find("^%d+$") then
    local index
    if name == "" then
      if auto.manual then raise("cannot switch from manual field specification to automatic") end
      index, auto.next, auto.used = auto.next, auto.next + 1, true
    else
      if auto.used then raise("cannot switch from automatic field numbering to manual") end
      index, auto.manual = tonumber(name), true
    end
    value = args[index + 1]
    if value == nil or index >= args.n then raise("a field of format() has no argument") end
  else
    value = kwargs and kwargs.values[name]
    if value == nil then raise(("format() has no argument '%s'"):format(name)) end
  end
  while rest ~= "" do
    local attribute, after = rest:match("^%.([^.%[]+)(.*)$")
    if attribute then
      value = access.attribute(rt, value, attribute)
    else
      attribute, after = rest:match("^%[([^%]]+)%](.*)$")
      if not attribute then raise("a field of format() that cannot be read") end
      value = access.item(rt, value, attribute:find("^%d+$") and tonumber(attribute) or attribute)
    end
    rest = after
  end
  return value
end

--- Where the field that begins behind a brace ends; there may be fields inside its specification.
local function closing(source, at)
  local depth = 1
  while true do
    at = source:find("[{}]", at)
    if not at then raise("expected '}' before end of string") end
    depth = depth + (source:sub(at, at) == "{" and 1 or -1)
    if depth == 0 then return at end
    at = at + 1
  end
end

local function render(rt, source, args, kwargs, auto, depth)
  if depth > 2 then raise("too many levels of fields in format()") end
  local out, at, size = {}, 1, 0
  local function add(piece)
    size = size + #piece
    runtime.charge_string(rt, #piece)
    runtime.check_size(size)
    out[#out + 1] = piece
  end
  while true do
    local brace = source:find("[{}]", at)
    add(source:sub(at, (brace or 0) - 1))
    if not brace then return table.concat(out) end
    local two = source:sub(brace, brace + 1)
    if two == "{{" or two == "}}" then
      add(two:sub(1, 1))
      at = brace + 2
    elseif two:sub(1, 1) == "}" then
      raise("single '}' encountered in format string")
    else
      local stop = closing(source, brace + 1)
      local field = source:sub(brace + 1, stop - 1)
      local name, conversion, spec = field:match("^([^!:]*)!?([rsa]?):?(.*)$")
      if not name or (field:find("^[^!:]*!") and conversion == "") then
        raise("a field of format() that cannot be read")
      end
      local value = value_of(rt, name, args, kwargs, auto)
      if conversion == "s" then value = represent.str(rt, value) end
      if conversion == "r" or conversion == "a" then value = represent.repr(rt, value) end
      add(format.spec(rt, value, render(rt, spec, args, kwargs, auto, depth + 1)))
      at = stop + 1
    end
  end
end

--- Python's `str.format`.
-- @tparam table rt
-- @param self str or Markup
-- @tparam table args
-- @tparam ?table kwargs
-- @return str
function M.format(rt, self, args, kwargs)
  return render(rt, values.text(self), args, kwargs, { next = 0 }, 1)
end

return M
