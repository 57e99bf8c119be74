-- SPDX-License-Identifier: MIT
-- A game scene: a lighthouse keeper whose answers are written by a language model while she
-- speaks. This file connects the parts to LÖVE's callbacks; README.md says how to start it.

-- A .love archive cannot contain C modules, so search for them in the archive's folder.
local beside = love.filesystem.getSourceBaseDirectory()
package.cpath = ("%s/?.so;%s/?.dll;%s"):format(beside, beside, package.cpath)

local dialogue = require "dialogue"
local field = require "field"
local keeper = require "keeper"
local predibase = require "predibase"
local words = require "words"

local LONGEST_FRAME = 0.1     -- seconds; so that not all letters appear at once after a pause

local client, talk, input, scene

-- Waiting for the network does not delay frames, so the timeouts can be long.
local OPTIONS = {
  timeout = { connect = 10, first_token = 120, token = 30 },
  defaults = { max_new_tokens = 160, temperature = 0.8, stop = keeper.STOP },
}

function love.load ()
  local err
  client, err = predibase.new(OPTIONS)
  talk = dialogue.new {
    greeting = keeper.GREETING,
    stop = keeper.STOP,
    ask = function (turns, text)
      return client:generate_stream(keeper.prompt(turns, text))
    end,
  }
  if not client then talk:fail(err) end
  input = field.new()
  if love.keyboard then love.keyboard.setKeyRepeat(true) end
  if love.graphics then scene = require("scene").new() end
end

function love.update (dt)
  predibase.update()
  local before = talk.state
  talk:update(math.min(dt, LONGEST_FRAME))
  if scene then scene:update(dt, talk) end
  if talk.state == "failed" and before ~= "failed" and input.text == "" then
    input:set(talk.asked)     -- so that Enter sends the question again
  end
end

function love.draw ()
  scene:draw {
    name = keeper.NAME,
    state = talk.state,
    text = talk.state == "failed" and words.explain(talk.failure) or talk:known(),
    shown = talk.state ~= "failed" and talk:shown() or nil,
    input = input,
  }
end

function love.textinput (text)
  input:insert(text)
end

local function say ()
  if talk:busy() then return talk:hurry() end
  local text = input:trimmed()
  if client and text ~= "" and talk:say(text) then input:set "" end
end

local KEYS = {
  ["return"] = say,
  kpenter = say,
  escape = function () talk:cancel() end,
  backspace = function () input:backspace() end,
  delete = function () input:delete() end,
  left = function () input:move(-1) end,
  right = function () input:move(1) end,
  home = function () input:move(-math.huge) end,
  ["end"] = function () input:move(math.huge) end,
}

function love.keypressed (key)
  if KEYS[key] then KEYS[key]() end
end

function love.resize ()
  scene:resize()
end

function love.quit ()
  if client then client:close() end
end
