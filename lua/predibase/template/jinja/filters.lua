-- SPDX-License-Identifier: MIT
--- The filters by name: functions `(rt, value, args, kwargs)` that return a value. Nothing is
-- escaped for HTML automatically, as in the Python package `transformers`.
-- @module predibase.template.jinja.filters

local access = require "predibase.template.jinja.access"
local arguments = require "predibase.template.jinja.arguments"
local methods = require "predibase.template.jinja.methods"
local numbers = require "predibase.template.number_text"
local operators = require "predibase.template.jinja.operators"
local python_text = require "predibase.template.jinja.python_text"
local runtime = require "predibase.template.jinja.runtime"
local strings = require "predibase.python_strings"
local tojson = require "predibase.template.jinja.tojson"
local values = require "predibase.template.jinja.values"

local M = {}

local raise, charge = runtime.raise, runtime.charge
local kind, truth = values.kind, values.truth
local write = python_text.str

local function filter (name, params, fn)
  M[name] = arguments.define(name, params, fn)
end

--- Tells whether an optional argument is given and true.
local function is_set (v) return v ~= nil and truth(v) end

local function is_none (v) return v == nil or kind(v) == "none" end

-- Filters that return strings.

--- Defines a filter of the text of a value.
local function text_filter (name, params, fn)
  filter(name, params, function (rt, v, ...)
    if kind(v) == "safe" then
      raise(("%s of %s is not supported"):format(name, values.type_name(v)))
    end
    local s = write(rt, v)
    runtime.charge_string(rt, #s)
    return fn(rt, s, ...)
  end)
end

for _, name in ipairs { "upper", "lower", "capitalize" } do
  text_filter(name, {}, function (rt, s)
    charge(rt, #s / 4)
    return strings[name](s)
  end)
end

-- A word begins after white space, a hyphen or an opening bracket, unlike in `str.title`.
text_filter("title", {}, function (rt, s)
  charge(rt, #s)
  local chars, n = strings.chars(s)
  local inside = false
  for i = 1, n do
    local char = chars[i]
    local between = char:find("^[-({%[<]") or strings.lstrip(char) == ""
    if not between then chars[i] = strings[inside and "lower" or "upper"](char) end
    inside = not between
  end
  return table.concat(chars, "", 1, n)
end)

text_filter("trim", { "chars" }, function (rt, s, chars)
  if is_none(chars) then return methods.strip(rt, s, nil, true, true) end
  if type(chars) ~= "string" then raise("trim: the characters must be a string") end
  return methods.strip(rt, s, chars, true, true)
end)

filter("replace", { "old", "new", "count", required = 2 }, function (rt, v, old, new, count)
  local most = not is_none(count) and values.number(count) or nil
  return methods.replace(rt, write(rt, v), write(rt, old), write(rt, new), most)
end)

--- Indents all lines. The first line is left out unless `first` is true, and empty lines are left
-- out unless `blank` is true.
filter("indent", { "width", "first", "blank" }, function (rt, s, width, first, blank)
  if type(s) ~= "string" then
    raise("indent needs a string, got " .. values.type_name(values.needs(s)))
  end
  local indention = width == nil and "    " or width
  if type(indention) ~= "string" then
    local n, is_float = values.number(indention)
    if not n or is_float then raise("indent: the width must be an integer or a string") end
    indention = runtime.repeated(" ", n)
  end
  runtime.charge_scan(rt, #s)
  local lines = strings.lines(s .. "\n")
  charge(rt, #lines)
  runtime.charge_string(rt, #s + #lines * #indention)
  for i = 2, #lines do
    if is_set(blank) or lines[i] ~= "" then lines[i] = indention .. lines[i] end
  end
  return (is_set(first) and indention or "") .. table.concat(lines, "\n")
end)

--- Applies `%` to the value, which is the format.
function M.format (rt, v, args, kwargs)
  if kind(v) == "safe" then raise("format of " .. values.type_name(v) .. " is not supported") end
  if kwargs then raise("format with keyword arguments is not supported") end
  return python_text.percent(rt, write(rt, v), values.tuple(args, args.n))
end

filter("string", {}, function (rt, v) return kind(v) == "safe" and v or write(rt, v) end)

--- Marks a text as HTML. It can be written, joined with `~`, and added with `+`; every other use is
-- an error.
filter("safe", {}, function (rt, v) return { kind = "safe", text = write(rt, v) } end)

filter("escape", {}, function (rt, v)
  return kind(v) == "safe" and v or operators.escaped(rt, write(rt, v))
end)

filter("tojson", { "ensure_ascii", "indent", "separators", "sort_keys" },
  function (rt, v, ascii, indent, separators, sort_keys)
    return tojson.write(rt, v, { ascii = is_set(ascii), indent = indent, separators = separators,
      sort = is_set(sort_keys) })
  end)

filter("join", { "d", "attribute" }, function (rt, v, d, attribute)
  local out, n = values.all(rt, v)
  local get = not is_none(attribute) and access.getter(rt, attribute)
  local separator = d == nil and "" or write(rt, d)
  local size = 0
  for i = 1, n do
    out[i] = write(rt, get and get(out[i]) or out[i])
    size = size + #out[i] + #separator
    runtime.check_size(size)
  end
  runtime.charge_string(rt, size)
  return table.concat(out, separator, 1, n)
end)

-- Filters that return numbers.

local function finite (x)
  return x == x and x ~= math.huge and x ~= -math.huge
end

local function truncated (x)
  return values.int(x < 0 and math.ceil(x) or math.floor(x))
end

filter("abs", {}, function (_, v)
  if kind(v) == "bigint" then return values.integer((v.digits:gsub("^%-", ""))) end
  local x, is_float = values.number(values.needs(v))
  if not x then raise("abs needs a number, got " .. values.type_name(v)) end
  return is_float and values.float(math.abs(x)) or math.abs(x)
end)

filter("int", { "default", "base" }, function (_, v, default, base)
  values.needs(v)
  if base ~= nil and base ~= 10 then raise("the argument base of int is not supported") end
  if kind(v) == "bigint" then return v end
  if default == nil then default = 0 end
  if type(v) == "string" then
    local x = numbers.read_python(v, false)
    if x then return values.int(x) end
    x = numbers.read_python(v, true)
    return x and finite(x) and truncated(x) or default
  end
  local x = values.number(v)
  if not x or x ~= x then return default end
  if not finite(x) then raise("cannot convert float infinity to integer") end
  return truncated(x)
end)

filter("float", { "default" }, function (_, v, default)
  values.needs(v)
  if kind(v) == "bigint" then return values.float(tonumber(v.digits)) end
  local x = type(v) == "string" and numbers.read_python(v, true) or values.number(v)
  if not x and default ~= nil then return default end
  return values.float(x or 0)
end)

filter("length", {}, function (rt, v)
  if type(v) == "string" then runtime.charge_scan(rt, #v) end
  local n = values.length(v)
  if not n then raise(("object of type '%s' has no len()"):format(values.type_name(v))) end
  return n
end)

-- Filters of sequences, and `default`.

filter("default", { "default_value", "boolean" }, function (_, v, default, boolean)
  if kind(v) == "undefined" or (is_set(boolean) and not truth(v)) then
    return default == nil and "" or default
  end
  return v
end)

filter("list", {}, function (rt, v)
  local out, n = values.all(rt, v)
  return values.list(out, n)
end)

filter("first", {}, function (rt, v)
  local item = values.iter(rt, v)()
  if item ~= nil then return item end
  return values.undefined(nil, nil, "No first item, sequence was empty.")
end)

filter("last", {}, function (rt, v)
  if not values.length(v) then
    raise(("'%s' object is not reversible"):format(values.type_name(v)))
  end
  local out, n = values.all(rt, v)
  if n > 0 then return out[n] end
  return values.undefined(nil, nil, "No last item, sequence was empty.")
end)

filter("reverse", {}, function (rt, v)
  if type(v) == "string" then return access.slice(rt, v, nil, nil, -1) end
  local out, n = values.all(rt, v)
  local back = {}
  for i = 1, n do back[i] = out[n + 1 - i] end
  if not values.length(v) then return values.list(back, n) end
  local i = 0
  return values.generator(function ()
    i = i + 1
    return back[i]
  end)
end)

local function items_of (v)
  return { kind = "view", of = "items", dict = v }
end

filter("items", {}, function (rt, v)
  return values.lazy(function ()
    if kind(v) == "undefined" then return values.iter(rt, v) end
    if kind(v) ~= "dict" then raise("Can only get item pairs from a mapping.") end
    return values.iter(rt, items_of(v))
  end)
end)

--- Returns a string in lower case, and any other value unchanged.
local function ignore_case (rt, v)
  if type(v) ~= "string" then return v end
  charge(rt, #v / 4)
  return strings.lower(v)
end

--- Makes a function that returns the key by which an item is compared. `attribute` is a path or
-- nil.
local function comparison_key (rt, attribute, case_sensitive)
  local get = access.getter(rt, attribute == nil and values.NONE or attribute)
  if case_sensitive then return get end
  return function (item) return ignore_case(rt, get(item)) end
end

--- Sorts items by keys.
local function sort (rt, list, keys, n, reverse)
  local places = operators.stable_order(rt, keys, n, reverse)
  local out = {}
  for i = 1, n do out[i] = list[places[i]] end
  return values.list(out, n)
end

filter("sort", { "reverse", "case_sensitive", "attribute" },
  function (rt, v, reverse, case_sensitive, attribute)
    local list, n = values.all(rt, v)
    if type(attribute) == "string" and attribute:find(",", 1, true) then
      raise("sort by several attributes is not supported")
    end
    local key, keys = comparison_key(rt, attribute, is_set(case_sensitive)), {}
    for i = 1, n do keys[i] = key(list[i]) end
    return sort(rt, list, keys, n, is_set(reverse))
  end)

filter("dictsort", { "case_sensitive", "by", "reverse" },
  function (rt, v, case_sensitive, by, reverse)
    local place = ({ key = 1, value = 2 })[by == nil and "key" or by]
    if not place then raise('dictsort sorts by "key" or "value"') end
    if kind(values.needs(v)) ~= "dict" then
      raise(("dictsort needs a mapping, got %s"):format(values.type_name(v)))
    end
    local list, n = values.all(rt, items_of(v))
    local keys = {}
    for i = 1, n do
      local key = list[i][place]
      keys[i] = is_set(case_sensitive) and key or ignore_case(rt, key)
    end
    return sort(rt, list, keys, n, is_set(reverse))
  end)

for _, name in ipairs { "min", "max" } do
  filter(name, { "case_sensitive", "attribute" }, function (rt, v, case_sensitive, attribute)
    local key = comparison_key(rt, attribute, is_set(case_sensitive))
    local compare = operators.compare[name == "min" and "<" or ">"]
    local best, best_key
    for item in values.iter(rt, v) do
      charge(rt, 1)
      local k = key(item)
      if best == nil or compare(rt, k, best_key) then best, best_key = item, k end
    end
    if best ~= nil then return best end
    return values.undefined(nil, nil, "No aggregated item, sequence was empty.")
  end)
end

filter("unique", { "case_sensitive", "attribute" }, function (rt, v, case_sensitive, attribute)
  return values.lazy(function ()
    local key = comparison_key(rt, attribute, is_set(case_sensitive))
    local seen, next_item = {}, values.iter(rt, v)
    return function ()
      for item in next_item do
        charge(rt, 1)
        local by = key(item)
        values.charge_key(rt, by)
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

-- Filters that select or change items. Each item is processed only when the result is read.

local function without_first (args, count)
  local rest = { n = math.max(0, args.n - count) }
  for i = 1, rest.n do rest[i] = args[i + count] end
  return rest
end

--- Returns the filter or test with a name.
local function named (list, name, what)
  local found = type(name) == "string" and list[name]
  if not found then
    raise(("there is no %s '%s'"):format(what, type(name) == "string" and name or ""))
  end
  return found
end

local function mapper (rt, args, kwargs)
  if args.n == 0 and kwargs and kwargs.values.attribute ~= nil then
    local attribute, default = arguments.bind("map", { "attribute", "default" }, nil, kwargs)
    if is_none(default) then default = nil end
    return access.getter(rt, attribute, default)
  end
  if args.n == 0 then raise("map requires a filter argument") end
  local change = named(M, args[1], "filter")
  local rest = without_first(args, 1)
  return function (item) return change(rt, item, rest, kwargs) end
end

local function nothing () return nil end

--- Returns an attribute of each item, or applies a filter to each item.
function M.map (rt, v, args, kwargs)
  return values.lazy(function ()
    if not truth(v) then return nothing end
    local change, next_item = mapper(rt, args, kwargs), values.iter(rt, v)
    return function ()
      local item = next_item()
      if item == nil then return nil end
      charge(rt, 1)
      return change(item)
    end
  end)
end

--- Makes a function that tells whether an item passes the test in the arguments.
local function chooser (rt, args, kwargs, by_attribute)
  local get, offset = function (item) return item end, 0
  if by_attribute then
    if args.n == 0 then raise("Missing parameter for attribute name") end
    get, offset = access.getter(rt, args[1]), 1
  end
  if args.n <= offset then return function (item) return truth(get(item)) end end
  local test = named(rt.tests, args[offset + 1], "test")
  local rest = without_first(args, offset + 1)
  return function (item) return truth(test(rt, get(item), rest, kwargs)) end
end

local function selection (wanted, by_attribute)
  return function (rt, v, args, kwargs)
    return values.lazy(function ()
      if not truth(v) then return nothing end
      local fits, next_item = chooser(rt, args, kwargs, by_attribute), values.iter(rt, v)
      return function ()
        for item in next_item do
          charge(rt, 1)
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

M.count = M.length
M.d = M.default
M.e = M.escape

return M
