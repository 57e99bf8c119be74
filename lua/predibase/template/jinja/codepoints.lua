-- SPDX-License-Identifier: MIT
--- Characters of UTF-8. A byte that is no UTF-8 belongs to the character before it.
-- @module predibase.template.jinja.codepoints

local M = {}

--- The characters of a string as an array, and their number.
function M.chars(text)
  local out, n = {}, 0
  local head = text:match("^[\128-\191]+")
  if head then n = 1 out[1] = head end
  for char in text:gmatch("[^\128-\191][\128-\191]*") do
    n = n + 1
    out[n] = char
  end
  return out, n
end

--- The character that begins at a byte, and where the next one begins; nil at the end.
function M.at(text, i)
  local char, after = text:match("^([^\128-\191][\128-\191]*)()", i)
  if not char then char, after = text:match("^([\128-\191]+)()", i) end
  return char, after
end

-- Bytes that are counted at once.
local BLOCK = 256

--- Where the character of an index (from 0) begins; one byte behind the end for the index behind
-- the last one.
function M.offset(text, index)
  local at = 1
  while index > 0 do
    local part = text:sub(at + 1, at + BLOCK)
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

--- The code point of a character.
function M.codepoint(char)
  local a, b, c, d = char:byte(1, 4)
  if a < 0x80 or not b then return a end
  if a < 0xE0 then return (a - 0xC0) * 64 + b - 0x80 end
  if a < 0xF0 then return (a - 0xE0) * 4096 + (b - 0x80) * 64 + (c or 0x80) - 0x80 end
  return (a - 0xF0) * 262144 + (b - 0x80) * 4096 + ((c or 0x80) - 0x80) * 64 + (d or 0x80) - 0x80
end

--- The UTF-8 of a code point.
function M.utf8(n)
  local floor, char = math.floor, string.char
  if n < 0x80 then return char(n) end
  if n < 0x800 then return char(0xC0 + floor(n / 64), 0x80 + n % 64) end
  if n < 0x10000 then
    return char(0xE0 + floor(n / 4096), 0x80 + floor(n / 64) % 64, 0x80 + n % 64)
  end
  return char(0xF0 + floor(n / 262144), 0x80 + floor(n / 4096) % 64, 0x80 + floor(n / 64) % 64,
    0x80 + n % 64)
end

return M
