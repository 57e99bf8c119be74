-- SPDX-License-Identifier: MIT
--- Draws the whole scene with LÖVE's primitives.

local box = require "scene.box"
local canvas = require "scene.canvas"
local night = require "scene.night"
local portrait = require "scene.portrait"

local M = {}

local Scene = {}
Scene.__index = Scene

--- Advances the animation by `dt` seconds; `talk` is the dialogue.
function Scene:update (dt, talk)
  self.night:update(dt)
  self.portrait:update(dt, talk.state, talk.state == "speaking" and talk:shown() < #talk:known())
  self.box:update(dt)
end

--- Adapts the scene to a new window size.
function Scene:resize ()
  canvas.fit()
  self.box:forget()
end

--- Draws a frame. `view` has `name`, `state`, `text`, `shown` (bytes of the text; nil for all) and
-- `input`.
function Scene:draw (view)
  canvas.begin()
  self.night:draw()
  self.portrait:draw(40, 326, 140, 146)
  self.box:draw_speech(view)
  self.box:draw_input(view)
end

function M.new ()
  canvas.fit()
  return setmetatable({
    night = night.new(),
    portrait = portrait.new(),
    box = box.new(),
  }, Scene)
end

return M
