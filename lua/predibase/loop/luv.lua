-- SPDX-License-Identifier: MIT
--- Clients in the loop of libuv: luv, and Neovim, whose `vim.uv` (or `vim.loop`) it takes.
--
--     local client = predibase.new { loop = require "predibase.loop.luv".new() }
--     coroutine.wrap(function () print(client:generate "Hello") end)()
--     uv.run()
--
-- A call in a coroutine waits by yielding, and the loop resumes it; a call of the main program
-- blocks. While nobody waits, the client keeps no handle of libuv active. The form of a loop is
-- told in `predibase.loop.blocking`.
-- @module predibase.loop.luv

local blocking = require "predibase.loop.blocking"

local M = {}

local Luv = {}
Luv.__index = Luv

--- Seconds between looks where the system has no descriptor for a pool.
local LOOK = 0.01

local busy = {}               -- loops that somebody waits for; libuv itself holds them weakly

--- Whether a handle is there and the program did not close it, as with `uv.walk` at its end:
-- libuv aborts the process when such a handle is used.
local function usable(self, handle)
  if not handle then return false end
  local ok, closing = pcall(self.uv.is_closing, handle)
  return ok and not closing
end

--- Makes the handles that are missing.
local function equip(self)
  local uv = self.uv
  if not self.on_event then
    local weak = setmetatable({ self }, { __mode = "v" })
    self.on_event = function () if weak[1] then weak[1]:pump() end end
  end
  if not usable(self, self.timer) then self.timer = uv.new_timer() end
  if self.fd and not self.closed and not usable(self, self.poll) then
    self.poll = uv.new_poll(self.fd)
    if busy[self] then uv.poll_start(self.poll, "r", self.on_event) end
  end
end

local function arm(self, seconds)
  local uv = self.uv
  equip(self)
  seconds = seconds or self.timeout()
  if not self.fd then seconds = math.min(seconds or LOOK, LOOK) end
  if not seconds then return uv.timer_stop(self.timer) end
  uv.timer_start(self.timer, math.ceil(seconds * 1000), 0, self.on_event)
end

local function rest(self)
  busy[self] = nil
  if usable(self, self.poll) then self.uv.poll_stop(self.poll) end
  if usable(self, self.timer) then
    self.uv.timer_stop(self.timer)
    if self.closed then self.uv.close(self.timer) end
  end
  if self.closed then self.timer = nil end
end

--- Resumes whose exchanges moved. An error that ends a coroutine is raised when all had their turn.
local function deliver(self)
  local queue, failure = self.queue, nil
  self.queue = {}
  self.inside = true
  for i = 1, #queue do
    local ok, err = coroutine.resume(queue[i])
    if not ok and not failure then failure = debug.traceback(queue[i], tostring(err)) end
  end
  self.inside = false
  if #self.queue > 0 then arm(self, 0)
  elseif self.count == 0 then rest(self)
  else arm(self) end
  if failure then error(failure, 0) end
end

local function pump(self)
  self.inside = true
  local ok, err = pcall(function () if self.count > 0 then self.step(0) end end)
  self.inside = false
  if not ok then error(err, 0) end
  if #self.queue > 0 and not self.due then
    self.due = true
    self.schedule(self.on_due)
    if not self.due then return end     -- delivered at once, and what follows is done
  end
  if self.count > 0 then arm(self)
  elseif #self.queue == 0 then rest(self) end
end

Luv.pump = pump

local function start(self)
  equip(self)
  busy[self] = true
  if self.poll then self.uv.poll_start(self.poll, "r", self.on_event) end
end

--- Keeps what drives the client.
-- @tparam ?number fd
-- @tparam function timeout
-- @tparam function step
function Luv:watch(fd, timeout, step)
  if self.step and self.step ~= step then
    error("predibase.loop.luv: each client needs a loop of its own", 0)
  end
  self.fd, self.timeout, self.step = fd, timeout, step
end

--- Lets go of the descriptor.
function Luv:unwatch()
  self.closed = true
  if usable(self, self.poll) then self.uv.close(self.poll) end
  self.poll = nil
  if self.count == 0 and #self.queue == 0 then rest(self) end
end

--- Yields until anything moved; in the main program, blocks.
-- @return nil, or the error that a signal handler raised meanwhile
function Luv:suspend()
  local co, main = coroutine.running()
  if not co or main then
    return blocking.wait(self)
  end
  self.waiting[co] = true
  self.count = self.count + 1
  if not busy[self] then start(self) else equip(self) end
  if not self.inside then arm(self) end
  coroutine.yield()
  if self.waiting[co] then    -- somebody else resumed it
    self.waiting[co] = nil
    self.count = self.count - 1
  end
end

--- Lets a coroutine go on in the next turn of the loop.
-- @param co
function Luv:resume(co)
  if not self.waiting[co] then return end
  self.waiting[co] = nil
  self.count = self.count - 1
  self.queue[#self.queue + 1] = co
  if not self.inside then arm(self, 0) end
end

--- Makes a loop for one client.
-- @tparam ?table options `uv`: the binding (in Neovim `vim.uv` or `vim.loop`, else the module
-- `luv`); `schedule`: how coroutines are resumed, given a function (in Neovim `vim.schedule`,
-- because most of its API is not allowed in a callback of libuv; else at once)
-- @treturn table the loop
function M.new(options)
  local vim = rawget(_G, "vim") or {}
  options = options or {}
  local self = setmetatable({
    uv = options.uv or vim.uv or vim.loop or require "luv",
    schedule = options.schedule or vim.schedule or function (f) f() end,
    fd = nil, timeout = nil, step = nil,
    poll = nil, timer = nil, on_event = nil,
    waiting = {},             -- coroutine -> true
    count = 0,                -- of them
    queue = {},               -- coroutines to resume
    inside = false,           -- in a step or a delivery, which looks at the queue by itself
    due = false,              -- a delivery is scheduled
    closed = false,
  }, Luv)
  function self.on_due()
    self.due = false
    deliver(self)
  end
  return self
end

return M
