-- SPDX-License-Identifier: MIT
-- Plays the game as LÖVE runs it: its own loop, its own events, each frame as long as any other.
-- A play is a coroutine that is resumed once a frame. What it reports is printed for the spec.

local game = assert(os.getenv "GAME")
package.path = game .. "/?.lua;" .. game .. "/?/init.lua;" .. package.path

local plays = require "plays"

local FRAME = 1 / 60           -- seconds
local PATIENCE = 50            -- seconds of the real clock until a play has gone wrong

--- The game keeps its conversation to itself; this one looks over its shoulder.
local dialogue = require "dialogue"
local new = dialogue.new
function dialogue.new (options)
  local talk = new(options)
  plays.talk = talk
  return talk
end

dofile(game .. "/main.lua")
local load, update = love.load, love.update

local function report (name, value)
  io.stdout:write(name, "=", (tostring(value):gsub("\n", "\\n")), "\n")
  io.stdout:flush()
end

local play

function love.load (...)
  load(...)
  play = coroutine.create(plays[os.getenv "PLAY"])
end

function love.update ()
  plays.before()
  update(FRAME)
  plays.after()
  assert(love.timer.getTime() - plays.began < PATIENCE,
    "the play does not end: " .. plays.talk.state .. " " .. tostring(plays.talk.failure))
  local ok, err = coroutine.resume(play, report)
  if not ok then
    report("error", debug.traceback(play, tostring(err)))
    love.event.quit(1)
  elseif coroutine.status(play) == "dead" then
    report("ended", true)
    love.event.quit()
  end
end

--- Replaces LÖVE's blue screen, which would wait for a key.
function love.errorhandler (message)
  report("error", debug.traceback(tostring(message)))
  return function () return 1 end
end
