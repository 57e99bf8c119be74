-- SPDX-License-Identifier: MIT
--- The program `predibase`: parses the arguments, runs a command and returns its exit code.
-- Only the modules of `predibase.cli` print; exit codes are those of `predibase.errors`.
-- @module predibase.cli

local host = require "predibase.host"
local lazy = require "predibase.lazy"
local command_line = require "predibase.cli.command_line"
local failures = lazy "predibase.cli.failures"
local output = lazy "predibase.cli.output"
local paths = require "predibase.paths"
local requirements = require "predibase.requirements"

local M = {}

local commands = {
  generate = function (arguments)
    return require("predibase.cli.generate_command").run(arguments)
  end,
  chat = function (arguments) return require("predibase.cli.chat_command").run(arguments) end,
  batch = function (arguments) return require("predibase.cli.batch_command").run(arguments) end,
  ["batch-merge"] = function (arguments)
    return require("predibase.cli.batch_command").merge(arguments)
  end,
  embed = function (arguments)
    return require("predibase.cli.text_commands").embed(arguments)
  end,
  classify = function (arguments)
    return require("predibase.cli.text_commands").classify(arguments)
  end,
  tokenize = function (arguments)
    return require("predibase.cli.text_commands").tokenize(arguments)
  end,
  info = function (arguments)
    return require("predibase.cli.server_commands").info(arguments)
  end,
  health = function (arguments)
    return require("predibase.cli.server_commands").health(arguments)
  end,
  metrics = function (arguments)
    return require("predibase.cli.server_commands").metrics(arguments)
  end,
  request = function (arguments)
    return require("predibase.cli.server_commands").request(arguments)
  end,
  doctor = function (arguments) return require("predibase.cli.doctor_command").run(arguments) end,
  mock = function (arguments) return require("predibase.cli.mock_command").run(arguments) end,
  show = function (arguments)
    output.new { terminal = false }:write(arguments.text)
    return 0
  end,
}

-- Occupies standard descriptors that are closed. Otherwise a socket could get their numbers, and
-- what is printed would be sent to the server. The files are opened for reading, so that printing
-- fails.
local function occupy ()
  local files = {}
  for i = 1, 3 do files[i] = io.open(paths.null_device) end
  return files
end

-- Stops the collector while modules are loaded, of which there is nothing to collect. The program
-- `lua` of Lua 5.4 collects in generations, and would collect everything when it goes on.
local function pause_collector ()
  collectgarbage "stop"
  pcall(collectgarbage, "incremental")  -- Lua before 5.4 has no other way
end

--- Runs the command.
-- A command returns its exit code. When it fails it returns `nil, err`, or raises an error of
-- `predibase.errors` or `predibase.cli.failures`. Ctrl-C is an error with the text "interrupted!",
-- which the `lua` program raises in its signal handler.
-- @tparam table argv the arguments, as in the global `arg`
-- @treturn integer exit code
-- @raise the message of `predibase.requirements` when something that it needs is missing
function M.main (argv)
  M.occupied = M.occupied or occupy()
  if argv[1] == "generate" then
    host.make_one_call()
    pause_collector()
  end
  local arguments
  local ok, code, err = pcall(function ()
    arguments = command_line.parse(argv)
    requirements.check(false, arguments.command == "generate")
    return commands[arguments.command](arguments)
  end)
  if ok and code then return code end
  if type(code) == "string" and code:find "^predibase needs" then error(code, 0) end
  return failures.report(ok and err or code, arguments and arguments.command)
end

return M
