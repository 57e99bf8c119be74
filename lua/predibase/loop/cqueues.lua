-- SPDX-License-Identifier: MIT
--- Clients in the controllers of cqueues.
--
--     local client = predibase.new { loop = require "predibase.loop.cqueues".new() }
--     cq:wrap(function () print(client:generate "Hello") end)
--     assert(cq:loop())
--
-- A call in a coroutine of a controller waits as cqueues does; a call anywhere else blocks. While
-- calls wait, one further coroutine of their controller drives the client. The form of a loop is
-- told in `predibase.loop.blocking`.
-- @module predibase.loop.cqueues

local blocking = require "predibase.loop.blocking"
local condition = require "cqueues.condition"
local cqueues = require "cqueues"

local M = {}

local Cqueues = {}
Cqueues.__index = Cqueues

--- Seconds between looks where the system has no descriptor for a pool.
local LOOK = 0.01

local function seconds_left(self)
  local seconds = self.timeout()
  if self.fd then return seconds end
  return math.min(seconds or LOOK, LOOK)
end

--- What the loop keeps for one controller. A program may give a controller up while calls wait in
-- it; those in others then go on, so each has a coroutine of its own that drives the client.
local function side_of(self, controller)
  local side = self.sides[controller]
  if not side then
    side = {
      count = 0,                -- coroutines of this controller that wait
      sooner = condition.new(), -- a time that is nearer than the one waited for
      wakes_at = 0,             -- on the clock of cqueues
      driven = false,           -- a coroutine drives the client
    }
    self.sides[controller] = side
  end
  return side
end

--- Drives the client while any coroutine of a controller waits for it.
local function drive(self, side)
  local readable = self.fd and { pollfd = self.fd, events = "r" }
  local ok, err = true, nil
  while ok and side.count > 0 and not self.closed do
    local seconds = seconds_left(self)
    side.wakes_at = seconds and cqueues.monotime() + seconds or math.huge
    cqueues.poll(side.sooner, seconds or readable, seconds and readable)
    if side.count > 0 and not self.closed then ok, err = pcall(self.step, 0) end
  end
  side.driven = false
  if self.fd and not self.closed then cqueues.cancel(self.fd) end
  if not ok then error(err, 0) end
end

--- Forgets that a coroutine waits.
-- @treturn ?table its condition; nil when it did not wait
local function forget(self, co)
  local entry = self.waiting[co]
  if not entry then return nil end
  self.waiting[co] = nil
  entry.side.count = entry.side.count - 1
  return entry.woken
end

--- Keeps what drives the client.
-- @tparam ?number fd
-- @tparam function timeout
-- @tparam function step
function Cqueues:watch(fd, timeout, step)
  if self.step and self.step ~= step then
    error("predibase.loop.cqueues: each client needs a loop of its own", 0)
  end
  self.fd, self.timeout, self.step = fd, timeout, step
end

--- Lets go of the descriptor.
function Cqueues:unwatch()
  self.closed = true
  if self.fd then cqueues.cancel(self.fd) end
end

--- Waits until anything moved: as cqueues does, or blocking where no controller runs.
-- @return nil, or the error that a signal handler raised meanwhile
function Cqueues:suspend()
  local controller, directly = cqueues.running()
  if not (controller and directly) then
    return blocking.wait(self)
  end
  local side = side_of(self, controller)
  local co, woken = coroutine.running(), condition.new()
  self.waiting[co] = { woken = woken, side = side }
  side.count = side.count + 1
  if not side.driven then
    side.driven = true
    controller:wrap(drive, self, side)
  elseif cqueues.monotime() + (seconds_left(self) or math.huge) < side.wakes_at then
    side.sooner:signal()
  end
  woken:wait()
  forget(self, co)
end

--- Lets a coroutine go on soon.
-- @param co
function Cqueues:resume(co)
  local woken = forget(self, co)
  if woken then woken:signal() end
end

--- Makes a loop for one client.
-- @treturn table the loop
function M.new()
  return setmetatable({
    fd = nil, timeout = nil, step = nil,
    waiting = setmetatable({}, { __mode = "k" }),   -- coroutine -> its condition and its side
    sides = setmetatable({}, { __mode = "k" }),     -- controller -> what is kept for it
    closed = false,
  }, Cqueues)
end

return M
