-- SPDX-License-Identifier: MIT
--- Upper and lower case for the Latin, Greek and Cyrillic letters up to U+052F. Other scripts keep
-- their letters as they are, and a Greek sigma does not know where its word ends.
-- @module predibase.template.jinja.case

local codepoints = require "predibase.template.jinja.codepoints"

local M = {}

local utf8 = codepoints.utf8
local upper_of, lower_of = {}, {}

local function pair(upper, lower)
  upper_of[utf8(lower)], lower_of[utf8(upper)] = utf8(upper), utf8(lower)
end

--- Capitals from `first` to `last`, their small letters `distance` behind.
local function block(first, last, distance)
  for code = first, last do pair(code, code + distance) end
end

--- Capitals and small letters in turn.
local function turns(first, last)
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
-- Letters that become others in one direction only.
upper_of[utf8(0xDF)], upper_of[utf8(0xB5)] = "SS", utf8(0x39C)
upper_of[utf8(0x131)], upper_of[utf8(0x17F)] = "I", "S"
upper_of[utf8(0x3C2)], lower_of[utf8(0x130)] = utf8(0x3A3), "i\204\135"

local LETTER = "[%a\194-\212][\128-\191]?"

--- Upper case.
function M.upper(text)
  return (text:gsub(LETTER, upper_of))
end

--- Lower case.
function M.lower(text)
  return (text:gsub(LETTER, lower_of))
end

--- Whether a character is a letter that has a case: "upper", "lower" or nil.
-- @tparam string char
-- @treturn ?string
function M.of(char)
  return lower_of[char] and "upper" or upper_of[char] and "lower" or nil
end

local function titled(char)
  return char == "\195\159" and "Ss" or M.upper(char)
end

--- The first letter in upper case, the others in lower case.
function M.capitalize(text)
  local first = codepoints.at(text, 1) or ""
  return titled(first) .. M.lower(text:sub(#first + 1))
end

--- Python's `str.title`: a letter after anything but a letter becomes upper case.
function M.title(text)
  local chars, n = codepoints.chars(text)
  local inside = false
  for i = 1, n do
    local char = chars[i]
    chars[i] = inside and M.lower(char) or titled(char)
    inside = M.of(char) ~= nil
  end
  return table.concat(chars, "", 1, n)
end

--- Whether there are letters and all are of one case.
-- @tparam string text
-- @tparam string case "upper" or "lower"
-- @treturn boolean
function M.all(text, case)
  local chars, n = codepoints.chars(text)
  local found = false
  for i = 1, n do
    local of = M.of(chars[i])
    if of and of ~= case then return false end
    found = found or of ~= nil
  end
  return found
end

return M
