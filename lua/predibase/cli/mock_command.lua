-- SPDX-License-Identifier: MIT
--- Runs `predibase mock`.
-- @module predibase.cli.mock_command

local failures = require "predibase.cli.failures"
local mock = require "predibase.mock"

local M = {}

local OPTIONS = { "server", "classify", "host", "port", "delay", "seed", "max_seconds",
  "max_requests", "fault_rate", "quiet" }

--- Runs the stand-in server until it is ended.
-- The bearer token that clients must send can only come from the environment.
-- @tparam table arguments of the command line
-- @treturn integer exit code
function M.run (arguments)
  if not pcall(require, "luv") then
    failures.usage("the stand-in server needs luv, which is not installed for this Lua",
      "Debian: apt-get install lua-luv; elsewhere: luarocks install luv")
  end
  local options = {}
  for _, name in ipairs(OPTIONS) do options[name] = arguments[name] end
  local token = os.getenv "PREDIBASE_MOCK_TOKEN"
  if token and token ~= "" then options.token = token end
  local checked, message = mock.check(options)
  if not checked then failures.usage(message, "see predibase mock --help") end
  return mock.run(options)
end

return M
