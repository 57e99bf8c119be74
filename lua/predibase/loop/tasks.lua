-- SPDX-License-Identifier: MIT
--- The scheduler behind `predibase.async`. Its tasks are coroutines that wait together in one
-- system call.
--
-- Longer than 600 lines: tasks, their waits and the rounds of the scheduler share all state.
--
-- There is one scheduler per Lua state. Each round runs the tasks that are ready, and then waits
-- for the pools that tasks use and for the next task that sleeps. The cost of a round depends on
-- the number of ready tasks, not on the number of all tasks. Programs use the scheduler through
-- `predibase.async`, and clients through `predibase.loop.default`.
--
-- Tasks that are made inside `run` belong to it: `run` ends when they have ended. Tasks that are
-- made outside are detached: `update` and `finish` run them, and `run` runs them beside its own.
-- @module predibase.loop.tasks

local active = require "predibase.active"
local blocking = require "predibase.loop.blocking"
local errors = require "predibase.errors"
local heap = require "predibase.heap"
local outside_errors = require "predibase.outside_errors"
local requirements = require "predibase.requirements"
local usage = require "predibase.usage"

local M = {}

local isyieldable, close = rawget(coroutine, "isyieldable"), rawget(coroutine, "close")
local resume, running_co, yield = coroutine.resume, coroutine.running, coroutine.yield
local status = coroutine.status
local can_yield = isyieldable or running_co       -- without it, coroutines cannot tell
local unpack = rawget(table, "unpack") or rawget(_G, "unpack")

local WAITS = {}              -- the value that `M.wait` yields; other code yields other values

local tasks = {}              -- coroutine -> task of `run` that has not ended
local detached = {}           -- coroutine -> other task that has not ended
local waking = {}             -- tasks to run in the next round
local unseen = {}             -- failed tasks of `run` for which no other task waited
local sleepers = heap.new()   -- the tasks that sleep, by time
local current                 -- the running task
local driving = false         -- M.run_once is running, or was interrupted
local running                 -- the coroutine inside M.run, see predibase.active
local interruption            -- the error of a Ctrl-C that was raised in a task
local system                  -- predibase.curl, for its clock and its wait for descriptors
local using = {}              -- loop -> number of tasks that wait for it
local only                    -- the only loop in `using`, if there is one; nil: look there
local stepping = false        -- the scheduler itself steps `only`
local changed = false         -- a task is ready, or has ended

-- When a task is cancelled, the exchanges that it was the last to wait for are closed. These are
-- the exchanges whose field `owner` is the task. Most tasks use one exchange, which is in the
-- task's field `exchange`. Earlier exchanges are in the table `exchanges`, whose weak keys let them
-- be collected. The garbage collector walks over tables with weak keys in one uninterrupted step,
-- so a task gets this table only if it needs it.

local WEAK = { __mode = "k" }

--- Records that a task waits for another exchange than before, or for none.
local function own (task, exchange)
  local before = task.exchange
  task.exchange = exchange
  if not before then return end
  task.exchanges = task.exchanges or setmetatable({}, WEAK)
  task.exchanges[before] = true
end

--- Closes the exchanges that a task was the last to wait for.
local function close_owned (task)
  local exchange = task.exchange
  if exchange and exchange.owner == task then exchange:close() end
  for other in pairs(task.exchanges or {}) do
    if other.owner == task then other:close() end
  end
end

-- Waiting for all pools. Each client has its own pool, because closing a client closes the
-- connections of its pool, and because clients differ in certificates and limits. If one pool is in
-- use, the scheduler waits in `pool:step` itself. If several are in use, it waits in one system
-- call for all their descriptors, and then steps only the pools that are readable or due.

--- Seconds between checks of a pool without a descriptor while another pool is in use. Pools have
-- no descriptor on systems with neither epoll nor kqueue.
local LOOK = 0.01

local list, fds, readable = {}, {}, {}     -- reused in every wait

local function find_only ()
  local source = next(using)
  only = source and next(using, source) == nil and source or nil
end

local function add_waiter (source)
  only = nil
  using[source] = (using[source] or 0) + 1
  find_only()
end

local function remove_waiter (source)
  local n = using[source]
  only = nil
  if n then using[source] = n > 1 and n - 1 or nil end
  find_only()
end

