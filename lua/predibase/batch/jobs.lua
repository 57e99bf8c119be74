-- SPDX-License-Identifier: MIT
--- The jobs of a batch: each prompt with its call, from the moment that the prompt is taken until
-- its outcome is returned.
--
-- A job is in the field `live` all the time, and in at most one of `held`, `again`, `late`,
-- `running` and `done` (see `new`). An error of a hook, Ctrl-C or a limit of the host program may
-- interrupt `next_outcome` anywhere. `recover` then puts every job of `live` back into the right
-- field, so that each prompt has exactly one outcome.
-- @module predibase.batch.jobs

local entries_of = require "predibase.batch.entries"
local errors = require "predibase.errors"
local limiters = require "predibase.batch.limiter"
local lost = require "predibase.batch.lost"
local outside_errors = require "predibase.outside_errors"
local queue = require "predibase.queue"
local usage = require "predibase.usage"

local M = {}

--- Number of prompts of a batch that get a second attempt after an error of kind "generation". Each
-- keeps its request in memory, and the number of prompts of a batch has no limit.
M.MAX_LATE = 1000

local Jobs = {}
Jobs.__index = Jobs

local function finish (self, job, result, err)
  job.result, job.err = result, err
  job.ended = true
  job.exchange = nil
  if not err then job.call:count(result) end
  self.ended = self.ended + 1
  if err then self.failures = self.failures + 1 end
  self.done:push(job)
  if not err then return end
  if job.call then job.call:failed(err)
  elseif self.on_error then self.on_error(err) end
end

--- Ends a job with an error, unless the client has another one in its option `fallback`.
local function fail (self, job, err)
  local other, final = nil, err
  if job.call and not self.stopped then other, final = job.call:fall_back(err, 0) end
  if not other then return finish(self, job, nil, final) end
  job.call, job.due, job.last = other, nil, nil
  self.again:push(job)
end

--- Makes the call for an entry. A function usually reads its entries from a file or a database, so
-- a bad entry fails alone and does not end the batch.
local function prepare (self, entry, index)
  local function make (e) return self.prepare(e, index) end
  local ok, made, err = usage.catch(make, entry)
  if ok then return made, err end
  outside_errors.raise_if_outside(made, make, entry)
  return nil, errors.new { kind = "validation", phase = "request", message = tostring(made) }
end

--- Ends all jobs without an outcome. The error of the batch is `err`, or says that it was closed.
-- @tparam ?table err
function Jobs:close (err)
  self.err = self.err or err or errors.new { kind = "cancelled", phase = "closed",
    message = "the batch was closed" }
  self.group:close()
  for _, job in pairs(self.live) do
    if job.call then job.call:abandon() end
  end
  self.running, self.live, self.open = {}, {}, 0
end

--- Takes the next prompt and returns its job; nil when there is none. The job keeps the call and
-- not the entry, which may contain an API token.
local function take (self)
  if self.exhausted or self.may_take and not self.may_take() then return nil end
  local index = self.taken + 1
  local job = { index = index, asking = true }
  self.live[index] = job
  self.taken = index
  local entry = self.prompts(index)
  if entry == nil then
    self.taken = index - 1
    self.live[index] = nil
    self.exhausted = true
    return nil
  end
  if entry == entries_of.LOST then
    -- The batch cannot go on: the indices of later prompts might be wrong.
    self:close(lost.prompt())
    return nil
  end
  job.asking = nil
  job.call, job.problem = prepare(self, entry, index)
  return job
end

--- Returns the next job of `again`. Where requests wait for their turn, they wait for their own
-- delay before it, so a job that is not due must not hold up the others.
local function next_again (self)
  self.due_at = nil
  for _ = 1, self.again:size() do
    local job = self.again:pop()
    if not job.call.admission or not job.due or job.due <= self.now() then return job end
    self.again:push(job)
    self.due_at = math.min(self.due_at or job.due, job.due)
  end
end

--- Returns the next job to begin; nil when there is none. The jobs of `late` come last, one at a
-- time.
local function next_job (self)
  local job = self.held or next_again(self) or take(self)
  if not job and not self.late_open then job = self.late:pop() end
  self.held = job
  return job
end

--- Tells whether the time for all entries together will be over after a wait.
local function is_late (self, wait)
  return self.ends ~= nil and self.now() + (wait or 0) >= self.ends
end

--- Makes the error of a job that is not sent.
local function not_sent (job, fields)
  fields.phase, fields.attempts, fields.sent = "request", job.call.attempts, false
  fields.message = "not sent: " .. fields.message
  return errors.new(fields)
end

--- Returns an error when the job must not be sent any more, and nil when it may be sent. The
-- limiter knows only the first client, not those of `fallback`.
local function refusal_of (self, job)
  if is_late(self) then
    return not_sent(job, { kind = "timeout", message = "the time for the whole call is used up" })
  end
  local halted = not job.call.earlier and self.limiter:halted()
  return halted and not_sent(job, halted) or nil
end

