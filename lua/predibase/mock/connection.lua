-- SPDX-License-Identifier: MIT
--- The connection of one client: a coroutine that reads requests and writes answers one after the
-- other. It waits for one event at a time: input, the end of a write, or a time. The end of the
-- connection wakes it, too.
-- @module predibase.mock.connection

local uv_of = require "predibase.mock.uv"

local M = {}

local HIGH, LOW = 65536, 16384     -- unsent bytes at which writing stops and continues
local MAX_INPUT = 4194304          -- bytes read ahead while an answer is being written
local LINGER = 1                   -- seconds a client may take to close after the server

local Connection = {}
Connection.__index = Connection

--- Takes over an accepted socket.
-- @param handle luv's tcp handle
-- @tparam table owner `on_close(connection)`, `on_error(message)`
-- @treturn Connection
function M.new (handle, owner)
  local uv = uv_of.load()
  local self = setmetatable({
    uv = uv, handle = handle, owner = owner, timer = uv.new_timer(),
    input = "", unsent = 0, closed = false,
  }, Connection)
  uv.tcp_nodelay(handle, true)
  return self
end

local function resume (self, reason)
  local ok, message = coroutine.resume(self.thread, reason)
  if not ok then
    self.owner.on_error(debug.traceback(self.thread, tostring(message)))
    self:drop("server")
  end
end

--- Starts reading, and runs a function as this connection's coroutine.
-- @tparam function serve called with the connection
function Connection:start (serve)
  self.thread = coroutine.create(serve)
  self.on_read = function (err, data)
    if err or not data then return self:drop("client") end
    self.input = self.input .. data
    if #self.input > MAX_INPUT then
      self.uv.read_stop(self.handle)
      self.stopped = true
    end
    self:wake("data")
  end
  self.uv.read_start(self.handle, self.on_read)
  resume(self, self)
end

--- Waits. Must run in the connection's coroutine.
-- @tparam string reason "data", "drain" or "time": what else may end the wait
-- @tparam[opt] number seconds
-- @treturn string what ended it: the reason, "time" or "closed"
function Connection:suspend (reason, seconds)
  if self.closed then return "closed" end
  self.wanted = reason
  if seconds and seconds < 1e6 then     -- longer times mean: without end
    self.timer:start(math.max(0, math.floor(seconds * 1000 + 0.5)), 0, function ()
      self:wake("time")
    end)
  end
  return coroutine.yield()
end

--- Ends a wait if it is for this reason.
-- @tparam string reason
function Connection:wake (reason)
  if not self.wanted or (reason ~= self.wanted and reason ~= "time" and reason ~= "closed") then
    return
  end
  self.wanted = nil
  if not self.uv.is_closing(self.timer) then self.timer:stop() end
  resume(self, reason)
end

--- Waits for some time; 0 lets the other connections run.
-- @tparam number seconds
-- @treturn boolean false when the client is gone
function Connection:sleep (seconds)
  return self:suspend("time", seconds) ~= "closed"
end

--- Waits for more input.
-- @tparam[opt] number seconds
-- @treturn boolean false when the client is gone or the time is up
function Connection:more (seconds)
  if self.stopped and not self.closed then
    self.stopped = false
    self.uv.read_start(self.handle, self.on_read)
  end
  return self:suspend("data", seconds) == "data"
end

--- Writes bytes, and waits while the client does not read fast enough.
-- @tparam string data
-- @treturn boolean false when the client is gone
function Connection:send (data)
  if self.closed then return false end
  local size = #data
  if size == 0 then return true end
  self.unsent = self.unsent + size
  self.uv.write(self.handle, data, function (err)
    self.unsent = self.unsent - size
    if err and not self.closed then return self:drop("client") end
    if self.unsent <= (self.limit or LOW) then self:wake("drain") end
  end)
  if self.unsent <= HIGH then return true end
  return self:flush(LOW)
end

--- Waits until at most `left` bytes are unsent.
-- @tparam[opt=0] number left
-- @treturn boolean
function Connection:flush (left)
  self.limit = left or 0
  while not self.closed and self.unsent > self.limit do
    if self:suspend("drain") == "closed" then break end
  end
  self.limit = nil
  return not self.closed
end

--- Writes an answer's bytes, in slices if the request's faults ask for them.
-- @tparam string data
-- @treturn boolean
function Connection:write (data)
  local slice = self.slice
  if not slice then return self:send(data) end
  for at = 1, #data, slice do
    -- waits for the end of each write, so that each slice is sent on its own
    if not self:send(data:sub(at, at + slice - 1)) or not self:flush() then return false end
  end
  return true
end

--- Closes at once. Unsent bytes are lost.
-- @tparam string by the side that ended it, "client" or "server"
function Connection:drop (by)
  if self.closed then return end
  self.closed, self.closed_by = true, by
  uv_of.close(self.uv, self.timer)
  uv_of.close(self.uv, self.handle)
  self.owner.on_close(self)
  self:wake("closed")
end

--- Closes with a reset (RST) a moment after everything is sent: a client that reads bytes and the
-- reset at once may take it for a regular end, as libuv does.
function Connection:reset ()
  if not self:flush() or not self:sleep(0.02) then return end
  self.closed, self.closed_by = true, "server"
  uv_of.close(self.uv, self.timer)
  if not pcall(self.uv.tcp_close_reset, self.handle) then uv_of.close(self.uv, self.handle) end
  self.owner.on_close(self)
end

--- Ends the answers (FIN) once everything is sent, and waits until the client closes, too: closing
-- with unread input would send a reset, which may overtake the answer.
function Connection:finish ()
  if not self:flush() then return end
  local uv = self.uv
  uv.shutdown(self.handle)
  local deadline = uv_of.now(uv) + LINGER
  while not self.closed do
    self.input = ""
    local left = deadline - uv_of.now(uv)
    if left <= 0 or not self:more(left) then break end
  end
  self:drop("server")
end

return M
