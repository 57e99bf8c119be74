-- SPDX-License-Identifier: MIT
--- Shows the letters of a text one after the other, at a steady pace while the text arrives in
-- bursts.

local utf8 = require "predibase.utf8"

local M = {}

local PACE = 42                -- letters per second
local CATCH_UP = 1.5           -- seconds; the pace grows when the letters lag further behind
local BREATH = { ["."] = 8, ["!"] = 8, ["?"] = 8, [","] = 3, [";"] = 4, [":"] = 4 }   -- letters

local Typewriter = {}
Typewriter.__index = Typewriter

--- Sets the whole text so far.
function Typewriter:set (text)
  if text:sub(1, self.shown) ~= self.text:sub(1, self.shown) then self.shown, self.due = 0, 0 end
  self.text = text
end

--- Returns whether all letters are shown.
function Typewriter:done ()
  return self.shown >= #self.text
end

--- Returns the pause after a character, measured in letters: there is a pause after the sign at the
-- end of a sentence, but not inside "3.14".
local function breath (text, last)
  local sign = text:sub(last, last)
  return BREATH[sign] and text:find("^%s", last + 1) and BREATH[sign] or 1
end

--- Shows the letters that are due after `dt` more seconds.
function Typewriter:update (dt)
  if self:done() then
    self.due = 0
    return
  end
  local behind = #self.text - self.shown
  self.due = self.due + dt * math.max(PACE, behind / CATCH_UP)
  while self.due >= 1 and not self:done() do
    self.shown = self.shown + (utf8.size(self.text, self.shown + 1) or 1)
    self.due = self.due - breath(self.text, self.shown)
  end
end

--- Shows everything.
function Typewriter:finish ()
  self.shown = #self.text
end

--- Drops the text that was not shown yet.
function Typewriter:stop ()
  self.text = self.text:sub(1, self.shown)
end

--- Returns an empty typewriter.
function M.new ()
  return setmetatable({
    text = "",
    shown = 0,                 -- bytes, always complete characters
    due = 0,                   -- letters that are due; negative during a pause
  }, Typewriter)
end

return M
