-- SPDX-License-Identifier: MIT
--- The text boxes: the character's words and the player's input.

local canvas = require "scene.canvas"
local wrap = require "scene.wrap"

local M = {}

local SIZE, LEADING, LINES = 21, 29, 4
local SMALL = 14
local X, Y, WIDTH, HEIGHT = 196, 326, 724, 146
local INPUT_X, INPUT_Y, INPUT_WIDTH, INPUT_HEIGHT = 40, 484, 880, 38
local BLINK = 1.06             -- seconds; the cursor is visible for half of this time

local Box = {}
Box.__index = Box

function Box:update (dt)
  self.time = self.time + dt
end

--- Discards the wrapped lines. Call it when the fonts have changed.
function Box:forget ()
  self.text = nil
end

local function measure (text)
  return canvas.width(text, SIZE)
end

--- Returns the wrapped lines. Wraps only when the text has grown, not for each shown letter.
local function wrapped (self, text)
  if text ~= self.text then
    self.text = text
    self.lines = wrap.lines(text, WIDTH - 48, measure)
  end
  return self.lines
end

local function cursor (self, x, y, height)
  if self.time % BLINK < BLINK / 2 then
    love.graphics.rectangle("fill", x, y, 2, height)
  end
end

--- Draws the lines that contain shown letters; if they do not all fit, the last ones.
local function draw_words (self, view)
  local text = view.text
  local shown = view.shown or #text
  local lines = wrapped(self, text)
  local last = 1
  for i, line in ipairs(lines) do
    if line.from <= shown then last = i end
  end
  local first = math.max(1, last - LINES + 1)
  local x, y = X + 24, Y + 22
  for i = first, last do
    local line = lines[i]
    local visible = text:sub(line.from, math.min(line.to, shown))
    canvas.print(visible, x, y, SIZE)
    if i == last and view.state == "speaking" then
      canvas.colour "lamp"
      cursor(self, x + canvas.width(visible, SIZE) + 3, y + 2, SIZE)
    end
    y = y + LEADING
  end
end

local function draw_thinking (self)
  canvas.colour "faint"
  local dots = 1 + math.floor(self.time * 3) % 3
  canvas.print("thinking" .. ("."):rep(dots), X + 24, Y + 22, SIZE)
end

local HINTS = {
  thinking = "Esc: never mind",
  speaking = "Esc: that will do     Enter: all at once",
  listening = "Enter: say it",
  failed = "Enter: ask again",
}

--- Draws the character's name and words.
function Box:draw_speech (view)
  canvas.panel(X, Y, WIDTH, HEIGHT)
  canvas.panel(X + 20, Y - 16, canvas.width(view.name, 16) + 28, 28)
  canvas.colour "rim"
  canvas.print(view.name, X + 34, Y - 12, 16)
  if view.state == "thinking" then
    draw_thinking(self)
  else
    canvas.colour(view.state == "failed" and "alarm" or "ink")
    draw_words(self, view)
  end
end

--- Draws the player's input and the hint about the keys. Scrolls so that the cursor stays visible.
function Box:draw_input (view)
  local hint = HINTS[view.state]
  local width = INPUT_WIDTH - 64 - canvas.width(hint, SMALL)
  canvas.panel(INPUT_X, INPUT_Y, INPUT_WIDTH, INPUT_HEIGHT)
  canvas.colour("faint", 0.9)
  canvas.print(hint, INPUT_X + INPUT_WIDTH - 18 - canvas.width(hint, SMALL), INPUT_Y + 11, SMALL)

  local input, x, y = view.input, INPUT_X + 18, INPUT_Y + 8
  local before = canvas.width(input.text:sub(1, input.cursor), 18)
  local scroll = math.max(0, before - width)
  local unit = canvas.unit
  love.graphics.setScissor(canvas.left + x * unit, canvas.top + INPUT_Y * unit,
    (width + 4) * unit, INPUT_HEIGHT * unit)
  if input.text == "" and view.state == "listening" then
    canvas.colour("faint", 0.8)
    canvas.print("Say something to " .. view.name, x + 6, y, 18)
  else
    canvas.colour "ink"
    canvas.print(input.text, x - scroll, y, 18)
  end
  canvas.colour "lamp"
  cursor(self, x + before - scroll, y + 1, 20)
  love.graphics.setScissor()
end

function M.new ()
  return setmetatable({
    time = 0,
    text = nil, lines = nil,   -- the text that was wrapped, and its lines
  }, Box)
end

return M
