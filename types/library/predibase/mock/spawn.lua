---@meta predibase.mock.spawn
-- SPDX-License-Identifier: MIT
-- Made from lua/predibase/mock/spawn.lua by `make types`; do not edit.

---The options of a stand-in server in a process of its own.
---@class predibase.fields.MockSpawnOptions : predibase.fields.MockOptions
---@field interpreter? string the program that runs it (default: the one that runs this program)

---The options of a stand-in server in a process of its own.
---@class predibase.MockSpawnOptions : predibase.fields.MockSpawnOptions, predibase.Known<predibase.fields.MockSpawnOptions>
---@field interpreter? string the program that runs it (default: the one that runs this program)

---A stand-in server in a process of its own.
---@class predibase.MockHandle
---@field url string where it listens
---@field host string the address
---@field port integer the port
---@field pid integer of the process
local MockHandle = {}

---Sets what happens to requests for a path, see `Server:script`.
---@param path string
---@param script? predibase.MockFaults|predibase.MockFaults[]
function MockHandle:script(path, script) end

---Returns the requests, see `Server:log`. Each is added when its head has arrived; `complete` is
---set when it is over.
---@return predibase.MockRequest[]
function MockHandle:log() end

---Returns errors in the server itself. There are none unless the server has a bug.
---@return string[]
function MockHandle:failures() end

---Counts connections and requests.
---@return predibase.MockConnections # `accepted` and `open` connections, `active` requests
function MockHandle:connections() end

---Waits until something is true. The condition is checked about fifty times per second.
---@param condition fun(server: predibase.MockHandle): any is called with this handle
---@param seconds? number
---@return any # what the condition returned, or false when the time is up
function MockHandle:wait(condition, seconds) end

---Ends the server and waits for its process. May be called again.
---@return (number|string)? # exit code, or the signal that ended it
function MockHandle:close() end

---Runs a stand-in server in a process of its own, for tests whose client blocks.
---The parent writes one JSON object per line to the child's standard input, such as
---`{"id":1,"command":"log"}`. The child answers on its standard output, with `{"id":1,"result":…}`
---or `{"id":1,"error":"…"}`. It ends when its standard input does, so that it cannot outlive the
---program that started it.
---@class predibase.mock.spawn
local M = {}

---Starts a server as a child process. Raises an error when luv is missing or an option is wrong.
---@param options? predibase.MockSpawnOptions see `predibase.mock.spawn`
---@return predibase.MockHandle? # with `url`, `host`, `port` and `pid`
---@return string? # why it could not be started
---@return_overload predibase.MockHandle
---@return_overload nil, string
function M.new(options) end

---Serves as the child process: until standard input ends, or the server has reached its limits.
---@return number # exit code
function M.child() end

return M
