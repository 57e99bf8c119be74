-- SPDX-License-Identifier: MIT
--- Exchanges over nginx's sockets that one reader waits for together, as over libcurl
-- (`predibase.transport.curl.group`).
-- @module predibase.transport.resty.group

local nginx = require "predibase.nginx"
local queue = require "predibase.queue"
local semaphore = require "ngx.semaphore"

local now = nginx.now

local M = {}

--- Longest wait at a time in seconds: nginx counts milliseconds in 31 bits.
local LONGEST_WAIT = 86400

local Group = {}
Group.__index = Group

local function wake(group)
  if not group.waiter then return end
  group.waiter = nil
  group.news:post(1)
end

--- To be told that a member has moved.
-- @tparam table exchange
function Group:note(exchange)
  self.moved:push(exchange)
  wake(self)
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

--- To be told that its client was closed: ends a wait, also one for nothing but a time.
function Group:tell()
  wake(self)
end

--- Takes an exchange in, and lets it begin.
-- @tparam table exchange of the same transport, its whole body being what is wanted
function Group:add(exchange)
  exchange.group = self
  self.members[exchange] = true
  exchange:begin()
  if exchange:ended() then self:note(exchange) end
end

--- The next member that has ended, without waiting.
local function take(group)
  while group.moved:size() > 0 do
    local exchange = group.moved:pop()
    if group.members[exchange] and exchange:ended() then
      group.members[exchange] = nil
      return exchange
    end
  end
end

--- Ends the members whose time is up; when the next one's will be.
local function expire(group)
  local at, members = math.huge, {}
  for exchange in pairs(group.members) do members[#members + 1] = exchange end
  for _, exchange in ipairs(members) do
    at = math.min(at, exchange:expire())
    exchange:begin()          -- says that there is a reader still; others may run meanwhile
    if exchange:ended() then group.moved:push(exchange) end
  end
  return at
end

local function suspend(group, at)
  local me = coroutine.running()
  local other = group.waiter
  if other and other ~= me and coroutine.status(other) ~= "dead" then
    error("predibase: another coroutine is already waiting for this batch", 0)
  end
  group.waiter = me
  local posted, why = nginx.wait(group.news, math.min(math.max(at - now(), 0), LONGEST_WAIT))
  if group.waiter == me then group.waiter = nil end
  if posted ~= nil then return end
  -- Without a member there is nothing that could fail, and the caller would ask for ever.
  local alone = not next(group.members)
  for exchange in pairs(group.members) do exchange:give_up(nginx.wait_failure(why)) end
  nginx.raise_if_ended()
  if alone then error("predibase: " .. nginx.wait_failure(why).message, 0) end
end

--- The next member that has ended, which leaves the group; waits for it.
-- @tparam ?number at when to stop waiting, on the clock of the transport
-- @treturn[1] table the exchange, whose body can be had without a wait
-- @treturn[2] nil the time has come, or the group was closed, or there is no member and the client
-- was closed
function Group:next(at)
  while not self.closed do
    local clocks_at = expire(self)
    local exchange = take(self)
    if exchange then return exchange end
    if at and now() >= at then return nil end
    if self.transport.closed and not next(self.members) then return nil end
    suspend(self, math.min(at or math.huge, clocks_at))
  end
end

--- Closes the exchanges, and ends a wait for them. Any number of times, also again after an error
-- was raised in here.
function Group:close()
  self.closed = true
  local exchange = next(self.members)
  while exchange do
    exchange:close()
    self.members[exchange] = nil
    exchange = next(self.members)
  end
  wake(self)
end

--- Makes a group.
-- @tparam table transport
-- @treturn table
function M.new(transport)
  local group = setmetatable({
    transport = transport,
    members = {},             -- exchange -> true
    moved = queue.new(),      -- those of them that did
    news = semaphore.new(0),
    waiter = nil,             -- the coroutine that waits
    closed = false,
    unreachable = false,      -- for other transports: here no error ends a wait
  }, Group)
  transport.groups[group] = true
  return group
end

return M
