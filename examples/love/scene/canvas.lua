-- SPDX-License-Identifier: MIT
--- The scene's coordinates: 960 by 540 units for any window size, with letters that stay sharp.

local M = {}

M.WIDTH, M.HEIGHT = 960, 540

M.COLOURS = {
  night = { 0.05, 0.07, 0.16 },
  dusk = { 0.16, 0.20, 0.36 },
  horizon = { 0.42, 0.36, 0.47 },
  sea = { 0.06, 0.11, 0.20 },
  foam = { 0.55, 0.66, 0.80 },
  star = { 0.95, 0.94, 0.86 },
  moon = { 0.97, 0.94, 0.82 },
  rock = { 0.04, 0.05, 0.10 },
  tower = { 0.86, 0.84, 0.80 },
  stripe = { 0.66, 0.23, 0.22 },
  lamp = { 1.00, 0.88, 0.55 },
  box = { 0.03, 0.04, 0.09 },
  rim = { 0.76, 0.66, 0.46 },
  ink = { 0.95, 0.93, 0.88 },
  faint = { 0.58, 0.61, 0.70 },
  alarm = { 0.96, 0.62, 0.50 },
}

local fonts = {}

--- Fits the scene into the window. Call it when the window's size has changed.
function M.fit ()
  local width, height = love.graphics.getDimensions()
  M.unit = math.min(width / M.WIDTH, height / M.HEIGHT)
  M.left = (width - M.WIDTH * M.unit) / 2
  M.top = (height - M.HEIGHT * M.unit) / 2
  fonts = {}
end

--- Begins a frame.
function M.begin ()
  love.graphics.clear(M.COLOURS.rock)
  love.graphics.translate(M.left, M.top)
  love.graphics.scale(M.unit)
  love.graphics.setScissor(M.left, M.top, M.WIDTH * M.unit, M.HEIGHT * M.unit)
end

--- Sets the colour by its name.
function M.colour (name, alpha)
  local c = M.COLOURS[name]
  love.graphics.setColor(c[1], c[2], c[3], alpha or 1)
end

--- Returns the font for a height in units. It is created for the window's pixels, so it is sharp.
function M.font (size)
  local font = fonts[size]
  if not font then
    font = love.graphics.newFont(math.max(1, math.floor(size * M.unit + 0.5)))
    fonts[size] = font
  end
  return font
end

--- Returns the width of a string in units.
function M.width (text, size)
  return M.font(size):getWidth(text) / M.unit
end

--- Writes a string.
function M.print (text, x, y, size)
  love.graphics.setFont(M.font(size))
  love.graphics.print(text, x, y, 0, 1 / M.unit)
end

local halo

--- Draws light around a point that fades outwards.
function M.glow (colour, x, y, radius, strength)
  if not halo then
    local vertices = { { 0, 0, 0, 0, 1, 1, 1, 1 } }
    for i = 0, 48 do
      local angle = i / 48 * 2 * math.pi
      vertices[i + 2] = { math.cos(angle), math.sin(angle), 0, 0, 1, 1, 1, 0 }
    end
    halo = love.graphics.newMesh(vertices, "fan", "static")
  end
  M.colour(colour, strength)
  love.graphics.draw(halo, x, y, 0, radius)
end

--- Draws a panel with a border.
function M.panel (x, y, width, height)
  M.colour("box", 0.86)
  love.graphics.rectangle("fill", x, y, width, height, 12)
  M.colour("rim", 0.9)
  love.graphics.setLineWidth(2)
  love.graphics.rectangle("line", x, y, width, height, 12)
end

return M
