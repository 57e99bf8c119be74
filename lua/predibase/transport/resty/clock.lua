-- SPDX-License-Identifier: MIT
--- Seconds on a clock that only goes forward. `ngx.now` follows the wall clock, and stands still
-- while Lua runs.
-- @module predibase.transport.resty.clock

local ffi = require "ffi"

-- A program may load this module again, but a type can be declared only once.
pcall(ffi.cdef, [[
typedef struct { long seconds; long nanoseconds; } predibase_timespec;
int clock_gettime(int clock, predibase_timespec *at);
]])

-- CLOCK_MONOTONIC of each system.
local MONOTONIC = ({ Linux = 1, OSX = 6, BSD = 4 })[ffi.os] or 1

local M = {}

local at = ffi.new "predibase_timespec"

--- The time.
-- @treturn number seconds since some point in the past
function M.now()
  ffi.C.clock_gettime(MONOTONIC, at)
  return tonumber(at.seconds) + tonumber(at.nanoseconds) * 1e-9
end

return M
