-- SPDX-License-Identifier: MIT
--- An editable line of text.

local M = {}

local LONGEST = 400            -- bytes; enough for a question

local Field = {}
Field.__index = Field

-- left_of returns the position before the character that ends at `i`, right_of the last byte of the
-- character that starts at `i + 1`.
local function left_of (text, i)
  repeat i = i - 1 until i <= 0 or not text:find("^[\128-\191]", i + 1)
  return math.max(i, 0)
end

local function right_of (text, i)
  repeat i = i + 1 until i >= #text or not text:find("^[\128-\191]", i + 1)
  return math.min(i, #text)
end

--- Inserts text at the cursor and moves the cursor to its end.
function Field:insert (text)
  text = text:gsub("%c", " ")
  if #self.text + #text > LONGEST then return end
  self.text = self.text:sub(1, self.cursor) .. text .. self.text:sub(self.cursor + 1)
  self.cursor = self.cursor + #text
end

local function remove (self, from, to)
  self.text = self.text:sub(1, from) .. self.text:sub(to + 1)
  self.cursor = from
end

--- Removes the character before the cursor.
function Field:backspace ()
  remove(self, left_of(self.text, self.cursor), self.cursor)
end

--- Removes the character after the cursor.
function Field:delete ()
  remove(self, self.cursor, right_of(self.text, self.cursor))
end

--- Moves the cursor by one character to either side, or to an end with an infinite `by`.
function Field:move (by)
  if by == -math.huge then self.cursor = 0
  elseif by == math.huge then self.cursor = #self.text
  elseif by < 0 then self.cursor = left_of(self.text, self.cursor)
  else self.cursor = right_of(self.text, self.cursor) end
end

--- Replaces the text.
function Field:set (text)
  self.text, self.cursor = text, #text
end

--- Returns the text without surrounding blanks.
function Field:trimmed ()
  return (self.text:gsub("^%s+", ""):gsub("%s+$", ""))
end

--- Returns an empty field.
function M.new ()
  return setmetatable({
    text = "",
    cursor = 0,                -- bytes before the cursor, always complete characters
  }, Field)
end

return M
