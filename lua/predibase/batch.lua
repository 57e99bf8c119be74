-- SPDX-License-Identifier: MIT
--- Many prompts, some of them at once: `client:generate_many`.
--
-- Like a stream, a batch begins when it is first asked for something. It returns the outcome of
-- each prompt as it comes (`for index, result, err in batch do`, `batch:next()`), or all of them in
-- the order of the prompts (`batch:results()`).
--
-- One coroutine, or the main program, waits for all requests together: a batch needs no tasks,
-- whatever the loop of its client.
--
-- A job is a prompt on its way. It is in `live` from the moment that its prompt is taken until its
-- outcome was returned, and in at most one of `held`, `again`, `late`, `jobs` and `done`. An error
-- of a hook, Ctrl-C or a limit of the host program may end a step anywhere. Then the next step puts
-- every job of `live` back where it belongs, so that each prompt has exactly one outcome.
-- @module predibase.batch

local active = require "predibase.active"
local call = require "predibase.call"
local checks = require "predibase.value_checks"
local errors = require "predibase.errors"
local limiters = require "predibase.batch.limiter"
local json = require "predibase.json"
local params = require "predibase.params"
local queue = require "predibase.queue"
local request = require "predibase.request"
local outside_errors = require "predibase.outside_errors"
local usage = require "predibase.usage"

local M = {}

--- Requests at once unless the option `concurrency` says otherwise: enough to fill the batches of
-- one GPU, and a small part of what a router of LoRAX takes from all of its callers
-- (`--max-concurrent-requests` 1024).
M.CONCURRENCY = 32

--- Most requests at once. Each may need a descriptor, of which a process commonly has 1024.
M.MAX_CONCURRENCY = 1000

--- Prompts that are kept for a second attempt after an error of kind "generation". Each keeps its
-- request, so a batch without an end has to stop somewhere.
M.MAX_LATE = 1000

-- Stands for an entry of which it is unknown whether the program's function returned it.
local LOST = {}

-- Where the prompts come from.

--- Splits an entry into its prompt and its own options. Raises for misuse.
local function split (entry, index)
  if type(entry) == "string" then return entry end
  if type(entry) ~= "table" then
    usage.fail(("prompt %d must be a string or a table { prompt = … }, got %s"):format(index,
      checks.describe(entry)))
  end
  local prompt, options = rawget(entry, "prompt"), nil
  if type(prompt) ~= "string" then
    usage.fail(("prompt %d must have a string in its field prompt, got %s"):format(index,
      checks.describe(prompt)))
  end
  for name, value in next, entry do
    if name ~= "prompt" then
      options = options or {}
      options[name] = value
    end
  end
  return prompt, options
end

--- Checks all entries of an array. Returns a function from index to entry, and their number.
local function from_array (list, check)
  local count, problem = checks.array(list)
  if not count then usage.fail("the array of prompts " .. problem) end
  local taken = {}
  for i = 1, count do
    taken[i] = rawget(list, i)
    check(taken[i], i)
  end
  return function (index) return taken[index] end, count
end

-- PUC Lua 5.1 cannot yield inside `pcall`.
local RESUMABLE = _VERSION ~= "Lua 5.1" or rawget(_G, "jit") ~= nil

local function call_protected (f)
  if RESUMABLE or not coroutine.running() then return pcall(f) end
  return true, f()
end

--- Returns a function from index to entry that calls the program's function for each next index.
-- After an error from outside the batch asks for the same index again; it gets LOST when it is
-- unknown whether the program's function had returned.
local function from_function (prompts)
  local asked, entry, ended, asking = 0, nil, false, false
  return function (index)
    if ended then return nil end
    if index == asked then return entry end
    if asking then
      -- The error came while the function ran, or after it had returned.
      entry = LOST
    else
      asking = true
      local ok, given = call_protected(prompts)
      if not ok then
        asking = false
        error(given, 0)
      end
      entry = given
    end
    asked = index
    asking = false
    ended = entry == nil
    return entry
  end
