-- SPDX-License-Identifier: MIT
--- The loop for clients in libuv: in programs that use luv, and in Neovim with `vim.uv` or
-- `vim.loop`.
--
--     local client = predibase.new { loop = require "predibase.loop.luv".new() }
--     coroutine.wrap(function () print(client:generate "Hello") end)()
--     uv.run()
--
-- A call in a coroutine waits by yielding, and this loop resumes it; a call of the main program
-- blocks. While no call waits, the client keeps no handle of libuv active. The functions of a loop
-- are described in `predibase.loop.blocking`.
-- @module predibase.loop.luv

local blocking = require "predibase.loop.blocking"
local usage = require "predibase.usage"

local M = {}

--- The loop of libuv.
-- @table LuvLoop
-- @extends Loop

--- The options of `new`.
-- @table LuvOptions
-- @tfield ?table uv the binding of libuv (default: `vim.uv` or `vim.loop` in Neovim, else `luv`)
-- @tfield ?fun(f:function) schedule calls the function that it is given, in which coroutines are
-- resumed

local Luv = {}
Luv.__index = Luv

--- Seconds between checks on systems that have no descriptor for a pool.
local LOOK = 0.01

local busy = {}               -- loops with waiting calls; their callbacks refer to them weakly

--- Tells whether a handle exists and is not closed. A program may close handles of others, for
-- example with `uv.walk` at its end, and libuv aborts the process if a closed handle is used.
local function usable (self, handle)
  if not handle then return false end
  local ok, closing = pcall(self.uv.is_closing, handle)
  return ok and not closing
end

--- Creates the timer and the poll handle if they do not exist.
local function ensure_handles (self)
  local uv = self.uv
  if not self.on_event then
    local weak = setmetatable({ self }, { __mode = "v" })
    self.on_event = function () if weak[1] then weak[1]:_pump() end end
  end
  if not usable(self, self.timer) then self.timer = uv.new_timer() end
  if self.fd and not self.closed and not usable(self, self.poll) then
    self.poll = uv.new_poll(self.fd)
    if busy[self] then uv.poll_start(self.poll, "r", self.on_event) end
  end
end

--- Starts the timer for the next step.
local function arm (self, seconds)
  local uv = self.uv
  ensure_handles(self)
  seconds = seconds or self.timeout()
  if not self.fd then seconds = math.min(seconds or LOOK, LOOK) end
  if not seconds then return uv.timer_stop(self.timer) end
  uv.timer_start(self.timer, math.ceil(seconds * 1000), 0, self.on_event)
end

--- Makes the handles inactive, because no call waits.
local function deactivate (self)
  busy[self] = nil
  if usable(self, self.poll) then self.uv.poll_stop(self.poll) end
  if usable(self, self.timer) then
    self.uv.timer_stop(self.timer)
    if self.closed then self.uv.close(self.timer) end
  end
  if self.closed then self.timer = nil end
end

--- Resumes the coroutines whose exchanges have new data or have ended. An error that ends one of
-- them is raised after all were resumed.
local function deliver (self)
  local queue, failure = self.queue, nil
  self.queue = {}
  self.inside = true
  for i = 1, #queue do
    local ok, err = coroutine.resume(queue[i])
    if not ok and not failure then failure = debug.traceback(queue[i], tostring(err)) end
  end
  self.inside = false
  if #self.queue > 0 then arm(self, 0)
  elseif self.count == 0 then deactivate(self)
  else arm(self) end
  if failure then error(failure, 0) end
end

--- Runs `step` once and schedules `deliver`.
local function pump (self)
  self.inside = true
  local ok, err = pcall(function () if self.count > 0 then self.step(0) end end)
  self.inside = false
  if not ok then error(err, 0) end
  if #self.queue > 0 and not self.due then
    self.due = true
    self.schedule(self.on_due)
    if not self.due then return end     -- `deliver` ran at once and has set the timer
  end
  if self.count > 0 then arm(self)
  elseif #self.queue == 0 then deactivate(self) end
end

Luv._pump = pump

local function start (self)
  ensure_handles(self)
  busy[self] = true
  if self.poll then self.uv.poll_start(self.poll, "r", self.on_event) end
end

--- Stores the descriptor and the client's functions.
-- @tparam ?number fd
-- @tparam function timeout
-- @tparam function step
function Luv:watch (fd, timeout, step)
  if self.step and self.step ~= step then
    usage.fail("predibase.loop.luv: each client needs its own loop object")
  end
  self.fd, self.timeout, self.step = fd, timeout, step
end

--- Makes libuv stop watching the descriptor.
function Luv:unwatch ()
  self.closed = true
  if usable(self, self.poll) then self.uv.close(self.poll) end
  self.poll = nil
  if self.count == 0 and #self.queue == 0 then deactivate(self) end
end

--- Yields until any exchange of the client has new data or has ended. Blocks in the main program.
-- @return nil, or the error that a signal handler raised during the wait
function Luv:suspend ()
  local co, main = coroutine.running()
  if not co or main then
    return blocking.wait(self)
  end
  self.waiting[co] = true
  self.count = self.count + 1
  if not busy[self] then start(self) else ensure_handles(self) end
  if not self.inside then arm(self) end
  coroutine.yield()
  if self.waiting[co] then    -- the coroutine was resumed by other code than this loop
    self.waiting[co] = nil
    self.count = self.count - 1
  end
end

--- Makes a waiting coroutine continue in the next turn of libuv's loop.
-- @param co the coroutine
function Luv:resume (co)
  if not self.waiting[co] then return end
  self.waiting[co] = nil
  self.count = self.count - 1
  self.queue[#self.queue + 1] = co
  if not self.inside then arm(self, 0) end
end

--- Makes a loop for one client.
-- @tparam ?LuvOptions options `uv`: the binding of libuv (default: `vim.uv` or `vim.loop` in
-- Neovim, else the module `luv`); `schedule`: a function that calls the function it is given, in
-- which coroutines are resumed (default: `vim.schedule` in Neovim, where callbacks of libuv may not
-- call most of the API; else a direct call)
-- @treturn LuvLoop the loop
function M.new (options)
  local vim = rawget(_G, "vim") or {}
  options = options or {}
  local self = setmetatable({
    uv = options.uv or vim.uv or vim.loop or require "luv",
    schedule = options.schedule or vim.schedule or function (f) f() end,
    fd = nil, timeout = nil, step = nil,
    poll = nil, timer = nil, on_event = nil,
    waiting = {},             -- coroutine -> true
    count = 0,                -- number of waiting coroutines
    queue = {},               -- coroutines to resume
    inside = false,           -- inside `step` or `deliver`, which look at the queue at their end
    due = false,              -- `deliver` is scheduled
    closed = false,
  }, Luv)
  function self.on_due ()
    self.due = false
    deliver(self)
  end
  return self
end

return M
