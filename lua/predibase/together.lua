-- SPDX-License-Identifier: MIT
--- Runs functions of the program at the same time, each in a coroutine of its own, in which calls
-- of a client may wait.
--
-- Which coroutines can wait depends on the loop of the client: tasks of `predibase.async` with the
-- default loop, light threads inside nginx, and plain coroutines that the program's own loop
-- resumes. The main program of such a loop cannot yield, so there the functions run one after the
-- other.
-- @module predibase.together

local active = require "predibase.active"
local errors = require "predibase.errors"
local outside_errors = require "predibase.outside_errors"
local transport = require "predibase.transport"

local M = {}

-- PUC Lua 5.1 cannot yield inside `pcall`.
local RESUMABLE = _VERSION ~= "Lua 5.1" or rawget(_G, "jit") ~= nil

--- Seconds between looks at light threads of nginx that this light thread cannot wait for, because
-- another one has started them.
local LOOK = 0.01

-- Each way to run functions is a table of functions that take the state of a handle: `start` starts
-- the functions, which are its second argument; `ended` tells whether all have ended; `wait` waits
-- for that and returns an error that ended the wait; `cancel` ends them. The outcomes are in
-- `state.outcomes`: `{ ok, … }`, where an error of the program's function is the second value.

local function pack (...)
  return { ... }
end

--- Makes a function that runs `f` and stores its outcome.
local function recorder (state, i, f, protected)
  return function ()
    local outcome
    if protected then
      outcome = pack(pcall(f))
      local is_interrupt = not outcome[1] and outside_errors.is_interrupt(outcome[2])
      if is_interrupt then error(outcome[2], 0) end
    else
      outcome = pack(true, f())
    end
    state.outcomes[i] = outcome
    state.left = state.left - 1
  end
end

local function none_left (state)
  return state.left == 0
end

local function cancelled ()
  return errors.new { kind = "cancelled", phase = "closed", message = "the tools were cancelled" }
end

-- One after the other, where the caller cannot yield.

local function run_in_turn (state, fs)
  for i, f in ipairs(fs) do recorder(state, i, f, true)() end
end

local function nothing () end

local in_turn = { start = run_in_turn, ended = none_left, wait = nothing, cancel = nothing }

-- Tasks.

local function start_tasks (state, fs)
  local tasks = require "predibase.loop.tasks"
  for i, f in ipairs(fs) do state.tasks[i] = tasks.spawn(recorder(state, i, f, RESUMABLE)) end
end

local function tasks_ended (state)
  require "predibase.loop.tasks".poll()
  for _, task in ipairs(state.tasks) do
    if not task.ended then return false end
  end
  return true
end

local function wait_for_tasks (state)
  local tasks = require "predibase.loop.tasks"
  for i, task in ipairs(state.tasks) do
    local failed, err = tasks.finish { task }
    if err then return err end
    if failed then
      local reason = task.results[1]
      if task.cancelled then return cancelled() end
      if outside_errors.is_interrupt(task.raised) then error(task.raised, 0) end
      -- Lua 5.1, or an error that the scheduler made.
      state.outcomes[i] = { false, task.raised == nil and reason or task.raised }
    end
  end
end

--- Cancels the tasks. Outside of tasks, they run to their end now: nothing else may run them.
local function cancel_tasks (state)
  for _, task in ipairs(state.tasks) do task:cancel() end
  pcall(require "predibase.loop.tasks".run_once)
end

local in_tasks = {
  start = start_tasks, ended = tasks_ended, wait = wait_for_tasks, cancel = cancel_tasks,
}

-- Light threads of nginx.

local function start_threads (state, fs)
  local thread = rawget(_G, "ngx").thread
  for i, f in ipairs(fs) do state.threads[i] = thread.spawn(recorder(state, i, f, true)) end
end

local function wait_for_threads (state)
  local ngx = rawget(_G, "ngx")
  for _, light in ipairs(state.threads) do pcall(ngx.thread.wait, light) end
  while state.left > 0 and not state.cancelled do ngx.sleep(LOOK) end
  return state.cancelled and cancelled() or nil
end

