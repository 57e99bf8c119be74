-- SPDX-License-Identifier: MIT
-- Coroutines that wait for conditions, on luv's loop: so that many programs run at the same time.
--
--    tasks.add(function () tasks.wait(function () return process.code end, "its end") end)
--    tasks.run()

local uv = require "luv"

local M = {}

-- Seconds. Much longer than anything here takes; a wait that is longer is an error.
M.PATIENCE = 120

local waiting = {}

--- Adds a task; the first error of a task ends `run`.
-- @tparam function body
function M.add (body)
  waiting[#waiting + 1] = { thread = coroutine.create(body) }
end

--- Waits in a task until a condition is true.
-- @tparam function done the condition
-- @tparam string what for the error when it does not come true
-- @tparam ?number seconds PATIENCE
function M.wait (done, what, seconds)
  local ends = uv.hrtime() / 1e9 + (seconds or M.PATIENCE)
  while not done() do
    if uv.hrtime() / 1e9 > ends then error("waited in vain for " .. what, 2) end
    coroutine.yield()
  end
end

--- Waits in a task for some seconds.
function M.sleep (seconds)
  local ends = uv.hrtime() / 1e9 + seconds
  M.wait(function () return uv.hrtime() / 1e9 >= ends end, "a sleep", seconds + M.PATIENCE)
end

--- Returns a function that calls another one in a task, at most `number` of them at a time.
function M.at_most (number)
  local busy = 0
  return function (body)
    M.wait(function () return busy < number end, "a free place", 3600)
    busy = busy + 1
    M.add(function ()
      body()
      busy = busy - 1
    end)
  end
end

--- Runs all tasks to their ends.
function M.run ()
  local timer = uv.new_timer()
  timer:start(5, 5, function () end)
  while #waiting > 0 do
    uv.run "once"
    local round = waiting
    waiting = {}
    for _, task in ipairs(round) do
      local ok, problem = coroutine.resume(task.thread)
      if not ok then error(debug.traceback(task.thread, tostring(problem)), 0) end
      if coroutine.status(task.thread) ~= "dead" then waiting[#waiting + 1] = task end
    end
  end
  timer:close()
end

return M
