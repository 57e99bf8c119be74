---@meta predibase.mock
-- SPDX-License-Identifier: MIT
-- Made from lua/predibase/mock.lua by `make types`; do not edit.

---A LoRAX server for first steps and for tests. It needs the library luv.
---It speaks LoRAX's protocol, generates text without a language model, and fails on demand.
---
---   local mock = require "predibase.mock"
---   local server = mock.spawn { script = { ["/generate"] = { overload = 1 } } }
---   local client = predibase.new { base_url = server.url }
---   …
---   server:close()
---
---Faults can also be part of the URL: `base_url = server.url .. "/~cut_after=3"`. They are listed
---in `predibase.mock.faults`, the options in `predibase.mock.server`.
---@class predibase.mock
local M = {}

---Starts a server in this process, on luv's default loop: it works while `luv.run` does.
---Raises an error when luv is missing or an option is wrong.
---@param options? predibase.MockOptions see `predibase.mock.server`
---@return predibase.MockServer? # `url`, `host`, `port`, `:script(path, faults)`, `:log()`, `:connections()`, `:close()`
---@return string? # why the address cannot be used
---@return_overload predibase.MockServer
---@return_overload nil, string
function M.listen(options) end

---Starts a server as a child process, which ends when this program does.
---Raises an error when luv is missing or an option is wrong.
---@param options? predibase.MockSpawnOptions see `predibase.mock.server`, and `interpreter`, the program that runs the child (default: the one that runs this program); `max_seconds` is 600 unless given
---@return predibase.MockHandle? # `url`, `host`, `port`, `pid`, the methods of a server, `:wait(condition, seconds)` and `:failures()`
---@return string? # why it could not be started
---@return_overload predibase.MockHandle
---@return_overload nil, string
function M.spawn(options) end

---Checks the options of `run`.
---@param options? table
---@return table? # checked options
---@return string? # what is wrong
---@return_overload table
---@return_overload nil, string
function M.check(options) end

---Serves in the foreground, see `predibase.mock.foreground`.
---@param options? table
---@return number # exit code
function M.run(options) end

---Serves in the foreground with the options of a command line.
---@param arguments table array of strings
---@return number # exit code
function M.main(arguments) end

return M