end

local function source_of (prompts, check)
  if type(prompts) == "table" then return from_array(prompts, check) end
  if type(prompts) == "function" then return from_function(prompts) end
  usage.fail("client:generate_many takes an array of prompts or a function that gives them, got "
    .. checks.describe(prompts))
end

-- From one prompt that has ended to the next.

local LOST_ERROR = {
  kind = "cancelled", phase = "interrupted", retryable = false,
  message = "an error was raised (by Ctrl-C, or by a limit of the host program) while the function "
    .. "that gives the prompts was called, so it is not known which one comes next",
}

local function interruption (job)
  return errors.new {
    kind = "cancelled", phase = "interrupted", retryable = false,
    attempts = job.call and job.call.attempts,
    message = "an error was raised while the outcome of this prompt was read (by a hook, by Ctrl-C "
      .. "or by a limit of the host program), so it is lost",
  }
end

local function finish (self, job, result, err)
  job.result, job.err = result, err
  job.ended = true
  job.exchange = nil
  self.ended = self.ended + 1
  if err then self.failures = self.failures + 1 end
  self.done:push(job)
end

--- Makes the call of an entry. Entries from a function are data, so a bad entry is the error of
-- that prompt and does not end the batch.
local function prepare (self, entry, index)
  local function make (e) return self.prepare(e, index) end
  local ok, made, err = usage.catch(make, entry)
  if ok then return made, err end
  outside_errors.raise_if_outside(made, make, entry)
  return nil, errors.new { kind = "validation", phase = "request", message = tostring(made) }
end

--- Ends the batch, because it was closed unless an error is given.
local function close (self, err)
  self.err = self.err or err or errors.new { kind = "cancelled", phase = "closed",
    message = "the batch was closed" }
  self.group:close()
  self.jobs, self.live, self.open = {}, {}, 0
end

--- Takes the next prompt. Its job keeps the call and not the entry, which may hold a token.
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
  if entry == LOST then
    -- If the batch went on, the indices of later prompts might be wrong.
    close(self, errors.new(LOST_ERROR))
    return nil
  end
  job.asking = nil
  job.call, job.problem = prepare(self, entry, index)
  return job
end

--- Returns the next job to begin; nil when none is left. Those that get a second attempt come last,
-- one at a time.
local function next_job (self)
  local job = self.held or self.again:pop() or take(self)
  if not job and not self.late_open then job = self.late:pop() end
  self.held = job
  return job
end

local function not_sent (job, fields)
  fields.phase, fields.attempts = "request", job.call.attempts
  fields.message = "not sent: " .. fields.message
  return errors.new(fields)
end

--- Returns the error of a job that must not be sent any more; nil when it may be.
local function refusal_of (self, job)
  local limiter = self.limiter
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

--- Keeps a job for a second attempt, and tells whether it did. When one request fails while it is
-- decoded, the server fails all requests of the same GPU batch, so "generation" is often caused by
-- another request.
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

--- Handles the error of an attempt: the job begins again later, or fails.
local function handle_failure (self, job, err)
  local this, limiter = job.call, self.limiter
  job.exchange = nil
  job.last = err
  if limiters.is_refusal(err) then
    local wait = limiter:refused(job.ticket, err, this.options.max_retries, job.index)
    if not wait then return finish(self, job, nil, err) end
    this:put_back()
    self.again:push(job)
    return this:retrying(err, wait)
  end
  local unreachable = limiters.is_outage(err)
  if unreachable then limiter:failed(job.ticket, err, this.options.max_retries, job.index)
  elseif err.status then limiter:answered(job.ticket, err.headers) end
  if set_aside(self, job, err) then return end
  local delay = this:retry(err, 0)
  if not delay then return finish(self, job, nil, err) end
  -- The whole batch waits for a server that cannot be reached, not each prompt by itself.
  if unreachable then delay = math.max(0, limiter.pause.till - self.now())
  else job.due = self.now() + delay end
  self.again:push(job)
  this:retrying(err, delay)
