-- SPDX-License-Identifier: MIT
--- Many prompts, some of them at once: `client:generate_many`.
--
-- Like a stream, a batch is made at once and begins when it is first asked for something. It hands
-- out the outcome of each prompt as it comes (`for index, result, err in batch do`,
-- `batch:next()`), or all of them in the order of the prompts (`batch:results()`).
--
-- One coroutine, or the main program, waits for all requests together: a batch needs no tasks,
-- whatever the loop of its client.
-- @module predibase.batch

local checks = require "predibase.checks"
local queue = require "predibase.queue"
local steps = require "predibase.batch.steps"
local usage = require "predibase.usage"

local M = {}

--- Requests at once, unless said otherwise: enough to fill the batches of one GPU, and a small part
-- of what a router of LoRAX takes from all of its callers (`--max-concurrent-requests` 1024).
M.CONCURRENCY = 32

--- Most requests at once. Each may need a descriptor, of which a process commonly has 1024.
M.MAX_CONCURRENCY = 1000

--- Checks the option `concurrency`.
-- @param value what was given
-- @treturn integer
-- @raise when it is no integer from 1 to `MAX_CONCURRENCY`
function M.concurrency(value)
  if value == nil then return M.CONCURRENCY end
  if not checks.integral(value) or value < 1 or value > M.MAX_CONCURRENCY then
    usage.fail(("client:generate_many takes a concurrency from 1 to %d, got %s"):format(
      M.MAX_CONCURRENCY, checks.describe(value)))
  end
  return value
end

--- Checks the option `retry_generation`.
-- @param value what was given
-- @treturn boolean
-- @raise when it is neither a boolean nor nil
function M.retry_generation(value)
  if value ~= nil and type(value) ~= "boolean" then
    usage.fail("client:generate_many takes a boolean for retry_generation, got "
      .. checks.describe(value))
  end
  return value ~= false
end

local Batch = {}
Batch.__index = Batch

local function check_self(self, method)
  if getmetatable(self) ~= Batch then
    usage.fail(("batch:%s must be called with a colon on a batch"):format(method))
  end
end

--- The next prompt that has come to an end, whichever it is; waits for it.
-- @treturn[1] integer the number of the prompt, from 1
-- @treturn[1] table its result, see `predibase.response`
-- @treturn[2] integer the number of the prompt
-- @treturn[2] nil
-- @treturn[2] table its error
-- @treturn[3] nil all have come to their ends
-- @treturn[4] nil
-- @treturn[4] nil
-- @treturn[4] table the error that ended the batch: it was closed, or there is no client
function Batch:next()
  check_self(self, "next")
  self.begun = true
  return steps.next(self)
end

--- For `for index, result, err in batch do`: as `next`, but what ended the batch is raised.
function Batch:__call()
  local index, result, err = self:next()
  if not index and err then error(err, 0) end
  return index, result, err
end

--- Reads all outcomes. They are kept in the batch: an error may end this anywhere, and then it is
-- called again.
local function gather(self)
  local results, failed, count = self.found, self.failed, self.count or 0
  while true do
    local index, result, err = steps.next(self, true)
    if not index then return count, err end
    failed[index] = err
    results[index] = result or false
    steps.stored(self, index)
  end
end

--- Waits for all prompts.
-- @treturn[1] table the results in the order of the prompts; `false` where there is an error, so
-- that the array has no holes
-- @treturn[1] table the errors: number of the prompt -> error; empty when there is none
-- @treturn[2] nil
-- @treturn[2] table the error, when there is no client to ask
-- @raise after `next`: what that handed out is gone
function Batch:results()
  check_self(self, "results")
  if self.gathered then return self.found, self.failed end
  if self.begun then
    usage.fail("batch:results() after batch:next(): some outcomes were handed out already")
  end
  self.group.unreachable = true
  self.found, self.failed = self.found or {}, self.failed or {}
  local count, err = gather(self)
  if err and not self.prompts then return nil, err end
  -- What has no result, because the batch was closed, has an error.
  for i = 1, math.max(count, self.taken) do
    if self.found[i] == nil then self.found[i], self.failed[i] = false, err end
  end
  self.begun, self.gathered = true, true
  return self.found, self.failed
end

--- Closes the connections of all requests in flight and begins no other. Any time, any number of
-- times, also from another coroutine: the one that waits gets an error of kind "cancelled".
function Batch:close()
  check_self(self, "close")
  steps.close(self)
end

Batch.__close = Batch.close

function Batch:__tostring()
  return ("predibase.batch (%d taken, %d open, %d ended, %d failed)"):format(self.taken, self.open,
    self.ended, self.failures)
end

local NO_GROUP = { close = function () end }

local function new(fields)
  local batch = setmetatable({
    prompts = nil,            -- gives the next entry
    prepare = nil,            -- makes a call of an entry
    group = NO_GROUP,         -- the exchanges in flight
    gate = nil,               -- when the next may begin
    now = nil,                -- monotonic seconds
    most = 0,                 -- requests at once
    count = nil,              -- of the prompts, where it is known
    err = nil,                -- what ended the batch
    retry_generation = true,  -- whether an error of kind "generation" gets a second try
    by = nil,                 -- the coroutine that is inside a step
    given = nil,              -- the number of the prompt whose outcome was handed out last
    live = {},                -- number of the prompt -> job whose outcome was not handed out
    held = nil,               -- the job that is the next one
    jobs = {},                -- exchange -> job
    open = 0,                 -- number of them
    again = queue.new(),      -- jobs to be sent once more, before others
    late = queue.new(),       -- jobs that get a second try when all have begun
    late_count = 0,           -- how many these were in all
    late_open = nil,          -- the one of them that is on its way
    done = queue.new(),       -- jobs that have ended and were not handed out
    exhausted = false,        -- there are no further prompts
    taken = 0, ended = 0, failures = 0,     -- numbers of prompts
    begun = false,            -- anything was asked for
    found = nil, failed = nil,        -- what `results` has so far
    gathered = false,                 -- and that this is all
  }, Batch)
  for name, value in pairs(fields) do batch[name] = value end
  return batch
end

--- Makes a batch.
-- @tparam table fields `prompts` and `count` of `predibase.batch.prompts`; `prepare`, a function
-- that makes a call of an entry and its number; `group` of the transport; `gate`; `now`; `most`
-- @treturn table
function M.new(fields)
  return new(fields)
end

--- A batch that fails at once: there is no client.
-- @tparam table err
-- @treturn table
function M.failed(err)
  return new { err = err }
end

return M
