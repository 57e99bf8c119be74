-- SPDX-License-Identifier: MIT
--- Runs functions of the program at the same time, each in a coroutine of its own, in which calls
-- of a client may wait.
--
-- Which coroutines can wait depends on the loop of the client: tasks of `predibase.async` with the
-- default loop, light threads inside nginx, and plain coroutines that the program's own loop
-- resumes. The main program of such a loop cannot yield, so there the functions run one after the
-- other.
-- @module predibase.together

local errors = require "predibase.errors"
local outside_errors = require "predibase.outside_errors"
local transport = require "predibase.transport"

local M = {}

-- PUC Lua 5.1 cannot yield inside `pcall`.
local RESUMABLE = _VERSION ~= "Lua 5.1" or rawget(_G, "jit") ~= nil

-- Each way to run functions is a table of functions: `start` takes the client's loop and an array
-- of functions, and returns a handle. The others take the handle: `ended` tells whether all have
-- ended, `wait` waits for that and returns an error that ended the wait, `cancel` ends them. The
-- outcomes are in `handle.outcomes`: `{ ok, … }`, where an error of the program's function is the
-- second value.

local function pack (...)
  return { ... }
end

--- Makes a function that runs `f` and stores its outcome.
local function recorder (handle, i, f)
  return function ()
    local outcome
    if RESUMABLE then
      outcome = pack(pcall(f))
      if outside_errors.is_interrupt(outcome[2]) then error(outcome[2], 0) end
    else
      outcome = pack(true, f())
    end
    handle.outcomes[i] = outcome
    handle.left = handle.left - 1
  end
end

local function new_handle (fs)
  return { outcomes = {}, left = #fs }
end

-- Tasks.

local function start_tasks (_, fs)
  local tasks = require "predibase.loop.tasks"
  local handle = new_handle(fs)
  handle.tasks = {}
  for i, f in ipairs(fs) do handle.tasks[i] = tasks.spawn(recorder(handle, i, f)) end
  return handle
end

local function tasks_ended (handle)
  require "predibase.loop.tasks".run_once()
  for _, task in ipairs(handle.tasks) do
    if not task.ended then return false end
  end
  return true
end

local function wait_for_tasks (handle)
  local tasks = require "predibase.loop.tasks"
  local failed, err = tasks.finish(handle.tasks)
  if err then return err end
  -- A task fails only of an error that came from outside, such as Ctrl-C.
  if failed then error(failed.results[1], 0) end
end

local function cancel_tasks (handle)
  for _, task in ipairs(handle.tasks) do task:cancel() end
end

local in_tasks = {
  start = start_tasks, ended = tasks_ended, wait = wait_for_tasks, cancel = cancel_tasks,
}

-- Light threads of nginx.

local function start_threads (_, fs)
  local thread = rawget(_G, "ngx").thread
  local handle = new_handle(fs)
  handle.threads = {}
  for i, f in ipairs(fs) do handle.threads[i] = thread.spawn(recorder(handle, i, f)) end
  return handle
end

local function threads_ended (handle)
  return handle.left == 0
end

local function wait_for_threads (handle)
  for _, light in ipairs(handle.threads) do
    local ok, err = rawget(_G, "ngx").thread.wait(light)
    if not ok then return errors.new { kind = "cancelled", message = tostring(err) } end
  end
end

local function cancel_threads (handle)
  for _, light in ipairs(handle.threads) do rawget(_G, "ngx").thread.kill(light) end
end

local in_nginx = {
  start = start_threads, ended = threads_ended, wait = wait_for_threads, cancel = cancel_threads,
}

-- Coroutines of another loop.

local function start_coroutines (loop, fs)
  local handle = new_handle(fs)
  handle.loop = loop
  local co, is_main = coroutine.running()
  for i, f in ipairs(fs) do
    local run = recorder(handle, i, f)
    if not co or is_main then
      run()
    else
      local function body ()
        run()
        if handle.waiting then loop:resume(handle.waiting) end
      end
      local ok, err = coroutine.resume(coroutine.create(body))
      if not ok then error(err, 0) end
    end
  end
  return handle
end

local function coroutines_ended (handle)
  return handle.left == 0
end

local function wait_for_coroutines (handle)
  while handle.left > 0 and not handle.cancelled do
    handle.waiting = coroutine.running()
    local err = handle.loop:suspend()
    handle.waiting = nil
    if err then return err end
  end
end

local function cancel_coroutines (handle)
  handle.cancelled = true
end

local in_loop = {
  start = start_coroutines, ended = coroutines_ended, wait = wait_for_coroutines,
  cancel = cancel_coroutines,
}

local Handle = {}
Handle.__index = Handle

--- Tells whether all functions have ended. Never waits.
-- @treturn boolean
function Handle:ended ()
  return self.way.ended(self.handle)
end

--- Waits until all functions have ended.
-- @treturn[1] table array of outcomes in the order of the functions: `{ true, results… }`, or
-- `{ false, error }`
-- @treturn[2] nil
-- @treturn[2] table the error that ended the wait; the functions are then cancelled
function Handle:wait ()
  local err = self.way.wait(self.handle)
  if not err then return self.handle.outcomes end
  self.way.cancel(self.handle)
  return nil, err
end

--- Ends the functions at their next wait, or lets them run on where the loop cannot end them.
function Handle:cancel ()
  self.way.cancel(self.handle)
end

--- Starts functions.
-- @tparam table client
-- @tparam table fs array of functions without arguments
-- @treturn table a handle with `ended`, `wait` and `cancel`
function M.start (client, fs)
  local way = in_loop
  if transport.in_nginx() then
    way = in_nginx
  elseif not client.cfg.loop then
    way = in_tasks
  end
  return setmetatable({ way = way, handle = way.start(client.transport.loop, fs) }, Handle)
end

return M
