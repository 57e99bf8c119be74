-- SPDX-License-Identifier: MIT
--- Decides when the next request of a batch may begin. When the server limits its clients, one such
-- response slows down the whole batch.
--
-- A refusal (429, 503, "overloaded", or any failure with a `retry-after`) begins a pause and halves
-- the limit, which is the number of requests that may be open at the same time. The pause is as
-- long as the server says, or else each pause is longer than the one before. Refusals of requests
-- that were sent before the pause do not halve the limit again. The limit grows by one when as many
-- responses have arrived as the limit allows requests (additive increase and multiplicative
-- decrease, as in RFC 5681 section 3.1 for segments). A response with `x-ratelimit-remaining: 0`
-- also begins a pause, but does not change the limit. With the option `adaptive`, the limit is also
-- halved when the time that requests wait inside the server grows (LoRAX: `x-queue-time`).
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

--- Queue times in seconds that are never too long: less than most answers take, and about what a
-- busy server needs between two steps of its batch.
M.SHORT_QUEUE = 0.1

--- How many times the shortest mean queue time, of those since the limit was halved, a mean queue
-- time may be. What is measured after that includes the requests of other clients.
M.QUEUE_GROWTH = 2

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

--- Tells whether an error means that the server is down: no connection can be made, or a gateway in
-- front of it answers 502 or 504 (RFC 9110 section 15.6).
-- @tparam table err
-- @treturn boolean
function M.is_outage (err)
  if not err.retryable then return false end
  if err.status then return err.status == 502 or err.status == 504 end
  return (err.kind == "connection" or err.kind == "timeout") and err.sent == false
end

--- Returns the end of the pause.
-- @treturn[1] number monotonic seconds
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

--- Makes the whole batch wait while the deployment starts.
-- @tparam table err
-- @tparam number|boolean limit the option `cold_start`
-- @treturn ?number seconds until the pause ends; nil when the error has another reason, or the
-- deployment takes longer than the limit
function Limiter:cold (err, limit)
  if not limit or not retry.is_cold(err) then return nil end
  self.cold_since = self.cold_since or self.now()
  local wait = retry.cold_delay(err, self.now() - self.cold_since, limit, self.random)
  if wait then extend_pause(self, wait) end
  return wait
end

--- Halves the limit for the requests that begin from now on.
local function halve (self)
  self.round = self.round + 1
  self.limit = math.max(1, math.floor(self.limit / 2))
  self.queue_sum, self.queue_count, self.least_queue = 0, 0, math.huge
end

--- Compares the queue times of a round, which has as many responses as the limit, with those of
-- the rounds since the limit was halved.
local function watch_queue (self, headers)
  local ms = tonumber(headers["x-queue-time"])
  if not ms then return end
  self.queue_sum, self.queue_count = self.queue_sum + ms / 1000, self.queue_count + 1
  if self.queue_count < self.limit then return end
  local mean = self.queue_sum / self.queue_count
  local least = math.min(mean, self.least_queue)
  self.least_queue = least
  self.queue_sum, self.queue_count = 0, 0
  if mean > M.QUEUE_GROWTH * math.max(least, M.SHORT_QUEUE) then halve(self) end
end

--- Notes when the server began to refuse or fail, and tells whether that is not longer ago than the
-- caller wants to wait.
local function is_patient (self)
  if not self.patience then return false end
  self.trouble_since = self.trouble_since or self.now()
  return self.now() - self.trouble_since < self.patience
end

--- Tells why nothing more is to be sent.
-- @treturn ?table `kind`, `message` and further fields of an error; nil when requests may be sent
function Limiter:halted ()
  if self.too_long then
    return { kind = "rate_limited", retry_after = self.too_long,
      message = ("the server asked for a pause of %.0f seconds, and a batch waits at most %d")
        :format(self.too_long, M.MAX_PAUSE) }
  end
  local down = self.down
  if not down then return nil end
  local what = self.patience and ("has not answered for %d seconds"):format(self.patience)
    or "failed several times in a row"
  return { kind = down.kind, status = down.status,
    message = ("the server %s: %s"):format(what, down.message) }
end

