-- SPDX-License-Identifier: MIT
--- From one prompt of a batch that has ended to the next: sending, waiting, sending again.
--
-- A job is a prompt on its way: it is in `live` from the moment that it is taken until its outcome
-- is handed out, and besides in at most one of `held`, `again`, `late`, `jobs` and `done`. An error
-- of a hook, Ctrl-C or a limit of the host program may end a step anywhere; then the next one puts
-- every job of `live` back where it belongs, so that each prompt has one outcome.
-- @module predibase.batch.steps

local active = require "predibase.active"
local errors = require "predibase.errors"
local gates = require "predibase.batch.gate"
local prompts = require "predibase.batch.prompts"
local queue = require "predibase.queue"
local try = require "predibase.try"

local M = {}

--- Prompts that are kept for a second try after an error of kind "generation". Each keeps its
-- request, so that a batch without an end has to stop somewhere.
M.MAX_LATE = 1000

local LOST = {
  kind = "cancelled", phase = "interrupted", retryable = false,
  message = "an error was raised (by Ctrl-C, or by a limit of the host program) while the function "
    .. "that gives the prompts was called, so it is not known which one comes next",
}

local function interrupted(job)
  return errors.new {
    kind = "cancelled", phase = "interrupted", retryable = false,
    attempts = job.call and job.call.attempts,
    message = "an error was raised while the outcome of this prompt was read (by a hook, by Ctrl-C "
      .. "or by a limit of the host program), so it is lost",
  }
end

local function finish(self, job, result, err)
  job.result, job.err = result, err
  job.ended = true
  job.exchange = nil
  self.ended = self.ended + 1
  if err then self.failures = self.failures + 1 end
  self.done:push(job)
end

--- The call of an entry. What a function gives is data: a bad entry is an error of its own and
-- ends nothing.
local function prepare(self, entry, index)
  local function make(e) return self.prepare(e, index) end
  local ok, call, err = pcall(make, entry)
  if ok then return call, err end
  local reason = tostring(try.again(call, make, entry)):gsub("^[^\n]-:%d+: ", "")
  return nil, errors.new { kind = "validation", phase = "request", message = reason }
end

--- Takes the next prompt. Its job keeps the call and not the entry, which may hold a token.
local function take(self)
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
  if entry == prompts.LOST then
    -- Were the batch to go on, the numbers of later prompts might be wrong.
    M.close(self, errors.new(LOST))
    return nil
  end
  job.asking = nil
  job.call, job.problem = prepare(self, entry, index)
  return job
end

--- The job that is the next one to begin; nil when none is left. Those that get a second try come
-- last, one at a time.
local function head(self)
  local job = self.held or self.again:pop() or take(self)
  if not job and not self.late_open then job = self.late:pop() end
  self.held = job
  return job
end

local function not_sent(job, fields)
  fields.phase, fields.attempts = "request", job.call.attempts
  fields.message = "not sent: " .. fields.message
  return errors.new(fields)
end

--- The error of a job that cannot be sent any more; nil when it can.
local function hopeless(self, job)
  local gate = self.gate
  if gate.shut then
    return not_sent(job, { kind = "rate_limited", retry_after = gate.shut,
      message = ("the server asked for a pause of %.0f seconds, and a batch waits for %d at most")
        :format(gate.shut, gates.MAX_PAUSE) })
  end
  local down = gate.down
  if down then
    return not_sent(job, { kind = down.kind, status = down.status,
      message = "the server failed several times in a row: " .. down.message })
  end
end

--- Whether a job gets a second try: an error while one request is decoded fails all those that the
-- server decodes with it, so "generation" is often the fault of a neighbour.
local function set_aside(self, job, err)
  if err.kind ~= "generation" or job.late or not self.retry_generation
    or self.late_count >= M.MAX_LATE then return false end
  job.late = true
  self.late_count = self.late_count + 1
  job.call:renew()
  self.late:push(job)
  job.call:retrying(err, 0)
  return true
end

--- An attempt ended with an error: the job begins again later, or has failed.
local function failed(self, job, err)
  local call, gate = job.call, self.gate
  job.exchange = nil
  job.last = err
  if gates.refuses(err) then
    local wait = gate:refused(job.ticket, err, call.options.max_retries, job.index)
    if not wait then return finish(self, job, nil, err) end
    call:put_back()
    self.again:push(job)
    return call:retrying(err, wait)
  end
  local unreachable = gates.unreachable(err)
  if unreachable then gate:fell(job.ticket, err, call.options.max_retries, job.index)
  elseif err.status then gate:answered(job.ticket, err.headers) end
  if set_aside(self, job, err) then return end
  local delay = call:retry(err, 0)
  if not delay then return finish(self, job, nil, err) end
  -- The whole batch waits for a server that cannot be reached, not each prompt by itself.
  if unreachable then delay = math.max(0, gate.pause.till - self.now())
  else job.due = self.now() + delay end
  self.again:push(job)
  call:retrying(err, delay)
