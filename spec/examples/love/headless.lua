-- SPDX-License-Identifier: MIT
-- Settings of a game that shows nothing.

function love.conf (t)
  t.window = nil
  for _, name in ipairs { "window", "graphics", "font", "image", "mouse", "audio", "sound",
    "joystick", "physics", "touch", "video" } do
    t.modules[name] = false
  end
end
