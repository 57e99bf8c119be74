-- SPDX-License-Identifier: MIT
--- What this process uses.
local uv = require "luv"

local M = {}

--- Returns the number of open descriptors.
function M.descriptors ()
  local n, request = 0, assert(uv.fs_scandir "/proc/self/fd")
  while uv.fs_scandir_next(request) do n = n + 1 end
  return n
end

--- Returns the resident memory in KiB.
function M.rss_kib ()
  return uv.resident_set_memory() / 1024
end

return M