local function cancel_threads (state)
  state.cancelled = true
  for _, light in ipairs(state.threads) do pcall(rawget(_G, "ngx").thread.kill, light) end
end

local in_nginx = {
  start = start_threads, ended = none_left, wait = wait_for_threads, cancel = cancel_threads,
}

-- Coroutines of another loop.

--- Starts a function in a coroutine that the loop can resume. Returns false where the caller cannot
-- wait for it by yielding.
local function begin (loop, f)
  if loop.spawn then return loop:spawn(f) end
  local co, is_main = coroutine.running()
  if not co or is_main then return false end
  local ok, err = coroutine.resume(coroutine.create(f))
  if not ok then error(err, 0) end
  return true
end

--- Runs one function in a coroutine of the loop, or at once.
local function start_one (state, i, f)
  local loop = state.loop
  local run = recorder(state, i, f, RESUMABLE)
  local function body ()
    run()
    if state.waiting then loop:resume(state.waiting) end
  end
  local ok, started = pcall(begin, loop, body)
  if not ok then
    -- Lua 5.1: the function raised before it waited.
    if RESUMABLE or outside_errors.is_interrupt(started) then error(started, 0) end
    state.outcomes[i] = { false, started }
    state.left = state.left - 1
  elseif not started then
    recorder(state, i, f, true)()
  end
end

local function start_coroutines (state, fs)
  for i, f in ipairs(fs) do start_one(state, i, f) end
end

local function wait_for_coroutines (state)
  while state.left > 0 and not state.cancelled do
    state.waiting = coroutine.running()
    local err = state.loop:suspend()
    state.waiting = nil
    if err then return err end
  end
  return state.cancelled and cancelled() or nil
end

local function cancel_coroutines (state)
  state.cancelled = true
  if state.waiting then state.loop:resume(state.waiting) end
end

local in_loop = {
  start = start_coroutines, ended = none_left, wait = wait_for_coroutines,
  cancel = cancel_coroutines,
}

local Handle = {}
Handle.__index = Handle

--- Tells whether the outcome of every function is known.
local function has_all (self)
  for i = 1, #self.fs do
    if not self.state.outcomes[i] then return false end
  end
  return true
end

--- Starts the functions, unless they have been started.
function Handle:start ()
  if self.started then return end
  self.started = true
  self.way.start(self.state, self.fs)
end

--- Tells whether all functions have ended. Never waits.
-- @treturn boolean
function Handle:ended ()
  return self.way.ended(self.state)
end

--- Waits until all functions have ended.
-- @treturn[1] table array of outcomes in the order of the functions: `{ true, results… }`, or
-- `{ false, error }`
-- @treturn[2] nil
-- @treturn[2] table the error that ended the wait; the functions are then cancelled
-- @raise Ctrl-C; the functions are then cancelled, too
function Handle:wait ()
  local ok, err = active.protected(self.way.wait, self.state)
  if ok and not err then
    if has_all(self) then return self.state.outcomes end
    err = cancelled()         -- an interruption has prevented that all started
  end
  self.way.cancel(self.state)
  if not ok then error(err, 0) end
  return nil, err
end

--- Ends the functions at their next wait, or lets them run on where the loop cannot end them.
function Handle:cancel ()
  self.way.cancel(self.state)
end

--- Returns the way in which functions run that the calling coroutine starts.
local function way_of (client)
  if transport.in_nginx() then return in_nginx end
  if client.cfg.loop then return in_loop end
  local tasks = require "predibase.loop.tasks"
  -- A coroutine that a task has made cannot wait for other tasks.
  if tasks.inside() and not tasks.current() then return in_turn end
  return in_tasks
end

--- Prepares functions to run.
-- @tparam table client
-- @tparam table fs array of functions without arguments
-- @treturn table a handle with `start`, `ended`, `wait` and `cancel`
function M.new (client, fs)
  return setmetatable({ way = way_of(client), fs = fs, started = false, state = {
    outcomes = {}, left = #fs, cancelled = false, tasks = {}, threads = {},
    loop = client.transport.loop,
    -- waiting: the coroutine that waits for the end
  } }, Handle)
end

return M
