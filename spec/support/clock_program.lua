-- SPDX-License-Identifier: MIT
-- What runs in a process whose wall clock jumps (jumping_clock.c): a table of programs, which print
-- "true" if all is well. The server is at URL.

local faults = require "spec.support.faults"
local uv = require "luv"

local M = {}

-- No test fails because the machine is slow; what takes this long has waited for the wrong clock.
local FAR = 60

local function seconds ()
  return uv.hrtime() / 1e9
end

--- Runs a call and returns what it found, and how long it took.
local function timed (way, options)
  local client = faults.client(os.getenv "URL")
  local began = seconds()
  local found = faults.call(client, way, options)
  local took = seconds() - began
  faults.check_idle(client)
  client:close()
  return found, took
end

--- Tells whether the wall clock really jumps.
local function jumps ()
  local from, to = math.huge, -math.huge
  local ends = seconds() + 0.2
  while seconds() < ends do
    local time = uv.gettimeofday()
    from, to = math.min(from, time), math.max(to, time)
  end
  return to - from > 86400
end

local STREAM = { method = "stream", read = "next" }

M.expect = { tokens = 40, pause = 0.02, wait = 0.4 }

function M.stream ()
  local found, took = timed(STREAM, { timeout = { first_token = FAR, token = FAR, idle = FAR,
    total = 2 * FAR } })
  assert(not found.err, tostring(found.err))
  assert(#found.tokens == M.expect.tokens, #found.tokens)
  local total, first = found.result.timing.total, found.result.timing.first_token
  local least = (M.expect.tokens - 1) * M.expect.pause
  assert(total >= least and total <= took + 0.1, total)
  assert(first >= 0 and first <= total, first)
end

function M.timeouts ()
  for phase, timeout in pairs {
    token = { first_token = FAR, token = 0.5, idle = FAR },
    idle = { first_token = FAR, token = FAR, idle = 0.5 },
    total = { first_token = FAR, token = FAR, idle = FAR, total = 0.5 },
  } do
    local found, took = timed(STREAM, { timeout = timeout })
    assert(found.err and found.err.kind == "timeout" and found.err.phase == phase,
      tostring(found.err))
    assert(took >= 0.5 - 0.01 and took < FAR, took)
  end
end

function M.wait ()
  local found, took = timed({ method = "generate" }, { max_retries = 1, timeout = FAR })
  assert(not found.err, tostring(found.err))
  assert(found.result.attempts == 2)
  assert(took >= M.expect.wait - 0.01 and took < FAR, took)
end

--- Runs one of the programs.
function M.run (name)
  assert(jumps(), "the wall clock does not jump")
  M[name]()
  io.write "true"
end

return M
