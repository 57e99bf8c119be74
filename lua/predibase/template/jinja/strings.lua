-- SPDX-License-Identifier: MIT
--- The methods of strings. What they give for Markup is Markup again.
-- @module predibase.template.jinja.strings

local access = require "predibase.template.jinja.access"
local characters = require "predibase.template.jinja.characters"
local fields = require "predibase.template.jinja.fields"
local iterate = require "predibase.template.jinja.iterate"
local operators = require "predibase.template.jinja.operators"
local pieces = require "predibase.template.jinja.pieces"
local runtime = require "predibase.template.jinja.runtime"
local signature = require "predibase.template.jinja.signature"
local values = require "predibase.template.jinja.values"

local M = {}

local raise, kind = runtime.raise, values.kind

local function str(v, name)
  local s = v ~= nil and values.text(v) or nil
  if not s then
    if v ~= nil then values.needs(v) end
    raise(("%s: must be str, not %s"):format(name, v == nil and "nothing" or values.type_name(v)))
  end
  return s
end

local function int(v, default, name)
  if v == nil then return default end
  local k = kind(values.needs(v))
  if k == "bool" then return v and 1 or 0 end
  if k ~= "int" then
    raise(("%s: '%s' object cannot be interpreted as an integer"):format(name,
      values.type_name(v)))
  end
  return v
end

--- The characters to strip: nil for white space.
local function strip_set(v, name)
  if v == nil or kind(v) == "none" then return nil end
  return str(v, name)
end

local list = {}

