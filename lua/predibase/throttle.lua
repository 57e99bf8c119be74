-- SPDX-License-Identifier: MIT
--- The turn of a request: waits until the limits of its client allow it (`concurrency`,
-- `rate_limit`).
--
-- A request waits in two lines, one after the other: first for a place among those under way, then
-- for the rate limit. All requests of a client, and of its views, wait in the same lines.
-- @module predibase.throttle

local active = require "predibase.active"
local concurrency = require "predibase.throttle.concurrency"
local line = require "predibase.throttle.line"
local rate_limit = require "predibase.throttle.rate_limit"
local usage = require "predibase.usage"

local M = {}

local CLOSED = { kind = "cancelled", phase = "closed", sent = false,
  message = "the call was ended before its turn came" }

local WEAK = { __mode = "v" }

local Turn = {}
Turn.__index = Turn

--- Gives back a place among the requests under way.
local function give_back (self)
  local place = self.place
  if not place then return end
  self.place = nil
  self.limits.concurrency.rule:give_back(place)
  self.limits.concurrency:wake_first()
end

--- Leaves the line in which the turn waits.
local function leave_line (self)
  local ticket, where = self.ticket, self.where
  self.ticket, self.where = nil, nil
  if ticket then where:leave(ticket) end
end

--- Asks one line. Returns what its limit keeps; or nil and when to ask again.
local function ask_line (self, where)
  if self.where ~= where then
    leave_line(self)
    self.ticket, self.where = line.ticket(self, self.again), where
  end
  local kept, at = where:ask(self.ticket, self.tokens)
  if kept then self.ticket, self.where = nil, nil end
  return kept, at
end

--- Takes the turn if it has come. Never waits.
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] number when to ask again, on the clock of the transport
function Turn:ask ()
  if self.ready then return true end
  if self.after then
    if self.limits.now() < self.after then return nil, self.after end
    self.after = nil
  end
  local limits = self.limits
  if limits.concurrency and not self.place then
    local place, at = ask_line(self, limits.concurrency)
    if not place then return nil, at end
    self.place = place
  end
  if limits.rate then
    local entry, at = ask_line(self, limits.rate)
    if not entry then return nil, at end
    self.entry = entry
  end
  self.ready = true
  return true
end

--- Makes the failure of a call whose time was used up before its turn came.
local function late (self)
  local where, before = self.where, ""
  if where then before = (" (%d calls wait)"):format(where:size()) end
  local what = self.where == self.limits.rate and "rate_limit" or "concurrency"
  return { kind = "timeout", phase = "total", sent = false,
    message = ("the call did not end in time: it still waited for its turn, as the option %s "
      .. "requires%s"):format(what, before) }
end

local wait
function wait (self, group, deadline)
  local me = active.here()
  self.wake = function () group:end_wait() end
  self.waits = function () return active.runs(wait, me, 1) end
  while true do
    local ok, at = self:ask()
    if ok then return true end
    if deadline and self.limits.now() >= deadline then return nil, late(self) end
    group:next(deadline and math.min(at, deadline) or at)
    if self.left or group:over() then return nil, CLOSED end
  end
end

--- Waits until the turn has come.
-- @tparam table transport that of the client
-- @tparam ?number deadline when to give up, on the clock of the transport
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] table the failure: of kind "timeout", or "cancelled" when the call or its client was
-- closed
function Turn:wait (transport, deadline)
  if self:ask() then return true end
  if self.waits and self.waits() then
    usage.fail("another coroutine is already waiting for this stream")
  end
  local ok, failure = transport:ready()
  if not ok then
    self:leave()
    return nil, failure
  end
  self.left = false
  local group = transport:group()
  self.group = group
  group:close_on_error(function () self:leave() end)
  ok, failure = wait(self, group, deadline)
  if not ok then self:leave() end
  self.group, self.wake, self.waits = nil, nil, nil
  return ok, failure
end

