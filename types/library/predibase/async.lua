---@meta predibase.async
-- SPDX-License-Identifier: MIT
-- Made from lua/predibase/async.lua by `make types`; do not edit.

---Runs many calls at once in plain coroutines. Inside `async.run`, a call of a client with the
---default loop lets other tasks run while it waits; outside, it blocks.
---
---    local async = require "predibase.async"
---    local results = async.run(function ()
---      return async.gather {
---        function () return client:generate "Name a fruit." end,
---        function () return client:generate "Name a colour." end,
---      }
---    end)
---
---An error that a task raises contains the traceback of the task: at the end of the message if it
---is a string, and in the field `traceback` if it is an error object of this library. The traceback
---is always in `task.traceback` too.
---
---On Lua 5.1 (not LuaJIT) a coroutine cannot yield inside the iterator of `for … in`, nor inside
---`pcall`. In a task, use `stream:next()` and `task:join()` there instead.
---@class predibase.async
local M = {}

---Runs a function as the first task, and returns when all tasks have ended. If the first task
---fails, the others are cancelled at once. No failure is lost: the failure of a task for which no
---other task waited is raised at the end.
---
---Raises an error the error of `f`, or of a task for which no other task waited; an error if it is called in a task.
---@param f function
---@param ... any its arguments
---@return any # the results of `f`
function M.run(f, ...) end

---Makes a task, which starts when the calling task waits.
---
---Outside of `run`, for example in a program that draws frames, the task starts at the next
---`predibase.update()`, and each `predibase.update()` lets it go on as far as it can without
---waiting. `task:status()` tells when it has ended. An error that it raises stays in the task:
---`task:await()` raises it.
---@param f function
---@param ... any its arguments
---@return predibase.Task # the task: `task:await()`, `task:join()`, `task:cancel()`, `task:status()`
function M.spawn(f, ...) end

---Runs functions and tasks at the same time and waits for all of them. A function that returns
---`nil, err` does not stop the others. If a function raises an error, the others are cancelled, and
---the error is raised when all have ended. If the calling task is cancelled, all are cancelled.
---
---Raises an error the first error that a function or a task raised.
---@param list (predibase.Task|function)[] array of functions and tasks; each function runs in a new task
---@return table # the first result of each one, in the order of the list; `n` is their number
---@return table # the second result of each one, which is the error if a call of this library failed
function M.gather(list) end

---Waits for a time. In a task, other tasks run meanwhile; 0 seconds let each of them run once.
---
---Raises an error an error of kind "cancelled" if the task is cancelled.
---@param seconds number
function M.sleep(seconds) end

return M
