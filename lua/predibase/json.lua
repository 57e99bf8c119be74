-- SPDX-License-Identifier: MIT
--- JSON in and out; the only module that touches lua-cjson.
--
-- What lua-cjson does on its own and what is done about it here:
--
-- * Its settings are shared by everybody who requires it: this module works on an instance of its
--   own (`cjson.new()`), so it changes nobody's settings and nobody changes these.
-- * It takes `NaN`, `Infinity`, `0x10` and `01` for numbers: refused.
-- * It decodes integers to floats (releases before 2.1.0.10) and loses digits from 2^53 on:
--   `decode` gives those integers exactly, `integer` turns integral floats into integers.
-- * It refuses an escaped surrogate without its partner: U+FFFD takes its place.
-- * It writes numbers with 14 digits, `{}` for an empty array, `\/` for a slash, keys in no
--   particular order, and passes invalid UTF-8: here only its escaping of strings is used.
--
-- Left alone when decoding, because no sender is hurt by it: raw control characters inside
-- strings, the forms `1.` and `-.5`, and `1e400`, which arrives as infinity. Invalid UTF-8 passes
-- unchanged. `check` refuses all of these, for texts that are sent on.
-- @module predibase.json

local cjson = require "cjson"
local encode = require "predibase.json.encode"
local scan = require "predibase.json.scan"
local try = require "predibase.try"
local usage = require "predibase.usage"
local utf8 = require "predibase.utf8"

local M = {}

local byte, find, sub = string.byte, string.find, string.sub
local subtype, tointeger = rawget(math, "type"), rawget(math, "tointeger")

local instance

--- lua-cjson reads the decimal point of the locale once, when an instance is made.
local function renew()
  instance = cjson.new()
  instance.decode_invalid_numbers(false)
  instance.decode_max_depth(encode.MAX_DEPTH)
  -- Its buffer would keep six times the longest prompt ever sent.
  instance.encode_keep_buffer(false)

  --- The bare decoder: raises, mends nothing, and integers from 2^53 on may be the nearest float.
  -- For a hot caller that works inside a `pcall` of its own and turns to `decode` for all that
  -- goes wrong. Look it up anew for every call: it changes when the program's locale does.
  -- @function parse
  -- @tparam string text
  -- @return the value
  M.parse = instance.decode
end

renew()

--- Deepest nesting of tables and JSON.
M.MAX_DEPTH = encode.MAX_DEPTH

--- The value that stands for `null`, in both directions.
M.null = cjson.null

--- Second try for a text that lua-cjson refused.
local function decode_again(text, message)
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
  return nil, try.again(value, instance.decode, mended)
end

--- Decodes without regard to big integers. nil and a message when that fails.
local function decode_near(text)
  -- lua-cjson would read a number as its text.
  if type(text) ~= "string" then return nil, "expected a string, got a " .. type(text) end
  local ok, value = pcall(instance.decode, text)
  if ok then return value end
  return decode_again(text, try.again(value, instance.decode, text))
end

--- An integer where Lua has one of that size, else the digits.
local function exact(digits)
  local value = tonumber(digits)
  if subtype and subtype(value) == "integer" then return value end
  return digits
end

