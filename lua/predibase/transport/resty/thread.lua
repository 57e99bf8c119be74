-- SPDX-License-Identifier: MIT
--- Starting, waking and ending the light thread of an exchange, from the side of its reader.
-- @module predibase.transport.resty.thread

local clock = require "predibase.transport.resty.clock"
local reader = require "predibase.transport.resty.reader"

local ngx = ngx
local now = clock.now

local M = {}

--- Gives the ended thread back to nginx, which else keeps it for its parent to ask for.
local function reap(x)
  local thread = x.thread
  if not thread or x.running then return end
  x.thread = nil
  pcall(ngx.thread.wait, thread)     -- raises in any coroutine but the one that spawned it
end

--- Ends the thread and its connection, as far as nginx lets this coroutine: only the one that
-- spawned a thread may kill it, and nobody closes a socket that another one reads from.
-- @tparam table x the exchange
function M.stop(x)
  x.over = true
  reap(x)
  local thread = x.thread
  if thread then
    local ok, killed = pcall(ngx.thread.kill, thread)
    if ok and killed then
      x.thread, x.running = nil, false
    elseif x.parked then
      x.parked = false
      x.demand:post(1)        -- it drops its connection by itself
    end
  end
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
    x.news:wait(reader.LINGER)
    x.waiter = nil
  end
  if x.running then M.stop(x) end
end

--- Lets the thread go on, or begin.
-- @tparam table x the exchange
function M.demand(x)
  if x.state == "done" or x.state == "failed" then return end
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
  reap(x)
  x.running = true
  x.thread = ngx.thread.spawn(reader.run, x)
end

return M
