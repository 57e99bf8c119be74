-- SPDX-License-Identifier: MIT
--- Maren's face, drawn with circles and polygons. She blinks, and her mouth moves while she speaks.

local canvas = require "scene.canvas"

local M = {}

local SKIN, SHADE = { 0.86, 0.69, 0.57 }, { 0.72, 0.53, 0.44 }
local HAIR, HAIR_LIGHT = { 0.70, 0.71, 0.75 }, { 0.86, 0.87, 0.89 }
local COAT, COAT_DARK = { 0.17, 0.27, 0.36 }, { 0.11, 0.18, 0.25 }
local CAP, VISOR, BAND = { 0.14, 0.19, 0.30 }, { 0.08, 0.11, 0.18 }, { 0.70, 0.58, 0.34 }
local EYE, LIP, SCARF = { 0.27, 0.45, 0.55 }, { 0.55, 0.28, 0.27 }, { 0.66, 0.24, 0.22 }

local BLINK = 3.7              -- seconds between two blinks
local SYLLABLES = 4.5          -- per second

local Portrait = {}
Portrait.__index = Portrait

--- Advances the animation; `state` is that of the dialogue. The mouth moves while letters appear.
function Portrait:update (dt, state, letters_come)
  self.time = self.time + dt
  self.state = state
  local open = letters_come and 0.25 + 0.75 * math.abs(math.sin(self.time * SYLLABLES * math.pi))
    or 0
  self.mouth = self.mouth + (open - self.mouth) * math.min(1, dt * 18)
end

local function colour (c)
  love.graphics.setColor(c[1], c[2], c[3])
end

local function draw_body ()
  colour(COAT)
  love.graphics.ellipse("fill", 0, 96, 66, 46)
  colour(COAT_DARK)
  love.graphics.polygon("fill", -12, 58, 0, 92, -30, 74)
  love.graphics.polygon("fill", 12, 58, 0, 92, 30, 74)
  colour(SHADE)
  love.graphics.rectangle("fill", -13, 34, 26, 24, 8)
  colour(SCARF)
  love.graphics.ellipse("fill", 0, 56, 27, 10)
end

local function draw_head ()
  colour(HAIR)
  love.graphics.ellipse("fill", 0, 4, 45, 46)
  colour(HAIR_LIGHT)
  love.graphics.ellipse("fill", -37, 16, 10, 30)
  love.graphics.ellipse("fill", 37, 16, 10, 30)
  colour(SKIN)
  love.graphics.ellipse("fill", 0, 8, 34, 40)
  love.graphics.setColor(0.88, 0.58, 0.50, 0.45)      -- cheeks
  love.graphics.circle("fill", -20, 19, 7)
  love.graphics.circle("fill", 20, 19, 7)
  colour(SHADE)
  love.graphics.ellipse("fill", 0, 17, 5.5, 4)
  love.graphics.setLineWidth(2)
  love.graphics.line(-2.5, 7, -4, 15)
  love.graphics.setLineWidth(1.2)
  for side = -1, 1, 2 do                              -- wrinkles
    love.graphics.line(side * 29, 1, side * 25, 3.5)
    love.graphics.line(side * 29, 7, side * 25, 5.5)
    love.graphics.line(side * 12, 24, side * 16, 28, side * 16.5, 34)
  end
end

--- Returns how far the eyelids are closed, from 0 to 1.
local function lid_of (self)
  local since = self.time % BLINK
  local resting = self.state == "thinking" and 0.10 or 0.25
  if since >= 0.16 then return resting end
  return resting + (1 - resting) * (1 - math.abs(since - 0.08) / 0.08)
end

local function draw_eyes (self)
  local lid = lid_of(self)
  local thinking = self.state == "thinking"
  local dx = thinking and 2 or 0.8 * math.sin(self.time * 0.6)
  local dy = thinking and -1.4 or 0
  for side = -1, 1, 2 do
    local x, y = side * 14, 4
    love.graphics.setColor(0.95, 0.94, 0.90)
    love.graphics.ellipse("fill", x, y, 6.6, 4.4)
    colour(EYE)
    love.graphics.circle("fill", x + dx, y + dy, 3.4)
    love.graphics.setColor(0.06, 0.08, 0.10)
    love.graphics.circle("fill", x + dx, y + dy, 1.7)
    love.graphics.setColor(1, 1, 1)
    love.graphics.circle("fill", x + dx + 1.2, y + dy - 1.2, 0.9)
    colour(SKIN)
    love.graphics.rectangle("fill", x - 8, y - 6, 16, 1.2 + 9.4 * lid)
    colour(SHADE)
    love.graphics.setLineWidth(1.4)
    local edge = y - 4.8 + 9.4 * lid
    love.graphics.line(x - 7, edge + 1, x, edge, x + 7, edge + 1)
    colour(HAIR)
    love.graphics.setLineWidth(3.2)
    local raised = thinking and side == 1 and -3 or 0
    love.graphics.line(x - 8, y - 8 + raised - side, x, y - 9.5 + raised, x + 8,
      y - 8 + raised + side)
  end
end

local function draw_mouth (self)
  colour(LIP)
  if self.mouth > 0.12 then
    love.graphics.ellipse("fill", 0, 33, 9 - 1.5 * self.mouth, 1.2 + 4.2 * self.mouth)
    love.graphics.setColor(0.25, 0.09, 0.10)
    love.graphics.ellipse("fill", 0, 33.3, 6.5 - self.mouth, 0.5 + 2.8 * self.mouth)
  else
    local smile = self.state == "failed" and -2.5 or 2.5
    love.graphics.setLineWidth(2.2)
    love.graphics.line(-9, 33 - smile * 0.5, -4, 33 + smile * 0.4, 4, 33 + smile * 0.4, 9,
      33 - smile * 0.5)
  end
end

local function draw_cap ()
  colour(CAP)
  love.graphics.polygon("fill", -43, -13, -47, -44, 47, -44, 43, -13)
  love.graphics.ellipse("fill", 0, -45, 48, 17)
  colour(BAND)
  love.graphics.rectangle("fill", -43, -20, 86, 5)
  colour(VISOR)
  love.graphics.ellipse("fill", 0, -13, 42, 6)
  colour(BAND)
  love.graphics.circle("fill", 0, -36, 7)
  colour(CAP)
  love.graphics.polygon("fill", -2, -31, 2, -31, 1.2, -41, -1.2, -41)   -- a lighthouse
end

--- Draws the portrait into a frame; `x` and `y` are its upper left corner.
function Portrait:draw (x, y, width, height)
  canvas.panel(x, y, width, height)
  love.graphics.stencil(function ()
    love.graphics.rectangle("fill", x + 2, y + 2, width - 4, height - 4, 10)
  end)
  love.graphics.setStencilTest("greater", 0)
  love.graphics.setColor(0.24, 0.25, 0.36)
  love.graphics.rectangle("fill", x, y, width, height)
  canvas.glow("lamp", x + width / 2, y + height / 2 - 4, width * 0.62, 0.32)
  love.graphics.push()
  love.graphics.translate(x + width / 2, y + height / 2 + 9 + math.sin(self.time * 1.6))
  love.graphics.scale(height / 158)
  draw_body()
  draw_head()
  draw_eyes(self)
  draw_mouth(self)
  draw_cap()
  love.graphics.pop()
  love.graphics.setStencilTest()
end

function M.new ()
  return setmetatable({ time = 1, state = "listening", mouth = 0 }, Portrait)
end

return M
