-- SPDX-License-Identifier: MIT
--- The loop for clients in controllers of cqueues.
--
--     local client = predibase.new { loop = require "predibase.loop.cqueues".new() }
--     cq:wrap(function () print(client:generate "Hello") end)
--     assert(cq:loop())
--
-- A call in a coroutine of a controller lets the other coroutines run; a call anywhere else blocks.
-- While calls wait, an additional coroutine of their controller does the client's work: it runs
-- `step`. The functions of a loop are described in `predibase.loop.blocking`.
-- @module predibase.loop.cqueues

local blocking = require "predibase.loop.blocking"
local condition = require "cqueues.condition"
local cqueues = require "cqueues"
local usage = require "predibase.usage"

local M = {}

--- The loop of cqueues.
-- @table CqueuesLoop
-- @extends Loop

local Cqueues = {}
Cqueues.__index = Cqueues

--- Seconds between checks on systems that have no descriptor for a pool.
local LOOK = 0.01

local function seconds_left (self)
  local seconds = self.timeout()
  if self.fd then return seconds end
  return math.min(seconds or LOOK, LOOK)
end

--- Returns the state that the loop keeps for one controller. Each controller has its own coroutine
-- that runs `step`, because a program may drop a controller in which calls wait, and the
-- calls in other controllers must continue.
local function state_of (self, controller)
  local state = self.states[controller]
  if not state then
    state = {
      count = 0,                -- waiting coroutines of this controller
      sooner = condition.new(), -- signalled if `step` must run before `wakes_at`
      wakes_at = 0,             -- on the clock of cqueues
      running = false,          -- a coroutine of this controller runs `step`
    }
    self.states[controller] = state
  end
  return state
end

--- Runs `step` again and again while any coroutine of a controller waits for the client.
local function run_steps (self, state)
  local readable = self.fd and { pollfd = self.fd, events = "r" }
  local ok, err = true, nil
  while ok and state.count > 0 and not self.closed do
    local seconds = seconds_left(self)
    state.wakes_at = seconds and cqueues.monotime() + seconds or math.huge
    cqueues.poll(state.sooner, seconds or readable, seconds and readable)
    if state.count > 0 and not self.closed then ok, err = pcall(self.step, 0) end
  end
  state.running = false
  if self.fd and not self.closed then cqueues.cancel(self.fd) end
  if not ok then error(err, 0) end
end

--- Removes a coroutine from the waiting ones.
-- @treturn ?table its condition; nil if it did not wait
local function forget (self, co)
  local entry = self.waiting[co]
  if not entry then return nil end
  self.waiting[co] = nil
  entry.state.count = entry.state.count - 1
  return entry.woken
end

--- Stores the descriptor and the client's functions.
-- @tparam ?number fd
-- @tparam function timeout
-- @tparam function step
function Cqueues:watch (fd, timeout, step)
  if self.step and self.step ~= step then
    usage.fail("predibase.loop.cqueues: each client needs its own loop object")
  end
  self.fd, self.timeout, self.step = fd, timeout, step
end

--- Makes cqueues stop watching the descriptor.
function Cqueues:unwatch ()
  self.closed = true
  if self.fd then cqueues.cancel(self.fd) end
end

--- Waits until any exchange of the client has new data or has ended. Blocks if no controller runs.
-- @return nil, or the error that a signal handler raised during the wait
function Cqueues:suspend ()
  local controller, directly = cqueues.running()
  if not (controller and directly) then
    return blocking.wait(self)
  end
  local state = state_of(self, controller)
  local co, woken = coroutine.running(), condition.new()
  self.waiting[co] = { woken = woken, state = state }
  state.count = state.count + 1
  if not state.running then
    state.running = true
    controller:wrap(run_steps, self, state)
  elseif cqueues.monotime() + (seconds_left(self) or math.huge) < state.wakes_at then
    state.sooner:signal()
  end
  woken:wait()
  forget(self, co)
end

--- Makes a waiting coroutine continue soon.
-- @param co the coroutine
function Cqueues:resume (co)
  local woken = forget(self, co)
  if woken then woken:signal() end
end

--- Starts a function in a coroutine of the controller.
-- @tparam function f
-- @treturn boolean false if no controller runs the calling coroutine
function Cqueues:spawn (f) -- luacheck: ignore 212
  local controller, directly = cqueues.running()
  if not (controller and directly) then return false end
  controller:wrap(f)
  return true
end

--- Makes a loop for one client.
-- @treturn CqueuesLoop the loop
function M.new ()
  return setmetatable({
    fd = nil, timeout = nil, step = nil,
    waiting = setmetatable({}, { __mode = "k" }),   -- coroutine -> its condition, its state
    states = setmetatable({}, { __mode = "k" }),    -- controller -> see state_of
    closed = false,
  }, Cqueues)
end

return M
