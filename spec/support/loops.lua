-- SPDX-License-Identifier: MIT
-- The loops that resume coroutines, with what a spec needs to run programs in each of them.
-- Each entry has `name`; `new()`, which makes the loop of a client; `begin(f)`, which starts f as a
-- coroutine of the loop; `run(condition, tick)`, which runs the loop until the condition is true,
-- and calls `tick` about every millisecond, as a timer of the program.

local cqueues = require "cqueues"
local page = require "spec.support.page"
local server = require "spec.support.server"
local uv = require "luv"

local M = {}

--- Longest time in seconds that `run` lets a program take.
local LIMIT = 20

local function start (f)
  assert(coroutine.resume(coroutine.create(f)))
end

local luv = { name = "luv", exclusive = "predibase.loop.luv", begin = start }

function luv.new () return require "predibase.loop.luv".new() end

function luv.run (condition, tick)
  -- The timer also makes uv.run "once" return after the condition became true.
  local timer = uv.new_timer()
  uv.timer_start(timer, 1, 1, tick or function () end)
  local reached = server.run_until(condition, LIMIT)
  uv.close(timer)
  uv.run "nowait"
  assert(reached, "this takes too long")
end

local controlled = { name = "cqueues", exclusive = "predibase.loop.cqueues" }

function controlled.new ()
  controlled.controller = cqueues.new()
  return require "predibase.loop.cqueues".new()
end

function controlled.begin (f) controlled.controller:wrap(f) end

function controlled.run (condition, tick)
  local controller, ends = controlled.controller, cqueues.monotime() + LIMIT
  controller:wrap(function ()
    while not condition() do
      assert(cqueues.monotime() < ends, "this takes too long")
      cqueues.sleep(0.001)
      if tick then tick() end
    end
  end)
  while not condition() do assert(controller:step()) end
end

local selecting = { name = "docs/loops.md", begin = start }

function selecting.new ()
  local code = page.code("docs/loops.md", "select_loop.lua")
  selecting.loop = assert((rawget(_G, "loadstring") or load)(code, "=docs/loops.md"))().new()
  return selecting.loop
end

function selecting.run (condition, tick)
  local ends = uv.hrtime() + LIMIT * 1e9
  while not condition() do
    assert(uv.hrtime() < ends, "this takes too long")
    selecting.loop:turn(0.001)
    if tick then tick() end
  end
end

M.list = { luv, controlled, selecting }

return M
