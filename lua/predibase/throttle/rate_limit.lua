-- SPDX-License-Identifier: MIT
--- A limit of requests, and of tokens, in any period of some seconds (a sliding window).
--
-- The number of tokens that a request needs is not known before its answer has ended. A request
-- counts with the tokens that are known when it is sent; `correct` replaces them by the real
-- number. Uses no clock: the time is an argument.
-- @module predibase.throttle.rate_limit

local M = {}

local RateLimit = {}
RateLimit.__index = RateLimit

--- Forgets the tokens that were counted more than one period ago.
local function forget_old (self, now)
  while self.from <= self.to do
    local entry = self.entries[self.from]
    if entry.at + self.seconds > now then return end
    self.sum = self.sum - entry.tokens
    entry.gone = true
    self.entries[self.from] = nil
    self.from = self.from + 1
  end
end

local function count (self, tokens, now)
  local entry = { at = now, tokens = tokens }
  self.to = self.to + 1
  self.entries[self.to] = entry
  self.sum = self.sum + tokens
  return entry
end

--- Returns the time at which the tokens of one period are no more than `most`; nil for now.
local function time_for_tokens (self, most)
  local sum, at = self.sum, nil
  for i = self.from, self.to do
    if sum <= most then break end
    sum, at = sum - self.entries[i].tokens, self.entries[i].at + self.seconds
  end
  return at
end

--- Counts a request, if the limit allows one more now.
-- @tparam integer tokens those that the request is known to need, 0 when nothing is known. A
-- request that needs more than the limit is allowed when no other tokens are counted
-- @tparam number now seconds
-- @treturn[1] table the entry of this request, for `correct`
-- @treturn[2] nil
-- @treturn[2] number when the limit allows the request, unless other tokens are counted until then
function RateLimit:take (tokens, now)
  local oldest = self.requests and self.times[self.next]
  local at = oldest and oldest + self.seconds
  if at and at <= now then at = nil end
  if self.tokens then
    forget_old(self, now)
    -- Any request needs at least one token.
    local later = time_for_tokens(self, math.max(0, self.tokens - math.max(tokens, 1)))
    if later then at = math.max(at or later, later) end
  end
  if at then return nil, at end
  if self.requests then
    self.times[self.next] = now
    self.next = self.next % self.requests + 1
  end
  return self.tokens and count(self, tokens, now) or { tokens = tokens, gone = true }
end

--- Replaces the number of tokens that a request was counted with. Tokens that were not counted when
-- the request was sent are counted now.
-- @tparam table entry as `take` returned it
-- @tparam integer tokens those that the request needed
-- @tparam number now seconds
-- @treturn boolean whether the limit may now allow a request earlier than it said before
function RateLimit:correct (entry, tokens, now)
  if not self.tokens then return false end
  forget_old(self, now)
  local more = tokens - entry.tokens
  if more > 0 then count(self, more, now) end
  if more >= 0 or entry.gone then return false end
  entry.tokens, self.sum = tokens, self.sum + more
  return true
end

--- Makes a limit.
-- @tparam table options `requests` and `tokens`, of which at least one is given: at most so many in
-- any period of `seconds` seconds
-- @treturn table
function M.new (options)
  return setmetatable({
    requests = options.requests, seconds = options.seconds, tokens = options.tokens,
    times = {}, next = 1,          -- the times of the last `requests` requests, in a ring
    entries = {}, from = 1, to = 0,          -- the tokens of the last period
    sum = 0,                       -- of all entries
  }, RateLimit)
end

return M