--- Fills `list` and `fds` with the pools in use. Returns the seconds until one of them is due, or
-- `seconds` if that is shorter.
local function collect (seconds)
  local n = 0
  for source in pairs(using) do
    n = n + 1
    list[n], fds[n] = source, source.fd or -1
    local due = source.timeout()
    if not source.fd then due = math.min(due or LOOK, LOOK) end
    if due and (not seconds or due < seconds) then seconds = due end
  end
  for i = n + 1, #list do list[i], fds[i] = nil, nil end
  return seconds
end

local function wait_for_all (seconds)
  local n, why = system.wait(fds, collect(seconds), readable)
  if not n then error(why, 0) end
  for i = 1, n do list[readable[i]].step(0) end
  for i = 1, #list do
    local source = list[i]
    if not source.fd or source.timeout() == 0 then source.step(0) end
  end
end

--- Waits until any pool in use has work to do, and steps it. Returns false if there is nothing to
-- wait for.
local function wait_for_pools (seconds)
  -- An interruption may have left a closed client behind.
  for source in pairs(using) do
    if source.closed then using[source] = nil end
  end
  find_only()
  if only then
    only.step(seconds)
  elseif next(using) then
    wait_for_all(seconds)
  else
    if not seconds then return false end
    if seconds > 0 then system.wait({}, seconds, readable) end
  end
  return true
end

-- Tasks.

local Task = { __name = "predibase.task" }
Task.__index = Task

--- Tells whether a value is a task.
-- @param value anything
-- @treturn boolean
function M.is_task (value)
  return type(value) == "table" and getmetatable(value) == Task
end

--- Returns the calling task if it can wait by yielding.
-- @treturn ?table
function M.current ()
  local task = current
  if task and running_co() == task.co and can_yield() then return task end
end

--- Tells whether the scheduler is running.
-- @treturn boolean
function M.running ()
  if running and not active.runs(M.run, running) then running = nil end
  return running ~= nil
end

--- Tells whether a task is running now. An interruption may leave `current` behind.
local function in_task ()
  if not current then return false end
  local state = status(current.co)
  return state == "running" or state == "normal"
end

--- Sets the source that a task waits for. The task keeps it until it waits for something else or
-- ends, so that the waits for the next tokens of a stream cost nothing here.
local function attach (task, source)
  local before = task.source
  -- In this order, because an interruption must not make the scheduler forget a source.
  if source then add_waiter(source) end
  task.source = source
  if before then remove_waiter(before) end
end

