-- SPDX-License-Identifier: MIT
--- A LoRAX server to start with and to test against.
-- It speaks the protocol, writes text of its own, and fails on demand. It needs the library luv.
--
--    local mock = require "predibase.mock"
--    local server = mock.spawn { script = { ["/generate"] = { overload = 1 } } }
--    local client = predibase.new { base_url = server.url }
--    …
--    server:close()
--
-- Faults can also be part of the URL: `base_url = server.url .. "/~cut_after=3"`. Their names are
-- in `predibase.mock.faults`, the options in `predibase.mock.options`.
-- @module predibase.mock

local M = {}

--- Starts a server in this process, on luv's default loop: it works while `luv.run` does.
-- Raises an error when luv is missing or an option is wrong.
-- @tparam[opt] table options see `predibase.mock.options`
-- @treturn[1] Server `url`, `host`, `port`, `:script(path, faults)`, `:log()`, `:connections()`,
--   `:close()`
-- @treturn[2] nil
-- @treturn[2] string why the address cannot be used
function M.listen(options)
  local checked = require "predibase.mock.options".check(options, nil, 2)
  return require "predibase.mock.server".new(checked)
end

--- Starts a server as a child process, which ends when this program does.
-- @tparam[opt] table options see `predibase.mock.options`
-- @treturn[1] Handle `url`, `host`, `port`, `pid`, and the methods of a server, `:wait(condition,
--   seconds)` and `:failures()`
-- @treturn[2] nil
-- @treturn[2] string why it could not be started
function M.spawn(options)
  local handle, message = require "predibase.mock.spawn".new(options)
  return handle, message      -- not a tail call: errors blame the caller of this function
end

--- Serves in the foreground, see `predibase.mock.command`.
-- @tparam[opt] table options
-- @treturn number exit code
function M.run(options)
  return require "predibase.mock.command".run(options)
end

--- The same from command line arguments.
-- @tparam table arguments array of strings
-- @treturn number exit code
function M.main(arguments)
  return require "predibase.mock.command".main(arguments)
end

return M