--- Does any string in the value begin with the marker?
local function has_marker(value, marker)
  if type(value) == "string" then return sub(value, 1, #marker) == marker end
  if type(value) ~= "table" then return false end
  for _, inner in next, value do
    if has_marker(inner, marker) then return true end
  end
  return false
end

--- Turns every marked string in the value into its integer.
local function unmark(value, marker)
  if type(value) == "string" and sub(value, 1, #marker) == marker then
    return exact(sub(value, #marker + 1))
  end
  if type(value) == "table" then
    for key, inner in next, value do value[key] = unmark(inner, marker) end
  end
  return value
end

--- Decodes again with the given literals as strings behind a marker, then takes the marker off.
local function decode_exact(text, value, literals)
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

--- Whether a text has sixteen digits in a row; one of them stands at every sixteenth place.
local function has_many_digits(text)
  for i = 16, #text, 16 do
    local c = byte(text, i)
    if c <= 57 and c >= 48      -- "9" and "0"
      and find(sub(text, i - 15, i + 15), "%d%d%d%d%d%d%d%d%d%d%d%d%d%d%d%d") then return true end
  end
  return false
end

--- Decodes a JSON text. Nesting deeper than 128, trailing garbage and what is no JSON number are
-- refused. Of a key that occurs twice the last one counts.
--
-- An integer literal of 2^53 or more (or -2^53 or less), where doubles have gaps, arrives exactly:
-- as an integer where Lua has one that fits (5.3 and newer), else as a string of its digits.
-- Every other integral number may be a float, see `integer`.
-- @tparam string text
-- @return[1] the value; `json.null` for `null`
-- @treturn[2] nil
-- @treturn[2] string what is wrong and where; never a piece of the text
function M.decode(text)
  local value, message = decode_near(text)
  if value == nil then return nil, message end
  -- Sixteen digits in a row are rare; most of them are the tail of a float.
  if has_many_digits(text) then
    local literals = scan.big_integers(text)
    if literals then return decode_exact(text, value, literals) end
  end
  return value
end

--- Checks a JSON text to be sent on untouched, by the letter of RFC 8259.
-- @tparam string text
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] string what is wrong and where
function M.check(text)
  local value, message = decode_near(text)
  if value == nil then return nil, message end
  local ok, position = utf8.valid(text)
  if not ok then return nil, "invalid UTF-8 at byte " .. position end
  if find(text, "\\u[dD]") and scan.mend_surrogates(text) then
    return nil, "a surrogate without its partner"
  end
  return scan.strict(text)
end

--- Turns an integral number into the form that prints without a fraction: an integer on 5.3 and
-- newer. Everything else, strings of digits included, comes back unchanged.
-- @param v anything
-- @return v or the integer equal to it
function M.integer(v)
  if v == 0 then return 0 end
  if tointeger and type(v) == "number" then return tointeger(v) or v end
  return v
end

local array_mt, object_mt, raw_mt, number_mt = {}, {}, {}, {}

--- Marks a table as an array, so that an empty one is written as `[]`.
-- @tparam table t gets a metatable
-- @treturn table t
function M.array(t)
  return setmetatable(t, array_mt)
end

--- Marks an array of `{ key, value }` as an object whose keys are written in this order. Its
-- members can be read by their names.
-- @tparam table members gets a metatable
-- @treturn table members
function M.object(members)
  return setmetatable(members, object_mt)
end

function object_mt.__index(members, name)
  if type(name) ~= "string" then return nil end
  for i = 1, #members do
    local pair = rawget(members, i)
    if type(pair) == "table" and rawget(pair, 1) == name then return rawget(pair, 2) end
  end
  return nil
end

--- Whether a value is what `object` made.
-- @param value anything
-- @treturn boolean
function M.is_object(value)
  return type(value) == "table" and getmetatable(value) == object_mt
end

--- A number that is written as it is spelled: `1.0`, or an integer beyond 2^53. `tostring` gives
-- the spelling.
-- @tparam string literal a number of JSON
-- @treturn table
function M.number(literal)
  if type(literal) ~= "string" or not find(literal, "^%-?%d") or not M.check(literal) then
    usage.fail("expected a number of JSON as a string")
  end
  return setmetatable({ literal }, number_mt)
end

function number_mt.__tostring(number)
  return rawget(number, 1)
end

--- The spelling of what `number` made, nil for everything else.
-- @param value anything
-- @treturn ?string
function M.literal(value)
  return type(value) == "table" and getmetatable(value) == number_mt and rawget(value, 1) or nil
end

--- The members of what `object` made as a table by their names; every other value as it is.
-- @param value anything
-- @return the value, or a new table
function M.fields(value)
  if not M.is_object(value) then return value end
  local fields = {}
  for i = 1, #value do
    local pair = rawget(value, i)
    if type(pair) == "table" and rawget(pair, 1) ~= nil then fields[pair[1]] = rawget(pair, 2) end
  end
  return fields
end

--- Options, parameters or values without those that are null, which is no value.
-- @tparam table options what `object` made, too
-- @treturn table the same one where there is nothing to leave out
function M.present(options)
  options = M.fields(options)
  local kept
  for name, value in next, options do
    if value == M.null then
      if not kept then
        kept = {}
        for other, of_other in next, options do kept[other] = of_other end
      end
      kept[name] = nil
    end
  end
  return kept or options
end

--- What `decode` would have given: tables for what `object` made, numbers for what `number` made,
-- at every depth inside of these. Every other value as it is.
-- @param value anything
-- @treturn any
function M.plain(value)
  local function made_of(v, depth)
    if M.literal(v) then return (M.decode(M.literal(v))) end
    local is_object = M.is_object(v)
    if depth > encode.MAX_DEPTH or not (is_object or type(v) == "table"
      and getmetatable(v) == array_mt) then return v end
    local out = {}
    for key, inner in next, M.fields(v) do out[key] = made_of(inner, depth + 1) end
    return is_object and out or M.array(out)
  end
  return made_of(value, 1)
end

--- Wraps a JSON text that is to be written untouched; see `check`.
-- @tparam string text
-- @treturn table
function M.raw(text)
  if type(text) ~= "string" then usage.fail("expected a string, got a " .. type(text)) end
  return setmetatable({ text }, raw_mt)
end

local escapes_slash = cjson.new().encode("/") ~= '"/"'

local function escape(s)
  local text = instance.encode(s)
  -- lua-cjson puts its own backslash in front of every slash, so the last one always goes.
  if escapes_slash and find(text, "/", 1, true) then text = text:gsub("\\/", "/") end
  return text
end

--- Writes members as a JSON object, without the checks of `encode`.
-- @tparam table members array of `{ name, value }`; names and strings are known to be UTF-8, other
-- values are what `encode` takes
-- @treturn[1] string
-- @treturn[2] nil
-- @treturn[2] string as of `encode`
function M.write_members(members)
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

--- A string as JSON text, for what is known to be UTF-8.
-- @function text
-- @tparam string s
-- @treturn string
M.text = escape

-- Newer releases of lua-cjson have marks of their own, which schemas written for them carry.
local arrays = { [array_mt] = true }
if cjson.array_mt then arrays[cjson.array_mt] = true end
if cjson.empty_array_mt then arrays[cjson.empty_array_mt] = true end

--- Writes a value as JSON text.
--
-- Integers come out exactly (`128.0` as `128`), other numbers with the fewest digits that give
-- the same number back, and what `number` made as it is spelled. Keys of plain tables are sorted;
-- metatables are ignored except for the marks of this module. Refused: NaN and the infinities,
-- strings and keys that are not UTF-8, arrays with holes, tables that are array and object at once,
-- cycles, nesting deeper than 128, functions, coroutines and userdata.
-- @function encode
-- @param value `json.null` stands for `null`; an empty plain table is an object
-- @treturn[1] string
-- @treturn[2] nil
-- @treturn[2] string what cannot be written and where: `schema.properties.x`
M.encode = encode.new {
  escape = escape,
  null = M.null,
  empty_array = cjson.empty_array,
  array = arrays,
  object = { [object_mt] = true },
  raw = { [raw_mt] = true, [number_mt] = true },
}

return M
