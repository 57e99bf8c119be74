-- SPDX-License-Identifier: MIT
-- The game's own settings, and for a run without a screen what that has to do without.

local game = assert(os.getenv "GAME")

dofile(game .. "/conf.lua")
local of_game = love.conf

function love.conf(t)
  of_game(t)
  t.window.vsync = 0
  t.console = false
  if os.getenv "SCREEN" then return end
  t.window = nil
  for _, name in ipairs { "window", "graphics", "font", "image", "mouse" } do
    t.modules[name] = false
  end
end
