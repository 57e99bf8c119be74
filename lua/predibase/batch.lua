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
-- `predibase.batch.jobs` decides what is sent next. An error of a hook, Ctrl-C or a limit of the
-- host program may interrupt the function `step` anywhere; the next call of `step` goes on.
-- @module predibase.batch

local active = require "predibase.active"
local call = require "predibase.call"
local entries_of = require "predibase.batch.entries"
local jobs_of = require "predibase.batch.jobs"
local limiters = require "predibase.batch.limiter"
local options_of = require "predibase.batch.options"
local json = require "predibase.json"
local params = require "predibase.params"
local request = require "predibase.request"
local usage = require "predibase.usage"

local M = {}

--- Largest value of the option `concurrency`.
M.MAX_CONCURRENCY = options_of.MAX_CONCURRENCY

--- Returns the next outcome, as `Batch:next` does; or false at the time `at`. With `storing`, the
-- caller stores the outcome and then removes its job from `live`; if an error prevents that, `step`
-- returns the outcome again.
local step
function step (self, storing, at)
  local by, jobs = self.by, self.jobs
  if by ~= nil then
    if by and active.runs(step, by, 1) then
      usage.fail("another coroutine is already waiting for this batch, or a hook of the "
        .. "batch reads it")
    end
    -- If an error interrupted a wait of `results`, the group has closed itself (see
    -- `group.unreachable`), and nothing more can be sent.
    if jobs.group.closed then jobs:close() end
    if not jobs.err then jobs:recover() end
  elseif self.given and storing then
    jobs:recover()
  elseif self.given then
    jobs:release(self.given)
  end
  self.by = active.here()
  self.given = nil
  local ok, index, result, err = active.call(self.by, jobs.next_outcome, jobs, at)
  if not ok then
    self.by = false
    error(index, 0)
  end
  self.given = index or nil
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
-- @tparam ?number seconds longest time to wait; nil waits until a prompt has ended
-- @treturn[1] integer the index of the prompt, from 1
-- @treturn[1] Item its result, see `predibase.response`
-- @treturn[2] integer the index of the prompt
-- @treturn[2] nil
-- @treturn[2] Error its error
-- @treturn[3] nil all prompts have ended
-- @treturn[4] nil
-- @treturn[4] nil
-- @treturn[4] Error the error that ended the batch: it was closed, or no client could be made
-- @treturn[5] false no prompt has ended in that time
function Batch:next (seconds)
  check_self(self, "next")
  self.begun = true
  return step(self, false, seconds and self.jobs.now and self.jobs.now() + seconds)
end

--- For `for index, result, err in batch do`: returns what `next` returns, and raises the error that
-- ended the batch.
-- @treturn ?integer the index of the prompt; nil at the end
-- @treturn ?Item its result; nil when it failed
-- @treturn ?Error its error
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
    self.jobs:release(index)
    self.given = nil
  end
end

--- Waits for all prompts.
-- @treturn[1] (Item|false)[] the results in the order of the prompts; `false` where there is an
-- error, so that the array has no holes
-- @treturn[1] table<integer,Error> the errors: index of the prompt -> error; empty when there is
-- none
-- @treturn[2] nil
-- @treturn[2] Error the error, when no client could be made
-- @raise after a call of `next`, because outcomes that `next` has returned are not stored
function Batch:results ()
  check_self(self, "results")
  if self.gathered then return self.found, self.failed end
  if self.begun then
    usage.fail("batch:results() after batch:next(): some outcomes were returned already")
  end
  self.jobs.group:close_on_error()
  self.found, self.failed = self.found or {}, self.failed or {}
  local count, err = gather(self)
  if err and not self.jobs.prompts then return nil, err end
  -- Prompts without a result, because the batch was closed, get its error.
  for i = 1, math.max(count, self.jobs.taken) do
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
  self.jobs:close()
end

Batch.__close = Batch.close

