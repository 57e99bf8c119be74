-- SPDX-License-Identifier: MIT
--- UTF-8 as RFC 3629 defines it: is a string valid, and where may it be cut.
-- Lua 5.1 and LuaJIT have no `utf8` library and the one of 5.3 lets surrogates pass, so the
-- rules are written out here.
-- @module predibase.utf8

local M = {}

local byte, find = string.byte, string.find

-- Both native checkers agree with RFC 3629 up to surrogates, which 5.3 accepts.
local library = rawget(_G, "utf8")
local native = type(library) == "table" and library.len

--- Bytes that a first byte announces, and the range its second byte must be in.
-- The narrow ranges are what rules out overlong forms (E0, F0), surrogates (ED) and code
-- points above U+10FFFF (F4); RFC 3629 section 4.
local function shape(first)
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

local function continues(b)
  return b ~= nil and b >= 0x80 and b <= 0xBF
end

--- Size of the valid character that starts at byte `i`, or nil.
local function size_at(s, i)
  local a, b, c, d = byte(s, i, i + 3)
  local size, low, high = shape(a)
  if size == nil or size == 1 then return size end
  if b == nil or b < low or b > high then return nil end
  if size >= 3 and not continues(c) then return nil end
  if size == 4 and not continues(d) then return nil end
  return size
end

--- Tells whether a string is valid UTF-8 (RFC 3629: nothing overlong, no surrogates, nothing
-- above U+10FFFF). Text that is all ASCII costs one search.
-- @tparam string s
-- @treturn[1] boolean true
-- @treturn[2] boolean false
-- @treturn[2] integer the position of the first byte of the first bad sequence
function M.valid(s)
  local i = find(s, "[\128-\255]")
  if not i then return true end
  if native and native(s) and not find(s, "\237[\160-\191]") then return true end
  while i do
    local size = size_at(s, i)
    if not size then return false, i end
    i = find(s, "[\128-\255]", i + size)
  end
  return true
end

--- Size of the character at a position, for walking over text that may be broken.
-- @tparam string s
-- @tparam integer i a byte position inside `s`
-- @treturn[1] integer 1 to 4
-- @treturn[2] nil no valid character starts there
function M.size(s, i)
  return size_at(s, i)
end

--- Splits off the beginning of a character whose other bytes have not arrived yet.
-- Bytes that no continuation can make valid count as whole: they are passed on, not kept.
-- @tparam string s
-- @treturn string whole everything that may be handed out
-- @treturn string rest zero to three bytes to be put in front of what comes next
function M.split(s)
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

return M
