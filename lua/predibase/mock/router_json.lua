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

local function fail (at)
  error({ at = at }, 0)
end

local function skip (text, at)
  return text:find("[^ \t\r\n]", at) or #text + 1
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
  local digits = text:match("^u(%x%x%x%x)", at) or fail(at)
  local code, next_at = tonumber(digits, 16), at + 5
  if code >= 0xD800 and code <= 0xDFFF then
    local low = text:match("^\\u([dD][c-fC-F]%x%x)", next_at)
    if code >= 0xDC00 or not low then fail(at) end
    code, next_at = 0x10000 + (code - 0xD800) * 1024 + tonumber(low, 16) - 0xDC00, next_at + 6
  end
  return utf8_bytes(code), next_at
end

local function read_string (text, at, any_bytes)
  local parts, start = {}, at
  at = at + 1
  while true do
    local stop = text:find('["\\%z\1-\31]', at) or fail(#text + 1)
    parts[#parts + 1] = text:sub(at, stop - 1)
    local mark = text:sub(stop, stop)
    if mark == '"' then
      local value = table.concat(parts)
      if not any_bytes and not utf8.valid(value) then fail(start) end
      return value, stop + 1
    elseif mark ~= "\\" then
      fail(stop)
    end
    parts[#parts + 1], at = escape(text, stop + 1)
  end
end

local function read_number (text, at)
  local literal = text:match("^%-?%d+%.?%d*[eE]?[+-]?%d*", at) or fail(at)
  if literal:find("^%-?0%d") or literal:find("%.$") or literal:find("%.[eE]")
      or literal:find("[eE+-]$") or math.abs(tonumber(literal) or math.huge) == math.huge then
    fail(at)
  end
  return { literal = literal }, at + #literal
end

local read_value

-- Reads the members of an array or an object. `member` reads one and returns the position after it.
local function read_members (text, at, close, member)
  at = skip(text, at + 1)
  if text:sub(at, at) == close then return at + 1 end
  while true do
    at = skip(text, member(at))
    local mark = text:sub(at, at)
    if mark == close then return at + 1 end
    if mark ~= "," then fail(at) end
    at = skip(text, at + 1)
  end
end

local function read_object (text, at, depth, any_bytes)
  local out = { object = true, keys = {}, values = {} }
  at = read_members(text, at, "}", function (from)
    if text:sub(from, from) ~= '"' then fail(from) end
    local key, value
    key, from = read_string(text, from, any_bytes)
    from = skip(text, from)
    if text:sub(from, from) ~= ":" then fail(from) end
    value, from = read_value(text, skip(text, from + 1), depth + 1, any_bytes)
    if out.values[key] == nil then out.keys[#out.keys + 1] = key else out.twice = key end
    out.values[key] = value
    return from
  end)
  return out, at
end

local function read_array (text, at, depth, any_bytes)
  local out = { array = true }
  at = read_members(text, at, "]", function (from)
    out[#out + 1], from = read_value(text, from, depth + 1, any_bytes)
    return from
  end)
  return out, at
end

function read_value (text, at, depth, any_bytes)
  if depth > DEPTH then fail(at) end
  local first = text:sub(at, at)
  if first == '"' then return read_string(text, at, any_bytes) end
  if first == "{" then return read_object(text, at, depth, any_bytes) end
  if first == "[" then return read_array(text, at, depth, any_bytes) end
  local literal = LITERALS[first]
  if not literal then return read_number(text, at) end
  if text:sub(at, at + #literal[1] - 1) ~= literal[1] then fail(at) end
  return literal[2], at + #literal[1]
end

--- Reads a JSON text. Text after the value is ignored, as by the router.
-- Objects become `{ object = true, keys = array, values = key -> value, twice = a key that came
-- twice }`, arrays `{ array = true, … }`, numbers `{ literal = "128.0" }`.
-- @tparam string text
-- @tparam[opt] boolean any_bytes accept strings that are not UTF-8
-- @treturn[1] any the value
-- @treturn[2] nil
-- @treturn[2] string where the text is not JSON, such as `line 1 column 4`
function M.read (text, any_bytes)
  local ok, value = pcall(read_value, text, skip(text, 1), 1, any_bytes)
  if ok then return value end
  if type(value) ~= "table" then error(value, 0) end
  local before = text:sub(1, value.at - 1)
  local _, line = before:gsub("\n", "")
  return nil, ("line %d column %d"):format(line + 1, #before:match("[^\n]*$") + 1)
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

--- Writes a 32-bit float with up to seven digits and at least one decimal; `null` for nil, NaN and
-- the infinities.
-- @tparam ?number value
-- @treturn string
function M.float (value)
  if not value or value ~= value or value == math.huge or value == -math.huge then return "null" end
  local text = ("%.7g"):format(value):gsub(",", "."):gsub("e%-0*", "e-")
  if not text:find("[.e]") then text = text .. ".0" end
  return text
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
