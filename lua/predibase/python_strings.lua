-- SPDX-License-Identifier: MIT
--- Treats strings as Python does: as sequences of code points, encoded in UTF-8. A byte that is not
-- part of valid UTF-8 belongs to the character before it.
--
-- Upper and lower case is known for the Latin, Greek and Cyrillic letters up to U+052F. Other
-- letters stay as they are, and a Greek sigma at the end of a word is not treated specially.
-- @module predibase.python_strings

local M = {}

-- White space: that of Unicode, and the separators 0x1C to 0x1F.

local ASCII = "[\t-\r\28-\32]"

-- Above ASCII: U+0085, U+00A0, U+1680, U+2000 to U+200A, U+2028, U+2029, U+202F, U+205F, U+3000.
local WIDE = { ["\194\133"] = true, ["\194\160"] = true, ["\225\154\128"] = true,
  ["\226\128\168"] = true, ["\226\128\169"] = true, ["\226\128\175"] = true,
  ["\226\129\159"] = true, ["\227\128\128"] = true }
for last = 128, 138 do WIDE["\226\128" .. string.char(last)] = true end

--- Returns the length of the white space character that begins at byte `i`; 0 if there is none.
local function space_at (text, i)
  if text:find("^" .. ASCII, i) then return 1 end
  if WIDE[text:sub(i, i + 1)] then return 2 end
  return WIDE[text:sub(i, i + 2)] and 3 or 0
end

--- Returns the length of the white space character that ends at byte `i`; 0 if there is none.
local function space_before (text, i)
  if text:find("^" .. ASCII, i) then return 1 end
  if i >= 2 and WIDE[text:sub(i - 1, i)] then return 2 end
  return i >= 3 and WIDE[text:sub(i - 2, i)] and 3 or 0
end

local ALL = "^" .. ASCII .. "*()"

--- Finds the end of white space.
-- @tparam string text
-- @tparam integer i where a character begins
-- @treturn integer the first byte from there that is not white space
function M.skip_space (text, i)
  while i <= #text do
    i = text:match(ALL, i)
    local size = space_at(text, i)
    if size == 0 then break end
    i = i + size
  end
  return i
end

--- Removes the white space at the beginning of a text, as Python's `str.lstrip` does.
-- @tparam string text
-- @treturn string
function M.lstrip (text)
  return text:sub(M.skip_space(text, 1))
end

-- Bytes that `rstrip` compares at once.
local BLOCK = 64
local BLANK = "^" .. ASCII:rep(BLOCK)

--- Removes the white space at the end of a text, as Python's `str.rstrip` does.
-- @tparam string text
-- @treturn string
function M.rstrip (text)
  local i = #text
  while i > 0 do
    if i > BLOCK and text:find(BLANK, i - BLOCK + 1) then
      i = i - BLOCK
    else
      local size = space_before(text, i)
      if size == 0 then break end
      i = i - size
    end
  end
  return text:sub(1, i)
end

--- Removes the white space at both ends of a text, as Python's `str.strip` does.
-- @tparam string text
-- @treturn string
function M.strip (text)
  return M.lstrip(M.rstrip(text))
end

-- Characters.

--- Splits a string into its characters.
-- @tparam string text
-- @treturn table array
-- @treturn integer their number
function M.chars (text)
  local out, n = {}, 0
  local head = text:match("^[\128-\191]+")
  if head then n = 1 out[1] = head end
  for char in text:gmatch("[^\128-\191][\128-\191]*") do
    n = n + 1
    out[n] = char
  end
  return out, n
end

--- Finds the character that begins at a byte.
-- @tparam string text
-- @tparam integer i
-- @treturn ?string nil at the end of the text
-- @treturn ?integer where the next one begins
function M.at (text, i)
  local char, after = text:match("^([^\128-\191][\128-\191]*)()", i)
  if not char then char, after = text:match("^([\128-\191]+)()", i) end
  return char, after
end

-- Bytes that `offset` counts at once.
local COUNTED = 256

--- Finds the first byte of the character with an index.
-- @tparam string text
-- @tparam integer index from 0; the number of characters gives the position after the end
-- @treturn integer
function M.offset (text, index)
  local at = 1
  while index > 0 do
    local part = text:sub(at + 1, at + COUNTED)
    if part == "" then return #text + 1 end
    local _, begins = part:gsub("[^\128-\191]", "")
    if begins >= index then
      for place in part:gmatch("()[^\128-\191]") do
        index = index - 1
        if index == 0 then return at + place end
      end
    end
    index, at = index - begins, at + #part
  end
  return at
end

--- Decodes a character.
-- @tparam string char
-- @treturn integer the code point
function M.codepoint (char)
  local a, b, c, d = char:byte(1, 4)
  if a < 0x80 or not b then return a end
  if a < 0xE0 then return (a - 0xC0) * 64 + b - 0x80 end
  if a < 0xF0 then return (a - 0xE0) * 4096 + (b - 0x80) * 64 + (c or 0x80) - 0x80 end
  return (a - 0xF0) * 262144 + (b - 0x80) * 4096 + ((c or 0x80) - 0x80) * 64 + (d or 0x80) - 0x80
