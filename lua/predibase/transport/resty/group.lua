-- SPDX-License-Identifier: MIT
--- A group of exchanges over nginx's sockets for which one reader waits together. It has the same
-- methods as `predibase.transport.curl.group`.
-- @module predibase.transport.resty.group

local nginx = require "predibase.nginx"
local queue = require "predibase.queue"
local semaphore = require "ngx.semaphore"
local usage = require "predibase.usage"

local now = nginx.now

local M = {}

--- The longest single wait in seconds. nginx counts milliseconds in 31 bits.
local LONGEST_WAIT = 86400

local Group = {}
Group.__index = Group

--- Ends the wait of the reader, for example because the client was closed.
function Group:wake ()
  if not self.waiter then return end
  self.waiter = nil
  self.news:post(1)
end

--- Records that a member has new data or has ended, and wakes the reader.
-- @tparam table exchange
function Group:note (exchange)
  self.moved:push(exchange)
  self:wake()
end

--- Tells whether an exchange is a member of the group.
-- @tparam table exchange
-- @treturn boolean
function Group:has (exchange)
  return self.members[exchange] == true
end

--- Sets what is done when nginx has ended the request, so that no wait is possible any more. The
-- exchanges then end by themselves.
-- @tparam ?function f called before the error of the wait is raised
function Group:close_on_error (f)
  self.on_error = f
end

--- Ends the wait of `next`, which returns nil; or its next wait, if nobody waits.
function Group:end_wait ()
  self.ended = true
  self:wake()
end

--- Tells whether the client was closed, after which no request can begin.
-- @treturn boolean
function Group:over ()
  return self.transport.closed
end

--- Adds an exchange to the group and starts it.
-- @tparam table exchange an exchange of the same transport whose whole body is wanted
function Group:add (exchange)
  exchange:join(self)
  self.members[exchange] = true
  exchange:begin()
  if exchange:ended() then self:note(exchange) end
end

--- Removes and returns a member that has ended, without waiting.
local function take (group)
  while group.moved:size() > 0 do
    local exchange = group.moved:pop()
    if group.members[exchange] and exchange:ended() then
      group.members[exchange] = nil
      return exchange
    end
  end
end

--- Fails the members with an expired timeout. Returns when the next timeout expires.
local function expire (group)
  local at, members = math.huge, {}
  for exchange in pairs(group.members) do members[#members + 1] = exchange end
  for _, exchange in ipairs(members) do
    at = math.min(at, exchange:expire())
    -- Shows the light thread that its reader still exists. Other coroutines may run meanwhile.
    exchange:begin()
    if exchange:ended() then group.moved:push(exchange) end
  end
  return at
end

local function suspend (group, at)
  local me = coroutine.running()
  local other = group.waiter
  if other and other ~= me and coroutine.status(other) ~= "dead" then
    usage.fail("another coroutine is already waiting for this batch")
  end
  group.waiter = me
  local posted, why = nginx.wait(group.news, math.min(math.max(at - now(), 0), LONGEST_WAIT))
  if group.waiter == me then group.waiter = nil end
  if posted ~= nil then return end
  -- A group without members has no exchange that could fail, and its caller would wait forever.
  local empty = not next(group.members)
  for exchange in pairs(group.members) do exchange:give_up(nginx.wait_failure(why)) end
  if group.on_error then group.on_error() end
  nginx.raise_if_ended()
  if empty then error("predibase: " .. nginx.wait_failure(why).message, 0) end
end

--- Waits for the next member that ends, removes it from the group and returns it.
-- @tparam ?number at when to stop waiting, on the clock of the transport
-- @treturn[1] table the exchange, whose body can be read without waiting
-- @treturn[2] nil if the time has come, or `end_wait` was called, or the group was closed, or the
-- client was closed and the group has no members
function Group:next (at)
  while not self.closed do
    local clocks_at = expire(self)
    local exchange = take(self)
    if exchange then return exchange end
    if self.ended or at and now() >= at then
      self.ended = false
      return nil
    end
    if self.transport.closed and not next(self.members) then return nil end
    suspend(self, math.min(at or math.huge, clocks_at))
  end
end

--- Closes all members and ends a wait for them. May be called any number of times, and again after
-- it raised an error.
function Group:close ()
  self.closed = true
  local exchange = next(self.members)
  while exchange do
    exchange:close()
    self.members[exchange] = nil
    exchange = next(self.members)
  end
  self:wake()
end

--- Makes a group.
-- @tparam table transport
-- @treturn table
function M.new (transport)
  local group = setmetatable({
    transport = transport,
    members = {},             -- exchange -> true
    moved = queue.new(),      -- members with new data, or ended
    news = semaphore.new(0),
    waiter = nil,             -- the waiting coroutine
    ended = false,            -- `end_wait` was called
    on_error = nil,           -- see `close_on_error`
    closed = false,
  }, Group)
  transport.groups[group] = true
  return group
end

return M
