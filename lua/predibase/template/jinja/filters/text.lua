-- SPDX-License-Identifier: MIT
--- Filters that make strings.
-- @module predibase.template.jinja.filters.text

local attributes = require "predibase.template.jinja.attributes"
local characters = require "predibase.template.jinja.characters"
local format = require "predibase.template.jinja.format"
local iterate = require "predibase.template.jinja.iterate"
local json = require "predibase.template.jinja.json"
local operators = require "predibase.template.jinja.operators"
local pieces = require "predibase.template.jinja.pieces"
local represent = require "predibase.template.jinja.represent"
local runtime = require "predibase.template.jinja.runtime"
local signature = require "predibase.template.jinja.signature"
local trim = require "predibase.template.trim"
local values = require "predibase.template.jinja.values"

local M = {}

local raise, kind, truth = runtime.raise, values.kind, values.truth

local function filter(name, params, fn)
  M[name] = signature.define(name, params, fn)
end

--- A filter of a value's text; Markup stays Markup.
local function soft(name, params, fn)
  filter(name, params, function (rt, v, ...)
    local s = represent.str(rt, v)
    runtime.charge_string(rt, #s)
    local made = fn(rt, s, ...)
    return kind(v) == "markup" and pieces.marked(made) or made
  end)
end

for _, name in ipairs { "upper", "lower", "capitalize" } do
  soft(name, {}, function (rt, s)
    runtime.charge(rt, #s / 4)
    return characters[name](s)
  end)
end

--- Words begin behind white space, a hyphen or an opening bracket.
soft("title", {}, function (rt, s)
  runtime.charge(rt, #s)
  local chars, n = characters.chars(s)
  local inside = false
  for i = 1, n do
    local char = chars[i]
    local between = char:find("^[-({%[<]") or trim.left(char) == ""
    if not between then chars[i] = inside and characters.lower(char) or characters.upper(char) end
    inside = not between
  end
  return table.concat(chars, "", 1, n)
end)

soft("trim", { "chars" }, function (rt, s, chars)
  if chars == nil or kind(chars) == "none" then return pieces.stripped(rt, s, nil, true, true) end
  local set = values.text(chars)
  if not set then raise("trim: the characters must be a string") end
  return pieces.stripped(rt, s, set, true, true)
end)

soft("center", { "width" }, function (rt, s, width)
  local n, is_float = 80, false
  if width ~= nil then n, is_float = values.number(width) end
  if not n or is_float then raise("center: the width must be an integer") end
  runtime.charge_string(rt, math.max(0, n))
  runtime.charge_scan(rt, #s)
  return pieces.justify("center", s, n, " ")
end)

soft("string", {}, function (_, s) return s end)

filter("safe", {}, function (rt, v) return values.markup(represent.str(rt, v)) end)

filter("escape", {}, function (rt, v)
  if kind(v) == "markup" then return v end
  local s = represent.str(rt, v)
  runtime.charge_string(rt, #s * 5)
  return values.markup(operators.escape(s))
end)

filter("forceescape", {}, function (rt, v)
  local s = represent.str(rt, v)
  runtime.charge_string(rt, #s * 5)
  return values.markup(operators.escape(s))
end)

filter("replace", { "old", "new", "count", required = 2 }, function (rt, v, old, new, count)
  local most = count ~= nil and kind(count) ~= "none" and values.number(count) or nil
  local s = represent.str(rt, v)
  return pieces.replace(rt, s, represent.str(rt, old), represent.str(rt, new), most)
end)

local function plus(rt, a, b) return operators.binary["+"](rt, a, b) end

--- The lines with an indentation; the first and empty ones without unless asked for.
filter("indent", { "width", "first", "blank" }, function (rt, v, width, first, blank)
  local s = values.text(plus(rt, v, "\n"))
  local indention = width == nil and "    " or values.text(width)
  if not indention then
    local n, is_float = values.number(width)
    if not n or is_float then raise("indent: the width must be an integer or a string") end
    indention = characters.times(" ", n)
  end
  runtime.charge_scan(rt, #s)
  local lines = characters.lines(s)
  runtime.charge(rt, #lines)
  local all = blank ~= nil and truth(blank)
  runtime.charge_string(rt, #s + #lines * #indention)
  for i = 2, #lines do
    if all or lines[i] ~= "" then lines[i] = indention .. lines[i] end
  end
  local made = table.concat(lines, "\n")
  if first ~= nil and truth(first) then made = indention .. made end
  return kind(v) == "markup" and values.markup(made) or made
end)

filter("wordcount", {}, function (rt, v)
  local s = represent.str(rt, v)
  runtime.charge(rt, #s / 8)
  local _, n = s:gsub("[%w_\128-\255]+", "")
  return n
end)

filter("default", { "default_value", "boolean" }, function (_, v, default, boolean)
  if kind(v) == "undefined" or (boolean ~= nil and truth(boolean) and not truth(v)) then
    return default == nil and "" or default
  end
  return v
end)

--- `format`: the value is a pattern of `%`.
function M.format(rt, v, args, kwargs)
  if kwargs and args.n > 0 then
    raise("format takes positional or keyword arguments, not both")
  end
  local pattern = values.text(v) and v or represent.str(rt, v)
  if not kwargs then return format.percent(rt, pattern, values.tuple(args, args.n)) end
  local dict = values.dict()
  for _, name in ipairs(kwargs.names) do values.put(dict, name, kwargs.values[name]) end
  return format.percent(rt, pattern, dict)
end

--- The filter that `transformers` puts in place of Jinja's: nothing is escaped for HTML.
filter("tojson", { "ensure_ascii", "indent", "separators", "sort_keys" },
  function (rt, v, ascii, indent, separators, sort_keys)
    return json.write(rt, v, { ascii = ascii ~= nil and truth(ascii), indent = indent,
      separators = separators, sort = sort_keys ~= nil and truth(sort_keys) })
  end)

filter("join", { "d", "attribute" }, function (rt, v, d, attribute)
  local out, n = iterate.all(rt, v)
  local get = attribute ~= nil and kind(attribute) ~= "none" and attributes.getter(rt, attribute)
  local separator = d == nil and "" or represent.str(rt, d)
  local size = 0
  for i = 1, n do
    local item = out[i]
    if get then item = get(item) end
    out[i] = represent.str(rt, item)
    size = size + #out[i] + #separator
    runtime.check_size(size)
  end
  runtime.charge_string(rt, size)
  return table.concat(out, separator, 1, n)
end)

return M
