-- SPDX-License-Identifier: MIT
--- `predibase mock`.
-- @module predibase.cli.mock

local failures = require "predibase.cli.failures"

local M = {}

--- Runs the stand-in server until it is ended.
-- @tparam table arguments of the command line
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] table|string what is wrong
function M.run(arguments)
  if not pcall(require, "luv") then
    failures.usage("the stand-in server needs luv, which this Lua does not find",
      "Debian: apt-get install lua-luv; elsewhere: luarocks install luv")
  end
  return require("predibase.mock").run { port = arguments.port }
end

return M