--- Sends nothing more. Requests that are under way still end, and `next` returns their outcomes;
-- prompts that wait for their next attempt have none.
function Batch:stop ()
  check_self(self, "stop")
  self.jobs:stop()
end

--- Tells how many requests are under way, and how many may be.
-- @treturn integer
-- @treturn number
-- @treturn number seconds until the pause ends that the server wants; 0 without one
function Batch:level ()
  check_self(self, "level")
  local jobs, limiter = self.jobs, self.jobs.limiter
  if not limiter then return jobs.open, 0, 0 end
  local till = limiter:paused_until()
  return jobs.open, limiter.limit, till and math.max(0, till - limiter.now()) or 0
end

--- Tells why no further request is sent: the server is down, or asks for a pause that is too long.
-- The prompts that were not sent then fail with an error whose field `sent` is false.
-- @treturn ?table `kind`, `message` and further fields of an error; nil when requests are sent
function Batch:halted ()
  check_self(self, "halted")
  local limiter = self.jobs.limiter
  return limiter and limiter:halted()
end

function Batch:__tostring ()
  local jobs = self.jobs
  return ("predibase.batch (%d taken, %d open, %d ended, %d failed)"):format(jobs.taken, jobs.open,
    jobs.ended, jobs.failures)
end

--- Makes a batch.
-- @tparam table fields of its jobs
-- @tparam ?integer count number of prompts, where it is known
local function new (fields, count)
  return setmetatable({
    jobs = jobs_of.new(fields),
    count = count,
    by = nil,                 -- the coroutine that is inside a step
    given = nil,              -- index of the prompt whose outcome was returned last
    begun = false,            -- `next` was called
    found = nil, failed = nil,        -- the outcomes that `results` has so far
    gathered = false,                 -- `found` and `failed` are complete
  }, Batch)
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
-- @treturn Batch
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
  return new({
    prompts = source, most = most, retry_generation = again,
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
  }, count)
end

--- Makes a batch of requests that together are one call of the program, with one plan and one time
-- limit. An error that ends a wait closes it, because the program does not have the batch.
-- @tparam table client
-- @tparam table plan of `predibase.request`
-- @tparam table inputs array of what the route of the plan takes
-- @tparam integer most number of requests at the same time
-- @tparam number began when the call began, on the clock of the transport
-- @treturn Batch
function M.of_plan (client, plan, inputs, most, began)
  local now, group = client.shared.now, client.transport:group()
  local ends = plan.total and began + plan.total
  group:close_on_error()
  return new({
    prompts = function (index) return inputs[index] end, most = most,
    retry_generation = false, group = group, now = now, ends = ends, together = true,
    limiter = limiters.of_client(client, most),
    prepare = function (input)
      local made, err = call.prepare(client.shared, plan, input)
      if made then made:end_by(ends) end
      return made, err
    end,
  }, #inputs)
end

--- Makes a batch of calls of any kind, whose limiter can adapt to the server.
-- @tparam table client
-- @tparam table fields `next` (returns the next entry, nil when there is none), `prepare` (takes an
-- entry and returns its call, or nil and an error), `most` (number of requests at the same time),
-- `limiter` (further options of `predibase.batch.limiter`), `may_take` (tells whether the next
-- entry may be taken now; the batch ends when it may not and nothing is under way), and `on_error`
-- (hook for entries that become no call; by default that of the client)
-- @treturn Batch
function M.of_calls (client, fields)
  local group, now = client.transport:group(), client.shared.now
  return new {
    prompts = entries_of.source(fields.next, nil, "run_bulk", {}), most = fields.most,
    prepare = fields.prepare,
    may_take = fields.may_take, group = group, now = now,
    on_error = fields.on_error or client.shared.on_error,
    limiter = limiters.of_client(client, fields.most, fields.limiter),
  }
end

--- Makes a batch that fails at once, because no client could be made.
-- @tparam Error err
-- @treturn Batch
function M.failed (err)
  return new { err = err }
end

return M
