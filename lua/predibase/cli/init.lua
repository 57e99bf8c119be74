-- SPDX-License-Identifier: MIT
--- The `predibase` command: reads the arguments, runs one command, tells how it ended.
-- Only what is in `predibase.cli` may print; exit codes are those of `predibase.errors`.
-- @module predibase.cli

local failures = require "predibase.cli.failures"
local output = require "predibase.cli.output"
local parser = require "predibase.cli.parser"

local M = {}

local commands = {
  generate = function(arguments) return require("predibase.cli.generate").run(arguments) end,
  chat = function(arguments) return require("predibase.cli.chat").run(arguments) end,
  mock = function(arguments) return require("predibase.cli.mock").run(arguments) end,
  show = function(arguments)
    output.new { terminal = false }:write(arguments.text)
    return 0
  end,
}

--- Takes the numbers of standard descriptors that the program was started without, before a socket
-- gets one: what is printed would go to the server. Reading is allowed only, so printing fails.
local function occupy()
  local files = {}
  for i = 1, 3 do files[i] = io.open "/dev/null" end
  return files
end

--- Runs the command.
-- A command returns its exit code, or fails: it returns `nil, err` or raises an error of
-- `predibase.errors` or `predibase.cli.failures`. Ctrl-C arrives as an error with
-- the text "interrupted!", which the `lua` program raises from its signal handler.
-- @tparam table argv the arguments, as in the global `arg`
-- @treturn integer exit code
function M.main(argv)
  M.occupied = M.occupied or occupy()
  local arguments
  local ok, code, err = pcall(function()
    arguments = parser.parse(argv)
    return commands[arguments.command](arguments)
  end)
  if ok and code then return code end
  return failures.report(ok and err or code, arguments and arguments.command)
end

return M
