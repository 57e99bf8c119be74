-- SPDX-License-Identifier: MIT
--- Starting, waking and ending the light thread of an exchange, from the side of its reader.
--
-- nginx lets only the parent of a light thread kill it, and lets nobody close a socket that another
-- thread reads from. So the thread has a guard as its parent, a second light thread that only waits
-- to be told to end it; who tells may be any coroutine of any request. The guard in turn has no
-- parent that is alive: a thread that ended while its parent is alive, and that was not asked for,
-- would keep the request open for ever once that parent is killed.
-- @module predibase.transport.resty.thread

local clock = require "predibase.transport.resty.clock"
local pause = require "predibase.transport.resty.pause"
local reader = require "predibase.transport.resty.reader"

local ngx = ngx
local now = clock.now

local M = {}

--- Seconds from one look of the guard to the next whether the coroutine that reads is still there.
-- A light thread that was killed tells nobody.
M.LOOK = 1

--- Looks after which it ends the thread, by the state of that coroutine.
M.PATIENCE = { gone = 2, suspended = 60, busy = math.huge }

--- What a reader finds that comes after all.
local LEFT = { kind = "cancelled", phase = "closed",
  message = "the light thread that read the stream has ended" }

--- Runs the thread, and tells its guard when it has ended.
local function run(x, job)
  reader.run(x)
  job.ended, x.running = true, false
  x.halt:post(1)
  x:tell()
end

--- Waits until the thread has ended or is to be ended.
local function watch(x, job)
  local missed = 0
  while not (job.ended or x.over) do
    local posted = pause.wait(x.halt, M.LOOK)
    if posted == nil then return end       -- nginx has ended the request
    local state = pause.state(x.user)
    -- A thread that is parked looks by itself, and its connection may stay.
    if posted or x.parked or state == "busy" then missed = 0 else missed = missed + 1 end
    if missed >= M.PATIENCE[state] then return end
  end
end

local function guard(x, job)
  local thread = ngx.thread.spawn(run, x, job)
  watch(x, job)
  if job.ended then return end
  job.ended = true
  pcall(ngx.thread.kill, thread)
  reader.drop(x)
  if x.state ~= "done" and x.state ~= "failed" then x.state, x.failure = "failed", LEFT end
  x.running = false
  x:tell()
end

local function launch(x)
  x.running = true
  local job = { ended = false }
  local parent = ngx.thread.spawn(function () ngx.thread.spawn(guard, x, job) end)
  local ok, err = ngx.thread.wait(parent)
  if not ok then error(err, 0) end
end

--- Ends the thread and its connection. From any coroutine, any number of times.
-- @tparam table x the exchange
function M.stop(x)
  x.over = true
  if not x.running then return reader.drop(x) end
  x.halt:post(1)
  -- Where the thread does not read just now, the connection need not wait for the guard's turn.
  local sock = x.socket
  if not sock then return end
  local ok, closed = pcall(sock.close, sock)
  if ok and closed then x.socket = nil end
end

--- For the coroutine that reads, when it has done so: waits a little for the end of a body that
-- nobody reads any more, then ends the thread if that is still there.
-- @tparam table x the exchange
function M.settle(x)
  if x.running and x.lingering then
    x.waiter = coroutine.running()
    pause.wait(x.news, reader.LINGER)
    x.waiter = nil
  end
  if x.running then M.stop(x) end
end

--- Lets the thread go on, or begin.
-- @tparam table x the exchange
function M.demand(x)
  if x.over or x.state == "done" or x.state == "failed" then return end
  x.user = coroutine.running()
  x.unread = 0
  if x.parked or x.fresh then
    local at = now()
    x.fresh = false
    x.last_byte = at          -- the reader was slow, not the server
    if x.got_event then x.last_event = at end
  end
  if x.running then
    if not x.parked then return end
    x.parked = false
    x.demand:post(1)
    return
  end
  x.parked = false
  local ok, err = pcall(launch, x)
  if ok then return end
  x.running = false
  if x.state ~= "failed" then x.state, x.failure = "failed", pause.failure(tostring(err)) end
  M.stop(x)
end

return M
