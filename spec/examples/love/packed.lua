-- SPDX-License-Identifier: MIT
-- The packed game's beginning: loads it, tells where the C core came from, and ends.

require "game"

local load = love.load

function love.load ()
  load()
  print(require "predibase.curl".version())
  for path in package.cpath:gmatch "[^;]+" do
    local file = path:gsub("%?", "predibase/curl")
    local handle = io.open(file)
    if handle then
      handle:close()
      print(file)
      break
    end
  end
  love.event.quit()
end
