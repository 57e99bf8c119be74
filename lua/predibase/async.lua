-- SPDX-License-Identifier: MIT
--- Runs many calls at once in plain coroutines. Inside `async.run`, a call of a client with the
-- default loop lets other tasks run while it waits; outside, it blocks.
--
--     local async = require "predibase.async"
--     local results = async.run(function ()
--       return async.gather {
--         function () return client:generate "Name a fruit." end,
--         function () return client:generate "Name a colour." end,
--       }
--     end)
--
-- An error that a task raises contains the traceback of the task: at the end of the message if it
-- is a string, and in the field `traceback` if it is an error object of this library. It is always
-- in `task.traceback` too.
--
-- On Lua 5.1 (not LuaJIT) a coroutine cannot yield inside the iterator of `for … in`, nor inside
-- `pcall`. In a task, use `stream:next()` and `task:join()` there instead.
-- @module predibase.async

require "predibase.transport".not_in_nginx("predibase.async",
  "ngx.thread.spawn and ngx.thread.wait")

local curl = require "predibase.curl"
local errors = require "predibase.errors"
local tasks = require "predibase.loop.tasks"
local usage = require "predibase.usage"

local M = {}

local unpack = rawget(table, "unpack") or rawget(_G, "unpack")

local Task = { __name = "predibase.task" }
Task.__index = Task

local function is_task (value)
  return type(value) == "table" and getmetatable(value) == Task
end

local function check_function (f, what)
  if type(f) ~= "function" then
    usage.fail(("async.%s takes a function, got a %s"):format(what, type(f)))
  end
end

local function task_here (what)
  local task = tasks.current()
  if not task then usage.fail(what .. " can only be called in a task, inside async.run") end
  return task
end

--- Waits until all tasks have ended, or one of them has failed. Returns the failed task, if any,
-- and the error if the waiting task was cancelled.
local function wait_for (me, list)
  local group = { task = me, left = 0, failed = nil }
  for _, task in ipairs(list) do
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
  while group.left > 0 and not group.failed and not err do err = tasks.wait(me) end
  return group.failed, err
end

--- Waits for the end of the task and returns its results.
-- @return the results of its function
-- @raise the error of its function; an error of kind "cancelled" if this task or the calling task
-- is cancelled
function Task:await ()
  local _, err = wait_for(task_here "task:await()", { self })
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
  local _, err = wait_for(task_here "task:join()", { self })
  if err then error(err, 0) end
  return self.ok, unpack(self.results, 1, self.n)
end

--- Cancels the task: its current wait, or else its next one, raises an error of kind "cancelled".
-- Also closes the connections of all streams and calls that this task was the last to wait for. A
-- task that catches the error can still do work that needs no wait; each later wait raises the
-- error again, and the task counts as cancelled however it ends.
-- @treturn boolean false if the task had already ended or was already cancelled
function Task:cancel ()
  return tasks.cancel(self, errors.new { kind = "cancelled", message = "the task was cancelled" })
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

--- Runs a function as the first task, and returns when all tasks have ended. If the first task
-- fails, the others are cancelled at once. No failure is lost: the failure of a task for which no
-- other task waited is raised at the end.
-- @tparam function f
-- @param ... its arguments
-- @return the results of `f`
-- @raise the error of `f`, or of a task for which no other task waited; an error if it is called in
-- a task
function M.run (f, ...)
  check_function(f, "run")
  if tasks.running() then usage.fail("async.run inside async.run: use async.spawn") end
  local main, failures = tasks.run(Task, f, ...)
  if not main.ok then error(main.results[1], 0) end
  for _, task in ipairs(failures) do
    if not task.seen then error(task.results[1], 0) end
  end
  return unpack(main.results, 1, main.n)
end

--- Makes a task, which starts when the calling task waits.
-- @tparam function f
-- @param ... its arguments
-- @treturn table the task: `task:await()`, `task:join()`, `task:cancel()`, `task:status()`
-- @raise outside of `run`
function M.spawn (f, ...)
  check_function(f, "spawn")
  if not tasks.running() then usage.fail("async.spawn outside of async.run") end
  return tasks.spawn(Task, f, ...)
end

--- Waits until tasks that were cancelled have ended.
local function settle (me, list)
  for _, task in ipairs(list) do
    while not task.ended and not me.cancelled do wait_for(me, { task }) end
  end
end

local function all_tasks (list)
  local all, made = {}, {}
  for i = 1, #list do
    if not is_task(list[i]) and type(list[i]) ~= "function" then
      for _, task in ipairs(made) do task:cancel() end
      usage.fail(("async.gather takes functions and tasks, number %d is a %s"):format(i,
        type(list[i])))
    end
    all[i] = is_task(list[i]) and list[i] or tasks.spawn(Task, list[i])
    if all[i] ~= list[i] then made[#made + 1] = all[i] end
  end
  return all
end

--- Runs functions and tasks at the same time and waits for all of them. A function that returns
-- `nil, err` has not failed and stops no other. If one raises an error, the others are cancelled,
-- and the error is raised when all have ended. If the calling task is cancelled, all are cancelled.
-- @tparam table list array of functions and tasks; each function runs in a new task
-- @treturn table the first result of each one, in the order of the list; `n` is their number
-- @treturn table the second result of each one, which is the error if a call of this library failed
-- @raise the error of the first one that failed
function M.gather (list)
  if type(list) ~= "table" then
    usage.fail("async.gather takes a table, got a " .. type(list))
  end
  if not tasks.running() then return M.run(M.gather, list) end
  local me = task_here "async.gather"
  local all = all_tasks(list)
  local failed, err = wait_for(me, all)
  if failed or err then
    for _, task in ipairs(all) do task:cancel() end
    settle(me, all)
    error(err or failed.results[1], 0)
  end
  local firsts, seconds = { n = #all }, {}
  for i, task in ipairs(all) do firsts[i], seconds[i] = task.results[1], task.results[2] end
  return firsts, seconds
end

--- Waits for a time. In a task, other tasks run meanwhile; 0 seconds let each of them run once.
-- @tparam number seconds
-- @raise an error of kind "cancelled" if the task is cancelled
function M.sleep (seconds)
  if type(seconds) ~= "number" or seconds ~= seconds then
    usage.fail("async.sleep takes a number of seconds, got " .. tostring(seconds))
  end
  local at, task = curl.now() + seconds, tasks.current()
  if not task then
    repeat
      curl.wait({}, seconds, {})
      seconds = at - curl.now()
    until seconds <= 0
    return
  end
  local err = tasks.wait_until(task, at)
  if err then error(err, 0) end
end

return M
