-- SPDX-License-Identifier: MIT
--- Decides when the next request of a batch may begin: one answer of a server that limits its
-- callers slows down the whole batch.
--
-- A refusal (429, 503, "overloaded", or any failure with a `retry-after`) begins a pause, as long
-- as the server says or else growing, and halves the number of requests at once. Refusals of
-- requests that were sent before the pause do not halve it again. Answers raise the number by one
-- for as many answers as there are requests at once (additive increase, multiplicative decrease as
-- in RFC 5681 section 3.1, with requests for segments). An answer with `x-ratelimit-remaining: 0`
-- begins a pause as well, and halves nothing.
--
-- Uses no socket; its caller passes the clock and random numbers. All batches of a client share the
-- pause.
-- @module predibase.batch.limiter

local retry = require "predibase.retry"

local M = {}

--- Longest pause in seconds that a batch accepts from a server. Windows of rate limits last from a
-- second to an hour; a longer pause is a quota for the day, and the program should know.
M.MAX_PAUSE = 3600

--- Number of outages in a row, with no answer in between, after which the prompts that were not
-- sent yet fail (`max_retries` + 1 where that is more). An error that one prompt alone may have
-- caused counts only when another prompt has had it, too.
M.MAX_OUTAGES = 3

local Limiter = {}
Limiter.__index = Limiter

--- Tells whether an error means that the server wants fewer requests (RFC 6585 section 4, RFC 9110
-- section 15.6.4).
-- @tparam table err
-- @treturn boolean
function M.is_refusal (err)
  return err.retryable and (err.kind == "rate_limited" or err.kind == "overloaded"
    or err.status == 429 or err.status == 503 or err.retry_after ~= nil)
end

--- Tells whether an error means that the server is down, or the server behind a gateway: there is
-- no connection, or the gateway answers 502 or 504 (RFC 9110 section 15.6).
-- @tparam table err
-- @treturn boolean
function M.is_outage (err)
  if not err.retryable then return false end
  if err.status then return err.status == 502 or err.status == 504 end
  return (err.kind == "connection" or err.kind == "timeout") and err.sent == false
end

--- Returns the end of the pause.
-- @treturn[1] number on the clock
-- @treturn[2] nil there is no pause
function Limiter:paused_until ()
  local till = self.pause.till
  if till > self.now() then return till end
end

--- Tells whether one more request may begin.
-- @tparam integer open number of requests that are open
-- @treturn boolean
function Limiter:may_begin (open)
  return open + 1 <= self.limit and not self:paused_until()
end

--- Returns the current round. The caller keeps it with a request that begins, and passes it back
-- with the outcome: the outcome of an earlier round does not change the limit again.
-- @treturn integer
function Limiter:ticket ()
  return self.round
end

local function extend_pause (self, seconds)
  self.pause.till = math.max(self.pause.till, self.now() + seconds)
end

--- Takes note of an answer, good or bad, that is not a refusal.
-- @tparam integer ticket
-- @tparam ?table headers of the answer
function Limiter:answered (ticket, headers)
  self.refusals, self.rounds, self.outages = 0, 0, 0
  self.first, self.down = nil, nil
  if ticket == self.round then
    self.limit = math.min(self.most, self.limit + 1 / self.limit)
  end
  local wait = retry.exhausted(headers or {})
  if wait and wait <= M.MAX_PAUSE then extend_pause(self, wait) end
end

--- Takes note of a refusal.
-- @tparam integer ticket
-- @tparam table err
-- @tparam integer max_retries of its call
-- @tparam integer index of the prompt
-- @treturn[1] number seconds until the pause ends and the request should be sent again
-- @treturn[2] nil the error is final: `max_retries` is 0; or one request at a time was refused
-- more than `max_retries` times without an answer in between; or the server asks for a longer pause
-- than `MAX_PAUSE`
function Limiter:refused (ticket, err, max_retries, index)
  local wait = err.retry_after
  if wait and wait > M.MAX_PAUSE then
    self.too_long = wait
    return nil
  end
  if ticket == self.round then
    if self.limit < 2 then
      self.refusals = self.refusals + 1
      self.first = self.first or index
    end
    self.round, self.rounds = self.round + 1, self.rounds + 1
    self.limit = math.max(1, math.floor(self.limit / 2))
    wait = wait or retry.backoff(self.rounds, self.random)
  end
  if wait then extend_pause(self, wait) end
  if max_retries == 0 or self.refusals > max_retries then
    -- A gateway without a server behind it answers 503, too.
    if self.refusals > math.max(max_retries, M.MAX_OUTAGES - 1) and err.status == 503
      and index ~= self.first then self.down = err end
    return nil
  end
  return math.max(0, self.pause.till - self.now())
end

--- Takes note of an outage. All requests wait together, each time longer; requests that were sent
-- before the outage was known do not make the pause longer.
-- @tparam integer ticket
-- @tparam table err
-- @tparam integer max_retries of its call
-- @tparam integer index of the prompt
function Limiter:failed (ticket, err, max_retries, index)
  if ticket ~= self.round then return end
  self.round, self.outages = self.round + 1, self.outages + 1
  self.first = self.first or index
  if self.outages > math.max(max_retries, M.MAX_OUTAGES - 1)
    and (err.sent == false or index ~= self.first) then self.down = err end
  extend_pause(self, retry.backoff(self.outages, self.random))
end

--- Makes the pause that the batches of one client share.
-- @treturn table `till`, its end on the clock
function M.new_pause ()
  return { till = -math.huge }
end

--- Makes the limiter of a batch.
-- @tparam table fields `most` (requests at once), `pause` (shared), `now` (monotonic seconds),
-- `random`
-- @treturn table its fields `limit`, `too_long`, `down` and `pause` may be read
function M.new (fields)
  return setmetatable({
    most = fields.most, pause = fields.pause, now = fields.now, random = fields.random,
    limit = fields.most,      -- requests at once, not always an integer
    round = 1,                -- grows with each refusal or outage that begins a pause
    rounds = 0,               -- refusals that began a pause since the last answer
    refusals = 0,             -- since the last answer, of requests that were open alone
    too_long = nil,           -- seconds of a pause that the batch does not accept
    outages = 0,              -- since the last answer
    first = nil,              -- the prompt that had the first of these refusals or outages
    down = nil,               -- the error after which nothing more is sent
  }, Limiter)
end

return M
