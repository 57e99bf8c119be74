---@meta predibase.mock.faults
-- SPDX-License-Identifier: MIT
-- Made from lua/predibase/mock/faults.lua by `make types`; do not edit.

---Scripted answers and faults. Times are in seconds.
---@class predibase.fields.MockFaults
---@field delay? number between tokens
---@field first_delay? number before the first token
---@field head_delay? number before the head of the answer
---@field error_after? number after so many tokens: an error event, or a response that is the error
---@field error? string its text
---@field error_type? string its type
---@field cut_after? number after so many tokens: FIN, in the middle of the answer
---@field reset_after? number after so many tokens: RST
---@field batch_error_after? number after so many tokens: the error for every request in progress
---@field crash_after? number after so many tokens: the server closes all connections and its socket
---@field silent_after? number after so many tokens: only comments are sent
---@field keepalive_interval? number between comments while nothing is sent; 0 sends none
---@field final? boolean `false`: the stream ends without its closing event
---@field done? boolean whether `[DONE]` follows (default: after a closing event only)
---@field hold? number after the closing event: keep the body open for this time
---@field overload? number the first so many requests with this script are refused as overloaded
---@field status? number answer with this status instead
---@field body? string and this body
---@field content_type? string and this content type
---@field headers? table<string, string> further headers of any answer
---@field raw? string|table bytes, or an array of actions, instead of any answer
---@field slice? number write the answer in slices of so many bytes
---@field answer? string|string[] the text to generate, or its tokens
---@field reasoning? string|string[] with `server = "openai"`: what comes before the answer
---@field tool_calls? table[] with `server = "openai"`: array of `{ name, arguments, id }`
---@field when? string this script is only for requests whose body contains the text
---@field embedding? table the vector to answer with
---@field entities? table the entities to answer with
---@field close? boolean end the connection after the answer

---Scripted answers and faults. Times are in seconds.
---@class predibase.MockFaults : predibase.fields.MockFaults, predibase.Known<predibase.fields.MockFaults>
---@field delay? number between tokens

---Scripted answers and faults: their names, their checks, and how a path spells them.
---An example of a path: `/~delay=0.05;error_after=3/generate_stream`. Values are percent-decoded.
---@class predibase.mock.faults
---@field kinds table Every fault and what it does. `n` counts tokens, times are seconds.
local M = {}

---Describes what is wrong with the values of some faults; nil when nothing is.
---@param faults table name -> value; the names must exist
---@return string?
function M.complaint(faults) end

---Checks faults. Raises an error for a wrong value and for an unknown name, with the nearest
---existing one.
---@param faults table
---@return table # the faults
function M.check(faults) end

---Checks a script: a table of faults, or an array of them. Those with `when` are for the requests
---whose body contains that text; of the others there is one for each request in turn (the last one
---stays).
---@param script table
---@return table # array
function M.check_script(script) end

---Parses the faults of a path segment.
---@param segment string without the `~`
---@return table?
---@return string? # what is wrong
---@return_overload table
---@return_overload nil, string
function M.parse(segment) end

return M
