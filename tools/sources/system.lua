-- SPDX-License-Identifier: MIT
--- The three functions of lua-system that busted calls, written with luv, for an interpreter that
-- is built from sources: those of lua-system itself cannot always be downloaded.
local uv = require "luv"

local M = {}

--- Returns the seconds since 1970.
-- @treturn number
function M.gettime ()
  local seconds, microseconds = uv.gettimeofday()
  return seconds + microseconds / 1e6
end

--- Returns the seconds of a clock that nobody sets.
-- @treturn number
function M.monotime ()
  return uv.hrtime() / 1e9
end

--- Waits.
-- @tparam number seconds
function M.sleep (seconds)
  uv.sleep(math.floor(seconds * 1000))
end

return M
