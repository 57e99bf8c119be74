-- SPDX-License-Identifier: MIT
--- The background: sky, moon, sea, and the lighthouse with its rotating beam.

local canvas = require "scene.canvas"

local M = {}

local HORIZON = 330
local LAMP_X, LAMP_Y = 782, 132
local TURN = 9                 -- seconds for one rotation of the beam
local STARS = 90

local Night = {}
Night.__index = Night

--- Returns a mesh of bands that blend into each other: { y, colour }, from the top down.
local function bands (list)
  local vertices = {}
  for _, band in ipairs(list) do
    local c = canvas.COLOURS[band[2]]
    vertices[#vertices + 1] = { 0, band[1], 0, 0, c[1], c[2], c[3] }
    vertices[#vertices + 1] = { canvas.WIDTH, band[1], 0, 0, c[1], c[2], c[3] }
  end
  return love.graphics.newMesh(vertices, "strip", "static")
end

--- Returns a mesh for the beam: bright at the lamp, transparent at its end.
local function beam (length, spread)
  return love.graphics.newMesh({
    { 0, 0, 0, 0, 1, 0.93, 0.70, 0.55 },
    { length, -spread, 0, 0, 1, 0.93, 0.70, 0 },
    { length, spread, 0, 0, 1, 0.93, 0.70, 0 },
  }, "fan", "static")
end

function Night:update (dt)
  self.time = self.time + dt
end

local function draw_sky (self)
  love.graphics.setColor(1, 1, 1)
  love.graphics.draw(self.sky)
  for _, star in ipairs(self.stars) do
    canvas.colour("star", 0.35 + 0.45 * math.abs(math.sin(self.time * star.pace + star.x)))
    love.graphics.circle("fill", star.x, star.y, star.size)
  end
  canvas.glow("moon", 190, 96, 110, 0.30)
  canvas.colour "moon"
  love.graphics.circle("fill", 190, 96, 34)
  canvas.colour("dusk", 0.20)
  love.graphics.circle("fill", 180, 88, 7)
  love.graphics.circle("fill", 203, 104, 9)
  love.graphics.circle("fill", 188, 114, 4)
end

local function draw_sea (self)
  love.graphics.setColor(1, 1, 1)
  love.graphics.draw(self.sea)
  for row = 0, 11 do
    local y = HORIZON + 6 + row * row * 1.6
    local near = row / 11
    love.graphics.setLineWidth(1 + near)
    for i = -1, 9 do
      local drift = math.sin(self.time * 0.5 + row) * 14 + self.time * (3 + 9 * near)
      local x = (i * 118 + row * 61 + drift) % (canvas.WIDTH + 118) - 80
      local length = 24 + 36 * near
      -- The reflection of the moon on the water below it.
      local gleam = math.max(0, 1 - math.abs(x + length / 2 - 190) / (50 + 60 * near))
      canvas.colour("foam", 0.10 + 0.12 * near + 0.5 * gleam)
      love.graphics.line(x, y, x + length / 2, y - 1.5 - near, x + length, y)
    end
  end
end

local function draw_rock ()
  canvas.colour "rock"
  love.graphics.polygon("fill", 640, 372, 690, 322, 738, 306, 826, 304, 880, 328, 960, 336,
    960, 400, 640, 400)
end

local function draw_tower ()
  local x = LAMP_X
  canvas.colour "tower"
  love.graphics.polygon("fill", x - 20, 166, x + 20, 166, x + 34, 308, x - 34, 308)
  canvas.colour "stripe"
  for i = 0, 1 do
    local top, bottom = 196 + i * 58, 224 + i * 58
    local a, b = 20 + (top - 166) * 14 / 142, 20 + (bottom - 166) * 14 / 142
    love.graphics.polygon("fill", x - a, top, x + a, top, x + b, bottom, x - b, bottom)
  end
  canvas.colour("rock", 0.28)                 -- the side that faces away from the moon
  love.graphics.polygon("fill", x + 4, 166, x + 20, 166, x + 34, 308, x + 6, 308)
  canvas.colour("lamp", 0.9)
  love.graphics.rectangle("fill", x - 5, 232, 9, 14, 4)
  canvas.colour "rock"
  love.graphics.rectangle("fill", x - 27, 158, 54, 9, 3)
  love.graphics.polygon("fill", x - 22, 112, x, 90, x + 22, 112)
end

local function draw_light (self)
  local angle = self.time / TURN * 2 * math.pi
  -- Seen from the side: the beam turns towards the viewer and away, so its length changes.
  local across = math.cos(angle)
  local bright = 0.5 + 0.5 * math.sin(angle)
  love.graphics.setBlendMode "add"
  love.graphics.setColor(1, 1, 1, 0.45 + 0.55 * bright)
  love.graphics.draw(self.beam, LAMP_X, LAMP_Y, across > 0 and 0.03 or math.pi - 0.03,
    math.max(0.05, math.abs(across)), 1.1 - 0.5 * math.abs(across))
  canvas.glow("lamp", LAMP_X, LAMP_Y, 60 + 40 * bright, 0.5 + 0.4 * bright)
  love.graphics.setBlendMode "alpha"
  canvas.colour "lamp"
  love.graphics.rectangle("fill", LAMP_X - 15, 113, 30, 45, 3)
  canvas.colour "rock"
  love.graphics.setLineWidth(2)
  for _, dx in ipairs { -15, -5, 5, 15 } do
    love.graphics.line(LAMP_X + dx, 112, LAMP_X + dx, 158)
  end
end

function Night:draw ()
  draw_sky(self)
  draw_sea(self)
  draw_rock()
  draw_tower()
  draw_light(self)
end

--- Returns a background.
function M.new ()
  local stars, random = {}, love.math.newRandomGenerator(7)
  for i = 1, STARS do
    stars[i] = {
      x = random:random(0, canvas.WIDTH), y = random:random(0, HORIZON - 90),
      size = 0.5 + random:random() * 1.1, pace = 0.2 + random:random() * 0.9,
    }
  end
  return setmetatable({
    time = 0.6,
    stars = stars,
    sky = bands { { 0, "night" }, { 210, "dusk" }, { HORIZON, "horizon" } },
    sea = bands { { HORIZON, "dusk" }, { HORIZON + 60, "sea" }, { canvas.HEIGHT, "rock" } },
    beam = beam(720, 74),
  }, Night)
end

return M
