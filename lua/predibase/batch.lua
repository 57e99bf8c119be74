-- SPDX-License-Identifier: MIT
--- Sends many prompts, several at the same time: `client:generate_many`.
--
-- A batch sends nothing until the program asks for the first outcome. It returns the outcome of
-- each prompt as soon as there is one (`for index, result, err in batch do`, `batch:next()`), or
-- all of them in the order of the prompts (`batch:results()`).
--
-- The coroutine that reads the batch, or the main program, waits for all requests together. A batch
-- starts no tasks, so it works the same with every loop.
--
-- A job is a prompt with its call. It is in the field `live` from the moment that its prompt is
-- taken until its outcome is returned, and in at most one of `held`, `again`, `late`, `jobs` and
-- `done` (see `new`). An error of a hook, Ctrl-C or a limit of the host program may interrupt the
-- function `step` anywhere. The next call of `step` then puts every job of `live` back into the
-- right field, so that each prompt has exactly one outcome.
-- @module predibase.batch

local active = require "predibase.active"
local call = require "predibase.call"
local entries_of = require "predibase.batch.entries"
local errors = require "predibase.errors"
local limiters = require "predibase.batch.limiter"
local lost = require "predibase.batch.lost"
local options_of = require "predibase.batch.options"
local json = require "predibase.json"
local params = require "predibase.params"
local queue = require "predibase.queue"
local request = require "predibase.request"
local outside_errors = require "predibase.outside_errors"
local usage = require "predibase.usage"

local M = {}

--- Largest value of the option `concurrency`.
M.MAX_CONCURRENCY = options_of.MAX_CONCURRENCY

--- Number of prompts of a batch that get a second attempt after an error of kind "generation". Each
-- keeps its request in memory, and the number of prompts of a batch has no limit.
M.MAX_LATE = 1000

-- Jobs.

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
  if job.call then other, final = job.call:fall_back(err, 0) end
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

--- Ends the batch. Its error is `err`, or says that the batch was closed.
local function close (self, err)
  self.err = self.err or err or errors.new { kind = "cancelled", phase = "closed",
    message = "the batch was closed" }
  self.group:close()
  for _, job in pairs(self.live) do
    if job.call then job.call:abandon() end
  end
  self.jobs, self.live, self.open = {}, {}, 0
end

--- Takes the next prompt and returns its job; nil when there is none. The job keeps the call and
-- not the entry, which may contain an API token.
local function take (self)
  if self.exhausted then return nil end
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
    close(self, lost.prompt())
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

local function not_sent (job, fields)
  fields.phase, fields.attempts = "request", job.call.attempts
  fields.message = "not sent: " .. fields.message
  return errors.new(fields)
end

--- Returns an error when the job must not be sent any more, and nil when it may be sent. The
-- limiter knows only the first client, not those of `fallback`.
local function refusal_of (self, job)
  local limiter = self.limiter
  if is_late(self) then
    return not_sent(job, { kind = "timeout", phase = "total",
      message = "the time for the whole call is used up" })
  end
  if job.call.earlier then return nil end
  if limiter.too_long then
    return not_sent(job, { kind = "rate_limited", retry_after = limiter.too_long,
      message = ("the server asked for a pause of %.0f seconds, and a batch waits at most %d")
        :format(limiter.too_long, limiters.MAX_PAUSE) })
  end
  local down = limiter.down
  if down then
    return not_sent(job, { kind = down.kind, status = down.status,
      message = "the server failed several times in a row: " .. down.message })
  end
end

--- Keeps a job for a second attempt after an error of kind "generation", and tells whether it did.
-- When the decoding of one request fails, the server fails all requests of the same GPU batch, so
-- the cause is often another request.
local function set_aside (self, job, err)
  if err.kind ~= "generation" or job.late or not self.retry_generation
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
      if set_aside(self, job, err) then return end
    end
    delay = this:retry(err, 0)
    -- When the server cannot be reached, the limiter makes the whole batch wait, so the job gets no
    -- `due` time of its own.
    if delay and unreachable then delay = math.max(0, limiter.pause.till - self.now())
    elseif delay then job.due = self.now() + delay end
  end
  if not delay or is_late(self) then return fail(self, job, err) end
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
  self.jobs[exchange] = job
  self.open = self.open + 1
  if job.late then self.late_open = job end
  self.group:add(exchange)
end

--- Gets what the next attempt of a job needs: its turn, a server, a token. Returns false while its
-- turn has not come. A job that cannot get it fails.
local function is_admitted (self, job)
  self.turn_at = nil
  local this = job.call
  if not this or not this.admission or refusal_of(self, job) or self.group:over() then
    return true
  end
  this.admission:wake_by(self.wake)
  local ok, why, at = this:ready "group"
  if ok then return true end
  if why == "pending" then
    self.turn_at = at
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
  local job = self.jobs[exchange]
  self.jobs[exchange] = nil
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

