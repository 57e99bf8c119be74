-- SPDX-License-Identifier: MIT
--- Writes a Lua value as JSON text, without a JSON library. Use it through `predibase.json`.
-- @module predibase.json.encode

local errors = require "predibase.errors"
local utf8 = require "predibase.utf8"

local M = {}

local format, floor, huge = string.format, math.floor, math.huge
local subtype = rawget(math, "type")

-- Integral doubles below this limit are written with all their digits. It is also the limit of
-- seeds (unsigned 64-bit integers).
local DIGITS_LIMIT = 2 ^ 64
-- Subnormal doubles may need fewer than 15 digits to read back as the same number.
local SMALLEST_NORMAL = 2 ^ -1022

--- Formats a number: integers with all digits, floats with the fewest digits that read back as the
-- same double. Returns nil for NaN and the infinities.
local function number_text (v)
  if subtype and subtype(v) == "integer" then return format("%d", v) end
  if v ~= v or v == huge or v == -huge then return nil end
  if v == 0 then return (1 / v < 0) and "-0.0" or "0" end
  if v == floor(v) and v > -DIGITS_LIMIT and v < DIGITS_LIMIT then return format("%.0f", v) end
  local digits = (v < SMALLEST_NORMAL and v > -SMALLEST_NORMAL) and 1 or 15
  local text
  repeat
    text = format("%." .. digits .. "g", v)
    digits = digits + 1
  until digits > 17 or tonumber(text) == v
  -- `format` writes a decimal comma if the program's locale has one.
  return (text:gsub(",", "."))
end

M.number_text = number_text

--- Returns the length of a plain table that is an array. An empty table counts as an object: the
-- second result is true. Returns nil, nil and a reason for a table that is neither an array nor an
-- object with string keys. For an object the length is 0.
local function array_length (t)
  local n, top, strings = 0, 0, 0
  for key in next, t do
    local kind = type(key)
    if kind == "string" then
      strings = strings + 1
    elseif kind == "number" and key >= 1 and key == floor(key) then
      n = n + 1
      if key > top then top = key end
    else
      return nil, nil, "a table with the key " .. (kind == "number" and key or "of type " .. kind)
    end
  end
  if n == 0 then return 0, true end
  if strings > 0 then return nil, nil, "a table that is an array and an object at once" end
  if top ~= n then return nil, nil, "an array with holes" end
  return n, false
end

--- Puts a key in front of a path inside its value: `stop[2]`, `schema.properties.x`.
local function child_path (key, path)
  local dot = (path ~= "" and path:sub(1, 1) ~= "[") and "." or ""
  if type(key) == "number" then key = format("[%d]", key) end
  return key .. dot .. path
end

-- The dialect and the state of the text that is being written. Only one call of an encoder runs at
-- a time, because it neither calls functions of the program nor yields. So the state can be in
-- variables of the module, which are faster than fields of a table.
local escape, null, empty_array, max_depth, is_array, is_object, is_raw
local out, size, open, depth     -- pieces, their number, tables around the current value
local write

local function put (text)
  size = size + 1
  out[size] = text
end

local function write_string (s)
  local ok, position = utf8.valid(s)
  if not ok then return "", format("a string that is not UTF-8 (byte %d)", position) end
  put(escape(s))
end

local function write_array (t, n)
  put "["
  for i = 1, n do
    if i > 1 then put "," end
    local value = rawget(t, i)
    if value == nil then return "", "an array with holes" end
    local path, reason = write(value)
    if reason then return child_path(i, path), reason end
  end
  put "]"
end

local function write_member (first, key, value)
  if type(key) ~= "string" then return "", "an ordered object with a key that is not a string" end
  if not first then put "," end
  local path, reason = write_string(key)
  if reason then return path, reason end
  put ":"
  path, reason = write(value)
  if reason then return child_path(key, path), reason end
end

local function write_pairs (t)
  put "{"
  for i = 1, #t do
    local pair = rawget(t, i)
    if type(pair) ~= "table" then return "", "an ordered object whose members are not pairs" end
    local path, reason = write_member(i == 1, rawget(pair, 1), rawget(pair, 2))
    if reason then return path, reason end
  end
  put "}"
end

local function write_sorted (t)
  local keys = {}
  for key in next, t do keys[#keys + 1] = key end
  table.sort(keys)
  put "{"
  for i = 1, #keys do
    local path, reason = write_member(i == 1, keys[i], rawget(t, keys[i]))
    if reason then return path, reason end
  end
  put "}"
end

local function write_table (t)
  local mt = getmetatable(t)
  if is_raw[mt] then
    put(rawget(t, 1))
    return
  end
  if is_object[mt] then return write_pairs(t) end
  local n, empty, reason = array_length(t)
  if not n then return "", reason end
  if is_array[mt] then
    if n == 0 and next(t) ~= nil then return "", "an array with string keys" end
    return write_array(t, n)
  end
  if n > 0 and not empty then return write_array(t, n) end
  return write_sorted(t)
end

local function write_nested (t)
  if open[t] then return "", "a table that contains itself" end
  if depth >= max_depth then return "", "tables nested more than " .. max_depth .. " deep" end
  open[t], depth = true, depth + 1
  local path, reason = write_table(t)
  open[t], depth = nil, depth - 1
  return path, reason
end

--- Writes one value. Returns nothing on success, and the path inside the value and the reason on
-- failure.
function write (value)
  local kind = type(value)
  if kind == "string" then
    return write_string(value)
  elseif kind == "number" then
    local text = number_text(value)
    if not text then return "", "a number that is not finite" end
    put(text)
  elseif kind == "boolean" then
    put(value and "true" or "false")
  elseif kind == "table" then
    return write_nested(value)
  elseif value == null then
    put "null"
  elseif value ~= nil and value == empty_array then
    put "[]"
  else
    return "", "a " .. kind
  end
end

--- Makes an encoder.
-- @tparam table dialect `escape` (function: string -> JSON string), `null` (the value written as
-- `null`), `empty_array` (a value written as `[]`, or nil), `array`, `object`, `raw` (sets of
-- metatables: metatable -> true), `max_depth` (deepest nesting of tables)
-- @treturn function value -> text, or nil and a message
function M.new (dialect)
  return function (value)
    escape, null, empty_array = dialect.escape, dialect.null, dialect.empty_array
    max_depth = dialect.max_depth
    is_array, is_object, is_raw = dialect.array, dialect.object, dialect.raw
    out, size, open, depth = {}, 0, {}, 0
    local path, reason = write(value)
    local pieces = out
    out, open = nil, nil
    if reason then
      local where = path ~= "" and (" at " .. errors.excerpt(path)) or ""
      return nil, format("cannot write %s%s as JSON", reason, where)
    end
    return table.concat(pieces)
  end
end

return M
