-- SPDX-License-Identifier: MIT
--- Exchanges over libcurl that one reader waits for together, so that no coroutine is needed for
-- each, whatever the loop.
--
-- The transport tells a group which of its exchanges moved; what a wait costs depends on them and
-- not on how many there are. The transport refers to the members weakly: a group that nobody has
-- any more is collected, and its connections are closed.
-- @module predibase.transport.curl.group

local active = require "predibase.active"
local heap = require "predibase.heap"
local queue = require "predibase.queue"

local M = {}

local WEAK = { __mode = "v" }

local Group = {}
Group.__index = Group

local function wake(group)
  local waiter = group.waiter
  if waiter then group.transport.loop:resume(waiter) end
end

--- To be told that a member has moved.
-- @tparam table exchange
function Group:note(exchange)
  self.moved:push(exchange)
  wake(self)
end

--- Takes an exchange in.
-- @tparam table exchange of the same transport, its whole body being what is wanted
function Group:add(exchange)
  exchange.group = self
  self.transport.members[exchange.id] = exchange
  self.members[exchange] = true       -- last: `has` says that all was done
  if exchange:ended() then self:note(exchange) end
end

--- Whether an exchange is a member that has not left yet.
-- @tparam table exchange
-- @treturn boolean
function Group:has(exchange)
  return self.members[exchange] == true
end

--- Whether its client was closed, so that nothing can begin any more.
-- @treturn boolean
function Group:over()
  return self.transport.closed
end

local function leave(group, exchange)
  group.members[exchange] = nil
  group.transport.members[exchange.id] = nil
end

--- The next member that has ended, without waiting.
local function take(group)
  while group.moved:size() > 0 do
    local exchange = group.moved:pop()
    if group.members[exchange] and exchange:ended() then
      leave(group, exchange)
      return exchange
    end
  end
end

--- Sets the clock that ends the wait.
local function set_alarm(group, at)
  local alarm = group.alarm
  if alarm and alarm.at == at and alarm.value then return end
  if alarm then alarm.value = nil end
  group.alarm = at and group.transport.alarms:push(at, setmetatable({ group }, WEAK))
end

local suspend
function suspend(group)
  local me = active.here()
  local other = group.waiter
  if other and other ~= me and active.runs(suspend, other) then
    error("predibase: another coroutine is already waiting for this batch", 0)
  end
  local loop = group.transport.loop
  group.waiter = me
  local _, err = active.call(me, loop.suspend, loop, group)
  group.waiter = nil
  if err == nil then return end
  if group.unreachable then group:close() end
  error(err, 0)
end

--- The next member that has ended, which leaves the group; waits for it. What ends the wait early
-- (Ctrl-C, a cancelled task) is raised, and the group can be waited for again after it.
-- @tparam ?number at when to stop waiting, on the clock of the transport
-- @treturn[1] table the exchange, whose body can be had without a wait
-- @treturn[2] nil the time has come, or the group was closed, or there is no member and the client
-- was closed
function Group:next(at)
  if self.inside then
    -- An error ended the call before, maybe between the queue and the reader.
    for exchange in pairs(self.members) do self.moved:push(exchange) end
  end
  self.inside = true
  set_alarm(self, at)
  local exchange
  while not self.closed and not exchange do
    exchange = take(self)
    if exchange or at and self.transport.now() >= at then break end
    if self.transport.closed and not next(self.members) then break end
    suspend(self)
  end
  self.inside = false
  return exchange
end

--- Closes the exchanges, and ends a wait for them. Any number of times.
function Group:close()
  self.closed = true
  set_alarm(self, nil)
  local exchange = next(self.members)
  while exchange do
    exchange:close()
    leave(self, exchange)
    exchange = next(self.members)
  end
  wake(self)
end

--- What a transport keeps for its groups.
-- @treturn table exchanges by their ids
-- @treturn table alarms, the earliest first
-- @treturn table set of the groups, also of those without a member
function M.state()
  return setmetatable({}, WEAK), heap.new(), setmetatable({}, { __mode = "k" })
end

--- Wakes every group of a transport that was closed, also those that only wait for a time to come.
-- @tparam table transport
function M.wake_all(transport)
  local list = {}               -- a coroutine that is woken may change what is walked over
  for group in pairs(transport.groups) do list[#list + 1] = group end
  for _, group in ipairs(list) do wake(group) end
end

--- Tells every group of a transport that something happened to all of its exchanges.
-- @tparam table transport
-- @tparam ?table failure which keeps them from ever moving again
function M.tell(transport, failure)
  local list = {}               -- whoever is woken may change what is walked over
  for _, exchange in pairs(transport.members) do list[#list + 1] = exchange end
  for _, exchange in ipairs(list) do
    exchange.broken = failure
    exchange.group:note(exchange)
  end
end

--- Wakes the groups whose time has come.
-- @tparam table transport
-- @treturn ?number seconds until the next alarm, 0 when one rang just now; nil: there is none
function M.ring(transport)
  local rang = false
  local left = transport.alarms:due(transport.now, function (alarm)
    rang = true
    if alarm[1] then wake(alarm[1]) end
  end)
  return rang and 0 or left
end

--- Makes a group.
-- @tparam table transport
-- @treturn table
function M.new(transport)
  local group = setmetatable({
    transport = transport,
    members = {},             -- exchange -> true
    moved = queue.new(),      -- those of them that did
    waiter = nil,             -- the coroutine that waits, true for the main program of 5.1
    alarm = nil,              -- the entry of its clock
    inside = false,           -- a call of `next` has not returned
    closed = false,
    unreachable = false,      -- to be closed when a wait for it is ended by an error
  }, Group)
  transport.groups[group] = true
  return group
end

return M
