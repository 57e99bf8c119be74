---@meta predibase.chat.run_stream
-- SPDX-License-Identifier: MIT
-- Made from lua/predibase/chat/run_stream.lua by `make types`; do not edit.

---@class predibase.RunStream
---@overload fun(): predibase.Delta?
local RunStream = {}

---Waits for the next delta and returns it. Between two answers it waits for the tools.
---@return predibase.Delta? # the delta; or nil at the end
---@return predibase.Error # the error; every later call returns it again
---@return_overload predibase.Delta
---@return_overload nil
---@return_overload nil, predibase.Error
function RunStream:next() end

---Returns the next delta if it has arrived; never waits. Tools that wait go on while the program
---calls this function, or its loop runs.
---@return predibase.Delta? # the delta; or nil at the end
---@return ("pending"|predibase.Error)? # "pending", or the error
---@return_overload predibase.Delta
---@return_overload nil
---@return_overload nil, "pending"|predibase.Error
function RunStream:poll() end

---Iterates over pieces of text as a terminal or a page can show them, see `stream:texts`.
---@return (fun(): string)? # the iterator (with the further values that the generic `for` of 5.4 takes)
function RunStream:texts() end

---Reads the stream to its end and returns the text of the last answer.
---@return string?
---@return predibase.Error # the error
---@return_overload string
---@return_overload nil, predibase.Error
function RunStream:text() end

---Returns what `session:run` would have returned, once the stream has ended.
---
---Raises an error when the stream has not ended yet.
---@return predibase.SessionResult? # the result of the last answer
---@return predibase.Error # the error
---@return_overload predibase.SessionResult
---@return_overload nil, predibase.Error
function RunStream:result() end

---Closes the connection, and ends the tools that run. May be called at any time and any number of
---times.
function RunStream:close() end

---The stream of `session:run_stream`: the deltas of all answers, with the tools run between them.
---
---A delta has `text`, and where they come `reasoning`, `tool_calls`, `finish_reason` and
---`raw_finish_reason`. The delta with `tool_calls` is the last one before the tools run.
---@class predibase.chat.run_stream
local M = {}

---Tells whether a value is a stream of this module.
---@param value any anything
---@return TypeGuard<predibase.RunStream>
function M.is(value) end

---Makes a stream.
---@param client table
---@param rounds table of `predibase.chat.rounds`
---@return predibase.RunStream
function M.new(client, rounds) end

return M
