-- SPDX-License-Identifier: MIT
--- Wraps a text into lines. Letters that are not shown yet are wrapped as well: otherwise a word
-- would begin at the end of one line and jump to the next while it is typed.

local utf8 = require "predibase.utf8"

local M = {}

--- Returns the last byte of the part of a word that fits into a line; at least one character.
local function fitting (text, from, to, width, measure)
  local last = from + (utf8.size(text, from) or 1) - 1
  while last < to do
    local following = last + (utf8.size(text, last + 1) or 1)
    if measure(text:sub(from, following)) > width then break end
    last = following
  end
  return last
end

--- Wraps one paragraph, from byte `i` to `stop`.
local function paragraph (lines, text, i, stop, width, measure)
  local from, last = i, i - 1               -- the bytes of the current line
  while true do
    local a, b = text:find("%S+", i)
    if not a or a > stop then break end
    b = math.min(b, stop)
    if last >= from and measure(text:sub(from, b)) > width then
      lines[#lines + 1] = { from = from, to = last }
      from = a
    end
    while measure(text:sub(from, b)) > width do
      local cut = fitting(text, from, b, width, measure)
      if cut >= b then break end
      lines[#lines + 1] = { from = from, to = cut }
      from = cut + 1
    end
    last, i = b, b + 1
  end
  lines[#lines + 1] = { from = from, to = last }
end

--- Wraps a text.
-- `measure(s)` returns the width of a string. Returns an array of lines, each with `from` and `to`,
-- the positions of its first and last byte; blanks at the end of a line belong to no line.
function M.lines (text, width, measure)
  local lines, i = {}, 1
  repeat
    local newline = text:find("\n", i, true)
    paragraph(lines, text, i, newline and newline - 1 or #text, width, measure)
    i = newline and newline + 1
  until not i
  return lines
end

return M
