-- SPDX-License-Identifier: MIT
--- Which exchanges a task was the last to wait for: they are closed when it is cancelled.
--
-- A task has one exchange as a rule, and keeps it while it waits for nothing else. Those before it
-- may be collected. Tables with weak keys or values are walked while the collector stops
-- everything, so no task has one without need, and there is none with an entry for each task.
-- @module predibase.loop.owners

local M = {}

local WEAK = { __mode = "k" }

--- The task waits for another exchange than before; that `exchange.owner` is the task makes it its.
-- @tparam table task
-- @tparam ?table exchange nil: the task waits for something else
function M.own(task, exchange)
  local before = task.exchange
  task.exchange = exchange
  if not before then return end
  task.exchanges = task.exchanges or setmetatable({}, WEAK)
  task.exchanges[before] = true
end

--- Closes what is the task's.
-- @tparam table task
function M.close(task)
  local exchange = task.exchange
  if exchange and exchange.owner == task then exchange:close() end
  for other in pairs(task.exchanges or {}) do
    if other.owner == task then other:close() end
  end
end

return M