end

--- Sends the request of a job. Its hooks may raise, and may close the batch.
local function begin (self, job)
  local err = job.call and refusal_of(self, job) or job.problem
  if err then err = job.last or err end         -- the error of the attempt before
  if err then return finish(self, job, nil, err) end
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

local function fill (self)
  local limiter = self.limiter
  while not self.err and self.done:size() < self.most
    and (limiter.too_long or limiter.down or self.group:over() or limiter:may_begin(self.open)) do
    local job = next_job(self)
    if not job then return end
    self.held = nil
    begin(self, job)
  end
end

--- Handles an exchange that has ended, well or not.
local function settle (self, exchange)
  local job = self.jobs[exchange]
  self.jobs[exchange] = nil
  self.open = self.open - 1
  if self.late_open == job then self.late_open = nil end
  local result, err = job.call:whole(exchange)
  if not result then return handle_failure(self, job, err) end
  self.limiter:answered(job.ticket, result.headers)
  finish(self, job, result)
end

--- Returns the time at which another request may begin; nil: not before an exchange has ended.
local function opening_time (self)
  if self.open + 1 > self.limiter.limit or not next_job(self) then return nil end
  return self.limiter.pause.till
end

--- Puts the jobs back where they belong, after a step that an error ended.
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
      self.group:note(job.exchange)           -- it may have moved unnoticed
    elseif job.exchange or not (job.call or job.problem) then
      if job.exchange then job.exchange:close() end
      finish(self, job, nil, interruption(job))
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
    if self.open == 0 and not next_job(self) then return nil end
    local exchange = self.group:next(opening_time(self))
    if exchange then settle(self, exchange) end
    if self.group.closed then close(self) end
  end
  return nil, nil, self.err
end

--- Returns the next outcome, as `Batch:next` does. With `storing`, the caller takes the outcome out
-- of `live` when it has stored it, and gets it again otherwise.
local step
function step (self, storing)
  local by = self.by
  if by ~= nil then
    if by and active.runs(step, by, 1) then
      usage.fail("another coroutine is already waiting for this batch, or a hook of the "
        .. "batch reads it")
    end
    -- A wait that an error ended has closed the group of `results`: nothing is sent for it.
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

-- What callers see.

local Batch = {}
Batch.__index = Batch

local function check_self (self, method)
  if getmetatable(self) ~= Batch then
    usage.fail(("batch:%s must be called with a colon on a batch"):format(method))
  end
end

--- Returns the outcome of the next prompt that has ended, in whatever order; waits for it.
-- @treturn[1] integer the index of the prompt, from 1
-- @treturn[1] table its result, see `predibase.response`
-- @treturn[2] integer the index of the prompt
-- @treturn[2] nil
-- @treturn[2] table its error
-- @treturn[3] nil all prompts have ended
-- @treturn[4] nil
-- @treturn[4] nil
-- @treturn[4] table the error that ended the batch: it was closed, or there is no client
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

