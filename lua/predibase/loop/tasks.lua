-- SPDX-License-Identifier: MIT
--- The scheduler behind `predibase.async`: coroutines that wait together, in one system call.
--
-- There is one per Lua state. A round runs the tasks that are ready, and then waits for the pools
-- that any task waits for and for the next sleeper. Its cost depends on what is ready, and not on
-- the number of tasks. Programs use it through `predibase.async`, clients through
-- `predibase.loop.default`.
-- @module predibase.loop.tasks

local active = require "predibase.active"
local errors = require "predibase.errors"
local heap = require "predibase.heap"
local outside_errors = require "predibase.outside_errors"

local M = {}

local isyieldable, close = rawget(coroutine, "isyieldable"), rawget(coroutine, "close")
local resume, running_co, yield = coroutine.resume, coroutine.running, coroutine.yield
local unpack = rawget(table, "unpack") or rawget(_G, "unpack")

local WAITS = {}              -- what a task yields to its scheduler, and nobody else does

local tasks                   -- coroutine -> task that has not ended
local waking                  -- tasks to run in the next round
local unseen                  -- tasks whose failure nobody has asked for
local sleepers
local current                 -- the task that runs
local running                 -- who runs tasks, see predibase.active
local interruption            -- Ctrl-C, when a task got it
local system                  -- predibase.curl: what waits, and the clock
local using                   -- loop -> number of tasks that wait for it

local function reset()
  tasks, waking, unseen, sleepers, current, interruption = {}, {}, {}, heap.new(), nil, nil
  using = {}
end
reset()

-- Which exchanges a task was the last to wait for: they are closed when it is cancelled, if their
-- field `owner` still is the task. A task has one exchange as a rule, and keeps it while it waits
-- for nothing else. Those before it may be collected. Tables with weak keys are walked while the
-- collector stops everything, so a task has one only when it needs it, and there is none with an
-- entry for each task.

local WEAK = { __mode = "k" }

--- Takes note that a task waits for another exchange than before, or for none.
local function own(task, exchange)
  local before = task.exchange
  task.exchange = exchange
  if not before then return end
  task.exchanges = task.exchanges or setmetatable({}, WEAK)
  task.exchanges[before] = true
end

--- Closes the exchanges that a task was the last to wait for.
local function close_owned(task)
  local exchange = task.exchange
  if exchange and exchange.owner == task then exchange:close() end
  for other in pairs(task.exchanges or {}) do
    if other.owner == task then other:close() end
  end
end

-- The pools that tasks wait for, and one wait for all of them. A client closes its connections with
-- its pool and has its own certificates and limits, so each keeps a pool. With one in use the wait
-- is `pool:step` itself; with several it is one call for their descriptors, and only those that are
-- readable or due are stepped.

--- Seconds between looks at a pool without a descriptor when there is another one: on systems that
-- have neither epoll nor kqueue.
local LOOK = 0.01

local list, fds, readable = {}, {}, {}     -- used again for every wait

--- Counts a task that waits.
local function enter(source)
  using[source] = (using[source] or 0) + 1
end

--- Counts a task that does not wait any more.
local function leave(source)
  local n = using[source]
  if n then using[source] = n > 1 and n - 1 or nil end
end

local function collect(seconds)
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

local function wait_for_all(seconds)
  local n, why = system.wait(fds, collect(seconds), readable)
  if not n then error(why, 0) end
  for i = 1, n do list[readable[i]].step(0) end
  for i = 1, #list do
    local source = list[i]
    if not source.fd or source.timeout() == 0 then source.step(0) end
  end
end

--- Waits until anything moved in any pool in use, and does what there is to do.
local function wait_for_pools(seconds)
  local source = next(using)
  if not source then
    if not seconds then return false end
    if seconds > 0 then system.wait({}, seconds, readable) end
  elseif next(using, source) == nil then
    source.step(seconds)
  else
    wait_for_all(seconds)
  end
  return true
end

-- Tasks.

--- The task that calls, when it can wait by yielding.
-- @treturn ?table
function M.current()
  local task = current
  if task and running_co() == task.co and (not isyieldable or isyieldable()) then return task end
end

--- Tells whether tasks are being run.
-- @treturn boolean
function M.running()
  if running and not active.runs(M.run, running) then running = nil end
  return running ~= nil
end

--- Says which source a task waits for. That stays so until it waits for something else or ends,
-- so that the next token of a stream costs nothing here.
local function attach(task, source)
  local before = task.source
  task.source = source
  if before then leave(before) end
  if source then enter(source) end
end