--- Looks whether the turn has come. Never waits.
-- @tparam ?number deadline as for `wait`
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] string "pending"
-- @treturn[2] number when to look again
-- @treturn[3] nil
-- @treturn[3] table the failure, of kind "timeout"
function Turn:poll (deadline)
  local ok, at = self:ask()
  if ok then return true end
  if not deadline then return nil, "pending", at end
  if self.limits.now() < deadline then return nil, "pending", math.min(at, deadline) end
  local failure = late(self)
  self:leave()
  return nil, failure
end

--- Sets what is called when it is time to ask again, for callers that wait for several things.
-- @tparam function wake
function Turn:wake_by (wake)
  self.wake = wake
end

--- Gives everything back, and ends a wait of another coroutine. May be called any number of times.
-- The turn can be asked for again.
function Turn:leave ()
  self.left, self.ready = true, false
  leave_line(self)
  give_back(self)
  local group = self.group
  self.group, self.wake, self.waits = nil, nil, nil
  if group then group:end_wait() end
end

--- Hands the place over to a request that begins now. The turn begins anew for the next attempt,
-- which goes to the front of the lines.
-- @tparam ?number delay seconds before the next attempt
-- @treturn function must be called when the request ends; may be called more than once
function Turn:begin ()
  local holder = setmetatable({ place = self.place, limits = self.limits }, Turn)
  self.place, self.ready, self.holder = nil, false, holder
  -- Only the call refers to the place: inside nginx a light thread keeps the exchange of a stream
  -- that the program has dropped.
  local weak = setmetatable({ holder }, WEAK)
  return function ()
    if weak[1] then give_back(weak[1]) end
  end
end

--- Prepares the turn of another attempt of the same call. It waits at the front of the lines.
-- @tparam number delay seconds before that attempt
function Turn:renew (delay)
  self.again = true
  self.after = delay > 0 and self.limits.now() + delay or nil
end

--- Corrects the number of tokens that the last attempt was counted with.
-- @tparam ?table counts the `usage` of the result: `total_tokens`, or `prompt_tokens` and
-- `completion_tokens`
function Turn:used (counts)
  local entry, rate = self.entry, self.limits.rate
  if not entry or not counts then return end
  local tokens = counts.total_tokens
    or (counts.prompt_tokens or 0) + (counts.completion_tokens or 0)
  self.entry = nil
  if rate.rule:correct(entry, tokens, self.limits.now()) then rate:wake_first() end
end

--- Makes the turn of a call. Nothing is taken yet.
-- @tparam table limits of `limits`
-- @tparam integer tokens those that the call is known to need; 0 when nothing is known
-- @treturn table
function M.new (limits, tokens)
  -- Fields that are set later:
  --   ticket, where  the ticket and the line in which it waits
  --   place          the place among the requests under way, before the request begins
  --   holder         has the place of the request that has begun
  --   entry          the entry of the last attempt in the rate limit
  --   ready          the turn has come and the request has not begun
  --   again, after   it is not the first attempt; the time before which it does not ask
  --   group, wake, waits     while a coroutine waits; see `predibase.throttle.line`
  --   left           the turn was given back during a wait
  return setmetatable({ limits = limits, tokens = tokens }, Turn)
end

--- Makes the limits of a client.
-- @tparam table cfg `concurrency`, `rate_limit` (false: no limit)
-- @tparam function now returns monotonic seconds
-- @tparam ?table shared limits of another client, for those that `cfg` does not set (nil)
-- @treturn ?table `concurrency` and `rate` (lines), `now`; nil without any limit
function M.limits (cfg, now, shared)
  local most, rate = cfg.concurrency, cfg.rate_limit
  local limits = { now = now }
  if most then limits.concurrency = line.new(concurrency.new(most), now)
  elseif most == nil and shared then limits.concurrency = shared.concurrency end
  if rate then limits.rate = line.new(rate_limit.new(rate), now)
  elseif rate == nil and shared then limits.rate = shared.rate end
  return (limits.concurrency or limits.rate) and limits or nil
end

return M
