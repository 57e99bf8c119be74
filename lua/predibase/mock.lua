-- SPDX-License-Identifier: MIT
--- A LoRAX server for first steps and for tests. It needs the library luv.
-- It speaks LoRAX's protocol, generates text without a language model, and fails on demand.
--
--    local mock = require "predibase.mock"
--    local server = mock.spawn { script = { ["/generate"] = { overload = 1 } } }
--    local client = predibase.new { base_url = server.url }
--    …
--    server:close()
--
-- Faults can also be part of the URL: `base_url = server.url .. "/~cut_after=3"`. They are listed
-- in `predibase.mock.faults`, the options in `predibase.mock.server`.
-- @module predibase.mock

local M = {}

--- Starts a server in this process, on luv's default loop: it works while `luv.run` does.
-- Raises an error when luv is missing or an option is wrong.
-- @tparam ?MockOptions options see `predibase.mock.server`
-- @treturn[1] MockServer `url`, `host`, `port`, `:script(path, faults)`, `:log()`,
-- `:connections()`, `:close()`
-- @treturn[2] nil
-- @treturn[2] string why the address cannot be used
function M.listen (options)
  local server = require "predibase.mock.server"
  return server.new(server.check(options))
end

--- Starts a server as a child process, which ends when this program does.
-- Raises an error when luv is missing or an option is wrong.
-- @tparam ?MockSpawnOptions options see `predibase.mock.server`, and `interpreter`, the program
-- that runs the child (default: the one that runs this program); `max_seconds` is 600 unless given
-- @treturn[1] MockHandle `url`, `host`, `port`, `pid`, the methods of a server, `:wait(condition,
--   seconds)` and `:failures()`
-- @treturn[2] nil
-- @treturn[2] string why it could not be started
function M.spawn (options)
  return require "predibase.mock.spawn".new(options)
end

--- Checks the options of `run`.
-- @tparam[opt] table options
-- @treturn[1] table checked options
-- @treturn[2] nil
-- @treturn[2] string what is wrong
function M.check (options)
  return require "predibase.mock.foreground".check(options)
end

--- Serves in the foreground, see `predibase.mock.foreground`.
-- @tparam[opt] table options
-- @treturn number exit code
function M.run (options)
  return require "predibase.mock.foreground".run(options)
end

--- Serves in the foreground with the options of a command line.
-- @tparam table arguments array of strings
-- @treturn number exit code
function M.main (arguments)
  return require "predibase.mock.foreground".main(arguments)
end

return M
