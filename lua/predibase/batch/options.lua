-- SPDX-License-Identifier: MIT
--- Reads the options of a batch that are not options of its calls.
-- @module predibase.batch.options

local checks = require "predibase.value_checks"
local usage = require "predibase.usage"

local M = {}

--- Default of the option `concurrency`, the number of requests at the same time. It is enough to
-- fill the batches of one GPU, and a small part of the 1024 requests that a LoRAX router accepts
-- from all of its clients together (its option `--max-concurrent-requests`).
M.CONCURRENCY = 32

--- Largest value of the option `concurrency`. Each request may need a file descriptor, and the
-- usual limit of a process is 1024.
M.MAX_CONCURRENCY = 1000

--- Reads the option `concurrency`.
-- @param value anything
-- @tparam string method the name of the method, for messages
-- @treturn integer
-- @raise when it is not an integer in its range
function M.concurrency (value, method)
  if value == nil then return M.CONCURRENCY end
  if not checks.integral(value) or value < 1 or value > M.MAX_CONCURRENCY then
    usage.fail(("client:%s takes a concurrency from 1 to %d, got %s"):format(method,
      M.MAX_CONCURRENCY, checks.describe(value)))
  end
  return value
end

--- Reads the option `retry_generation`.
-- @param value anything
-- @tparam string method the name of the method, for messages
-- @treturn boolean true by default
-- @raise when it is not a boolean
function M.retry_generation (value, method)
  if value ~= nil and type(value) ~= "boolean" then
    usage.fail(("client:%s takes a boolean for retry_generation, got %s"):format(method,
      checks.describe(value)))
  end
  return value ~= false
end

return M
