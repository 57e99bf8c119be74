-- SPDX-License-Identifier: MIT
--- What specs have to know about the libcurl that runs them.

local M = {}

--- Whether connections are used again. Before 7.80 they are not, and libcurl may connect, send and
-- receive in one step, so that an answer is there before a test looks at the call.
M.KEEPS_CONNECTIONS = require "predibase.curl".library().number >= 0x075000

return M
