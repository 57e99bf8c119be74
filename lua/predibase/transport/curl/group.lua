-- SPDX-License-Identifier: MIT
--- A group of exchanges over libcurl for which one reader waits together. It works with every loop
-- and needs no coroutine per exchange.
--
-- The transport notifies a group about each member that has moved (it has new data or has ended),
-- so the cost of a wait depends on their number and not on the size of the group. It refers to the
-- members weakly: when a program drops a group, the group is collected and its connections are
-- closed.
-- @module predibase.transport.curl.group

local active = require "predibase.active"
local queue = require "predibase.queue"
local usage = require "predibase.usage"

local M = {}

local WEAK = { __mode = "v" }

local Group = {}
Group.__index = Group

local function wake (group)
  local waiter = group.waiter
  if waiter then group.transport.loop:resume(waiter) end
end

--- Records that a member has moved, and wakes the reader.
-- @tparam table exchange
function Group:note (exchange)
  self.moved:push(exchange)
  wake(self)
end

--- Adds an exchange to the group.
-- @tparam table exchange an exchange of the same transport whose whole body is wanted
function Group:add (exchange)
  exchange:join(self)
  self.transport.members[exchange.id] = exchange
  self.members[exchange] = true       -- last, because then `has` means that the rest is done
  if exchange:ended() then self:note(exchange) end
end

--- Tells whether an exchange is a member of the group.
-- @tparam table exchange
-- @treturn boolean
function Group:has (exchange)
  return self.members[exchange] == true
end

--- Tells whether the client was closed, after which no request can begin.
-- @treturn boolean
function Group:over ()
  return self.transport.closed or self.view ~= nil and self.view.closed
end

--- Closes the group when an error ends a wait for it, because no caller could do so.
-- @tparam ?function f called after the group was closed
function Group:close_on_error (f)
  self.unreachable = f or true
end

--- Ends the wait of `next`, which returns nil; or its next wait, if nobody waits.
function Group:end_wait ()
  self.ended = true
  wake(self)
end

local function leave (group, exchange)
  group.members[exchange] = nil
  group.transport.members[exchange.id] = nil
end

--- Removes and returns a member that has ended, without waiting.
local function take (group)
  while group.moved:size() > 0 do
    local exchange = group.moved:pop()
    if group.members[exchange] and exchange:ended() then
      leave(group, exchange)
      return exchange
    end
  end
end

--- Sets the timer that ends the wait at a time; removes it if `at` is nil.
local function set_timer (group, at)
  local timer = group.timer
  if timer and timer.at == at and timer.value then return end
  if timer then timer.value = nil end
  group.timer = at and group.transport.timers:push(at, setmetatable({ group }, WEAK))
end

local suspend
function suspend (group)
  local me = active.here()
  local other = group.waiter
  if other and other ~= me and active.runs(suspend, other) then
    usage.fail("another coroutine is already waiting for this batch")
  end
  local loop = group.transport.loop
  group.waiter = me
  local _, err = active.call(me, loop.suspend, loop, group)
  group.waiter = nil
  if err == nil then return end
  local f = group.unreachable
  if f then group:close() end
  if f and f ~= true then f() end
  error(err, 0)
end

--- Waits for the next member that ends, removes it from the group and returns it. An error that
-- ends the wait early (Ctrl-C, a cancelled task) is raised; the caller can then wait again.
-- @tparam ?number at when to stop waiting, on the clock of the transport
-- @treturn[1] table the exchange, whose body can be read without waiting
-- @treturn[2] nil if the time has come, or `end_wait` was called, or the group was closed, or the
-- client was closed and the group has no members
function Group:next (at)
  if self.inside then
    -- An error ended the previous call, perhaps after it had taken a member out of the queue.
    for exchange in pairs(self.members) do self.moved:push(exchange) end
  end
  self.inside = true
  set_timer(self, at)
  local exchange
  while not self.closed and not exchange do
    exchange = take(self)
    if exchange or self.ended or at and self.transport.now() >= at then break end
    if self:over() and not next(self.members) then break end
    suspend(self)
  end
  self.inside, self.ended = false, false
  return exchange
end

--- Closes all members and ends a wait for them. May be called any number of times.
function Group:close ()
  self.closed = true
  set_timer(self, nil)
  local exchange = next(self.members)
  while exchange do
    exchange:close()
    leave(self, exchange)
    exchange = next(self.members)
  end
  wake(self)
end

--- Wakes every group of a closed transport, including groups that only wait for a time.
-- @tparam table transport
function M.wake_all (transport)
  local list = {}               -- a copy, because a woken coroutine may change the table
  for group in pairs(transport.groups) do list[#list + 1] = group end
  for _, group in ipairs(list) do wake(group) end
end

--- Notifies the groups of a transport that all of their members may have moved.
-- @tparam table transport
-- @tparam ?table failure given to the members if they can make no more progress
function M.notify_all (transport, failure)
  local list = {}               -- a copy, because a woken coroutine may change the table
  for _, exchange in pairs(transport.members) do list[#list + 1] = exchange end
  for _, exchange in ipairs(list) do
    exchange:set_broken(failure)
    exchange.group:note(exchange)
  end
end

--- Wakes the groups whose timer has expired.
-- @tparam table transport
-- @treturn ?number seconds until the next timer expires, 0 if one has expired, nil without timers
function M.run_timers (transport)
  local expired = false
  local left = transport.timers:due(transport.now, function (reference)
    expired = true
    if reference[1] then wake(reference[1]) end
  end)
  return expired and 0 or left
end

--- Makes a group.
-- @tparam table transport
-- @tparam ?table view of the transport that the reader uses, see `predibase.transport.curl.view`
-- @treturn table
function M.new (transport, view)
  local group = setmetatable({
    transport = transport, view = view,
    members = {},             -- exchange -> true
    moved = queue.new(),      -- members that have moved
    waiter = nil,             -- the waiting coroutine; true for the main program of Lua 5.1
    timer = nil,              -- its entry in the heap of timers
    inside = false,           -- a call of `next` has not returned
    ended = false,            -- `end_wait` was called
    closed = false,
    unreachable = false,      -- close the group if an error ends a wait for it; or a function, see
                              -- `close_on_error`
  }, Group)
  transport.groups[group] = true
  return group
end

return M