--- Adds a method whose result is wrapped as Markup when the string is. `share` tells how many bytes
-- it goes over in one step.
local function method(name, params, fn, share)
  local call = signature.define(name, params, fn)
  list[name] = function (rt, self, args, kwargs)
    local s = values.text(self)
    runtime.charge(rt, #s / (share or 32) + 1)
    local made = call(rt, s, args, kwargs)
    if kind(self) ~= "markup" then return made end
    return pieces.marked(made)
  end
end

for name, share in pairs { upper = 4, lower = 4, title = 1, capitalize = 4 } do
  method(name, {}, function (_, s) return characters[name](s) end, share)
end

method("swapcase", {}, function (_, s)
  local chars, n = characters.chars(s)
  for i = 1, n do
    local c = chars[i]
    chars[i] = characters.lower(c) == c and characters.upper(c) or characters.lower(c)
  end
  return table.concat(chars, "", 1, n)
end, 0.5)

for _, name in ipairs { "strip", "lstrip", "rstrip" } do
  method(name, { "chars" }, function (rt, s, chars)
    return pieces.stripped(rt, s, strip_set(chars, name), name ~= "rstrip", name ~= "lstrip")
  end)
end

for _, name in ipairs { "split", "rsplit" } do
  method(name, { "sep", "maxsplit" }, function (rt, s, sep, most)
    local limit = int(most, -1, name)
    if sep == nil or kind(sep) == "none" then
      return pieces.words(rt, s, limit, name == "rsplit")
    end
    sep = str(sep, name)
    if sep == "" then raise("empty separator") end
    return pieces.split(rt, s, sep, limit, name == "rsplit")
  end)
end

method("splitlines", { "keepends" }, function (rt, s, keep)
  local lines = characters.lines(s, keep ~= nil and values.truth(keep))
  runtime.charge(rt, #lines)
  return values.list(lines)
end, 16)

method("partition", { "sep", required = 1 }, function (rt, s, sep)
  sep = str(sep, "partition")
  if sep == "" then raise("empty separator") end
  local first, last = runtime.search(rt, s, sep, 1)
  if not first then return values.tuple { s, "", "" } end
  return values.tuple { s:sub(1, first - 1), sep, s:sub(last + 1) }
end)

method("rpartition", { "sep", required = 1 }, function (rt, s, sep)
  sep = str(sep, "rpartition")
  if sep == "" then raise("empty separator") end
  local parts = pieces.split(rt, s, sep, 1, true)
  if parts.n == 1 then return values.tuple { "", "", s } end
  return values.tuple { parts[1], sep, parts[2] }
end)

method("removeprefix", { "prefix", required = 1 }, function (_, s, prefix)
  prefix = str(prefix, "removeprefix")
  return s:sub(1, #prefix) == prefix and s:sub(#prefix + 1) or s
end)

method("removesuffix", { "suffix", required = 1 }, function (_, s, suffix)
  suffix = str(suffix, "removesuffix")
  return suffix ~= "" and s:sub(-#suffix) == suffix and s:sub(1, -#suffix - 1) or s
end)

for _, name in ipairs { "ljust", "rjust", "center", "zfill" } do
  method(name, { "width", "fillchar", required = 1 }, function (rt, s, width, fill)
    width = int(width, 0, name)
    runtime.charge_string(rt, math.max(0, width))
    return pieces.justify(name, s, width, fill == nil and " " or str(fill, name))
  end, 16)
end

method("expandtabs", { "tabsize" }, function (rt, s, size)
  return pieces.expand_tabs(rt, s, int(size, 8, "expandtabs"))
end, 1)

local function place(v)
  if v == nil or kind(v) == "none" then return nil end
  return int(v, nil, "slice")
end

--- The part of a string between two indices, and whether there is one.
local function part(rt, s, start, stop)
  local from, to = place(start), place(stop)
  if not from and not to then return s, 0 end
  runtime.charge(rt, #s / 8)
  local length = values.length(s)
  local first, _, count = characters.bounds(from, to, 1, length)
  if from and from > length then return nil end
  return characters.slice(s, first, first + count), first
end

local function plain(name, params, fn)
  local call = signature.define(name, params, fn)
  list[name] = function (rt, self, args, kwargs)
    local s = values.text(self)
    runtime.charge(rt, #s / 64 + 1)
    return call(rt, s, args, kwargs)
  end
end

for _, name in ipairs { "startswith", "endswith" } do
  plain(name, { "prefix", "start", "end", required = 1 }, function (rt, s, affix, start, stop)
    local within = part(rt, s, start, stop)
    local affixes = kind(affix) == "tuple" and affix or { affix, n = 1 }
    for i = 1, affixes.n do
      local one = str(affixes[i], name)
      if within and name == "startswith" and within:sub(1, #one) == one then return true end
      if within and name == "endswith" and (one == "" or within:sub(-#one) == one) then
        return true
      end
    end
    return false
  end)
end

for _, name in ipairs { "find", "index", "rfind", "rindex", "count" } do
  plain(name, { "sub", "start", "end", required = 1 }, function (rt, s, sub, start, stop)
    local within, offset = part(rt, s, start, stop)
    local needle = str(sub, name)
    if name == "count" then return within and pieces.count(rt, within, needle) or 0 end
    local at = within and pieces.find(rt, within, needle, name:find("^r"))
    if at then return at + offset end
    if name:find("index") then raise("substring not found") end
    return -1
  end)
end

plain("replace", { "old", "new", "count", required = 2 }, function (rt, s, old, new, count)
  return pieces.replace(rt, s, str(old, "replace"), str(new, "replace"), int(count, -1, "replace"))
end)

local replace = list.replace

--- Markup escapes what is put in.
list["replace"] = function (rt, self, args, kwargs)
  if kind(self) ~= "markup" then return replace(rt, self, args, kwargs) end
  local new = args.n >= 2 and args[2]
  local second = new and kind(new) == "str" and operators.escape(new) or new
  return values.markup(replace(rt, self, { n = args.n, args[1], second, args[3] }, kwargs))
end

plain("join", { "iterable", required = 1 }, function (rt, s, iterable)
  return pieces.join(rt, s, iterable)
end)

local join = list.join

list["join"] = function (rt, self, args, kwargs)
  if kind(self) ~= "markup" then return join(rt, self, args, kwargs) end
  local escaped, n = iterate.all(rt, args[1] or values.NONE)
  for i = 1, n do
    escaped[i] = values.text(operators.binary["+"](rt, values.markup(""), escaped[i]))
  end
  return values.markup(join(rt, self, { n = 1, values.list(escaped, n) }))
end

list["format"] = function (rt, self, args, kwargs)
  local made = fields.format(rt, self, args, kwargs)
  return kind(self) == "markup" and values.markup(made) or made
end

for name, test in pairs(pieces.tests) do
  plain(name, {}, function (rt, s) return test(s, rt) end)
end

for name in ("casefold encode format_map isidentifier isnumeric isprintable maketrans translate")
  :gmatch("%S+") do
  list[name] = "absent"
end

access.register("str", list)
access.register("markup", list)

M.list = list

return M
