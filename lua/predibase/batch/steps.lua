-- SPDX-License-Identifier: MIT
--- From one prompt of a batch that has ended to the next: sending, waiting, sending again.
-- @module predibase.batch.steps

local errors = require "predibase.errors"
local gates = require "predibase.batch.gate"
local try = require "predibase.try"

local M = {}

local function finish(self, job, result, err)
  self.ended = self.ended + 1
  if err then self.failures = self.failures + 1 end
  job.result, job.err, job.call = result, err, nil
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

--- The job that is the next one to begin; nil when none is left. It keeps its call and not its
-- entry, which may hold a token.
local function head(self)
  self.held = self.held or self.again:pop()
  if self.held then return self.held end
  local entry = self.prompts()
  if entry == nil then return nil end
  self.taken = self.taken + 1
  local call, err = prepare(self, entry, self.taken)
  self.held = { index = self.taken, call = call, err = err }
  return self.held
end

local function refused_unsent(job, gate)
  return errors.new {
    kind = "rate_limited", phase = "request", retry_after = gate.shut,
    attempts = job.call.attempts,
    message = ("not sent: the server asked for a pause of %.0f seconds, and a batch waits for %d "
      .. "at most"):format(gate.shut, gates.MAX_PAUSE),
  }
end

--- An attempt ended with an error: the job begins again later, or has failed.
local function failed(self, job, err)
  local call, gate = job.call, self.gate
  if gates.refuses(err) then
    local wait = gate:refused(job.ticket, err, call.options.max_retries)
    if not wait then return finish(self, job, nil, err) end
    call:put_back()
    self.again:push(job)
    return call:retrying(err, wait)
  end
  if err.status then gate:answered(job.ticket, err.headers) end
  local delay = call:retry(err, 0)
  if not delay then return finish(self, job, nil, err) end
  job.due = self.now() + delay
  self.again:push(job)
  call:retrying(err, delay)
end

--- Sends the request of a job. Its hooks may raise, and may close the batch.
local function begin(self, job)
  if not job.call then return finish(self, job, nil, job.err) end
  if self.gate.shut then return finish(self, job, nil, refused_unsent(job, self.gate)) end
  job.ticket = self.gate:ticket()
  job.call:announce()
  if self.err then return end
  local delay = job.due and math.max(0, job.due - self.now())
  job.due = nil
  local exchange, failure = job.call:open(delay)
  if not exchange then return failed(self, job, job.call:error(failure)) end
  self.jobs[exchange] = job
  self.open = self.open + 1
  self.group:add(exchange)
end

local function fill(self)
  while not self.err and self.done:size() < self.most
    and (self.gate.shut or self.gate:free(self.open)) do
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

--- The next outcome.
-- @tparam table self the batch
-- @return what `Batch:next` returns
function M.next(self)
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

--- Ends the batch.
-- @tparam table self
function M.close(self)
  if self.err then return end
  self.err = errors.new { kind = "cancelled", phase = "closed", message = "the batch was closed" }
  self.group:close()
  self.jobs, self.open = {}, 0
end

return M