end

--- Sends the request of a job. Its hooks may raise, and may close the batch.
local function begin(self, job)
  local err = job.call and hopeless(self, job) or job.problem
  if err then err = job.last or err end         -- what came of it when it was sent before
  if err then return finish(self, job, nil, err) end
  job.ticket = self.gate:ticket()
  job.call:announce()
  if self.err then return end
  local delay = job.due and math.max(0, job.due - self.now())
  job.due = nil
  local exchange, failure = job.call:open(delay)
  if not exchange then return failed(self, job, job.call:error(failure)) end
  job.exchange = exchange
  self.jobs[exchange] = job
  self.open = self.open + 1
  if job.late then self.late_open = job end
  self.group:add(exchange)
end

local function fill(self)
  local gate = self.gate
  while not self.err and self.done:size() < self.most
    and (gate.shut or gate.down or self.group:over() or gate:free(self.open)) do
    local job = head(self)
    if not job then return end
    self.held = nil
    begin(self, job)
  end
end

--- An exchange has ended, with whatever.
local function settle(self, exchange)
  local job = self.jobs[exchange]
  self.jobs[exchange] = nil
  self.open = self.open - 1
  if self.late_open == job then self.late_open = nil end
  local result, err = job.call:whole(exchange)
  if not result then return failed(self, job, err) end
  self.gate:answered(job.ticket, result.headers)
  finish(self, job, result)
end

--- When to look at the gate again.
-- @treturn[1] number on the clock
-- @treturn[2] nil when an exchange has ended
local function opens(self)
  if self.open + 1 > self.gate.limit or not head(self) then return nil end
  return self.gate.pause.till
end

--- Puts the jobs back where they belong, after a step that an error ended.
local function recover(self)
  self.held, self.late_open, self.open, self.jobs = nil, nil, 0, {}
  self.again, self.late, self.done = queue.new(), queue.new(), queue.new()
  for index = 1, self.taken do
    local job = self.live[index]
    if not job then -- luacheck: ignore 542
      -- Its outcome was handed out.
    elseif job.ended then
      self.done:push(job)
    elseif job.asking then
      -- The function that gives the prompts raised: the number is for its next prompt.
      self.live[index] = nil
      self.taken = self.taken - 1
    elseif job.exchange and self.group:has(job.exchange) then
      self.jobs[job.exchange] = job
      self.open = self.open + 1
      if job.late then self.late_open = job end
      self.group:note(job.exchange)           -- in case that it moved and nothing took note
    elseif job.exchange or not (job.call or job.problem) then
      if job.exchange then job.exchange:close() end
      finish(self, job, nil, interrupted(job))
    elseif job.late then
      self.late:push(job)
    else
      self.again:push(job)
    end
  end
end

local function next_outcome(self)
  while not self.err do
    fill(self)
    local job = self.done:pop()
    if job then return job.index, job.result, job.err end
    if self.err then break end
    if self.open == 0 and not head(self) then return nil end
    local exchange = self.group:next(opens(self))
    if exchange then settle(self, exchange) end
    if self.group.closed then M.close(self) end
  end
  return nil, nil, self.err
end

--- To be told that the outcome of a prompt was stored.
-- @tparam table self the batch
-- @tparam integer index the number of the prompt
function M.stored(self, index)
  self.live[index] = nil
  self.given = nil
end

--- The next outcome.
-- @tparam table self the batch
-- @tparam ?boolean storing the caller says with `stored` that it has the outcome, and is given it
-- again otherwise
-- @return what `Batch:next` returns
function M.next(self, storing)
  local by = self.by
  if by ~= nil then
    if by and active.runs(M.next, by, 1) then
      error("predibase: another coroutine is already waiting for this batch, or a hook of the "
        .. "batch reads it", 0)
    end
    -- A wait that an error ended has closed the group of `results`: nothing is sent for it.
    if self.group.closed then M.close(self) end
    if not self.err then recover(self) end
  elseif self.given and storing then
    recover(self)
  elseif self.given then
    self.live[self.given] = nil
  end
  self.by = active.here()
  self.given = nil
  local index, result, err
  if self.by == true then
    -- Lua 5.1 cannot look into the main program to see whether it is still in here.
    local ok
    ok, index, result, err = pcall(next_outcome, self)
    if not ok then
      self.by = false
      error(index, 0)
    end
  else
    index, result, err = next_outcome(self)
  end
  self.given = index
  self.by = nil
  return index, result, err
end

--- Ends the batch.
-- @tparam table self
-- @tparam ?table err why; that it was closed, unless given
function M.close(self, err)
  self.err = self.err or err or errors.new { kind = "cancelled", phase = "closed",
    message = "the batch was closed" }
  self.group:close()
  self.jobs, self.live, self.open = {}, {}, 0
end

return M
