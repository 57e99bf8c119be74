-- SPDX-License-Identifier: MIT
--- The bytes under `predibase.mock.serde`: JSON tokens, positions and serde_json's syntax errors.
-- @module predibase.mock.serde_scan

local random = require "predibase.mock.random"
local tokenizer = require "predibase.mock.tokenizer"

local M = {}

M.null = setmetatable({}, { __tostring = function() return "null" end })

local DEPTH = 128      -- serde_json's recursion limit

local Reader = {}
Reader.__index = Reader

--- A reader at the beginning of a text.
-- @tparam string text
-- @treturn Reader
function M.new(text)
  return setmetatable({ text = text, at = 1, depth = 0, path = {} }, Reader)
end

-- Raises a failure. The position is that of the last byte read, plus `ahead` bytes looked at.
local function raise(self, message, syntax, ahead)
  local read = math.min(self.at - 1 + (ahead or 0), #self.text)
  local line, start = 1, 0
  for newline in self.text:sub(1, read):gmatch("()\n") do line, start = line + 1, newline end
  local path = table.concat(self.path):gsub("^%.", "")
  if path ~= "" then path = path .. ": " end
  error({
    syntax = syntax,
    message = ("%s%s at line %d column %d"):format(path, message, line, read - start),
  }, 0)
end

--- Raises "the JSON is fine, its meaning is not".
-- @tparam string message
function Reader:fail(message)
  raise(self, message, false)
end

--- Opens a step of the path that failures name.
-- @tparam string step `.field` or `[index]`
function Reader:enter(step)
  self.path[#self.path + 1] = step
end

--- Closes the last step of the path.
function Reader:leave()
  self.path[#self.path] = nil
end

--- The first byte of the next token, which is not taken.
-- @tparam[opt] string ended what to say when there is none
-- @treturn string
function Reader:peek(ended)
  self.at = self.text:find("[^ \t\r\n]", self.at) or #self.text + 1
  local first = self.text:sub(self.at, self.at)
  if first == "" then raise(self, ended or "EOF while parsing a value", true) end
  return first
end

--- Takes a literal.
-- @tparam string word `true`, `false` or `null`
-- @param value what to return
function Reader:word(word, value)
  for i = 1, #word do
    local got = self.text:sub(self.at, self.at)
    if got == "" then raise(self, "EOF while parsing a value", true) end
    self.at = self.at + 1
    if got ~= word:sub(i, i) then raise(self, "expected ident", true) end
  end
  return value
end

--- Takes a number.
-- @treturn string its text
-- @treturn boolean whether it is an integer that fits 64 bits
function Reader:number()
  local text, at = self.text, self.at
  local _, stop = text:find("^%-?%d+", at)
  if not stop then
    if text:sub(at, at) ~= "-" then raise(self, "expected value", true, 1) end
    self.at = at + 1
    raise(self, at == #text and "EOF while parsing a value" or "invalid number", true, 1)
  end
  if text:find("^%-?0%d", at) then
    self.at = text:find("0", at, true) + 1
    raise(self, "invalid number", true, 1)
  end
  local integral = true
  local _, fraction = text:find("^%.%d+", stop + 1)
  if fraction then integral, stop = false, fraction end
  local _, exponent = text:find("^[eE][+-]?%d+", stop + 1)
  if exponent then integral, stop = false, exponent end
  self.at = stop + 1
  local next_byte = text:sub(stop + 1, stop + 1)
  if (next_byte == "." and not fraction) or (next_byte:find("[eE]") and not exponent) then
    self.at = #text:match("^[.eE][+-]?", stop + 1) + stop + 1
    local ended = self.at > #text
    raise(self, ended and "EOF while parsing a value" or "invalid number", true, 1)
  end
  local literal = text:sub(at, stop)
  if math.abs(tonumber(literal)) == math.huge then raise(self, "number out of range", true) end
  local digits = literal:gsub("^%-", "")
  if integral and (literal == "-0" or not random.is_u64(digits)
      or (digits ~= literal and tonumber(digits) > 9223372036854775808)) then
    integral = false
  end
  return literal, integral
end

local ESCAPES = {
  ['"'] = '"', ["\\"] = "\\", ["/"] = "/",
  b = "\b", f = "\f", n = "\n", r = "\r", t = "\t",
}

local function utf8_bytes(code)
  local char, floor = string.char, math.floor
  if code < 0x80 then return char(code) end
  if code < 0x800 then return char(0xC0 + floor(code / 64), 0x80 + code % 64) end
  if code < 0x10000 then
    return char(0xE0 + floor(code / 4096), 0x80 + floor(code / 64) % 64, 0x80 + code % 64)
  end
  return char(0xF0 + floor(code / 262144), 0x80 + floor(code / 4096) % 64,
    0x80 + floor(code / 64) % 64, 0x80 + code % 64)
end

local function hex(self)
  local digits = self.text:sub(self.at, self.at + 3)
  if #digits < 4 then
    self.at = #self.text + 1
    raise(self, "EOF while parsing a string", true)
  end
  self.at = self.at + 4
  if digits:find("%X") then raise(self, "invalid escape", true) end
  return tonumber(digits, 16)
end

local function escape(self)
  local letter = self.text:sub(self.at, self.at)
  if letter == "" then raise(self, "EOF while parsing a string", true) end
  self.at = self.at + 1
  if ESCAPES[letter] then return ESCAPES[letter] end
  if letter ~= "u" then raise(self, "invalid escape", true) end
  local code = hex(self)
  if code >= 0xDC00 and code <= 0xDFFF then
    raise(self, "lone leading surrogate in hex escape", true)
  elseif code >= 0xD800 and code <= 0xDBFF then
    if self.text:sub(self.at, self.at + 1) ~= "\\u" then
      self.at = self.at + 1
      raise(self, "unexpected end of hex escape", true)
    end
    self.at = self.at + 2
    local low = hex(self)
    if low < 0xDC00 or low > 0xDFFF then
      raise(self, "lone leading surrogate in hex escape", true)
    end
    code = 0x10000 + (code - 0xD800) * 1024 + low - 0xDC00
  end
  return utf8_bytes(code)
end

--- Takes a string.
-- @treturn string
function Reader:string()
  local text, parts = self.text, {}
  self.at = self.at + 1
  while true do
    -- %c would also stop at 0x7F, and NUL cannot stand in a 5.1 pattern except as %z
    local stop = text:find('["\\%z\1-\31]', self.at)
    if not stop then
      self.at = #text + 1
      raise(self, "EOF while parsing a string", true)
    end
    parts[#parts + 1] = text:sub(self.at, stop - 1)
    self.at = stop + 1
    local byte = text:sub(stop, stop)
    if byte == '"' then break end
    if byte ~= "\\" then
      raise(self, "control character (\\u0000-\\u001F) found while parsing a string", true)
    end
    parts[#parts + 1] = escape(self)
  end
  local value = table.concat(parts)
  if self.strict ~= false and tokenizer.readable(value) ~= value then
    raise(self, "invalid unicode code point", true)
  end
  return value
end

local function deeper(self, by)
  self.depth = self.depth + by
  if self.depth >= DEPTH then raise(self, "recursion limit exceeded", true, 1) end
end

--- Takes the colon after a key.
function Reader:colon()
  if self:peek("EOF while parsing an object") ~= ":" then
    raise(self, "expected `:`", true, 1)
  end
  self.at = self.at + 1
end

-- Walks over the members of an array or an object.
local function members(self, close, what, member)
  deeper(self, 1)
  self.at = self.at + 1
  local ended, index = "EOF while parsing " .. what, 0
  while true do
    local first = self:peek(ended)
    if first == close then break end
    if index > 0 then
      if first ~= "," then raise(self, ("expected `,` or `%s`"):format(close), true, 1) end
      self.at = self.at + 1
      first = self:peek(close == "}" and ended or nil)
      if first == close then raise(self, "trailing comma", true, 1) end
    end
    index = index + 1
    member(index, first)
  end
  self.at = self.at + 1
  deeper(self, -1)
end

--- Takes an array.
-- @tparam function member called with the index; must take the value
function Reader:array(member)
  members(self, "]", "a list", member)
end

--- Takes an object.
-- @tparam function member called with the key; must take the colon and the value
function Reader:object(member)
  members(self, "}", "an object", function(_, first)
    if first ~= '"' then raise(self, "key must be a string", true, 1) end
    member(self:string())
  end)
end

return M