--- Records a response that is not a refusal.
-- @tparam integer ticket
-- @tparam ?table headers of the response
function Limiter:answered (ticket, headers)
  self.refusals, self.rounds, self.outages = 0, 0, 0
  self.first, self.down, self.cold_since, self.trouble_since = nil, nil, nil, nil
  if ticket == self.round then
    self.limit = math.min(self.most, self.limit + 1 / self.limit)
    if self.adaptive and headers then watch_queue(self, headers) end
  end
  local wait = retry.exhausted(headers or {})
  if wait and wait <= M.MAX_PAUSE then extend_pause(self, wait) end
end

--- Records a refusal.
-- @tparam integer ticket
-- @tparam table err
-- @tparam integer max_retries of its call
-- @tparam integer index of the prompt
-- @treturn[1] number seconds until the pause ends and the request should be sent again
-- @treturn[2] nil the error is final: `max_retries` is 0; or the limit is one request, and more
-- than `max_retries` requests were refused since the last response; or the server asks for a longer
-- pause than `MAX_PAUSE`
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
    self.rounds = self.rounds + 1
    halve(self)
    wait = wait or retry.backoff(self.rounds, self.random)
  end
  if wait then extend_pause(self, wait) end
  if max_retries == 0 or self.refusals > max_retries and not is_patient(self) then
    if self.patience and max_retries > 0 then self.down = err end
    -- A gateway whose server is down may also answer 503.
    if self.refusals > math.max(max_retries, M.MAX_OUTAGES - 1) and err.status == 503
      and index ~= self.first then self.down = err end
    return nil
  end
  return math.max(0, self.pause.till - self.now())
end

--- Records an outage. It begins a pause of the whole batch, which is longer after each outage.
-- Requests that were sent before the pause do not make it longer.
-- @tparam integer ticket
-- @tparam table err
-- @tparam integer max_retries of its call
-- @tparam integer index of the prompt
function Limiter:failed (ticket, err, max_retries, index)
  if ticket ~= self.round then return end
  self.round, self.outages = self.round + 1, self.outages + 1
  self.first = self.first or index
  local is_down = self.patience or self.outages > math.max(max_retries, M.MAX_OUTAGES - 1)
    and (err.sent == false or index ~= self.first)
  if not is_patient(self) and is_down then self.down = err end
  extend_pause(self, retry.backoff(self.outages, self.random))
end

--- Makes the pause that the batches of one client share.
-- @treturn table `till`, its end in monotonic seconds
function M.new_pause ()
  return { till = -math.huge }
end

--- Makes the limiter of a batch.
-- @tparam table fields `most` (requests at once), `pause` (shared), `now` (monotonic seconds),
-- `random`; `start` (requests at once in the beginning, `most` by default), `adaptive` (boolean),
-- `patience` (seconds for which the server may be down or refuse all requests, before nothing more
-- is sent; without it the number of such failures decides)
-- @treturn table its fields `limit`, `too_long`, `down` and `pause` may be read
function M.new (fields)
  return setmetatable({
    most = fields.most, pause = fields.pause, now = fields.now, random = fields.random,
    adaptive = fields.adaptive, patience = fields.patience,
    limit = math.min(fields.start or fields.most, fields.most),     -- not always an integer
    round = 1,                -- grows with each refusal or outage that begins a pause
    rounds = 0,               -- refusals that began a pause since the last response
    refusals = 0,             -- since the last response, while the limit was one request
    too_long = nil,           -- seconds of a pause that the batch does not accept
    outages = 0,              -- since the last response
    cold_since = nil,         -- when the deployment first seemed to start, since then
    first = nil,              -- index of the prompt of the first of these refusals or outages
    down = nil,               -- the error after which nothing more is sent
    trouble_since = nil,      -- when the first of these refusals or outages came
    queue_sum = 0, queue_count = 0,         -- seconds and responses of the present round
    least_queue = math.huge,  -- the shortest mean of a round since `halve`
  }, Limiter)
end

-- Client -> the pause that the server's rate limit imposes on all batches of this client. The keys
-- are weak, so no value may refer to its key.
local pauses = setmetatable({}, { __mode = "k" })

--- Makes the limiter of a batch of a client.
-- @tparam table client see `predibase.client`
-- @tparam integer most requests at once
-- @tparam ?table further `start`, `adaptive` and `patience`, as `new` takes them
-- @treturn table as `new` returns it
function M.of_client (client, most, further)
  pauses[client] = pauses[client] or M.new_pause()
  further = further or {}
  return M.new { most = most, pause = pauses[client], now = client.shared.now,
    random = client.shared.random, start = further.start, adaptive = further.adaptive,
    patience = further.patience }
end

return M
