-- SPDX-License-Identifier: MIT
--- One client's connection: a coroutine that reads requests and writes answers in plain order.
-- It waits for one thing at a time: bytes, room to write, or time. A client that goes wakes it.
-- @module predibase.mock.connection

local loop = require "predibase.mock.loop"

local M = {}

local HIGH, LOW = 65536, 16384     -- bytes not yet taken by the client: stop and go on writing
local MAX_INPUT = 4194304          -- bytes read ahead while an answer is being written
local LINGER = 1                   -- seconds a client may take to close after we did

local Connection = {}
Connection.__index = Connection

--- Takes over an accepted socket.
-- @param handle luv's tcp handle
-- @tparam table owner `on_close(connection)`, `on_error(message)`
-- @treturn Connection
function M.new(handle, owner)
  local uv = loop.uv()
  local self = setmetatable({
    uv = uv, handle = handle, owner = owner, timer = uv.new_timer(),
    input = "", unsent = 0, closed = false,
  }, Connection)
  uv.tcp_nodelay(handle, true)
  return self
end

local function resume(self, reason)
  local ok, message = coroutine.resume(self.thread, reason)
  if not ok then
    self.owner.on_error(debug.traceback(self.thread, tostring(message)))
    self:drop("server")
  end
end

--- Starts reading, and runs a function as this connection's coroutine.
-- @tparam function serve called with the connection
function Connection:start(serve)
  self.thread = coroutine.create(serve)
  self.on_read = function(err, data)
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

--- Waits. Only inside the connection's coroutine.
-- @tparam string reason "data", "drain" or "time": what else may end the wait
-- @tparam[opt] number seconds
-- @treturn string what ended it: the reason, "time" or "closed"
function Connection:suspend(reason, seconds)
  if self.closed then return "closed" end
  self.wanted = reason
  if seconds and seconds < 1e6 then     -- beyond that it is for ever
    self.timer:start(math.max(0, math.floor(seconds * 1000 + 0.5)), 0, function()
      self:wake("time")
    end)
  end
  return coroutine.yield()
end

--- Ends a wait, if it is for this.
-- @tparam string reason
function Connection:wake(reason)
  if not self.wanted or (reason ~= self.wanted and reason ~= "time" and reason ~= "closed") then
    return
  end
  self.wanted = nil
  if not self.uv.is_closing(self.timer) then self.timer:stop() end
  resume(self, reason)
end

--- Waits some time; 0 lets everybody else have a turn.
-- @tparam number seconds
-- @treturn boolean whether the client is still there
function Connection:sleep(seconds)
  return self:suspend("time", seconds) ~= "closed"
end

--- Waits for more input.
-- @tparam[opt] number seconds
-- @treturn boolean false when the client is gone or the time is up
function Connection:more(seconds)
  if self.stopped and not self.closed then
    self.stopped = false
    self.uv.read_start(self.handle, self.on_read)
  end
  return self:suspend("data", seconds) == "data"
end

--- Writes bytes; waits when the client does not keep up.
-- @tparam string data
-- @treturn boolean false when the client is gone
function Connection:send(data)
  if self.closed then return false end
  local size = #data
  if size == 0 then return true end
  self.unsent = self.unsent + size
  self.uv.write(self.handle, data, function(err)
    self.unsent = self.unsent - size
    if err and not self.closed then return self:drop("client") end
    if self.unsent <= (self.room or LOW) then self:wake("drain") end
  end)
  if self.unsent <= HIGH then return true end
  return self:flush(LOW)
end

--- Waits until at most `left` bytes are not yet written.
-- @tparam[opt=0] number left
-- @treturn boolean
function Connection:flush(left)
  self.room = left or 0
  while not self.closed and self.unsent > self.room do
    if self:suspend("drain") == "closed" then break end
  end
  self.room = nil
  return not self.closed
end

--- Writes an answer's bytes, in slices if the request's faults ask for them.
-- @tparam string data
-- @treturn boolean
function Connection:write(data)
  local slice = self.slice
  if not slice then return self:send(data) end
  for at = 1, #data, slice do
    -- each slice is a send of its own: the next one waits until this one is gone
    if not self:send(data:sub(at, at + slice - 1)) or not self:flush() then return false end
  end
  return true
end

--- Closes at once. What was not sent is lost.
-- @tparam string by who ends it, "client" or "server"
function Connection:drop(by)
  if self.closed then return end
  self.closed, self.closed_by = true, by
  loop.close(self.uv, self.timer)
  loop.close(self.uv, self.handle)
  self.owner.on_close(self)
  self:wake("closed")
end

--- Closes with a reset (RST) once everything is sent, and a moment later: a client that sees bytes
-- and reset in one glance may take it for a plain end (libuv does).
function Connection:reset()
  if not self:flush() or not self:sleep(0.02) then return end
  self.closed, self.closed_by = true, "server"
  loop.close(self.uv, self.timer)
  if not pcall(self.uv.tcp_close_reset, self.handle) then loop.close(self.uv, self.handle) end
  self.owner.on_close(self)
end

--- Ends our side (FIN) once everything is sent, and waits a moment for the client to end its own:
-- closing with unread input would send a reset, which may overtake the answer.
function Connection:finish()
  if not self:flush() then return end
  local uv = self.uv
  uv.shutdown(self.handle)
  local deadline = loop.now(uv) + LINGER
  while not self.closed do
    self.input = ""
    local left = deadline - loop.now(uv)
    if left <= 0 or not self:more(left) then break end
  end
  self:drop("server")
end

return M
