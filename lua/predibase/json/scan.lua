-- SPDX-License-Identifier: MIT
--- Scans a JSON text without decoding it: its literals, and the members of its object.
-- The texts must have been decoded successfully before, so these functions only look for what a
-- decoder accepts. All of them take linear time.
-- @module predibase.json.scan

local M = {}

local byte, find, sub, huge = string.byte, string.find, string.sub, math.huge

--- Returns the position of the quote that ends the string which begins at `i`, and the position of
-- the first raw control character in it (nil when there is none).
local function string_end (text, i)
  local control
  local at = i + 1
  while true do
    at = find(text, '["\\%z\1-\31]', at)
    if not at then return #text, control end
    local c = sub(text, at, at)
    if c == '"' then return at, control end
    if c == "\\" then
      at = at + 2
    else
      control = control or at
      at = at + 1
    end
  end
end

-- From this number on, the difference between neighbouring doubles is two.
local GAPS = 2 ^ 53

--- Tells whether a literal is an integer that a double may not hold exactly.
local function is_big (literal)
  if #literal < 16 or find(literal, "[%.eE]") then return false end
  local near = tonumber(literal)
  return near >= GAPS or near <= -GAPS
end

--- Finds the integer literals of 2^53 and more (or -2^53 and less) that are not inside strings.
-- @tparam string text
-- @treturn ?table array of the first and the last position of each literal (`{ first, last, first,
-- last, … }`); nil when there are no such literals
function M.big_integers (text)
  local found
  local i = find(text, '["%d%-]')
  while i do
    local last
    if sub(text, i, i) == '"' then
      last = string_end(text, i)
    else
      last = select(2, find(text, "^[%d%.eE%+%-]+", i))
      if is_big(sub(text, i, last)) then
        found = found or {}
        found[#found + 1] = i
        found[#found + 1] = last
      end
    end
    i = find(text, '["%d%-]', last + 1)
  end
  return found
end

--- Refuses what lua-cjson accepts although RFC 8259 does not: control characters inside strings,
-- `1.`, `-.5`, and numbers beyond the range of a double.
-- @tparam string text
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] string what is wrong and where
function M.strict (text)
  local i = find(text, '["%d%-]')
  while i do
    local last
    if sub(text, i, i) == '"' then
      local control
      last, control = string_end(text, i)
      if control then return nil, "control character inside a string at character " .. control end
    else
      last = select(2, find(text, "^[%d%.eE%+%-]+", i))
      local literal = sub(text, i, last)
      local value = tonumber(literal)
      if not find(literal, "^%-?%d") or find(literal .. "$", "%.%D")
        or value == huge or value == -huge then
        return nil, "invalid number at character " .. i
      end
    end
    i = find(text, '["%d%-]', last + 1)
  end
  return true
end

local QUOTE, COLON, COMMA, OPEN_OBJECT, OPEN_ARRAY = byte('":,{[', 1, 5)

--- Calls a function for each member of an object, in the order of the text. Members of inner
-- objects are not visited.
-- @tparam string text
-- @tparam function visit takes the positions of the quotes around the name, of the colon, and of
-- the comma or brace after the value
function M.each_member (text, visit)
  local depth, name, name_end, colon = 0, nil, nil, nil
  local at = find(text, '[%[%]{},:"]')
  while at do
    local mark, after = byte(text, at), at + 1
    if mark == QUOTE then
      local stop = string_end(text, at)
      if depth == 1 and not colon then name, name_end = at, stop end
      after = stop + 1
    elseif mark == COLON then
      if depth == 1 then colon = at end
    elseif mark == OPEN_OBJECT or mark == OPEN_ARRAY then
      depth = depth + 1
    else
      if depth == 1 and colon then
        visit(name, name_end, colon, at)
        colon = nil
      end
      if mark ~= COMMA then depth = depth - 1 end
    end
    at = find(text, '[%[%]{},:"]', after)
  end
end

--- Finds the value of a top-level member of an object. If the name occurs twice, the last value is
-- found, which is also the one that a decoder keeps.
-- @tparam string text
-- @tparam function is_wanted takes a name as it is written in the text, with its quotes
-- @treturn[1] integer the position of the first byte of the value
-- @treturn[1] integer the position of its last byte
-- @treturn[2] nil there is no such member
function M.member (text, is_wanted)
  local first, last
  M.each_member(text, function (name, name_end, colon, stop)
    if is_wanted(sub(text, name, name_end)) then first, last = colon + 1, stop - 1 end
  end)
  if not first then return nil end
  while find(text, "^[ \t\r\n]", first) do first = first + 1 end
  while find(text, "^[ \t\r\n]", last) do last = last - 1 end
  return first, last
end

--- Writes a JSON text in one line: between tokens a control character becomes a space. Inside of
-- strings, JSON allows none; if there is one nevertheless, it is escaped.
-- @tparam string text
-- @treturn string
function M.one_line (text)
  if not find(text, "[%z\1-\31]") then return text end
  local out, from = {}, 1
  local first = find(text, '"', 1, true)
  while first do
    local last = string_end(text, first)
    out[#out + 1] = sub(text, from, first - 1):gsub("%c", " ")
    out[#out + 1] = sub(text, first, last):gsub("[%z\1-\31]", function (c)
      return ("\\u%04x"):format(byte(c))
    end)
    from = last + 1
    first = find(text, '"', from, true)
  end
  out[#out + 1] = sub(text, from):gsub("%c", " ")
  return table.concat(out)
end

--- Returns the UTF-16 unit that an escape at `i` stands for, or nil when there is no `\uXXXX`.
local function unit_at (text, i)
  local digits = text:match("^\\u(%x%x%x%x)", i)
  return digits and tonumber(digits, 16)
end

--- Replaces every unpaired escaped surrogate by `\ufffd` (U+FFFD), as a UTF-16 decoder would. A
-- server that cuts text between two UTF-16 units sends such halves.
-- @tparam string text
-- @treturn[1] string the corrected text
-- @treturn[2] nil there was nothing to replace
function M.mend_surrogates (text)
  local out, n, from = {}, 0, 1
  local at = find(text, "\\", 1, true)
  while at do
    local unit = unit_at(text, at)
    local skip = unit and 6 or 2
    if unit and unit >= 0xD800 and unit <= 0xDFFF then
      local low = unit < 0xDC00 and unit_at(text, at + 6)
      if low and low >= 0xDC00 and low <= 0xDFFF then
        skip = 12
      else
        out[n + 1], out[n + 2] = sub(text, from, at - 1), "\\ufffd"
        n, from = n + 2, at + 6
      end
    end
    at = find(text, "\\", at + skip, true)
  end
  if n == 0 then return nil end
  out[n + 1] = sub(text, from)
  return table.concat(out)
end

return M
