-- SPDX-License-Identifier: MIT
--- Many calls at once in plain coroutines: inside `async.run` every call of a client with the
-- default loop waits by letting other tasks go on; outside it blocks as ever.
--
--     local async = require "predibase.async"
--     local results = async.run(function ()
--       return async.gather {
--         function () return client:generate "Name a fruit." end,
--         function () return client:generate "Name a colour." end,
--       }
--     end)
--
-- What a task raises has the task's traceback: at the end of the message when it is a string, in
-- the field `traceback` of an error object of this library, and always in `task.traceback`.
--
-- On Lua 5.1 (not LuaJIT) a coroutine cannot yield inside the iterator of `for … in`, nor inside
-- `pcall`: in a task, read with `stream:next()` and use `task:join()` there.
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

local function is_task(value)
  return type(value) == "table" and getmetatable(value) == Task
end

local function check_function(f, what)
  if type(f) ~= "function" then
    usage.fail(("async.%s takes a function, got a %s"):format(what, type(f)))
  end
end

local function task_here(what)
  local task = tasks.current()
  if not task then usage.fail(what .. " can only be called in a task, inside async.run") end
  return task
end

--- Waits until all tasks have ended, or the first one has failed.
local function wait_for(me, list)
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

--- Waits for the end of the task.
-- @return what its function returned
-- @raise what its function raised; an error of kind "cancelled" when either task is cancelled
function Task:await()
  local _, err = wait_for(task_here "task:await()", { self })
  if err then error(err, 0) end
  if not self.ok then error(self.results[1], 0) end
  return unpack(self.results, 1, self.n)
end

--- As `await`, but nothing that the task raised is raised here.
-- @treturn[1] boolean true, and what its function returned
-- @treturn[2] boolean false
-- @return[2] what its function raised; an error of kind "cancelled" when it was cancelled
-- @raise an error of kind "cancelled" when the task that calls is
function Task:join()
  local _, err = wait_for(task_here "task:join()", { self })
  if err then error(err, 0) end
  return self.ok, unpack(self.results, 1, self.n)
end

--- Lets the task end with an error of kind "cancelled", which its current wait, or else its next
-- one, raises. The connections are closed of all streams and calls that it was the last to wait
-- for. A task that catches the error can do what needs no wait, and then ends all the same.
-- @treturn boolean false when it had ended or was cancelled before
function Task:cancel()
  return tasks.cancel(self, errors.new { kind = "cancelled", message = "the task was cancelled" })
end

--- Tells where the task stands.
-- @treturn string "running", "done", "failed" or "cancelled"
function Task:status()
  if not self.ended then return "running" end
  if self.ok then return "done" end
  return self.cancelled and "cancelled" or "failed"
end

function Task:__tostring()
  return ("predibase.task (%s)"):format(self:status())
end

--- Runs a function as the first task, and ends when all tasks have ended. When the first task
-- fails, the others are cancelled at once. No failure is lost: that of another task, which nobody
-- waited for, is raised at the end.
-- @tparam function f
-- @param ... its arguments
-- @return what `f` returned
-- @raise what `f` raised, or a task that nobody waited for; where it is called in a task
function M.run(f, ...)
  check_function(f, "run")
  if tasks.running() then usage.fail("async.run inside async.run: use async.spawn") end
  local main, failures = tasks.run(Task, f, ...)
  if not main.ok then error(main.results[1], 0) end
  for _, task in ipairs(failures) do
    if not task.seen then error(task.results[1], 0) end
  end
  return unpack(main.results, 1, main.n)
end

--- Makes a task, which begins when the one that calls waits.
-- @tparam function f
-- @param ... its arguments
-- @treturn table the task: `task:await()`, `task:join()`, `task:cancel()`, `task:status()`
-- @raise outside of `run`
function M.spawn(f, ...)
  check_function(f, "spawn")
  if not tasks.running() then usage.fail("async.spawn outside of async.run") end
  return tasks.spawn(Task, f, ...)
end

--- Waits until tasks that were cancelled have ended.
local function settle(me, list)
  for _, task in ipairs(list) do
    while not task.ended and not me.cancelled do wait_for(me, { task }, 3) end
  end
end

local function all_tasks(list)
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

--- Runs functions and tasks at once and waits for all of them. A call that returns `nil, err` has
-- returned: it stops no other. When one of them raises, the others are cancelled, and when all
-- have ended the error is raised. When the task that calls is cancelled, they all are.
-- @tparam table list array of functions and tasks; each is a task of its own
-- @treturn table the first value that each returned, in the order of the list; `n` is their number
-- @treturn table the second one, which is the error where a call of this library failed
-- @raise what the first one to fail raised
function M.gather(list)
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

--- Waits. In a task, others go on meanwhile; 0 seconds give each of them a turn.
-- @tparam number seconds
-- @raise an error of kind "cancelled" when the task is
function M.sleep(seconds)
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
