-- SPDX-License-Identifier: MIT
--- Writes values as Python does: `str`, `repr`, and the parts of `"…" % values` and `"…".format(…)`
-- that chat templates use.
-- @module predibase.template.jinja.python_text

local numbers = require "predibase.template.number_text"
local runtime = require "predibase.template.jinja.runtime"
local strings = require "predibase.python_strings"
local values = require "predibase.template.jinja.values"

local M = {}

local raise, kind = runtime.raise, values.kind

-- Values.

local repr

local function joined (rt, v, depth, opening, closing)
  local add, out = runtime.buffer(rt)
  for item in values.iter(rt, v) do add(repr(rt, item, depth)) end
  return opening .. table.concat(out, ", ") .. closing
end

local function pairs_of (rt, v, depth)
  local add, out = runtime.buffer(rt)
  for i = 1, v.n do
    local key = v.keys[i]
    add(repr(rt, key, depth) .. ": " .. repr(rt, values.get(v, key), depth))
  end
  return "{" .. table.concat(out, ", ") .. "}"
end

local WRITERS = {
  str = function (rt, v)
    runtime.charge_string(rt, #v)
    runtime.charge(rt, #v / 4)
    return strings.repr(v)
  end,
  int = function (_, v) return numbers.python_int(v) end,
  bigint = function (rt, v)
    runtime.charge_string(rt, #v.digits)
    return v.digits
  end,
  bool = function (_, v) return v and "True" or "False" end,
  none = function () return "None" end,
  float = function (_, v) return numbers.python_float(v.value) end,
  list = function (rt, v, depth) return joined(rt, v, depth, "[", "]") end,
  tuple = function (rt, v, depth) return joined(rt, v, depth, "(", v.n == 1 and ",)" or ")") end,
  dict = pairs_of,
  undefined = function () return "Undefined" end,
  range = function (_, v)
    local step = v.step ~= 1 and ", " .. numbers.python_int(v.step) or ""
    return ("range(%s, %s%s)"):format(numbers.python_int(v.start), numbers.python_int(v.stop), step)
  end,
  view = function (rt, v, depth)
    return "dict_" .. v.of .. "(" .. joined(rt, v, depth, "[", "])")
  end,
}

function repr (rt, v, depth)
  if depth > runtime.DATA then raise("a value that is nested too deeply to be written") end
  local writer = WRITERS[kind(v)]
  if writer then return writer(rt, v, depth + 1) end
  raise(("writing a value of type %s is not supported"):format(values.type_name(v)))
end

--- Writes a value as Python's `str` does. Values inside lists and dicts are written as by `repr`.
function M.str (rt, v)
  if type(v) == "string" then return v end
  if type(v) == "table" then
    if v.kind == "undefined" then return "" end
    if v.kind == "safe" then return v.text end
  end
  return repr(rt, v, 1)
end

-- Formats.

local function unsupported (form)
  raise(("the format '%s' is not supported"):format(form:sub(1, 40)))
end

--- Writes one value for `%d`.
local function decimal (v)
  if kind(v) == "bigint" then return v.digits end
  local x = values.number(v)
  if not x then
    raise("%d format: a number is required, not " .. values.type_name(v))
  end
  if x ~= x or math.abs(x) == math.huge then raise("%d format: a finite number is required") end
  return numbers.python_int(x < 0 and math.ceil(x) or math.floor(x))
end

--- Computes Python's `format % value` with the conversions `%s`, `%d` and `%%`.
function M.percent (rt, format, given)
  local add, out = runtime.buffer(rt)
  local list = kind(given) == "tuple" and given or { given, n = 1 }
  local at, used = 1, 0
  while true do
    local start = format:find("%", at, true)
    add(format:sub(at, (start or 0) - 1))
    if not start then break end
    local letter = format:sub(start + 1, start + 1)
    if letter == "%" then
      add("%")
    elseif letter == "s" or letter == "d" then
      used = used + 1
      if used > list.n then raise("not enough arguments for format string") end
      runtime.charge(rt, 1)
      add(letter == "d" and decimal(list[used]) or M.str(rt, list[used]))
    else
      unsupported(format:match("^%%[^%a]*%a?", start))
    end
    at = start + 2
  end
  -- Python accepts a dict or a list that no conversion uses.
  if used < list.n and (list == given or kind(given) ~= "dict" and kind(given) ~= "list") then
    raise("not all arguments converted during string formatting")
  end
  return table.concat(out)
end

--- Computes Python's `str.format` with the fields `{}`, `{0}` and `{name}`.
function M.format (rt, format, args, kwargs)
  local add, out = runtime.buffer(rt)
  local at, used = 1, 0
  while true do
    local brace = format:find("[{}]", at)
    add(format:sub(at, (brace or 0) - 1))
    if not brace then return table.concat(out) end
    local two = format:sub(brace, brace + 1)
    if two == "{{" or two == "}}" then
      add(two:sub(1, 1))
      at = brace + 2
    else
      local name, stop = format:match("^{([%w_]*)}()", brace)
      if not name then unsupported(format:match("^{[^}]*}?", brace) or "}") end
      local value
      if name == "" then
        used = used + 1
        value = args[used]
      elseif name:find("^%d+$") then
        if used > 0 then raise("format() has fields with numbers and fields without") end
        value = args[tonumber(name) + 1]
      else
        value = kwargs and kwargs.values[name]
      end
      if value == nil then raise(("format() has no argument for '{%s}'"):format(name)) end
      add(M.str(rt, value))
      at = stop
    end
  end
end

return M