end

--- Encodes a code point.
-- @tparam integer n
-- @treturn string UTF-8
function M.utf8 (n)
  local floor, char = math.floor, string.char
  if n < 0x80 then return char(n) end
  if n < 0x800 then return char(0xC0 + floor(n / 64), 0x80 + n % 64) end
  if n < 0x10000 then
    return char(0xE0 + floor(n / 4096), 0x80 + floor(n / 64) % 64, 0x80 + n % 64)
  end
  return char(0xF0 + floor(n / 262144), 0x80 + floor(n / 4096) % 64, 0x80 + floor(n / 64) % 64,
    0x80 + n % 64)
end

--- Counts the characters of a string.
-- @tparam string text
-- @treturn integer
function M.length (text)
  if not text:find("[\128-\255]") then return #text end
  local _, begins = text:gsub("[^\128-\191]", "")
  return begins + (text:find("^[\128-\191]") and 1 or 0)
end

--- Resolves the bounds of a slice as Python does.
-- @tparam ?integer start nil when it is left out; the same applies to `stop` and `step`
-- @tparam ?integer stop
-- @tparam ?integer step not 0
-- @tparam integer n number of items
-- @treturn integer index of the first item, from 0
-- @treturn integer step
-- @treturn integer number of items in the slice
function M.bounds (start, stop, step, n)
  step = step or 1
  local low, high = 0, n
  if step < 0 then low, high = -1, n - 1 end
  local function clamp (i, default)
    if i == nil then return default end
    if i < 0 then i = i + n end
    return math.max(low, math.min(high, i))
  end
  local first = clamp(start, step < 0 and high or low)
  local last = clamp(stop, step < 0 and low or high)
  local count = math.max(0, math.ceil((last - first) / step))
  return first, step, count
end

--- Takes a slice of a string; see `bounds`.
-- @tparam string text
-- @tparam ?integer start
-- @tparam ?integer stop
-- @tparam ?integer step
-- @treturn string
function M.slice (text, start, stop, step)
  local n = M.length(text)
  local ascii = n == #text
  local first, by, count = M.bounds(start, stop, step, n)
  if count == 0 then return "" end
  if by == 1 then
    if ascii then return text:sub(first + 1, first + count) end
    local from = M.offset(text, first)
    return text:sub(from, from + M.offset(text:sub(from), count) - 2)
  end
  if ascii and by == -1 then return text:sub(first - count + 2, first + 1):reverse() end
  local out, chars = {}, not ascii and M.chars(text) or nil
  for i = 0, count - 1 do
    local at = first + i * by + 1
    out[i + 1] = ascii and text:sub(at, at) or chars[at]
  end
  return table.concat(out)
end

