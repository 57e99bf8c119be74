-- SPDX-License-Identifier: MIT
-- LÖVE's settings for the game: the window, and the modules that are not loaded.

function love.conf (t)
  t.identity = "predibase-scene"
  t.version = "11.4"
  t.window.title = "The keeper of the light"
  t.window.width, t.window.height = 960, 540
  t.window.minwidth, t.window.minheight = 480, 270
  t.window.resizable = true
  t.window.highdpi = true
  t.window.msaa = 4
  for _, name in ipairs { "audio", "joystick", "physics", "sound", "touch", "video" } do
    t.modules[name] = false
  end
end