--- Builds the fields and queues of jobs anew from `live`, after an error has interrupted `step`.
local function recover (self)
  self.held, self.late_open, self.open, self.jobs = nil, nil, 0, {}
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
      self.jobs[job.exchange] = job
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

local function next_outcome (self)
  while not self.err do
    fill(self)
    local job = self.done:pop()
    if job then return job.index, job.result, job.err end
    if self.err then break end
    if self.open == 0 and not next_job(self) and not self.due_at then return nil end
    local exchange = self.group:next(opening_time(self))
    if exchange then settle(self, exchange) end
    if self.group.closed then close(self) end
  end
  return nil, nil, self.err
end

--- Returns the next outcome, as `Batch:next` does. With `storing`, the caller stores the outcome
-- and then removes its job from `live`; if an error prevents that, `step` returns the outcome
-- again.
local step
function step (self, storing)
  local by = self.by
  if by ~= nil then
    if by and active.runs(step, by, 1) then
      usage.fail("another coroutine is already waiting for this batch, or a hook of the "
        .. "batch reads it")
    end
    -- If an error interrupted a wait of `results`, the group has closed itself (see
    -- `group.unreachable`), and nothing more can be sent.
    if self.group.closed then close(self) end
    if not self.err then recover(self) end
  elseif self.given and storing then
    recover(self)
  elseif self.given then
    self.live[self.given] = nil
  end
  self.by = active.here()
  self.given = nil
  local ok, index, result, err = active.call(self.by, next_outcome, self)
  if not ok then
    self.by = false
    error(index, 0)
  end
  self.given = index
  self.by = nil
  return index, result, err
end

-- Public methods.

local Batch = {}
Batch.__index = Batch

local function check_self (self, method)
  if getmetatable(self) ~= Batch then
    usage.fail(("batch:%s must be called with a colon on a batch"):format(method))
  end
end

--- Waits until any prompt has ended, and returns its outcome. The order is that in which the
-- prompts end.
-- @treturn[1] integer the index of the prompt, from 1
-- @treturn[1] table its result, see `predibase.response`
-- @treturn[2] integer the index of the prompt
-- @treturn[2] nil
-- @treturn[2] table its error
-- @treturn[3] nil all prompts have ended
-- @treturn[4] nil
-- @treturn[4] nil
-- @treturn[4] table the error that ended the batch: it was closed, or no client could be made
function Batch:next ()
  check_self(self, "next")
  self.begun = true
  return step(self)
end

--- For `for index, result, err in batch do`: returns what `next` returns, and raises the error that
-- ended the batch.
function Batch:__call ()
  local index, result, err = self:next()
  if not index and err then error(err, 0) end
  return index, result, err
end

--- Reads all outcomes. They are stored in the batch, because Ctrl-C or a limit of the host program
-- may interrupt this function anywhere; the program can then call `results` again.
local function gather (self)
  local results, failed, count = self.found, self.failed, self.count or 0
  while true do
    local index, result, err = step(self, true)
    if not index then return count, err end
    failed[index] = err
    results[index] = result or false
    self.live[index] = nil
    self.given = nil
  end
end

--- Waits for all prompts.
-- @treturn[1] table the results in the order of the prompts; `false` where there is an error, so
-- that the array has no holes
-- @treturn[1] table the errors: index of the prompt -> error; empty when there is none
-- @treturn[2] nil
-- @treturn[2] table the error, when no client could be made
-- @raise after a call of `next`, because outcomes that `next` has returned are not stored
function Batch:results ()
  check_self(self, "results")
  if self.gathered then return self.found, self.failed end
  if self.begun then
    usage.fail("batch:results() after batch:next(): some outcomes were returned already")
  end
  self.group:close_on_error()
  self.found, self.failed = self.found or {}, self.failed or {}
  local count, err = gather(self)
  if err and not self.prompts then return nil, err end
  -- Prompts without a result, because the batch was closed, get its error.
  for i = 1, math.max(count, self.taken) do
    if self.found[i] == nil then self.found[i], self.failed[i] = false, err end
  end
  self.begun, self.gathered = true, true
  return self.found, self.failed
end

--- Closes the connections of all open requests and begins no more. May be called at any time, any
-- number of times, also from another coroutine: the one that waits gets an error of kind
-- "cancelled".
function Batch:close ()
  check_self(self, "close")
  close(self)
end

Batch.__close = Batch.close

function Batch:__tostring ()
  return ("predibase.batch (%d taken, %d open, %d ended, %d failed)"):format(self.taken, self.open,
    self.ended, self.failures)
end

local NO_GROUP = { close = function () end, close_on_error = function () end }

