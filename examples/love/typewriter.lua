-- SPDX-License-Identifier: MIT
--- Letters that appear one after the other, however the text behind them comes in.

local utf8 = require "predibase.utf8"

local M = {}

local PACE = 42                -- letters a second
local CATCH_UP = 1.5           -- seconds behind the text at most: from there on the pace grows
local BREATH = { ["."] = 8, ["!"] = 8, ["?"] = 8, [","] = 3, [";"] = 4, [":"] = 4 }   -- letters

local Typewriter = {}
Typewriter.__index = Typewriter

--- Gives it the whole text so far.
function Typewriter:set(text)
  if text:sub(1, self.shown) ~= self.text:sub(1, self.shown) then self.shown, self.due = 0, 0 end
  self.text = text
end

--- Whether all letters are to be seen.
function Typewriter:done()
  return self.shown >= #self.text
end

--- How many letters a pause after this one is worth: sentences breathe, "3.14" does not.
local function breath(text, last)
  local sign = text:sub(last, last)
  return BREATH[sign] and text:find("^%s", last + 1) and BREATH[sign] or 1
end

--- Shows the letters that are due after so many seconds.
function Typewriter:update(dt)
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
function Typewriter:finish()
  self.shown = #self.text
end

--- Forgets what was not shown yet.
function Typewriter:stop()
  self.text = self.text:sub(1, self.shown)
end

--- Makes an empty one.
function M.new()
  return setmetatable({
    text = "",
    shown = 0,                 -- bytes, always whole characters
    due = 0,                   -- letters that time has earned; below 0 it takes a breath
  }, Typewriter)
end

return M
