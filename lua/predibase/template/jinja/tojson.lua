-- SPDX-License-Identifier: MIT
--- The filter `tojson` of `transformers`: Python's `json.dumps`, which keeps the order of keys.
-- @module predibase.template.jinja.tojson

local numbers = require "predibase.template.number_text"
local operators = require "predibase.template.jinja.operators"
local runtime = require "predibase.template.jinja.runtime"
local strings = require "predibase.python_strings"
local values = require "predibase.template.jinja.values"

local M = {}

local raise, kind = runtime.raise, values.kind

local ESCAPES = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t",
  ["\f"] = "\\f", ["\b"] = "\\b" }

local function control (char)
  return ESCAPES[char] or ("\\u%04x"):format(char:byte())
end

--- Escapes a character beyond ASCII as one or two units of UTF-16.
local function unit (char)
  local code = strings.codepoint(char)
  if code < 0x10000 then return ("\\u%04x"):format(code) end
  code = code - 0x10000
  return ("\\u%04x\\u%04x"):format(0xD800 + math.floor(code / 0x400), 0xDC00 + code % 0x400)
end

local function quoted (s, ascii)
  local out = s:gsub('[%z\1-\31"\\]', control)
  if ascii then out = out:gsub("[\194-\244][\128-\191]+", unit) end
  return '"' .. out .. '"'
end

local function unsupported (v)
  raise(("Object of type %s is not JSON serializable"):format(values.type_name(v)))
end

--- Writes a number, a boolean or None; returns nil for a string, and raises for other values.
local function simple (v)
  local k = kind(v)
  if k == "str" then return nil end
  if k == "bool" then return v and "true" or "false" end
  if k == "none" then return "null" end
  if k == "bigint" then return v.digits end
  local x, is_float = values.number(v)
  if not x then unsupported(v) end
  if not is_float then return numbers.python_int(x) end
  if x ~= x then return "NaN" end
  if x == math.huge then return "Infinity" end
  return x == -math.huge and "-Infinity" or numbers.python_float(x)
end

local function sorted (rt, keys, n)
  local out = {}
  for i, index in ipairs(operators.stable_order(rt, keys, n)) do out[i] = keys[index] end
  return out
end

local write

local function line (put, how, depth)
  if not how.indent then return end
  runtime.check_size(#how.indent * depth)
  put("\n" .. how.indent:rep(depth))
end

local function members (put, how, depth, brackets, n, member)
  if n == 0 then return put(brackets) end
  put(brackets:sub(1, 1))
  for i = 1, n do
    if i > 1 then put(how.comma) end
    line(put, how, depth)
    member(i)
  end
  line(put, how, depth - 1)
  put(brackets:sub(2))
end

--- Writes a value piece by piece with `put`.
function write (rt, put, how, v, depth)
  if depth > runtime.DATA then raise("a value that is nested too deeply for tojson") end
  local k = kind(v)
  if k == "str" then
    runtime.charge_string(rt, #v)
    runtime.charge(rt, #v / (how.ascii and 1 or 16))
    put(quoted(v, how.ascii))
  elseif k == "list" or k == "tuple" then
    members(put, how, depth, "[]", v.n, function (i) write(rt, put, how, v[i], depth + 1) end)
  elseif k == "dict" then
    local keys = how.sort and sorted(rt, v.keys, v.n) or v.keys
    members(put, how, depth, "{}", v.n, function (i)
      put(quoted(simple(keys[i]) or keys[i], how.ascii) .. how.colon)
      write(rt, put, how, values.get(v, keys[i]), depth + 1)
    end)
  else
    put(simple(v))
  end
end

local function indent_of (v)
  if v == nil or kind(v) == "none" then return nil end
  if type(v) == "string" then return v end
  local n, is_float = values.number(v)
  if not n or is_float then raise("tojson: the indent must be an integer or a string") end
  return runtime.repeated(" ", n)
end

--- Writes a value as JSON. Fields of `how`: `ascii` and `sort` (booleans), `indent` and
-- `separators` (values, or nil).
function M.write (rt, v, how)
  how.indent = indent_of(how.indent)
  how.comma, how.colon = how.indent and "," or ", ", ": "
  if how.separators ~= nil and kind(how.separators) ~= "none" then
    local list, n = values.all(rt, how.separators)
    how.comma, how.colon = list[1], list[2]
    if n ~= 2 or type(list[1]) ~= "string" or type(list[2]) ~= "string" then
      raise("tojson: separators are two strings")
    end
  end
  local put, out = runtime.buffer(rt)
  write(rt, put, how, v, 1)
  return table.concat(out)
end

return M
