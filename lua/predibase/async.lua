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
-- is a string, and in the field `traceback` if it is an error object of this library. The traceback
-- is always in `task.traceback` too.
--
-- On Lua 5.1 (not LuaJIT) a coroutine cannot yield inside the iterator of `for … in`, nor inside
-- `pcall`. In a task, use `stream:next()` and `task:join()` there instead.
-- @module predibase.async

require "predibase.transport".not_in_nginx("predibase.async",
  "ngx.thread.spawn and ngx.thread.wait")

local requirements = require "predibase.requirements"
local tasks = require "predibase.loop.tasks"
local usage = require "predibase.usage"

local curl = requirements.load "predibase.curl"

local M = {}

local unpack = rawget(table, "unpack") or rawget(_G, "unpack")

local function check_function (f, what)
  if type(f) ~= "function" then
    usage.fail(("async.%s takes a function, got a %s"):format(what, type(f)))
  end
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
  if tasks.inside() then usage.fail("async.run inside a task: use async.spawn") end
  local main, failures = tasks.run(f, ...)
  if not main.ok then error(main.results[1], 0) end
  for _, task in ipairs(failures) do
    if not task.seen then error(task.results[1], 0) end
  end
  return unpack(main.results, 1, main.n)
end

--- Makes a task, which starts when the calling task waits.
--
-- Outside of `run`, for example in a program that draws frames, the task starts at the next
-- `predibase.update()`, and each `predibase.update()` lets it go on as far as it can without
-- waiting. `task:status()` tells when it has ended. An error that it raises stays in the task:
-- `task:await()` raises it.
-- @tparam function f
-- @param ... its arguments
-- @treturn Task the task: `task:await()`, `task:join()`, `task:cancel()`, `task:status()`
function M.spawn (f, ...)
  check_function(f, "spawn")
  return tasks.spawn(f, ...)
end

--- Waits until tasks that were cancelled have ended.
local function settle (me, list)
  for _, task in ipairs(list) do
    while not task.ended and not me.cancelled do tasks.wait_for(me, { task }) end
  end
end

local function all_tasks (list)
  local all, made = {}, {}
  for i = 1, #list do
    if not tasks.is_task(list[i]) and type(list[i]) ~= "function" then
      for _, task in ipairs(made) do task:cancel() end
      usage.fail(("async.gather takes functions and tasks, number %d is a %s"):format(i,
        type(list[i])))
    end
    all[i] = tasks.is_task(list[i]) and list[i] or tasks.spawn(list[i])
    if all[i] ~= list[i] then made[#made + 1] = all[i] end
  end
  return all
end

--- Runs functions and tasks at the same time and waits for all of them. A function that returns
-- `nil, err` does not stop the others. If a function raises an error, the others are cancelled, and
-- the error is raised when all have ended. If the calling task is cancelled, all are cancelled.
-- @tparam (Task|function)[] list array of functions and tasks; each function runs in a new task
-- @treturn table the first result of each one, in the order of the list; `n` is their number
-- @treturn table the second result of each one, which is the error if a call of this library failed
-- @raise the first error that a function or a task raised
function M.gather (list)
  if type(list) ~= "table" then
    usage.fail("async.gather takes a table, got a " .. type(list))
  end
  if not tasks.inside() then return M.run(M.gather, list) end
  local me = tasks.here "async.gather"
  local all = all_tasks(list)
  local failed, err = tasks.wait_for(me, all)
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
