-- SPDX-License-Identifier: MIT
-- Plays the game scene of the zip file without LÖVE, of which there is no program for Wine: it has
-- the few functions of LÖVE that a game without a window calls. Run by LuaJIT, the Lua of LÖVE.
-- usage: luajit.exe game.lua FOLDER_OF_THE_GAME

local game = assert(arg[1], "which folder?")
local folder = game:match "^(.*)[/\\]"
package.path = game .. "/?.lua;" .. game .. "/?/init.lua"
package.cpath = ""

local love = {
  filesystem = { getSourceBaseDirectory = function () return folder end },
  event = { quit = function () end },
}
_G.love = love

-- The conversation, of which the game itself tells nobody.
local dialogue = require "dialogue"
local new, talk = dialogue.new, nil
function dialogue.new (options)
  talk = new(options)
  return talk
end

dofile(game .. "/main.lua")

local FRAME = 1 / 60           -- seconds
local PATIENCE = 60            -- seconds until something has gone wrong

--- Runs frames until the keeper has finished speaking, or cannot.
local function listen ()
  local ends = os.time() + PATIENCE
  repeat
    love.update(FRAME)
  until talk.state == "listening" or talk.state == "failed" or os.time() > ends
end

love.load {}
listen()                       -- to the greeting
love.textinput "Why do you live here?"
love.keypressed "return"
listen()
love.quit()
print(talk.state)
print(talk.failure or talk:known())