--- Lets a task go on in the next round.
-- @tparam table task
function M.wake(task)
  if task.ended or task.woken then return end
  task.woken = true
  waking[#waking + 1] = task
end

local wake = M.wake

--- Lets a coroutine go on in the next round, if it is a task.
-- @param co a coroutine, or what stands for the main program
function M.resume(co)
  local task = tasks[co]
  if task and task ~= current then wake(task) end
end

--- Gives the turn to others until this task is woken, for whatever reason.
-- @tparam table task the one that calls
-- @tparam ?table source a loop with `fd`, `timeout` and `step`, by which it is woken
-- @tparam ?table exchange what it waits for there; closed when the task is cancelled
-- @treturn ?table the error that ends its wait: it is cancelled
function M.wait(task, source, exchange)
  if task.cancelled then return task.cancelled end
  if task.source ~= source then attach(task, source) end
  if task.exchange ~= exchange then own(task, exchange) end
  if exchange then exchange.owner = task end
  yield(WAITS)
  return task.cancelled
end

--- Gives the turn to others until a time.
-- @tparam table task the one that calls
-- @tparam number at seconds on the clock of `predibase.curl`
-- @treturn ?table the error that ends its wait
function M.wait_until(task, at)
  local entry = sleepers:push(at, task)
  local err
  repeat err = M.wait(task) until err or not entry.value
  entry.value = nil           -- the heap lets go of it when its time has come
  return err
end

local function finish(task, ok, ...)
  if close and not ok then close(task.co) end       -- an error leaves the stream of a `for` open
  tasks[task.co] = nil
  task.ended, task.ok = true, ok
  task.n, task.results = select("#", ...), { ... }
  attach(task, nil)
  if task.cancelled then close_owned(task) end
  task.exchange, task.exchanges = nil, nil
  local groups = task.groups
  if not ok and not task.cancelled and not groups then unseen[#unseen + 1] = task end
  for _, group in ipairs(groups or {}) do
    group.left = group.left - 1
    if not ok and not group.failed then group.failed = task end
    if group.left == 0 or group.failed == task then wake(group.task) end
  end
end

--- An error with the place where its task stood.
local function traced(task, err)
  task.traceback = debug.traceback(task.co, tostring(err))
  if errors.is(err) then err.traceback = err.traceback or task.traceback end
  return type(err) == "string" and task.traceback or err
end

--- What to do after a task gave the turn back.
local function stopped(task, ok, ...)
  local first = ...
  if first == WAITS then return end
  local cancelled = task.cancelled
  if coroutine.status(task.co) ~= "dead" then
    if not cancelled then return wake(task) end       -- it yielded by itself: others go first
    finish(task, false, cancelled)
  elseif not ok then
    finish(task, false, first == cancelled and first or traced(task, first))
    -- LuaJIT raises Ctrl-C in whatever coroutine runs; it is meant for the program.
    if outside_errors.is_interrupt(first) then interruption = first end
  elseif cancelled then
    finish(task, false, cancelled)
  else
    finish(task, true, ...)
  end
end

local function run(task)
  task.woken = false
  if task.ended then return end
  if task.started then return stopped(task, resume(task.co)) end
  if task.cancelled then return finish(task, false, task.cancelled) end
  local args = task.results
  task.started, task.results = true, nil
  stopped(task, resume(task.co, unpack(args, 1, task.n)))
end

local function run_ready()
  local ready = waking
  waking = {}
  for i = 1, #ready do
    current = ready[i]
    run(current)
    current = nil
  end
end

--- Makes a task, to be run from the next round on.
-- @tparam table class the metatable of the task
-- @tparam function f
-- @param ... its arguments
-- @treturn table the task
function M.spawn(class, f, ...)
  -- A table for each of thousands of streams: what is not set here is not there yet.
  --   started, ended, ok; woken: it runs in the next round
  --   cancelled      the error that ends it; traceback: where it stood when it failed
  --   source         the loop that it waits for; groups: who waits for its end
  --   exchange, exchanges     that it waits for and waited for: see predibase.loop.owners
  local task = setmetatable({
    co = coroutine.create(f),
    n = select("#", ...), results = { ... },     -- the arguments until it starts
  }, class)
  tasks[task.co] = task
  wake(task)
  return task
end

--- Lets a task end with an error, at its wait or at its next one.
-- @tparam table task
-- @tparam table err
-- @treturn boolean false when it had ended or was cancelled before
function M.cancel(task, err)
  if task.ended or task.cancelled then return false end
  task.cancelled = err
  if task ~= current then wake(task) end
  return true
end

local function drive(main)
  while true do
    run_ready()
    if interruption then error(interruption, 0) end
    if not next(tasks) or main.ended and not main.ok then return end
    local seconds = sleepers:due(system.now, wake)
    if #waking > 0 then seconds = 0 end
    if not wait_for_pools(seconds) then
      error("predibase.async: every task waits for another one", 0)
    end
  end
end

local function end_tasks()
  while next(tasks) do
    for _, task in pairs(tasks) do
      task.woken = false      -- what interrupted the run may have lost the queue
      M.cancel(task, errors.new { kind = "cancelled", message = "the run of its task has ended" })
      wake(task)
    end
    run_ready()
  end
end

--- Runs a function as the first task, until no task is left or until it has failed.
-- @tparam table class the metatable of the task
-- @tparam function f
-- @param ... its arguments
-- @treturn table the first task
-- @treturn table array of tasks that failed while nobody waited for them
-- @raise what interrupted the wait
function M.run(class, f, ...)
  system = require "predibase.curl"     -- not at once: nginx loads this module and not libcurl
  local main
  local ok, err = pcall(function (...)
    reset()                   -- what interrupted a run before may have left something
    running = active.here()
    main = M.spawn(class, f, ...)
    main.seen = true
    drive(main)
  end, ...)
  local ended, again = pcall(end_tasks)
  if not ended then pcall(end_tasks) end      -- Ctrl-C once more
  local failures = unseen
  running = nil
  reset()
  if not ok or not ended then error(ok and again or err, 0) end
  return main, failures
end

return M
