-- SPDX-License-Identifier: MIT
--- The loop of a client that was given none: the tasks of `predibase.async` wait by yielding, and
-- all other code blocks, as with `predibase.loop.blocking`.
-- @module predibase.loop.default

local blocking = require "predibase.loop.blocking"
local tasks = require "predibase.loop.tasks"

local M = {}

local watched = setmetatable({}, { __mode = "k" })     -- loops of clients that are in use

local Default = {}
Default.__index = Default

--- Keeps what drives the client.
-- @tparam ?number fd
-- @tparam function timeout
-- @tparam function step
function Default:watch(fd, timeout, step)
  self.fd, self.timeout, self.step = fd, timeout, step
  watched[self] = true
end

--- Lets go of a client that is closed.
function Default:unwatch()
  watched[self] = nil
end

--- Waits until anything of this client moved. Where the task cannot yield, as in a coroutine that
-- it made itself, the whole program waits.
-- @tparam ?table exchange what is waited for
-- @return nil, or the error that ends the wait
function Default:suspend(exchange)
  local task = tasks.current()
  if task then return tasks.wait(task, self, exchange) end
  return blocking.wait(self)
end

--- Lets a task go on.
-- @param co its coroutine
function Default:resume(co) -- luacheck: ignore 212
  tasks.resume(co)
end

--- Does what there is to do for every client in use, without waiting.
function M.update()
  for loop in pairs(watched) do
    loop.updates = (loop.updates or 0) + 1
    loop.step(0)
  end
end

--- Makes a loop for one client.
-- @treturn table the loop
function M.new()
  return setmetatable({
    fd = nil, timeout = nil, step = false,
    updates = nil,            -- how often `update` was called; nil: never
  }, Default)
end

return M