--- Keeps a job for a second attempt after an error of kind "generation", and tells whether it did.
-- When the decoding of one request fails, the server fails all requests of the same GPU batch, so
-- the cause is often another request.
local function set_aside (self, job, err)
  if err.kind ~= "generation" or job.late or not self.retry_generation or self.stopped
    or self.late_count >= M.MAX_LATE then return false end
  job.late = true
  self.late_count = self.late_count + 1
  job.call:renew()
  self.late:push(job)
  job.call:retrying(err, 0)
  return true
end

--- Prepares an attempt that does not count as a retry: at another server, while the deployment
-- starts, or when the server wants fewer requests. Returns the seconds until then; or nil, and
-- whether it fails.
local function without_retry (self, job, err)
  local this, limiter = job.call, self.limiter
  this:noted(err)
  this:counted {}
  if this:spills(err) then return 0 end
  local wait = limiter:cold(err, this.options.cold_start)
  local refused = not wait and limiters.is_refusal(err)
  if refused then
    wait = limiter:refused(job.ticket, err, this.options.max_retries, job.index)
  end
  if wait and is_late(self, wait) then return nil, true end
  if wait then this:put_back() end
  return wait, refused
end

--- Handles the error of an attempt: the job begins again later, or fails. The limiter, and the
-- second attempt after an error of kind "generation", concern no client of `fallback`.
local function handle_failure (self, job, err)
  local this, limiter, is_first = job.call, self.limiter, job.call.earlier == nil
  local delay, refused, unreachable
  job.exchange, job.last = nil, err
  if is_first then delay, refused = without_retry(self, job, err) end
  if not delay and not refused then
    if is_first then
      unreachable = limiters.is_outage(err)
      if unreachable then limiter:failed(job.ticket, err, this.options.max_retries, job.index)
      elseif err.status then limiter:answered(job.ticket, err.headers) end
      if unreachable and limiter.patience and not limiter.down then this:put_back() end
      if set_aside(self, job, err) then return end
    end
    delay = this:retry(err, 0)
    -- When the server cannot be reached, the limiter makes the whole batch wait, so the job gets no
    -- `due` time of its own.
    if delay and unreachable then delay = math.max(0, limiter.pause.till - self.now())
    elseif delay then job.due = self.now() + delay end
  end
  if not delay or self.stopped or is_late(self) then return fail(self, job, err) end
  job.waits_since = job.due or self.now()
  self.again:push(job)
  this:retrying(err, delay)
end

--- Sends the request of a job. Its hooks may raise, and may close the batch.
local function begin (self, job)
  local err = job.call and refusal_of(self, job) or job.problem
  if err then err = job.last or err end         -- the error of an earlier attempt says more
  if err then return fail(self, job, err) end
  job.ticket = self.limiter:ticket()
  job.call:announce()
  if self.err then return end
  local delay = job.due and math.max(0, job.due - self.now())
  job.due = nil
  local exchange, failure = job.call:open(delay)
  if not exchange then return handle_failure(self, job, job.call:error(failure)) end
  job.exchange = exchange
  self.running[exchange] = job
  self.open = self.open + 1
  if job.late then self.late_open = job end
  self.group:add(exchange)
end

--- Gets what the next attempt of a job needs: its turn, a server, a token. Returns false while its
-- turn has not come; the time until then does not count for its call. A job that cannot get it
-- fails.
local function is_admitted (self, job)
  self.turn_at = nil
  local this = job.call
  if not this or not this.admission or refusal_of(self, job) or self.group:over() then
    return true
  end
  this.admission:wake_by(self.wake)
  local now, since = self.now(), job.waits_since
  job.waits_since = nil
  if since then this:shift(now - since) end
  local ok, why, at = this:ready "group"
  if ok then return true end
  if why == "pending" then
    self.turn_at, job.waits_since = at, now
    return false
  end
  self.held = nil
  fail(self, job, this:error(why))
  return true
end

--- Begins jobs until the limiter allows no more, or `most` outcomes wait to be returned. When
-- nothing can be sent any more, `begin` makes each of these jobs fail.
local function fill (self)
  local limiter = self.limiter
  while not self.err and self.done:size() < self.most
    and not (self.together and self.failures > 0)
    and (limiter.too_long or limiter.down or self.group:over() or is_late(self)
      or limiter:may_begin(self.open)) do
    local job = next_job(self)
    if not job or not is_admitted(self, job) then return end
    if self.held == job then
      self.held = nil
      begin(self, job)
    end
  end
end

--- Handles an exchange that has ended, with a response or with a failure.
local function settle (self, exchange)
  local job = self.running[exchange]
  self.running[exchange] = nil
  self.open = self.open - 1
  if self.late_open == job then self.late_open = nil end
  local result, err = job.call:whole(exchange)
  if not result then return handle_failure(self, job, err) end
  if not job.call.earlier then self.limiter:answered(job.ticket, result.headers) end
  finish(self, job, result)
end

