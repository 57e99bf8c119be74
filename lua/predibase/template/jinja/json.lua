-- SPDX-License-Identifier: MIT
--- The filter `tojson` of `transformers`: Python's `json.dumps`, which keeps the order of keys.
-- @module predibase.template.jinja.json

local characters = require "predibase.template.jinja.characters"
local compare = require "predibase.template.jinja.compare"
local iterate = require "predibase.template.jinja.iterate"
local numbers = require "predibase.template.jinja.numbers"
local runtime = require "predibase.template.jinja.runtime"
local values = require "predibase.template.jinja.values"

local M = {}

local raise, kind = runtime.raise, values.kind

local ESCAPES = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t",
  ["\f"] = "\\f", ["\b"] = "\\b" }

local function control(char)
  return ESCAPES[char] or ("\\u%04x"):format(char:byte())
end

--- A character beyond ASCII as one or two units of UTF-16.
local function unit(char)
  local code = characters.codepoint(char)
  if code < 0x10000 then return ("\\u%04x"):format(code) end
  code = code - 0x10000
  return ("\\u%04x\\u%04x"):format(0xD800 + math.floor(code / 0x400), 0xDC00 + code % 0x400)
end

local function quoted(s, ascii)
  local out = s:gsub('[%z\1-\31"\\]', control)
  if ascii then out = out:gsub("[\194-\244][\128-\191]+", unit) end
  return '"' .. out .. '"'
end

local function number(v)
  if kind(v) == "bigint" then return v.digits end
  local x, is_float = values.number(v)
  if not is_float then return numbers.int(x) end
  if x ~= x then return "NaN" end
  if x == math.huge then return "Infinity" end
  return x == -math.huge and "-Infinity" or numbers.float(x)
end

local NUMBERS = { int = true, bigint = true, float = true }

local function key_text(v)
  local s = values.text(v)
  if s then return s end
  local k = kind(v)
  if NUMBERS[k] then return number(v) end
  if k == "bool" then return v and "true" or "false" end
  if k == "none" then return "null" end
  raise(("keys must be str, int, float, bool or None, not %s"):format(values.type_name(v)))
end

local function sorted(rt, keys, n)
  local out = {}
  for i = 1, n do
    local at = i
    while at > 1 and compare.less(rt, keys[i], out[at - 1]) do
      runtime.charge(rt, 1)
      out[at] = out[at - 1]
      at = at - 1
    end
    out[at] = keys[i]
  end
  return out
end

local function writer(rt, how)
  local out, size = {}, 0
  local put_value

  local function put(piece)
    size = size + #piece
    runtime.charge_string(rt, #piece)
    runtime.check_size(size)
    out[#out + 1] = piece
  end

  local function line(depth)
    if not how.indent then return end
    runtime.check_size(#how.indent * depth)
    put("\n" .. how.indent:rep(depth))
  end

  local function members(n, depth, opening, closing, member)
    if n == 0 then return put(opening .. closing) end
    put(opening)
    for i = 1, n do
      if i > 1 then put(how.comma) end
      line(depth)
      member(i)
    end
    line(depth - 1)
    put(closing)
  end

  function put_value(v, depth)
    if depth > runtime.DATA then raise("a value that is nested too deeply for tojson") end
    local k = kind(v)
    if k == "str" or k == "markup" then
      runtime.charge_string(rt, #values.text(v))
      runtime.charge(rt, #values.text(v) / (how.ascii and 1 or 16))
      put(quoted(values.text(v), how.ascii))
    elseif NUMBERS[k] then
      put(number(v))
    elseif k == "bool" then
      put(v and "true" or "false")
    elseif k == "none" then
      put("null")
    elseif k == "list" or k == "tuple" then
      members(v.n, depth, "[", "]", function (i) put_value(v[i], depth + 1) end)
    elseif k == "dict" then
      local keys = how.sort and sorted(rt, v.keys, v.n) or v.keys
      members(v.n, depth, "{", "}", function (i)
        put(quoted(key_text(keys[i]), how.ascii) .. how.colon)
        put_value(values.get(v, keys[i]), depth + 1)
      end)
    else
      raise(("Object of type %s is not JSON serializable"):format(values.type_name(v)))
    end
  end

  return function (v)
    put_value(v, 1)
    return table.concat(out)
  end
end

local function indent_of(v)
  if v == nil or kind(v) == "none" then return nil end
  local s = values.text(v)
  if s then return s end
  local n, is_float = values.number(v)
  if not n or is_float then raise("tojson: the indent must be an integer or a string") end
  return characters.times(" ", n)
end

--- Writes a value as JSON.
-- @tparam table rt
-- @param v a value
-- @tparam table how `ascii` and `sort` (booleans), `indent` and `separators` (values, or nil)
-- @treturn string
function M.write(rt, v, how)
  local indent = indent_of(how.indent)
  local comma, colon = indent and "," or ", ", ": "
  local separators = how.separators
  if separators ~= nil and kind(separators) ~= "none" then
    local list, n = iterate.all(rt, separators)
    comma, colon = list[1] and values.text(list[1]), list[2] and values.text(list[2])
    if n ~= 2 or not comma or not colon then raise("tojson: separators are two strings") end
  end
  return writer(rt, { ascii = how.ascii, sort = how.sort, indent = indent, comma = comma,
    colon = colon })(v)
end

return M
