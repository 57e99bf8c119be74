-- SPDX-License-Identifier: MIT
--- The methods of strings and dicts. Methods that would change a value do not exist here; their
-- names are in the table `unsafe`, as in Jinja's immutable sandbox.
-- @module predibase.template.jinja.methods

local arguments = require "predibase.template.jinja.arguments"
local python_text = require "predibase.template.jinja.python_text"
local runtime = require "predibase.template.jinja.runtime"
local strings = require "predibase.python_strings"
local values = require "predibase.template.jinja.values"

local M = {}

local raise, charge, search = runtime.raise, runtime.charge, runtime.search
local kind = values.kind

--- Removes the characters in `set`, or white space when it is nil, from the ends of a string.
function M.strip (rt, s, set, left, right)
  charge(rt, set and #set or 0)
  local first, last = 1, #s
  if not set then
    if right then last = #strings.rstrip(s) end
    if left then first = strings.skip_space(s, 1) end
  else
    local member, chars, n = {}, strings.chars(set)
    for i = 1, n do member[chars[i]] = true end
    while left and first <= last do
      local char, after = strings.at(s, first)
      if not member[char] then break end
      first = after
    end
    while right and last >= first do
      local begin = last
      while begin > first and s:find("^[\128-\191]", begin) do begin = begin - 1 end
      if not member[s:sub(begin, last)] then break end
      last = begin - 1
    end
  end
  local made = s:sub(first, last)
  charge(rt, (#s - #made) / 4)
  return made
end

--- Splits a string at a separator, at most `limit` times if `limit` is not negative.
local function split (rt, s, sep, limit)
  if sep == "" then raise("empty separator") end
  local out, from = {}, 1
  while #out ~= limit do
    local first, last = search(rt, s, sep, from)
    if not first then break end
    out[#out + 1] = s:sub(from, first - 1)
    from = last + 1
  end
  out[#out + 1] = s:sub(from)
  return values.list(out)
end

--- Splits a string at a separator, beginning at its end. The result differs from that of `split`
-- only when there is a limit.
local function rsplit (rt, s, sep, limit)
  if limit < 0 then return split(rt, s, sep, limit) end
  runtime.charge_scan(rt, #s)
  local parts, back = split(rt, s:reverse(), sep:reverse(), limit), {}
  for i, part in ipairs(parts) do back[parts.n + 1 - i] = part:reverse() end
  return values.list(back)
end

--- Splits a string at white space, at most `limit` times if `limit` is not negative.
local function words (rt, s, limit)
  local out = {}
  charge(rt, #s / (s:find("[\128-\255]") and 1 or 16))
  local chars, count = strings.chars(s)
  local i = 1
  local function skip (space)
    local from = i
    while i <= count and (strings.lstrip(chars[i]) == "") == space do i = i + 1 end
    return from
  end
  skip(true)
  while i <= count do
    local from = skip(false)
    if #out == limit then i = count + 1 end
    out[#out + 1] = table.concat(chars, "", from, i - 1)
    skip(true)
  end
  charge(rt, #out)
  return values.list(out)
end

--- Replaces `old` by `new` in a string, at most `most` times if `most` is neither nil nor negative.
function M.replace (rt, s, old, new, most)
  if most and most < 0 then most = nil end
  local add, out = runtime.buffer(rt)
  local done = 0
  local function may_replace () return not most or done < most end
  if old == "" then
    charge(rt, #s)
    local chars, n = strings.chars(s)
    for i = 1, n + 1 do
      if may_replace() then add(new) end
      done = done + 1
      if chars[i] then add(chars[i]) end
    end
    return table.concat(out)
  end
  local from = 1
  while may_replace() do
    local first, last = search(rt, s, old, from)
    if not first then break end
    add(s:sub(from, first - 1))
    add(new)
    from, done = last + 1, done + 1
  end
  add(s:sub(from))
  return table.concat(out)
end

local function str (v, name)
  if type(v) == "string" then return v end
  if v ~= nil then values.needs(v) end
  raise(("%s: must be str, not %s"):format(name, v == nil and "nothing" or values.type_name(v)))
end

local function int (v, default, name)
  if v == nil then return default end
  local k = kind(values.needs(v))
  if k == "bool" then return v and 1 or 0 end
  if k ~= "int" then
    raise(("%s: '%s' object cannot be interpreted as an integer"):format(name,
      values.type_name(v)))
  end
  return v
end

local function is_none (v)
  return v == nil or kind(v) == "none"
end

local str_methods = {}

--- Defines a method of strings. A call is charged one step, and one more for every `share` bytes of
-- the string.
local function method (name, params, share, fn)
  local call = arguments.define(name, params, fn)
  str_methods[name] = function (rt, self, args, kwargs)
    charge(rt, #self / share + 1)
    return call(rt, self, args, kwargs)
  end
end

for name, share in pairs { upper = 4, lower = 4, title = 1, capitalize = 4 } do
  method(name, {}, share, function (_, s) return strings[name](s) end)
end

for _, name in ipairs { "strip", "lstrip", "rstrip" } do
  method(name, { "chars" }, 32, function (rt, s, set)
    set = not is_none(set) and str(set, name) or nil
    return M.strip(rt, s, set, name ~= "rstrip", name ~= "lstrip")
  end)
end

for name, split_at in pairs { split = split, rsplit = rsplit } do
  method(name, { "sep", "maxsplit" }, 32, function (rt, s, sep, most)
    local limit = int(most, -1, name)
    if not is_none(sep) then return split_at(rt, s, str(sep, name), limit) end
    if limit >= 0 and name == "rsplit" then
      raise("rsplit at white space with a limit is not supported")
    end
    return words(rt, s, limit)
  end)
end

method("splitlines", { "keepends" }, 16, function (rt, s, keep)
  local lines = strings.lines(s, keep ~= nil and values.truth(keep))
  charge(rt, #lines)
  return values.list(lines)
end)

method("partition", { "sep", required = 1 }, 32, function (rt, s, sep)
  local parts = split(rt, s, str(sep, "partition"), 1)
  return values.tuple { parts[1], parts[2] and sep or "", parts[2] or "" }
end)

method("removeprefix", { "prefix", required = 1 }, 32, function (_, s, prefix)
  prefix = str(prefix, "removeprefix")
  return s:sub(1, #prefix) == prefix and s:sub(#prefix + 1) or s
end)

method("removesuffix", { "suffix", required = 1 }, 32, function (_, s, suffix)
  suffix = str(suffix, "removesuffix")
  return suffix ~= "" and s:sub(-#suffix) == suffix and s:sub(1, -#suffix - 1) or s
end)

for _, name in ipairs { "startswith", "endswith" } do
  method(name, { "prefix", required = 1 }, 64, function (_, s, affix)
    local affixes = kind(affix) == "tuple" and affix or { affix, n = 1 }
    for i = 1, affixes.n do
      local one = str(affixes[i], name)
      local there = name == "startswith" and s:sub(1, #one) or one == "" and "" or s:sub(-#one)
      if there == one then return true end
    end
    return false
  end)
end

method("count", { "sub", required = 1 }, 64, function (rt, s, sub)
  if str(sub, "count") == "" then raise("count of an empty string is not supported") end
  return split(rt, s, sub, -1).n - 1
end)

method("find", { "sub", required = 1 }, 64, function (rt, s, sub)
  local at = search(rt, s, str(sub, "find"), 1)
  runtime.charge_scan(rt, at or 0)
  return at and strings.length(s:sub(1, at - 1)) or -1
end)

method("replace", { "old", "new", "count", required = 2 }, 64, function (rt, s, old, new, most)
  return M.replace(rt, s, str(old, "replace"), str(new, "replace"), int(most, -1, "replace"))
end)

method("join", { "iterable", required = 1 }, 64, function (rt, s, iterable)
  local parts, n = values.all(rt, iterable)
  local size = 0
  for i = 1, n do
    if type(parts[i]) ~= "string" then
      raise(("sequence item %d: expected str instance, %s found"):format(i - 1,
        values.type_name(parts[i])))
    end
    size = size + #parts[i] + #s
    runtime.check_size(size)
  end
  runtime.charge_string(rt, size)
  return table.concat(parts, s, 1, n)
end)

str_methods.format = python_text.format

-- Every character beyond ASCII counts as a letter.
for name, pattern in pairs { isdigit = "^%d+$", isalpha = "^[%a\128-\255]+$",
  isalnum = "^[%w\128-\255]+$" }
do
  method(name, {}, 16, function (_, s) return s:find(pattern) ~= nil end)
end

method("isspace", {}, 16, function (_, s) return s ~= "" and strings.lstrip(s) == "" end)

for _, case in ipairs { "upper", "lower" } do
  method("is" .. case, {}, 1, function (_, s) return strings.all_of_case(s, case) end)
end

-- Dicts.

local dicts = {}

for _, of in ipairs { "keys", "values", "items" } do
  dicts[of] = arguments.define(of, {}, function (_, self)
    return { kind = "view", of = of, dict = self }
  end)
end

dicts.get = arguments.define("get", { "key", "default", required = 1 },
  function (rt, self, key, default)
    values.charge_key(rt, key)
    local value = values.get(self, key)
    if value ~= nil then return value end
    return default == nil and values.NONE or default
  end)

--- The methods by the kind of the value and their name: functions `(rt, self, args, kwargs)`.
M.of = { str = str_methods, dict = dicts }

local function set_of (names)
  local set = {}
  for name in names:gmatch("%S+") do set[name] = true end
  return set
end

--- The names that Jinja's sandbox hides, by the kind of the value.
M.unsafe = {
  list = set_of "append clear extend insert pop remove reverse sort",
  dict = set_of "clear pop popitem setdefault update",
}

local INTEGER = set_of [[as_integer_ratio bit_count bit_length conjugate denominator from_bytes imag
  numerator real to_bytes]]

--- The names that Python has and this interpreter does not, by the kind of the value.
M.unsupported = {
  str = set_of [[casefold center encode expandtabs format_map index isascii isdecimal isidentifier
    isnumeric isprintable istitle ljust maketrans rfind rindex rjust rpartition swapcase translate
    zfill]],
  dict = set_of "copy fromkeys",
  list = set_of "copy count index", tuple = set_of "count index",
  int = INTEGER, bigint = INTEGER, bool = INTEGER,
  float = set_of "as_integer_ratio conjugate fromhex hex imag is_integer real",
  range = set_of "count index start step stop",
  view = set_of "isdisjoint mapping",
  macro = set_of "arguments caller catch_kwargs catch_varargs explicit_caller name",
}

return M
