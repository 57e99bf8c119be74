-- SPDX-License-Identifier: MIT
--- The loop of clients without the option `loop`: tasks of `predibase.async` wait by yielding, and
-- all other code blocks, as with `predibase.loop.blocking`.
-- @module predibase.loop.default

local blocking = require "predibase.loop.blocking"

local M = {}

-- predibase.loop.tasks, when a program has loaded it: without it, there are no tasks.
local tasks

--- Returns predibase.loop.tasks, or nil.
local function loaded_tasks ()
  tasks = tasks or package.loaded["predibase.loop.tasks"]
  return tasks
end

local watched = setmetatable({}, { __mode = "k" })     -- loops of clients that are in use

local Default = {}
Default.__index = Default

--- Stores the descriptor and the client's functions.
-- @tparam ?number fd
-- @tparam function timeout
-- @tparam function step
function Default:watch (fd, timeout, step)
  self.fd, self.timeout, self.step = fd, timeout, step
  watched[self] = true
end

--- Forgets the client, which is being closed.
function Default:unwatch ()
  watched[self] = nil
  self.closed = true
end

--- Waits until any exchange of this client has new data or has ended. In a task, other tasks run
-- meanwhile. Elsewhere, and in a coroutine that a task created itself, the whole program waits.
-- @tparam ?table exchange the exchange or group that the caller waits for
-- @tparam ?thread me the calling coroutine, if the caller knows it
-- @return nil, or the error that ends the wait
function Default:suspend (exchange, me)
  if not loaded_tasks() then return blocking.wait(self) end
  Default.resume = tasks.resume     -- for all later calls; in this order, because of Ctrl-C
  Default.suspend = tasks.suspend
  return tasks.suspend(self, exchange, me)
end

--- Makes a task continue. Does nothing before the first wait.
function Default:resume () -- luacheck: ignore 212
end

local function step_all ()
  for loop in pairs(watched) do
    loop.updates = (loop.updates or 0) + 1
    loop.step(0)
  end
end

--- Runs the `step` of every client in use once, and the tasks that can then go on, without waiting.
function M.update ()
  if not (loaded_tasks() and tasks.run_once(nil, step_all)) then step_all() end
end

--- Makes a loop for one client.
-- @treturn table the loop
function M.new ()
  return setmetatable({
    fd = nil, timeout = nil, step = false, closed = false,
    updates = nil,            -- how often `update` ran `step`; nil: never
  }, Default)
end

return M
