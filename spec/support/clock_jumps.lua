-- SPDX-License-Identifier: MIT
-- The server of spec/support/clock_program.lua, and the library that makes the wall clock jump.

local expect = require "spec.support.clock_program".expect
local faults = require "spec.support.faults"
local preload = require "spec.support.preload"
local stand_in = require "spec.support.server"
local wire = require "spec.support.wire"

local M = {}

--- Compiles the library.
-- @tparam string folder for it
-- @treturn string LD_PRELOAD of a process
function M.library (folder)
  return preload.library("jumping_clock", folder)
end

--- A stream with a pause before each token, or only three tokens.
local function stream (tokens)
  local actions = { { send = faults.head("stream", faults.CHUNKED) } }
  for _ = 1, tokens do
    actions[#actions + 1] = { send = faults.chunk(wire.token " a") }
    actions[#actions + 1] = { sleep = expect.pause }
  end
  return actions
end

local SCRIPTS = {
  stream = function ()
    local actions = stream(expect.tokens - 1)
    actions[#actions + 1] = { send = faults.chunk(wire.closing(".", " a.")) .. faults.LAST_CHUNK }
    return { ["/generate_stream"] = { raw = actions } }
  end,
  timeouts = function ()
    local actions = stream(3)
    actions[#actions + 1] = { hold = true }
    return { ["/generate_stream"] = { raw = actions } }
  end,
  wait = function ()
    return { ["/generate"] = {
      { raw = { { send = faults.status("429 Too Many Requests", "slow down",
        "retry-after: " .. expect.wait) } } },
      { raw = { { send = faults.sized "generate" } } } } }
  end,
}

--- Starts the server of a program.
-- @tparam string program its name
-- @treturn table
function M.serve (program)
  return stand_in.spawn { script = SCRIPTS[program]() }
end

return M