--- Reads all outcomes. They are stored in the batch, because an error from outside may end this
-- function anywhere, and then it is called again.
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
-- @treturn[2] table the error, when there is no client
-- @raise after `next`, because outcomes that it returned are not stored
function Batch:results ()
  check_self(self, "results")
  if self.gathered then return self.found, self.failed end
  if self.begun then
    usage.fail("batch:results() after batch:next(): some outcomes were handed out already")
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
    prepare = nil,            -- makes a call of an entry
    group = NO_GROUP,         -- the open exchanges
    limiter = nil,               -- decides when the next request may begin
    now = nil,                -- monotonic seconds
    most = 0,                 -- requests at once
    count = nil,              -- number of prompts, where it is known
    err = nil,                -- the error that ended the batch
    retry_generation = true,  -- see `set_aside`
    by = nil,                 -- the coroutine that is inside a step
    given = nil,              -- index of the prompt whose outcome was returned last
    live = {},                -- index of the prompt -> job whose outcome was not returned
    held = nil,               -- the next job to begin
    jobs = {},                -- exchange -> job
    open = 0,                 -- number of them
    again = queue.new(),      -- jobs to send once more, before others
    late = queue.new(),       -- jobs to send once more, when all others have begun
    late_count = 0,           -- number of jobs that were ever in `late`
    late_open = nil,          -- the job of `late` that is open
    done = queue.new(),       -- jobs that have ended, in this order
    exhausted = false,        -- there are no further prompts
    taken = 0, ended = 0, failures = 0,     -- numbers of prompts
    begun = false,            -- `next` was called
    found = nil, failed = nil,        -- the outcomes that `results` has so far
    gathered = false,                 -- they are complete
  }, Batch)
  for name, value in pairs(fields) do batch[name] = value end
  return batch
end

local function read_concurrency (value)
  if value == nil then return M.CONCURRENCY end
  if not checks.integral(value) or value < 1 or value > M.MAX_CONCURRENCY then
    usage.fail(("client:generate_many takes a concurrency from 1 to %d, got %s"):format(
      M.MAX_CONCURRENCY, checks.describe(value)))
  end
  return value
end

local function read_retry_generation (value)
  if value ~= nil and type(value) ~= "boolean" then
    usage.fail("client:generate_many takes a boolean for retry_generation, got "
      .. checks.describe(value))
  end
  return value ~= false
end

-- How long the server's rate limit keeps the batches of a client from sending; client -> pause. No
-- value refers to its key.
local pauses = setmetatable({}, { __mode = "k" })

local function pause_of (client)
  pauses[client] = pauses[client] or limiters.new_pause()
  return pauses[client]
end

--- Makes a batch.
-- @tparam table client `transport`, `shared`, see `predibase.client`
-- @tparam table|function entries prompts, or what `render` makes prompts of
-- @tparam ?table options of `generate_many`, whose names have been checked
-- @tparam ?table base options that `options` are laid over
-- @tparam ?function render makes a prompt of an entry, or returns nil and an error; with a second
-- argument of `true` it only checks the entry and raises for misuse
-- @treturn table
-- @raise for misuse, also in an entry of an array
function M.new (client, entries, options, base, render)
  if client.closed then usage.fail "client:generate_many on a closed client" end
  local given = json.present(options or {})
  local most = read_concurrency(rawget(given, "concurrency"))
  local again = read_retry_generation(rawget(given, "retry_generation"))
  local common = base and params.merge(base, options) or options
  -- A closed client ends the batch; it is not misuse.
  local plan = request.planner({ cfg = client.cfg, user_agent = client.user_agent }, common)
  plan "generate"        -- raises for a clock that does not exist; bad values fail each prompt
  local source, count = source_of(entries, function (entry, index)
    if render then return render(entry, true) end
    request.check(select(2, split(entry, index)), "generate")
  end)
  local now = client.shared.now
  return new {
    prompts = source, count = count, most = most, retry_generation = again,
    group = client.transport:group(), now = now,
    limiter = limiters.new { most = most, pause = pause_of(client), now = now,
      random = client.shared.random },
    -- The options stay in this closure: a walk over the tables of a batch finds no token.
    prepare = function (entry, index)
      if render then
        local err
        entry, err = render(entry)
        if not entry then return nil, err end
      end
      local prompt, own = split(entry, index)
      local planned, err = plan("generate", own)
      if not planned then return nil, err end
      return call.prepare(client.shared, planned, prompt)
    end,
  }
end

--- Makes a batch that fails at once, because there is no client.
-- @tparam table err
-- @treturn table
function M.failed (err)
  return new { err = err }
end

return M
