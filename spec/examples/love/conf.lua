-- SPDX-License-Identifier: MIT
-- The game's own settings, and for a run without a screen what that has to do without.

local game = assert(os.getenv "GAME")

dofile(game .. "/conf.lua")
local of_game = love.conf

if os.getenv "SCREEN" then
  function love.conf (t)
    of_game(t)
    t.window.vsync = 0
  end
else
  require "headless"
  local headless = love.conf
  function love.conf (t)
    of_game(t)
    headless(t)
  end
end
