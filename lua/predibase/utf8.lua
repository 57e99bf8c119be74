-- SPDX-License-Identifier: MIT
--- Checks and splits UTF-8 as RFC 3629 defines it.
-- Lua 5.1 and LuaJIT have no `utf8` library, and the library of Lua 5.3 accepts surrogates, so this
-- module implements the rules itself.
-- @module predibase.utf8

local M = {}

local byte, find, match = string.byte, string.find, string.match

-- `utf8.len` of Lua 5.3 and 5.4 checks a string as RFC 3629 requires, but that of 5.3 accepts
-- surrogates.
local library = rawget(_G, "utf8")
local native = type(library) == "table" and library.len
local lenient = native and native("\237\160\128") ~= nil

--- Returns the length of the character that a first byte begins, and the range of its second byte.
-- The narrow ranges exclude overlong forms (E0, F0), surrogates (ED) and code points above U+10FFFF
-- (F4); RFC 3629 section 4.
local function shape (first)
  if first < 0x80 then return 1 end
  if first < 0xC2 then return nil end
  if first < 0xE0 then return 2, 0x80, 0xBF end
  if first == 0xE0 then return 3, 0xA0, 0xBF end
  if first == 0xED then return 3, 0x80, 0x9F end
  if first < 0xF0 then return 3, 0x80, 0xBF end
  if first == 0xF0 then return 4, 0x90, 0xBF end
  if first < 0xF4 then return 4, 0x80, 0xBF end
  if first == 0xF4 then return 4, 0x80, 0x8F end
  return nil
end

local function continues (b)
  return b ~= nil and b >= 0x80 and b <= 0xBF
end

--- Returns the size of the valid character that begins at byte `i`, or nil.
local function size_at (s, i)
  local a, b, c, d = byte(s, i, i + 3)
  local size, low, high = shape(a)
  if size == nil or size == 1 then return size end
  if b == nil or b < low or b > high then return nil end
  if size >= 3 and not continues(c) then return nil end
  if size == 4 and not continues(d) then return nil end
  return size
end

--- Tells whether a string is valid UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing
-- above U+10FFFF). It passes over ASCII text once.
-- @tparam string s
-- @treturn[1] boolean true
-- @treturn[2] boolean false
-- @treturn[2] integer the position of the first invalid sequence
function M.valid (s)
  if native and native(s)
    and not (lenient and find(s, "\237", 1, true) and find(s, "\237[\160-\191]")) then
    return true
  end
  local n, i = #s, 1
  repeat
    -- Much faster than `find`, which tries to match at each byte anew.
    i = match(s, "^[^\128-\255]*()", i)
    while i <= n and byte(s, i) >= 0x80 do
      local size = size_at(s, i)
      if not size then return false, i end
      i = i + size
    end
  until i > n
  return true
end

--- Returns the size of the character at a position, for walking over text that may be invalid.
-- @tparam string s
-- @tparam integer i a byte position inside `s`
-- @treturn[1] integer 1 to 4
-- @treturn[2] nil no valid character begins there
function M.size (s, i)
  return size_at(s, i)
end

--- Splits an incomplete character from the end of a string, because its other bytes may follow.
-- Bytes that no continuation can make valid are not split off.
-- @tparam string s
-- @treturn string whole the text before the incomplete character
-- @treturn string rest zero to three bytes to put in front of the next piece
function M.split (s)
  local n = #s
  local last = byte(s, n)
  if last == nil or last < 0x80 then return s, "" end
  for back = 0, 2 do
    local i = n - back
    local a, b, c = byte(s, i, n)
    if a == nil then break end
    if not continues(a) then
      local size, low, high = shape(a)
      if size == nil or size <= back + 1 then break end
      if b and (b < low or b > high) then break end
      if c and not continues(c) then break end
      return s:sub(1, i - 1), s:sub(i)
    end
  end
  return s, ""
end

--- Makes an iterator over texts that consist of whole characters and are not empty, from an
-- iterator over texts that may end inside a character. An unfinished character at the end is
-- returned as it is.
-- @tparam function source returns the next text, and true if it is known to end with a whole
-- character; or nil at the end
-- @treturn fun():string?
function M.whole_characters (source)
  local held, ended = "", false
  return function ()
    while not ended do
      local piece
      local text, is_whole = source()
      if not text then
        piece, held, ended = held, "", true
      elseif held == "" and (is_whole or text == "" or byte(text, -1) < 0x80) then
        piece = text
      else
        piece, held = M.split(held .. text)
      end
      if piece ~= "" then return piece end
    end
  end
end

return M
