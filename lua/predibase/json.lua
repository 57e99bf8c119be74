-- SPDX-License-Identifier: MIT
--- Decodes and encodes JSON. Only this module uses lua-cjson.
--
-- Behaviour of lua-cjson, and what this module does about it:
--
-- * Its settings are shared by all modules that require it. This module uses its own instance
--   (`cjson.new()`), so it neither changes the settings of others nor depends on them.
-- * It accepts `NaN`, `Infinity`, `0x10` and `01` as numbers. They are refused here.
-- * It decodes integers to floats (releases before 2.1.0.10) and loses digits from 2^53 on.
--   `decode` returns those integers exactly, `integer` turns integral floats into integers.
-- * It refuses an unpaired escaped surrogate. U+FFFD replaces it here.
-- * It writes numbers with 14 digits, `{}` for an empty array, `\/` for a slash, keys in no
--   particular order, and accepts invalid UTF-8. Here it only escapes strings.
--
-- Some deviations from RFC 8259 are accepted when decoding, because they do no harm: raw control
-- characters inside strings, the forms `1.` and `-.5`, and `1e400`, which is decoded as infinity.
-- Invalid UTF-8 is returned unchanged. `check` refuses all of these in texts that are sent.
-- @module predibase.json

local lazy = require "predibase.lazy"
local encode = lazy "predibase.json.encode"
local scan = lazy "predibase.json.scan"
local outside_errors = require "predibase.outside_errors"
local requirements = require "predibase.requirements"
local usage = require "predibase.usage"
local utf8 = require "predibase.utf8"

local cjson = requirements.cjson()

local M = {}

local byte, find, sub = string.byte, string.find, string.sub
local subtype, tointeger = rawget(math, "type"), rawget(math, "tointeger")

--- Deepest nesting of tables and JSON.
M.MAX_DEPTH = 128

local json_text = requirements.later "predibase.json_text"

local instance

--- Makes a new instance, because lua-cjson reads the decimal point of the locale only when it makes
-- one.
local function renew ()
  instance = cjson.new()
  instance.decode_invalid_numbers(false)
  instance.decode_max_depth(M.MAX_DEPTH)
  -- Otherwise its buffer would keep six times the size of the longest prompt.
  instance.encode_keep_buffer(false)

  --- The decoder of lua-cjson itself, for code that runs for every token. It raises for bad JSON
  -- and for an unpaired surrogate, and may round integers from 2^53 on. Call it inside a `pcall`,
  -- and call `decode` when it fails. Do not keep the function: it is replaced when the program's
  -- locale changes.
  -- @function parse
  -- @tparam string text
  -- @return the value
  M.parse = instance.decode
end

renew()

--- The value for `null`, both in decoding and in encoding.
M.null = cjson.null

--- Decodes a text again that lua-cjson refused, after a change of locale or with surrogates
-- replaced.
local function decode_again (text, message)
  if not pcall(instance.decode, "0.5") then
    renew()
    local ok, value = pcall(instance.decode, text)
    if ok then return value end
    message = value
  end
  local mended = find(text, "\\u[dD]") and scan.mend_surrogates(text)
  if not mended then return nil, message end
  local ok, value = pcall(instance.decode, mended)
  if ok then return value end
  return nil, outside_errors.raise_if_outside(value, instance.decode, mended)
end

--- Decodes a text; large integers may be rounded. Returns nil and a message when that fails.
local function decode_near (text)
  -- lua-cjson would convert a number to a string and accept it.
  if type(text) ~= "string" then return nil, "expected a string, got a " .. type(text) end
  local ok, value = pcall(instance.decode, text)
  if ok then return value end
  return decode_again(text, outside_errors.raise_if_outside(value, instance.decode, text))
end

--- Returns an integer where Lua has one of that size, otherwise the digits.
local function exact (digits)
  local value = tonumber(digits)
  if subtype and subtype(value) == "integer" then return value end
  return digits
end