--- Splits a string at line ends, as Python's `splitlines` does.
-- @tparam string text
-- @tparam ?boolean keep true leaves the line ends in the lines
-- @treturn table array
function M.lines (text, keep)
  local out, from, i = {}, 1, 1
  while true do
    i = text:find("[\10-\13\28-\30\194\226]", i)
    if not i then break end
    local size
    local b = text:byte(i)
    if b == 13 and text:byte(i + 1) == 10 then
      size = 2
    elseif (b >= 10 and b <= 13) or (b >= 28 and b <= 30) then
      size = 1
    elseif b == 0xC2 and text:byte(i + 1) == 0x85 then
      size = 2
    elseif b == 0xE2 and (text:find("^\128[\168\169]", i + 1)) then
      size = 3
    end
    if size then
      out[#out + 1] = text:sub(from, i - 1 + (keep and size or 0))
      from = i + size
    end
    i = i + (size or 1)
  end
  if from <= #text then out[#out + 1] = text:sub(from) end
  return out
end

local encode = M.utf8
local upper_of, lower_of = {}, {}

local function pair (upper, lower)
  upper_of[encode(lower)], lower_of[encode(upper)] = encode(upper), encode(lower)
end

--- Defines the capitals from `first` to `last`. The code of each small letter is that of its
-- capital plus `distance`.
local function block (first, last, distance)
  for code = first, last do pair(code, code + distance) end
end

--- Defines letters of which capitals and small letters alternate. `first` is the first capital and
-- `last` the last one.
local function turns (first, last)
  for code = first, last, 2 do pair(code, code + 1) end
end

block(0x41, 0x5A, 32)
block(0xC0, 0xD6, 32)
block(0xD8, 0xDE, 32)
turns(0x100, 0x12E)
turns(0x132, 0x136)
turns(0x139, 0x147)
turns(0x14A, 0x176)
turns(0x179, 0x17D)
pair(0x178, 0xFF)
block(0x391, 0x3A1, 32)
block(0x3A3, 0x3AB, 32)
pair(0x386, 0x3AC)
block(0x388, 0x38A, 37)
pair(0x38C, 0x3CC)
block(0x38E, 0x38F, 63)
block(0x400, 0x40F, 80)
block(0x410, 0x42F, 32)
turns(0x460, 0x480)
turns(0x48A, 0x4BE)
turns(0x4C1, 0x4CD)
turns(0x4D0, 0x52E)
pair(0x4C0, 0x4CF)
-- Letters whose upper or lower case does not convert back to them.
upper_of[encode(0xDF)], upper_of[encode(0xB5)] = "SS", encode(0x39C)
upper_of[encode(0x131)], upper_of[encode(0x17F)] = "I", "S"
upper_of[encode(0x3C2)], lower_of[encode(0x130)] = encode(0x3A3), "i\204\135"

local LETTER = "[%a\194-\212][\128-\191]?"

--- Converts a string to upper case.
-- @tparam string text
-- @treturn string
function M.upper (text)
  return (text:gsub(LETTER, upper_of))
end

--- Converts a string to lower case.
-- @tparam string text
-- @treturn string
function M.lower (text)
  return (text:gsub(LETTER, lower_of))
end

--- Returns the case of a character: "upper", "lower", or nil.
local function case_of (char)
  return lower_of[char] and "upper" or upper_of[char] and "lower" or nil
end

local function titled (char)
  return char == "\195\159" and "Ss" or M.upper(char)
end

--- Puts the first letter into upper case and the others into lower case.
-- @tparam string text
-- @treturn string
function M.capitalize (text)
  local first = M.at(text, 1) or ""
  return titled(first) .. M.lower(text:sub(#first + 1))
end

--- Puts the first letter of each word into upper case, as Python's `str.title` does: a word begins
-- after every character that is not a letter.
-- @tparam string text
-- @treturn string
function M.title (text)
  local chars, n = M.chars(text)
  local inside = false
  for i = 1, n do
    local char = chars[i]
    chars[i] = inside and M.lower(char) or titled(char)
    inside = case_of(char) ~= nil
  end
  return table.concat(chars, "", 1, n)
end

--- Tells whether a text has letters and all of them are of one case.
-- @tparam string text
-- @tparam string case "upper" or "lower"
-- @treturn boolean
function M.all_of_case (text, case)
  local chars, n = M.chars(text)
  local found = false
  for i = 1, n do
    local of = case_of(chars[i])
    if of and of ~= case then return false end
    found = found or of ~= nil
  end
  return found
end

-- Comparing and writing.

--- Compares two strings by code points, which is the order of their bytes. The locale of the
-- program has no influence.
-- @tparam string a
-- @tparam string b
-- @treturn integer negative, zero or positive
function M.order (a, b)
  for from = 1, math.min(#a, #b), 256 do
    local x, y = a:sub(from, from + 255), b:sub(from, from + 255)
    if x ~= y then
      for i = 1, math.min(#x, #y) do
        if x:byte(i) ~= y:byte(i) then return x:byte(i) - y:byte(i) end
      end
      break
    end
  end
  return #a - #b
end

local ESCAPES = { ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t", ["\\"] = "\\\\" }

-- The code points above ASCII that Python's `repr` escapes: spaces, separators, control and format
-- characters, surrogates and private use. This module does not know the unassigned code points.
local HIDDEN = { { 0x80, 0xA0 }, { 0xAD, 0xAD }, { 0x600, 0x605 }, { 0x61C, 0x61C },
  { 0x1680, 0x1680 }, { 0x180E, 0x180E }, { 0x2000, 0x200F }, { 0x2028, 0x202F },
  { 0x205F, 0x206F }, { 0x3000, 0x3000 }, { 0xD800, 0xF8FF }, { 0xFEFF, 0xFEFF },
  { 0xFFF0, 0xFFFB }, { 0xE0000, 0x10FFFF } }

local function hidden (char)
  local code = M.codepoint(char)
  for _, range in ipairs(HIDDEN) do
    if code < range[1] then return nil end
    if code <= range[2] then
      return (code < 0x100 and "\\x%02x" or code < 0x10000 and "\\u%04x" or "\\U%08x"):format(code)
    end
  end
  return nil
end

--- Writes a string in quotes, as Python's `repr` does.
-- @tparam string s
-- @treturn string
function M.repr (s)
  local quote = s:find("'", 1, true) and not s:find('"', 1, true) and '"' or "'"
  local out = s:gsub("[%c\\" .. quote .. "]", function (char)
    if char == quote then return "\\" .. char end
    return ESCAPES[char] or ("\\x%02x"):format(char:byte())
  end)
  if out:find("[\128-\255]") then out = out:gsub("[\194-\244][\128-\191]+", hidden) end
  return quote .. out .. quote
end

return M
