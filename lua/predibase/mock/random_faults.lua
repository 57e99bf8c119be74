-- SPDX-License-Identifier: MIT
--- Faults that meet requests by chance (option `fault_rate`): all of them pass when the request is
-- sent again.
-- @module predibase.mock.random_faults

local M = {}

local JSON = "application/json"

--- The faults, one of which is drawn for each request that fails.
M.list = {
  { status = 429, content_type = JSON,
    body = '{"error":"Model is overloaded","error_type":"overloaded"}' },
  { status = 500, content_type = "text/plain", body = "Internal Server Error" },
  { status = 503, content_type = "text/plain", body = "no healthy upstream" },
  { cut_after = 1 },
  { reset_after = 1 },
  { delay = 0.02 },
}

--- Draws the fault of a request.
-- @tparam number rate how many of the requests have one, from 0 to 1
-- @tparam function random returns a number in [0, 1)
-- @treturn ?table faults as in `predibase.mock.faults`
function M.draw (rate, random)
  if random() >= rate then return nil end
  return M.list[1 + math.floor(random() * #M.list)]
end

return M