--- Tells whether any string in a value begins with the marker.
local function has_marker (value, marker)
  if type(value) == "string" then return sub(value, 1, #marker) == marker end
  if type(value) ~= "table" then return false end
  for _, inner in next, value do
    if has_marker(inner, marker) then return true end
  end
  return false
end

--- Turns every marked string in the value into its integer.
local function unmark (value, marker)
  if type(value) == "string" and sub(value, 1, #marker) == marker then
    return exact(sub(value, #marker + 1))
  end
  if type(value) == "table" then
    for key, inner in next, value do value[key] = unmark(inner, marker) end
  end
  return value
end

--- Decodes a text again with the given literals written as marked strings, and then converts the
-- marked strings to exact integers.
local function decode_exact (text, value, literals)
  local marker = "integer:"
  while has_marker(value, marker) do marker = marker .. marker end
  local out, n, from = {}, 0, 1
  for i = 1, #literals, 2 do
    local first, last = literals[i], literals[i + 1]
    out[n + 1], out[n + 2], out[n + 3] = sub(text, from, first - 1), '"' .. marker,
      sub(text, first, last) .. '"'
    n, from = n + 3, last + 1
  end
  out[n + 1] = sub(text, from)
  local marked, message = decode_near(table.concat(out))
  if marked == nil then return nil, message end
  return unmark(marked, marker)
end

-- Longer texts are searched by the C module, which has to be loaded first.
local SHORT = 2048

--- Tells whether a text may have an integer of sixteen digits. It is enough to look at every
-- sixteenth byte.
local function may_have_big_integers (text)
  if #text > SHORT then return json_text().has_big_integers(text) end
  for i = 16, #text, 16 do
    local c = byte(text, i)
    if c <= 57 and c >= 48      -- "9" and "0"
      and find(sub(text, i - 15, i + 15), "%d%d%d%d%d%d%d%d%d%d%d%d%d%d%d%d") then return true end
  end
  return false
end

--- Decodes a JSON text. Nesting deeper than 128, text after the value and numbers that JSON does
-- not have are refused. If a key occurs twice, its last value is used.
--
-- An integer literal of 2^53 or more (or -2^53 or less), which a double may not hold, is decoded
-- exactly: to an integer where Lua has one of that size (5.3 and newer), otherwise to a string of
-- its digits. Every other integral number may be a float, see `integer`.
-- @tparam string text
-- @return[1] the value; `json.null` for `null`
-- @treturn[2] nil
-- @treturn[2] string what is wrong and where; it contains no part of the text
function M.decode (text)
  local value, message = decode_near(text)
  if value == nil then return nil, message end
  -- Sixteen digits in a row are rare. Usually they are the fraction of a float.
  if may_have_big_integers(text) then
    local literals = scan.big_integers(text)
    if literals then return decode_exact(text, value, literals) end
  end
  return value
end

--- Checks strictly by RFC 8259 a JSON text that will be sent unchanged.
-- @tparam string text
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] string what is wrong and where
function M.check (text)
  local value, message = decode_near(text)
  if value == nil then return nil, message end
  local ok, position = utf8.valid(text)
  if not ok then return nil, "invalid UTF-8 at byte " .. position end
  if find(text, "\\u[dD]") and scan.mend_surrogates(text) then
    return nil, "an unpaired surrogate"
  end
  return scan.strict(text)
end

--- Finds the value of a top-level member of an object as it is written in a JSON text. If the name
-- occurs twice, the last value is found, which is the one that `decode` keeps.
-- @tparam string text JSON that `decode` accepts
-- @tparam string name
-- @treturn[1] string the JSON text of the value
-- @treturn[1] integer the position of its first byte
-- @treturn[1] integer the position of its last byte
-- @treturn[2] nil the text is not an object, or has no such member
function M.member (text, name)
  local plain = '"' .. name .. '"'
  local first, last = scan.member(text, function (written)
    return written == plain or find(written, "\\", 1, true) and decode_near(written) == name
  end)
  if not first then return nil end
  return sub(text, first, last), first, last
end

--- Lists the members of an object as they are written in a JSON text.
-- @tparam string text JSON of an object that `decode` accepts
-- @treturn table[] array of `{ name, first, stop }` in the order of the text, with the positions of
-- the first byte of the name, which is its quote, and of the comma or brace after the value
function M.members (text)
  local list = {}
  scan.each_member(text, function (first, name_end, _, stop)
    list[#list + 1] = { decode_near(sub(text, first, name_end)), first, stop }
  end)
  return list
end

--- Writes a JSON text in one line: white space between tokens becomes spaces, and control
-- characters inside of strings, which JSON does not allow, are escaped.
-- @tparam string text JSON that `decode` accepts
-- @treturn string
function M.one_line (text)
  return scan.one_line(text)
end

--- Converts an integral number so that it prints without a fraction: to an integer on 5.3 and
-- newer. Every other value is returned unchanged, including strings of digits.
-- @param v anything
-- @return v or the integer equal to it
function M.integer (v)
  if v == 0 then return 0 end
  if tointeger and type(v) == "number" then return tointeger(v) or v end
  return v
end

local array_mt, object_mt, raw_mt, number_mt = {}, {}, {}, {}

-- Newer releases of lua-cjson have their own marks for arrays, which a caller's tables may have.
local arrays = { [array_mt] = true }
if cjson.array_mt then arrays[cjson.array_mt] = true end
if cjson.empty_array_mt then arrays[cjson.empty_array_mt] = true end

--- Marks a table as an array, so that an empty one is written as `[]`.
-- @tparam table t gets a metatable
-- @treturn table t
function M.array (t)
  return setmetatable(t, array_mt)
end

--- Marks an array of `{ key, value }` as an object whose keys are written in this order. Indexing
-- it with a name returns the value of that key.
-- @tparam table members gets a metatable
-- @treturn table members
function M.object (members)
  return setmetatable(members, object_mt)
end

--- Tells whether a table is marked as an array: by `array`, or by a mark of lua-cjson.
-- @param value anything
-- @treturn boolean
function M.is_array (value)
  return type(value) == "table" and arrays[getmetatable(value)] == true
end

function object_mt.__index (members, name)
  if type(name) ~= "string" then return nil end
  for i = 1, #members do
    local pair = rawget(members, i)
    if type(pair) == "table" and rawget(pair, 1) == name then return rawget(pair, 2) end
  end
  return nil
end

--- Tells whether a value was made by `object`.
-- @param value anything
-- @treturn boolean
function M.is_object (value)
  return type(value) == "table" and getmetatable(value) == object_mt
end

--- Makes a number that is written exactly as given: `1.0`, or an integer beyond 2^53. `tostring`
-- returns the text.
-- @tparam string literal a JSON number
-- @treturn table
function M.number (literal)
  if type(literal) ~= "string" or not find(literal, "^%-?%d") or not M.check(literal) then
    usage.fail("expected a JSON number as a string")
  end
  return setmetatable({ literal }, number_mt)
end

function number_mt.__tostring (number)
  return rawget(number, 1)
end

--- Returns the text of a number that `number` made, and nil for every other value.
-- @param value anything
-- @treturn ?string
function M.literal (value)
  return type(value) == "table" and getmetatable(value) == number_mt and rawget(value, 1) or nil
end

--- Converts a table that `object` made to a table with its keys. Returns every other value
-- unchanged.
-- @param value anything
-- @return the value, or a new table
function M.fields (value)
  if not M.is_object(value) then return value end
  local fields = {}
  for i = 1, #value do
    local pair = rawget(value, i)
    if type(pair) == "table" and rawget(pair, 1) ~= nil then fields[pair[1]] = rawget(pair, 2) end
  end
  return fields
end

local function has_null (options)
  for _, value in next, options do
    if value == M.null then return true end
  end
  return false
end

--- Returns options or parameters without those that are null, because null means not given. The
-- result has no metatable, so that indexing it cannot call functions of the caller.
-- @tparam table options may be made by `object`
-- @treturn table the given table, or a new one
function M.present (options)
  options = M.fields(options)
  if getmetatable(options) == nil and not has_null(options) then return options end
  local kept = {}
  for name, value in next, options do
    if value ~= M.null then kept[name] = value end
  end
  return kept
end

--- Converts ordered objects to plain tables and the values of `number` to numbers, as `decode`
-- would return them, at every depth of ordered objects and marked arrays. Returns other values
-- unchanged.
-- @param value anything
-- @tparam ?boolean without_nulls leaves out the members of ordered objects that are null; an array
-- keeps its nulls, because the other elements have their positions
-- @treturn any
function M.plain (value, without_nulls)
  local function made_of (v, depth)
    if M.literal(v) then return (M.decode(M.literal(v))) end
    local is_object = M.is_object(v)
    if depth > M.MAX_DEPTH or not (is_object or type(v) == "table"
      and getmetatable(v) == array_mt) then return v end
    local out = {}
    for key, inner in next, M.fields(v) do
      if inner ~= M.null or not (without_nulls and is_object) then
        out[key] = made_of(inner, depth + 1)
      end
    end
    return is_object and out or M.array(out)
  end
  return made_of(value, 1)
end

--- Wraps a JSON text that will be written unchanged. Check it with `check` first.
-- @tparam string text
-- @treturn table
function M.raw (text)
  if type(text) ~= "string" then usage.fail("expected a string, got a " .. type(text)) end
  return setmetatable({ text }, raw_mt)
end

local escapes_slash = cjson.new().encode("/") ~= '"/"'

local function escape (s)
  local text = instance.encode(s)
  -- lua-cjson adds a backslash to every slash, so removing the last one restores the text.
  if escapes_slash and find(text, "/", 1, true) then text = text:gsub("\\/", "/") end
  return text
end

--- Writes a JSON object without the checks of `encode`.
-- @tparam table members array of `{ name, value }`; names and strings must be valid UTF-8, and
-- other values must be of a type that `encode` accepts
-- @treturn[1] string
-- @treturn[2] nil
-- @treturn[2] string the message of `encode`
function M.write_members (members)
  local pieces = {}
  for i = 1, #members do
    local name, value = members[i][1], members[i][2]
    local kind, text, problem = type(value), nil, nil
    if kind == "string" then
      text = escape(value)
    elseif kind == "boolean" then
      text = value and "true" or "false"
    elseif kind == "number" then
      text = encode.number_text(value)
    end
    if not text then text, problem = M.encode(value) end
    if not text then return nil, problem end
    pieces[i] = escape(name) .. ":" .. text
  end
  return "{" .. table.concat(pieces, ",") .. "}"
end

--- Writes a string as JSON text. The string must be valid UTF-8.
-- @function text
-- @tparam string s
-- @treturn string
M.text = escape

local encoder

-- The marks of metatables, as `predibase.json_text` names them.
local marks = { [object_mt] = 2, [raw_mt] = 3, [number_mt] = 3 }
for mt in pairs(arrays) do marks[mt] = 1 end

--- Writes a value as JSON text.
--
-- Integers are written exactly (`128.0` as `128`), other numbers with the fewest digits that read
-- back as the same number, and the values of `number` as given. Keys of plain tables are sorted.
-- Metatables are ignored except for the marks of this module. Refused: NaN and the infinities,
-- strings and keys that are not UTF-8, arrays with holes, tables that are array and object at once,
-- cycles, nesting deeper than 128, functions, coroutines and userdata.
-- @param value `json.null` stands for `null`; an empty plain table is an object
-- @treturn[1] string
-- @treturn[2] nil
-- @treturn[2] string what cannot be written and where: `schema.properties.x`
function M.encode (value)
  local text = value ~= nil and json_text().encode(value, marks, M.null, cjson.empty_array)
  if text then return text end
  encoder = encoder or encode.new {
    escape = escape,
    null = M.null,
    empty_array = cjson.empty_array,
    array = arrays,
    object = { [object_mt] = true },
    raw = { [raw_mt] = true, [number_mt] = true },
    max_depth = M.MAX_DEPTH,
  }
  return encoder(value)
end

return M