--- Forgets the tasks of `run`. An interruption may have come at any instruction, so what concerns
-- the detached tasks is made anew from the tasks themselves.
local function reset ()
  for _, task in pairs(tasks) do
    task.ended, task.ok, task.results = true, false, { task.cancelled }
  end
  tasks, unseen, current, interruption = {}, {}, nil, nil
  waking, using, only, driving, stepping = {}, {}, nil, false, false
  if not next(detached) then sleepers = heap.new() end
  for _, task in pairs(detached) do
    if task.source then add_waiter(task.source) end
    if task.woken then waking[#waking + 1] = task end
  end
end

--- Tells whether the caller is inside `run`, or in a detached task.
-- @treturn boolean
function M.inside ()
  return in_task() or M.running()
end

--- Makes a task continue in the next round.
-- @tparam table task
function M.wake (task)
  if task.ended or task.woken then return end
  waking[#waking + 1] = task
  task.woken, changed = true, true
end

local wake = M.wake

--- Lets other tasks run until this task is woken.
-- @tparam table task the calling task
-- @tparam ?table source the loop (with `fd`, `timeout` and `step`) that will wake it
-- @tparam ?table exchange the exchange or group that it waits for; closed if the task is cancelled
-- @treturn ?table the error that ends the wait, if the task was cancelled
function M.wait (task, source, exchange)
  task.steady = false
  if task.cancelled then return task.cancelled end
  if task.source ~= source then attach(task, source) end
  if task.exchange ~= exchange then own(task, exchange) end
  if exchange then
    local before = exchange.owner
    if before then before.steady = false end
    exchange.owner = task
    task.steady = exchange
  end
  yield(WAITS)
  return task.cancelled
end

local wait = M.wait

--- Waits until any exchange of a client has new data or has ended: in a task, other tasks run
-- meanwhile; elsewhere, and in a coroutine that a task created itself, the whole program waits.
-- This is the `suspend` of `predibase.loop.default`.
-- @tparam table source the loop
-- @tparam ?table exchange the exchange or group that the caller waits for
-- @tparam ?thread me the calling coroutine
-- @return nil, or the error that ends the wait
function M.suspend (source, exchange, me)
  local task = current
  if not task or task.co ~= (me or running_co()) or not can_yield() then
    return blocking.wait(source)
  end
  -- The usual case: the task waits for the next token of the same stream, so nothing has changed.
  if task.steady ~= exchange then return wait(task, source, exchange) end
  yield(WAITS)
  return task.cancelled
end

--- Lets other tasks run until a time.
-- @tparam table task the calling task
-- @tparam number at seconds on the clock of `predibase.curl`
-- @treturn ?table the error that ends the wait, if the task was cancelled
function M.wait_until (task, at)
  local entry = sleepers:push(at, task)
  local err
  repeat err = M.wait(task) until err or not entry.value or system.now() >= at
  entry.value = nil           -- an entry without a value is dropped when its time has come
  return err
end

local function finish (task, ok, ...)
  -- Closes the stream of a `for` loop that an error has left.
  if close and not ok then close(task.co) end
  -- In this order, because an interruption may come at any instruction.
  task.n, task.results, task.ok = select("#", ...), { ... }, ok
  task.ended = true
  tasks[task.co], detached[task.co] = nil, nil
  task.started, task.steady = false, false
  attach(task, nil)
  if task.cancelled then close_owned(task) end
  task.exchange, task.exchanges = nil, nil
  local groups = task.groups
  if not ok and not task.cancelled and not groups and not task.detached then
    unseen[#unseen + 1] = task
  end
  for _, group in ipairs(groups or {}) do
    group.left = group.left - 1
    if not ok and not group.failed then group.failed = task end
    if group.left == 0 or group.failed == task then wake(group.task) end
  end
end

--- Adds the traceback of a task to its error.
local function traced (task, err)
  task.raised = err
  task.traceback = debug.traceback(task.co, tostring(err))
  if errors.is(err) then errors.add(err, { traceback = err.traceback or task.traceback }) end
  return type(err) == "string" and task.traceback or err
end

--- Handles the result of resuming a task, which now waits, has yielded by itself, or has ended.
local function stopped (task, ok, first, ...)
  if first == WAITS then return end
  changed = true
  local cancelled = task.cancelled
  if coroutine.status(task.co) ~= "dead" then
    if not cancelled then return wake(task) end       -- the program yielded: let others run first
    finish(task, false, cancelled)
  elseif not ok then
    finish(task, false, first == cancelled and first or traced(task, first))
    -- LuaJIT raises the error of Ctrl-C in the running coroutine, but Ctrl-C concerns the whole
    -- program.
    if outside_errors.is_interrupt(first) then interruption = first end
  elseif cancelled then
    finish(task, false, cancelled)
  else
    finish(task, true, first, ...)
  end
end

--- Handles the result of resuming a task for the first time.
local function began (task, ...)
  task.started = true         -- before the arguments are forgotten
  task.results = nil
  stopped(task, ...)
end

--- Runs a task that does not run yet, or has ended. An interruption of this function loses nothing:
-- the arguments stay until the task has run.
local function begin_task (task)
  if task.ended then return end
  if task.cancelled then return finish(task, false, task.cancelled) end
  began(task, resume(task.co, unpack(task.results, 1, task.n)))
end

local function run_ready ()
  local ready = waking
  waking = {}
  for i = 1, #ready do
    local task = ready[i]
    current = task
    task.woken = false
    if task.started then stopped(task, resume(task.co)) else begin_task(task) end
    current = nil
  end
end

--- Makes a coroutine continue, if it is a task: at once if the scheduler waits, or in the next
-- round. This is the `resume` of `predibase.loop.default`.
-- @param _ the loop
-- @param co a coroutine, or true for the main program
-- @treturn ?boolean true if it has continued, and waits again or has ended
function M.resume (_, co)
  local task = tasks[co] or detached[co]
  if not task then return end
  if stepping and not current then
    current = task
    stopped(task, resume(co))
    current = nil
    return true
  end
  if task ~= current or not in_task() then wake(task) end
end

--- Loads what the scheduler needs. This module is also loaded inside nginx, where libcurl must not
-- be.
local function begin ()
  system = system or requirements.load "predibase.curl"
end

--- Makes a task, which starts in the next round. Outside of `run`, and in a detached task, the task
-- is detached.
-- @tparam function f
-- @param ... its arguments
-- @treturn table the task
function M.spawn (f, ...)
  -- A program may have thousands of tasks, so the table stays small. Fields that are set later:
  --   ended, ok
  --   started        it has begun and not ended
  --   woken          it runs in the next round
  --   cancelled      the error that ends it
  --   traceback      the traceback of its error, if it failed
  --   raised         its error as the function raised it
  --   source         the loop that it waits for
  --   groups         the waits of other tasks for its end, see `wait_for`
  --   detached       it does not belong to a `run`
  --   exchange, exchanges     the exchanges that it waits for or has waited for, see `own`
  local task = setmetatable({
    co = coroutine.create(f),
    n = select("#", ...), results = { ... },     -- the arguments of `f` until it starts
    steady = false,           -- the exchange whose wait needs no preparation, see `M.suspend`
  }, Task)
  if in_task() and current.detached or not M.running() then
    begin()
    task.detached = true
    detached[task.co] = task
  else
    tasks[task.co] = task
  end
  wake(task)
  return task
end

--- Ends a task with an error, which its current wait or its next one raises.
-- @tparam table task
-- @tparam Error err
-- @treturn boolean false if the task had already ended or was already cancelled
function M.cancel (task, err)
  if task.ended or task.cancelled then return false end
  task.cancelled, task.steady = err, false
  if task ~= current or not in_task() then wake(task) end
  return true
end

--- Returns the calling task.
-- @tparam string what the function that needs one, for the message
-- @treturn table
-- @raise outside of tasks
function M.here (what)
  local task = M.current()
  if not task then usage.fail(what .. " can only be called in a task, inside async.run") end
  return task
end

--- Counts the tasks of a group that have not ended. An interruption may have kept one of them from
-- telling its end.
local function recount (group, others)
  local left = 0
  for _, task in ipairs(others) do
    if not task.ended then left = left + 1
    elseif not task.ok then group.failed = group.failed or task end
  end
  group.left = left
end

--- Waits until other tasks have ended, or one of them has failed.
-- @tparam table me the calling task
-- @tparam table others array of tasks
-- @treturn ?table the task that failed
-- @treturn ?table the error if the calling task was cancelled
function M.wait_for (me, others)
  local group = { task = me, left = 0, failed = nil }
  for _, task in ipairs(others) do
    if task == me then usage.fail("a task cannot wait for itself") end
    task.seen = true
    if not task.ended then
      group.left = group.left + 1
      task.groups = task.groups or {}
      task.groups[#task.groups + 1] = group
    elseif not task.ok and not group.failed then
      group.failed = task
    end
  end
  local err
  while group.left > 0 and not group.failed and not err do
    err = M.wait(me)
    if group.left > 0 and not group.failed then recount(group, others) end
  end
  return group.failed, err
end

--- Runs tasks until other tasks have ended, for a caller that is not a task.
-- @tparam table others array of tasks
local function run_until_ended (others)
  for _, task in ipairs(others) do
    while not task.ended do M.run_once(task) end
  end
end

--- Waits until other tasks have ended, or one of them has failed. A caller that is not a task runs
-- them.
-- @tparam table others array of tasks
-- @treturn ?table the task that failed
-- @treturn ?table the error if the calling task was cancelled
function M.finish (others)
  local me = M.current()
  if me then return M.wait_for(me, others) end
  if M.inside() then
    usage.fail "a coroutine that a task has made cannot wait for tasks; wait in the task itself"
  end
  run_until_ended(others)
  for _, task in ipairs(others) do
    task.seen = true
    if not task.ok then return task end
  end
end

--- Waits for the end of the task and returns its results. Outside of tasks, it runs the tasks until
-- this one has ended.
-- @return the results of its function
-- @raise the error of its function; an error of kind "cancelled" if this task or the calling task
-- is cancelled
function Task:await ()
  local _, err = M.finish { self }
  if err then error(err, 0) end
  if not self.ok then error(self.results[1], 0) end
  return unpack(self.results, 1, self.n)
end

--- Waits for the end of the task like `await`, but returns its error instead of raising it.
-- @treturn[1] boolean true, and then the results of its function
-- @treturn[2] boolean false
-- @return[2] the error of its function; an error of kind "cancelled" if the task was cancelled
-- @raise an error of kind "cancelled" if the calling task is cancelled
function Task:join ()
  local _, err = M.finish { self }
  if err then error(err, 0) end
  return self.ok, unpack(self.results, 1, self.n)
end

--- Cancels the task: its current wait, or else its next one, raises an error of kind "cancelled".
-- Also closes the connections of all streams and calls that this task was the last to wait for. A
-- task that catches the error can still do work that needs no wait; each later wait raises the
-- error again, and the task counts as cancelled however it ends.
-- @treturn boolean false if the task had already ended or was already cancelled
function Task:cancel ()
  return M.cancel(self, errors.new { kind = "cancelled", message = "the task was cancelled" })
end

--- Returns the state of the task.
-- @treturn string "running", "done", "failed" or "cancelled"
function Task:status ()
  if not self.ended then return "running" end
  if self.ok then return "done" end
  return self.cancelled and "cancelled" or "failed"
end

function Task:__tostring ()
  return ("predibase.task (%s)"):format(self:status())
end

local function raise_interruption ()
  local err = interruption
  interruption = nil
  if err then error(err, 0) end
end

--- Returns how long to wait for pools: 0 if a task is ready, or until the next task that sleeps.
local function time_left ()
  local due = sleepers:due(system.now, wake)
  return waking[1] and 0 or due
end

--- Waits until a task is ready or has ended. Tasks whose exchanges move continue at once. As long
-- as they only wait again, this function goes on, so that a token takes a short way.
local function wait_for_work ()
  changed = waking[1] ~= nil
  local seconds = changed and 0 or nil
  while only do
    if sleepers[1] then seconds = time_left() end
    stepping = true
    local count = only.step(seconds)
    stepping = false
    if not count then break end      -- it is closed or broken
    if changed then return end
  end
  if sleepers[1] then seconds = time_left() end
  if not wait_for_pools(seconds) then
    error("predibase.async: deadlock: every task waits for another task", 0)
  end
end

--- Wakes all tasks after an interruption of `run_once`, which may have lost some of those that it
-- was to run. A task that had nothing to do waits again.
local function repair ()
  local task = current
  current, waking, using, only, driving, stepping = nil, {}, {}, nil, false, false
  if task and not task.ended and status(task.co) == "dead" then
    finish(task, false, errors.new { kind = "cancelled", phase = "interrupted",
      message = "the task was interrupted while it ended" })
  end
  for co, other in pairs(detached) do
    if other.ended then
      detached[co] = nil
    else
      if other.source then add_waiter(other.source) end
      other.woken = false
      wake(other)
    end
  end
end

--- Runs the tasks that are ready once, for a caller that is not a task.
-- @tparam ?table wanted a task; unless it has ended then, waits until any task can go on
-- @tparam ?function step is called first, to do the work of clients
-- @treturn boolean false when there was no task, or the caller is one; `step` was not called then
function M.run_once (wanted, step)
  if in_task() then return false end
  if driving then repair() end
  if not next(detached) then return false end
  driving = true
  if step then step() end
  sleepers:due(system.now, wake)
  run_ready()
  raise_interruption()
  if wanted and not wanted.ended then wait_for_work() end
  raise_interruption()
  driving = false
  return true
end

local function step_pools ()
  collect(0)
  for i = 1, #list do list[i].step(0) end
end

--- Lets tasks go on as far as they can without waiting, for a caller that is not a task.
function M.poll ()
  M.run_once(nil, step_pools)
end

--- Runs tasks until none of this run is left or the first one, `main`, has failed.
local function run_until_end (main)
  while true do
    run_ready()
    raise_interruption()
    if not next(tasks) or main.ended and not main.ok then return end
    wait_for_work()
  end
end

--- Cancels the tasks that are left and runs them to their end.
local function end_tasks ()
  while next(tasks) do
    for co, task in pairs(tasks) do
      if task.ended then      -- an interruption came while it ended
        tasks[co] = nil
      else
        task.woken = false    -- the queue of woken tasks may be lost after an interruption
        M.cancel(task, errors.new { kind = "cancelled",
          message = "the run of its task has ended" })
        wake(task)
      end
    end
    run_ready()
  end
end

--- Runs a function as the first task, until no task is left or the first task has failed.
-- @tparam function f
-- @param ... its arguments
-- @treturn table the first task
-- @treturn table array of failed tasks for which no other task waited
-- @raise the error that interrupted the wait
function M.run (f, ...)
  begin()
  local main
  local ok, err = pcall(function (...)
    reset()                   -- a previous run may have been interrupted
    running = active.here()
    main = M.spawn(f, ...)
    main.seen = true
    run_until_end(main)
  end, ...)
  local ended, again = pcall(end_tasks)
  if not ended then pcall(end_tasks) end      -- a second Ctrl-C interrupted it
  local failures = unseen
  running = nil
  reset()
  if not ok or not ended then error(ok and again or err, 0) end
  return main, failures
end

return M
