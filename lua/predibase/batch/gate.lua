-- SPDX-License-Identifier: MIT
--- When the next request of a batch may begin: one answer of a server that limits its callers
-- slows all of them down.
--
-- A refusal (429, 503, "overloaded", or any failure with a `retry-after`) closes the gate for the
-- time that the server names, else for a growing one, and halves the number of requests at once;
-- refusals of requests that were sent before it closed do not halve again. Answers let the number
-- grow by one for as many answers as there are requests at once (additive increase, multiplicative
-- decrease: RFC 5681 section 3.1, with requests for segments). An answer that says
-- `x-ratelimit-remaining: 0` closes the gate as well, and halves nothing.
--
-- Knows no socket; clock and random numbers are passed in. The time until which it is closed is
-- shared by all batches of a client.
-- @module predibase.batch.gate

local retry = require "predibase.retry"

local M = {}

--- Seconds that a batch waits because a server says so. Windows of rate limits last from a second
-- to an hour; who asks for more has a quota for the day, and a program that stands still that long
-- had better be told.
M.MAX_PAUSE = 3600

--- So many times in a row, or more than `max_retries` times, may a batch find its server down, with
-- no answer between, before it fails the prompts that are left unsent. An error for which one
-- prompt alone may be to blame counts only once another prompt has had it, too.
M.MAX_FALLS = 3

local Gate = {}
Gate.__index = Gate

--- Whether an error means that the server wants fewer requests (RFC 6585 section 4, RFC 9110
-- section 15.6.4).
-- @tparam table err
-- @treturn boolean
function M.refuses(err)
  return err.retryable and (err.kind == "rate_limited" or err.kind == "overloaded"
    or err.status == 429 or err.status == 503 or err.retry_after ~= nil)
end

--- Whether an error means that the server, or what a gateway stands in front of, is down: no
-- connection comes about, or the gateway says 502 or 504 (RFC 9110 section 15.6).
-- @tparam table err
-- @treturn boolean
function M.unreachable(err)
  if not err.retryable then return false end
  if err.status then return err.status == 502 or err.status == 504 end
  return (err.kind == "connection" or err.kind == "timeout") and err.sent == false
end

--- Until when the gate is closed.
-- @treturn[1] number on the clock
-- @treturn[2] nil it is open
function Gate:closed()
  local till = self.pause.till
  if till > self.now() then return till end
end

--- Whether one request more may begin.
-- @tparam integer open how many there are
-- @treturn boolean
function Gate:free(open)
  return open + 1 <= self.limit and not self:closed()
end

--- To be taken when a request begins, and given back with what came of it.
-- @treturn integer
function Gate:ticket()
  return self.round
end

--- The server answered a request, well or not, and did not refuse it.
-- @tparam integer ticket
-- @tparam ?table headers of the answer
function Gate:answered(ticket, headers)
  self.refusals, self.rounds, self.falls = 0, 0, 0
  self.first, self.down = nil, nil
  if ticket == self.round then
    self.limit = math.min(self.most, self.limit + 1 / self.limit)
  end
  local wait = retry.exhausted(headers or {})
  if wait and wait <= M.MAX_PAUSE then
    self.pause.till = math.max(self.pause.till, self.now() + wait)
  end
end

--- The server refused a request.
-- @tparam integer ticket
-- @tparam table err
-- @tparam integer max_retries of its call
-- @tparam integer index of the prompt
-- @treturn[1] number seconds until the gate opens: the request is to be sent again then
-- @treturn[2] nil the error is final: `max_retries` is 0; or one request at a time was refused
-- more than `max_retries` times, and none answered meanwhile; or the server asks for a longer
-- pause than `MAX_PAUSE`
function Gate:refused(ticket, err, max_retries, index)
  local wait = err.retry_after
  if wait and wait > M.MAX_PAUSE then
    self.shut = wait
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
  if wait then self.pause.till = math.max(self.pause.till, self.now() + wait) end
  if max_retries == 0 or self.refusals > max_retries then
    -- 503 is also what a gateway says that has nothing behind it.
    if self.refusals > math.max(max_retries, M.MAX_FALLS - 1) and err.status == 503
      and index ~= self.first then self.down = err end
    return nil
  end
  return math.max(0, self.pause.till - self.now())
end

--- The server could not be reached. All requests wait together, for a growing time; those that were
-- sent before that was known do not make it longer.
-- @tparam integer ticket
-- @tparam table err
-- @tparam integer max_retries of its call
-- @tparam integer index of the prompt
function Gate:fell(ticket, err, max_retries, index)
  if ticket ~= self.round then return end
  self.round, self.falls = self.round + 1, self.falls + 1
  self.first = self.first or index
  if self.falls > math.max(max_retries, M.MAX_FALLS - 1)
    and (err.sent == false or index ~= self.first) then self.down = err end
  local wait = retry.backoff(self.falls, self.random)
  self.pause.till = math.max(self.pause.till, self.now() + wait)
end

--- What the batches of one client share.
-- @treturn table
function M.pause()
  return { till = -math.huge }
end

--- Makes the gate of a batch.
-- @tparam table fields `most` (requests at once), `pause` (shared), `now` (monotonic seconds),
-- `random`
-- @treturn table
function M.new(fields)
  return setmetatable({
    most = fields.most, pause = fields.pause, now = fields.now, random = fields.random,
    limit = fields.most,      -- requests at once, not always a whole number
    round = 1,                -- one more each time that a refusal closes the gate
    rounds = 0,               -- of them, those since the last answer
    refusals = 0,             -- since the last answer, of requests that were alone
    shut = nil,               -- the seconds that are too many
    falls = 0,                -- since the last answer, how often the server was found down
    first = nil,              -- the prompt that found it so first
    down = nil,               -- the error after which nothing is sent any more
  }, Gate)
end

return M
