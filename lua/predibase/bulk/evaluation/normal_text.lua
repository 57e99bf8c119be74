-- SPDX-License-Identifier: MIT
--- Removes from a text what models add to an answer without changing it: ` "Positive". ` becomes
-- `positive`.
-- @module predibase.bulk.evaluation.normal_text

local strings = require "predibase.python_strings"

local M = {}

local function set_of (text)
  local set = {}
  for _, char in ipairs((strings.chars(text))) do set[char] = true end
  return set
end

-- Signs such as `-`, `+`, `#`, `$` and `%` are kept, because `-1` is not `1` and `C#` is not `C`. A
-- point is removed at the end only, because `.5` is not `5`.
local OPENING = set_of "\"'`*“”„‘’‚«»‹›()[]{}¿¡（）［］「」『』【】《》〈〉"
local CLOSING = set_of "\"'`*“”„‘’‚«»‹›()[]{}.,;:!?…（）［］「」『』【】《》〈〉。，、；：！？．"

local FIRST, LAST = "^[^\128-\191][\128-\191]*", "[^\128-\191][\128-\191]*$"

local function is_space (char)
  return strings.strip(char) == "" and " " or nil
end

--- Converts a text to lower case, removes white space, quotes, brackets and asterisks at both ends
-- and the punctuation of sentences at the end, and writes other white space as one space. Of a text
-- that consists of such characters only, just the white space is removed. Two ways to write an
-- accented letter (Unicode's normal forms C and D) stay different.
-- @tparam string text
-- @treturn string
function M.of (text)
  text = text:gsub("[\194\225-\227][\128-\191]+", is_space):gsub("[\t-\r\28-\32]+", " ")
  text = strings.lower(strings.strip(text))
  local from, to = 1, #text
  while from <= to do
    local char = text:sub(from, from + 3):match(FIRST)
    if char ~= " " and not OPENING[char] then break end
    from = from + #char
  end
  while to >= from do
    local char = text:sub(math.max(from, to - 3), to):match(LAST)
    if char ~= " " and not CLOSING[char] then break end
    to = to - #char
  end
  return from > to and text or text:sub(from, to)
end

return M