local function new (fields)
  local batch = setmetatable({
    prompts = nil,            -- function from index to entry
    prepare = nil,            -- makes the call for an entry
    group = NO_GROUP,         -- the open exchanges
    limiter = nil,            -- decides when the next request may begin
    now = nil,                -- monotonic seconds
    most = 0,                 -- the option `concurrency`
    together = false,         -- one failure ends the whole batch
    ends = nil,               -- when the time for all entries together ends, if there is a limit
    count = nil,              -- number of prompts, where it is known
    err = nil,                -- the error that ended the batch
    retry_generation = true,  -- see `set_aside`
    by = nil,                 -- the coroutine that is inside a step
    given = nil,              -- index of the prompt whose outcome was returned last
    live = {},                -- index of the prompt -> job whose outcome was not returned
    held = nil,               -- the next job to begin
    jobs = {},                -- open exchange -> job
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
    taken = 0, ended = 0, failures = 0,     -- numbers of prompts
    begun = false,            -- `next` was called
    found = nil, failed = nil,        -- the outcomes that `results` has so far
    gathered = false,                 -- `found` and `failed` are complete
  }, Batch)
  for name, value in pairs(fields) do batch[name] = value end
  local group = batch.group
  batch.wake = function () group:end_wait() end
  return batch
end

--- Makes a batch.
-- @tparam table client `transport`, `shared`, see `predibase.client`
-- @tparam table many describes the method: `name`, `route` (of the calls), and `entries` (`field`,
-- `type` and `what`, see `predibase.batch.entries`)
-- @tparam table|function entries prompts, or the values from which `render` makes prompts
-- @tparam ?table options of the method; their names must have been checked
-- @tparam ?table view of an adapter: `base` (options that apply where `options` has none), `check`
-- (takes an entry's own options, or nil, and raises for misuse), and, if it has a template,
-- `render` (makes a prompt from the values of an entry, or returns nil and an error) and
-- `check_values` (raises for values of the wrong type)
-- @treturn table
-- @raise for an option that does not exist or has a wrong type, also in an entry of an array
function M.new (client, many, entries, options, view)
  view = view or {}
  local method, route, base, render = many.name, many.route, view.base, view.render
  local form = render and entries_of.VALUES or many.entries
  if client.closed then usage.fail(("client:%s on a closed client"):format(method)) end
  local given = json.present(options or {})
  local most = options_of.concurrency(rawget(given, "concurrency"), method)
  local again = options_of.retry_generation(rawget(given, "retry_generation"), method)
  local common = base and params.merge(base, options, route.params) or options
  -- The planner gets no field `closed`: if the client is closed later, the batch fails and the
  -- planner must not raise.
  local plan = request.planner({
    cfg = client.cfg, user_agent = client.user_agent, fallback = client.fallback }, common)
  plan(route)            -- raises for a timeout that does not exist; bad values fail each prompt
  local source, count = entries_of.source(entries, function (entry, index)
    local input, own = entries_of.split(entry, index, form)
    if render then view.check_values(input) end
    if view.check then view.check(own) end
    request.check(own, route)
  end, method, form)
  local now, group = client.shared.now, client.transport:group()
  return new {
    prompts = source, count = count, most = most, retry_generation = again,
    group = group, now = now,
    on_error = common and common.on_error or client.shared.on_error,
    limiter = limiters.of_client(client, most),
    -- The options stay in this closure, so that code that walks over the tables of a batch finds no
    -- API token.
    prepare = function (entry, index)
      local input, own = entries_of.split(entry, index, form)
      if view.check then view.check(own) end
      local planned, err = plan(route, own)
      if render then
        local why
        input, why = render(input)
        if not input then return nil, why end
      end
      if not planned then return nil, err end
      return call.prepare(client.shared, planned, input)
    end,
  }
end

--- Makes a batch of requests that together are one call of the program, with one plan and one time
-- limit. An error that ends a wait closes it, because the program does not have the batch.
-- @tparam table client
-- @tparam table plan of `predibase.request`
-- @tparam table inputs array of what the route of the plan takes
-- @tparam integer most number of requests at the same time
-- @tparam number began when the call began, on the clock of the transport
-- @treturn table
function M.of_plan (client, plan, inputs, most, began)
  local now, group = client.shared.now, client.transport:group()
  local ends = plan.total and began + plan.total
  group:close_on_error()
  return new {
    prompts = function (index) return inputs[index] end, count = #inputs, most = most,
    retry_generation = false, group = group, now = now, ends = ends, together = true,
    limiter = limiters.of_client(client, most),
    prepare = function (input)
      local made, err = call.prepare(client.shared, plan, input)
      if made then made:end_by(ends) end
      return made, err
    end,
  }
end

--- Makes a batch that fails at once, because no client could be made.
-- @tparam table err
-- @treturn table
function M.failed (err)
  return new { err = err }
end

return M