--- Returns the time at which another request may begin; nil when none may begin before an exchange
-- has ended.
local function opening_time (self)
  if self.open + 1 > self.limiter.limit then return nil end
  local at = self.due_at
  if next_job(self) then at = math.max(self.limiter.pause.till, self.turn_at or -math.huge) end
  return at and math.min(at, self.ends or math.huge)
end

--- Builds the fields and queues anew from `live`, after an error has interrupted `next_outcome`.
function Jobs:recover ()
  self.held, self.late_open, self.open, self.running = nil, nil, 0, {}
  self.again, self.late, self.done = queue.new(), queue.new(), queue.new()
  for index = 1, self.taken do
    local job = self.live[index]
    if not job then -- luacheck: ignore 542
      -- Its outcome was returned.
    elseif job.ended then
      self.done:push(job)
    elseif job.asking then
      -- The program's function raised: this index is for its next prompt.
      self.live[index] = nil
      self.taken = self.taken - 1
    elseif job.exchange and self.group:has(job.exchange) then
      self.running[job.exchange] = job
      self.open = self.open + 1
      if job.late then self.late_open = job end
      self.group:note(job.exchange)           -- its end may not have been noted yet
    elseif job.exchange or not (job.call or job.problem) then
      if job.exchange then job.exchange:close() end
      finish(self, job, nil, lost.outcome(job.call and job.call.attempts))
    elseif job.late then
      self.late:push(job)
    else
      self.again:push(job)
    end
  end
end

--- Waits for the next outcome.
-- @tparam ?number at when to stop waiting, on the clock of the transport
-- @treturn[1] integer the index of the prompt
-- @treturn[1] ?table its result
-- @treturn[1] ?table its error
-- @treturn[2] nil there is none left
-- @treturn[3] nil
-- @treturn[3] nil
-- @treturn[3] table the error that ended the batch
-- @treturn[4] boolean false: the time has come
function Jobs:next_outcome (at)
  while not self.err do
    fill(self)
    local job = self.done:pop()
    if job then return job.index, job.result, job.err end
    if self.err then break end
    if self.open == 0 and not next_job(self) and not self.due_at then return nil end
    if at and self.now() >= at then return false end
    local opening = opening_time(self)
    local exchange = self.group:next(at and math.min(at, opening or at) or opening)
    if exchange then settle(self, exchange) end
    if self.group.closed then self:close() end
  end
  return nil, nil, self.err
end

--- Forgets a job whose outcome was returned.
-- @tparam integer index of its prompt
function Jobs:release (index)
  self.live[index] = nil
end

--- Sends nothing more. Requests that are under way still end; jobs that wait for their next attempt
-- have no outcome.
function Jobs:stop ()
  self.exhausted, self.stopped = true, true
  self.held, self.again, self.late, self.due_at = nil, queue.new(), queue.new(), nil
  for index, job in pairs(self.live) do
    if not job.exchange and not job.ended then
      if job.call then job.call:abandon() end
      self.live[index] = nil
    end
  end
  self.group:end_wait()
end

local NO_GROUP = { close = function () end, close_on_error = function () end }

--- Makes the jobs of a batch.
-- @tparam table fields see below; `prompts`, `prepare`, `group`, `limiter`, `now` and `most` are
-- required unless there is an `err`
-- @treturn table `taken`, `open`, `ended`, `failures`, `group`, `limiter` and `err` may be read
function M.new (fields)
  local jobs = setmetatable({
    prompts = nil,            -- function from index to entry
    prepare = nil,            -- makes the call for an entry
    group = NO_GROUP,         -- the open exchanges
    limiter = nil,            -- decides when the next request may begin
    may_take = nil,           -- tells whether the next prompt may be taken now, if that depends
    now = nil,                -- monotonic seconds
    most = 0,                 -- the option `concurrency`
    together = false,         -- one failure ends the whole batch
    ends = nil,               -- when the time for all entries together ends, if there is a limit
    err = nil,                -- the error that ended the batch
    retry_generation = true,  -- see `set_aside`
    live = {},                -- index of the prompt -> job whose outcome was not returned
    held = nil,               -- the next job to begin
    running = {},             -- open exchange -> job
    open = 0,                 -- number of open exchanges
    again = queue.new(),      -- jobs to send once more, before others
    late = queue.new(),       -- jobs to send once more, when all others have begun
    late_count = 0,           -- number of jobs that were ever in `late`
    late_open = nil,          -- the job of `late` that is open
    due_at = nil,             -- when the first job of `again` is due, if none is due now
    turn_at = nil,            -- when to ask again for the turn of `held`
    wake = nil,               -- ends the wait of the group, when that turn may have come
    on_error = nil,           -- hook for prompts that never became a call
    done = queue.new(),       -- jobs that have ended, in this order
    exhausted = false,        -- there are no further prompts
    stopped = false,          -- nothing more is to be sent
    taken = 0, ended = 0, failures = 0,     -- numbers of prompts
  }, Jobs)
  for name, value in pairs(fields) do jobs[name] = value end
  local group = jobs.group
  jobs.wake = function () group:end_wait() end
  return jobs
end

return M
