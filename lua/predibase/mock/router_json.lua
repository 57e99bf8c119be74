-- SPDX-License-Identifier: MIT
--- JSON for the stand-in server, as the router's library serde_json reads and writes it. Unlike
-- `predibase.json`, this module keeps the order of keys and the spelling of numbers: the router
-- accepts `128` where it refuses `128.0`, and a double cannot represent every 64-bit seed.
-- @module predibase.mock.router_json

local utf8 = require "predibase.utf8"

local M = {}

local DEPTH = 128          -- nesting that serde_json allows

--- The value that `read` returns for `null`.
M.null = setmetatable({}, { __tostring = function () return "null" end })

local ESCAPES = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", ["/"] = "/", ["\\"] = "\\",
  ['"'] = '"' }
local LITERALS = { t = { "true", true }, f = { "false", false }, n = { "null", M.null } }

-- `at` is the number of bytes that serde_json has read or, where it only looks at the next byte,
-- that number and one more.
local function fail (message, at)
  error({ message = message, at = at }, 0)
end

local function skip (text, at)
  return text:find("[^ \t\r\n]", at) or #text + 1
end

-- Fails at a byte that does not fit, or at the end of the text.
local function unexpected (text, at, message, at_the_end)
  fail(at > #text and "EOF while parsing " .. at_the_end or message, math.min(at, #text))
end

local function utf8_bytes (code)
  local lead, tail = code, ""
  local limit = 0x80
  while lead >= limit do
    tail = string.char(0x80 + lead % 64) .. tail
    lead, limit = math.floor(lead / 64), tail:len() == 1 and 0x20 or limit / 2
  end
  return string.char(lead + ({ [0] = 0, 0xC0, 0xE0, 0xF0 })[#tail]) .. tail
end

-- Returns the bytes of an escape whose letter is at `at`, and the position after it.
local function escape (text, at)
  local letter = text:sub(at, at)
  if ESCAPES[letter] then return ESCAPES[letter], at + 1 end
  if at + 4 > #text then fail("EOF while parsing a string", #text) end
  if letter ~= "u" then fail("invalid escape", at) end
  local digits = text:match("^u(%x%x%x%x)", at) or fail("invalid escape", at + 4)
  local code, next_at = tonumber(digits, 16), at + 5
  if code >= 0xD800 and code <= 0xDFFF then
    local low = text:match("^\\u([dD][c-fC-F]%x%x)", next_at)
    if code >= 0xDC00 or not low then fail("lone leading surrogate in hex escape", at + 4) end
    code, next_at = 0x10000 + (code - 0xD800) * 1024 + tonumber(low, 16) - 0xDC00, next_at + 6
  end
  return utf8_bytes(code), next_at
end

local function read_string (text, at, any_bytes)
  local parts = {}
  at = at + 1
  while true do
    local stop = text:find('["\\%z\1-\31]', at) or fail("EOF while parsing a string", #text)
    parts[#parts + 1] = text:sub(at, stop - 1)
    local mark = text:sub(stop, stop)
    if mark == '"' then
      local value = table.concat(parts)
      if not any_bytes and not utf8.valid(value) then fail("invalid unicode code point", stop) end
      return value, stop + 1
    elseif mark ~= "\\" then
      fail("control character (\\u0000-\\u001F) found while parsing a string", stop)
    end
    parts[#parts + 1], at = escape(text, stop + 1)
  end
end

local function read_number (text, at)
  local literal = text:match("^%-?%d+%.?%d*[eE]?[+-]?%d*", at)
  if not literal then unexpected(text, at, "expected value", "a value") end
  local stop = at + #literal
  if literal:find("^%-?0%d") then fail("invalid number", at + #literal:match("^%-?0")) end
  if literal:find("%.$") or literal:find("%.[eE]") or literal:find("[eE+-]$") then
    unexpected(text, stop, "invalid number", "a value")
  end
  if math.abs(tonumber(literal) or math.huge) == math.huge then
    fail("number out of range", stop - 1)
  end
  return { literal = literal }, stop
end

local read_value

-- Reads the members of an array or an object. `member` reads one and returns the position after it.
local function read_members (text, at, close, member)
  local what = close == "]" and "a list" or "an object"
  at = skip(text, at + 1)
  if text:sub(at, at) == close then return at + 1 end
  if at > #text then unexpected(text, at, "", what) end
  while true do
    at = skip(text, member(at))
    local mark = text:sub(at, at)
    if mark == close then return at + 1 end
    if mark ~= "," then unexpected(text, at, ("expected `,` or `%s`"):format(close), what) end
    at = skip(text, at + 1)
    if text:sub(at, at) == close then fail("trailing comma", at) end
    if at > #text then unexpected(text, at, "", "a value") end
  end
end

local function read_object (text, at, depth, any_bytes)
  local out = { object = true, keys = {}, values = {}, spans = {} }
  at = read_members(text, at, "}", function (from)
    if text:sub(from, from) ~= '"' then fail("key must be a string", from) end
    local key, value
    key, from = read_string(text, from, any_bytes)
    if out.values[key] == nil then
      out.keys[#out.keys + 1] = key
    elseif not out.twice then
      out.twice, out.twice_at = key, from - 1
    end
    from = skip(text, from)
    if text:sub(from, from) ~= ":" then unexpected(text, from, "expected `:`", "an object") end
    local start = skip(text, from + 1)
    value, from = read_value(text, start, depth + 1, any_bytes)
    out.values[key], out.spans[key] = value, { start - 1, from - 1 }
    return from
  end)
  return out, at
end

local function read_array (text, at, depth, any_bytes)
  local out = { array = true, spans = {} }
  at = read_members(text, at, "]", function (start)
    local from
    out[#out + 1], from = read_value(text, start, depth + 1, any_bytes)
    out.spans[#out] = { start - 1, from - 1 }
    return from
  end)
  return out, at
end

function read_value (text, at, depth, any_bytes)
  if depth > DEPTH then fail("recursion limit exceeded", at) end
  local first = text:sub(at, at)
  if first == '"' then return read_string(text, at, any_bytes) end
  if first == "{" then return read_object(text, at, depth, any_bytes) end
  if first == "[" then return read_array(text, at, depth, any_bytes) end
  local literal = LITERALS[first]
  if not literal then return read_number(text, at) end
  local word = literal[1]
  for i = 2, #word do
    if text:sub(at + i - 1, at + i - 1) ~= word:sub(i, i) then
      unexpected(text, at + i - 1, "expected ident", "a value")
    end
  end
  return literal[2], at + #word
end

--- Describes a place as serde_json does.
-- @tparam string text
-- @tparam number count of the bytes before the place
-- @treturn string such as `line 1 column 4`
function M.place (text, count)
  local before = text:sub(1, count)
  local _, line = before:gsub("\n", "")
  return ("line %d column %d"):format(line + 1, #before:match("[^\n]*$"))
end

--- Reads a JSON text.
-- Objects become `{ object = true, keys = array, values = key -> value, spans = key -> { bytes
-- before the value, bytes to its end }, twice = a key that came twice }`, arrays `{ array = true,
-- spans = …, … }`, numbers `{ literal = "128.0" }`.
-- @tparam string text
-- @tparam[opt] table options `any_bytes` accepts strings that are not UTF-8; `whole` refuses text
--   after the value, which the router ignores after a request's body
-- @treturn[1] any the value
-- @treturn[1] number bytes to the end of the value
-- @treturn[2] nil
-- @treturn[2] string what is wrong, in serde_json's words
function M.read (text, options)
  options = options or {}
  local ok, value, stop = pcall(read_value, text, skip(text, 1), 1, options.any_bytes)
  if ok and options.whole then
    local rest = skip(text, stop)
    if rest <= #text then ok, value = false, { message = "trailing characters", at = rest } end
  end
  if ok then return value, stop - 1 end
  if type(value) ~= "table" then error(value, 0) end
  return nil, ("%s at %s"):format(value.message, M.place(text, value.at))
end

--- Converts a value that `read` returned to plain Lua tables and numbers; `null` becomes nil.
-- @param value
-- @return the plain value
function M.plain (value)
  if value == M.null then return nil end
  if type(value) ~= "table" then return value end
  if value.literal then return tonumber(value.literal) end
  local out = {}
  for key, item in pairs(value.object and value.values or value) do
    if value.object or type(key) == "number" then out[key] = M.plain(item) end
  end
  return out
end

local NAMES = {
  ['"'] = '\\"', ["\\"] = "\\\\", ["\b"] = "\\b", ["\f"] = "\\f", ["\n"] = "\\n", ["\r"] = "\\r",
  ["\t"] = "\\t",
}

--- Writes a JSON string. UTF-8 is written unchanged, and escapes in lower case.
-- @tparam string text
-- @treturn string
function M.string (text)
  return '"' .. text:gsub('[%z\1-\31"\\]', function (byte)
    return NAMES[byte] or ("\\u%04x"):format(byte:byte())
  end) .. '"'
end

--- Returns the nearest 32-bit float (G. Veltkamp's splitting), or infinity beyond the largest one.
-- @tparam number value
-- @treturn number
function M.single (value)
  if math.abs(value) > 3.4028235677973e38 then return value > 0 and math.huge or -math.huge end
  if math.abs(value) < 1.4e-45 / 2 then return 0 end
  local factor = 536870913.0 * value        -- 2^29 + 1
  return factor - (factor - value)
end

--- Writes a 32-bit float with as few digits as distinguish it from others; `null` for nil, NaN and
-- the infinities.
-- @tparam ?number value
-- @treturn string
function M.float (value)
  if not value or value ~= value or value == math.huge or value == -math.huge then return "null" end
  value = M.single(value)
  local text
  for digits = 5, 8 do
    text = ("%." .. digits .. "e"):format(value):gsub(",", ".")
    if M.single(tonumber(text)) == value then break end
  end
  local sign, first, rest, exponent = text:match("^(%-?)(%d)%.(%d*)e([+-]%d+)$")
  rest, exponent = rest:gsub("0+$", ""), tonumber(exponent)
  -- from here on as ryu does, with which serde_json writes floats
  if exponent > 12 or exponent < -6 then
    return sign .. first .. (rest == "" and "" or "." .. rest) .. "e" .. ("%d"):format(exponent)
  elseif exponent < 0 then
    return sign .. "0." .. ("0"):rep(-exponent - 1) .. first .. rest
  end
  local whole = first .. rest .. ("0"):rep(exponent - #rest)
  local fraction = whole:sub(exponent + 2)
  return sign .. whole:sub(1, exponent + 1) .. "." .. (fraction == "" and "0" or fraction)
end

--- Writes a value that `read` returned, with its keys in their order and without white space.
-- @param value
-- @treturn string
function M.text (value)
  if value == M.null then return "null" end
  if type(value) == "string" then return M.string(value) end
  if type(value) ~= "table" then return tostring(value) end
  if value.literal then return value.literal end
  local parts = {}
  if value.array then
    for index, item in ipairs(value) do parts[index] = M.text(item) end
    return "[" .. table.concat(parts, ",") .. "]"
  end
  for index, key in ipairs(value.keys) do
    parts[index] = M.string(key) .. ":" .. M.text(value.values[key])
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

--- Writes plain Lua values; a table with `[1]` is an array. Strings may hold any bytes.
-- @param value
-- @treturn string
function M.encode (value)
  local kind = type(value)
  if kind == "string" then return M.string(value) end
  if kind == "number" then
    local whole = value % 1 == 0 and math.abs(value) < 1e15
    return ((whole and "%.0f" or "%.17g"):format(value):gsub(",", "."))
  end
  if kind ~= "table" then return tostring(value) end
  local parts = {}
  for index, item in ipairs(value) do parts[index] = M.encode(item) end
  if #parts > 0 then return "[" .. table.concat(parts, ",") .. "]" end
  for key, item in pairs(value) do
    parts[#parts + 1] = M.string(tostring(key)) .. ":" .. M.encode(item)
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

return M
