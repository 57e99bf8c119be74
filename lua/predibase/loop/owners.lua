-- SPDX-License-Identifier: MIT
--- Which exchanges a task was the last to wait for: they are closed when it is cancelled.
--
-- Nothing here keeps an exchange from being collected. A task has one exchange as a rule, and then
-- needs no table for it: tables with weak keys cost the collector most.
-- @module predibase.loop.owners

local M = {}

local last = setmetatable({}, { __mode = "v" })     -- task -> the exchange that it waited for last

--- The exchange is the task's from now on: `exchange.owner` says so.
-- @tparam table task
-- @tparam table exchange
function M.own(task, exchange)
  exchange.owner = task
  local before = last[task]
  last[task] = exchange
  if not before or before == exchange then return end
  task.exchanges = task.exchanges or setmetatable({}, { __mode = "k" })
  task.exchanges[before] = true
end

--- Closes what is the task's.
-- @tparam table task
function M.close(task)
  local exchange = last[task]
  if exchange and exchange.owner == task then exchange:close() end
  for other in pairs(task.exchanges or {}) do
    if other.owner == task then other:close() end
  end
end

--- Forgets a task that has ended.
-- @tparam table task
function M.forget(task)
  last[task] = nil
end

return M
