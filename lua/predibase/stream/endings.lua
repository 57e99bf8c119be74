-- SPDX-License-Identifier: MIT
--- The failures with which a stream ends that did not come to its closing event.
-- @module predibase.stream.endings

local M = {}

--- The program closed the stream.
M.CANCELLED = { kind = "cancelled", phase = "closed", message = "the stream was closed" }

--- The body ended without a closing event.
M.CUT = {
  kind = "incomplete_generation", phase = "body",
  message = "the stream ended before the model had finished",
}

--- Ctrl-C, or a limit of the host program, came at the wrong moment.
M.INTERRUPTED = {
  kind = "cancelled", phase = "interrupted", retryable = false,
  message = "an error was raised while the stream changed its state (Ctrl-C, or a limit of the "
    .. "host program), so the stream cannot go on",
}

--- Makes the failure of a stream that is too large: a server that ignores `max_new_tokens` would
-- fill the memory.
-- @tparam string what is too large
-- @tparam integer limit in bytes
-- @treturn table
function M.too_large (what, limit)
  return { kind = "too_large", phase = "body", message =
    ("the %s of the stream is larger than max_response_bytes (%d bytes)"):format(what, limit) }
end

--- Replaces the message of the failure when the server ended the stream too early, so that all
-- transports report it in the same words.
-- @tparam table failure
-- @tparam table call its `waited` returns the seconds since the attempt began
-- @tparam integer count number of tokens so far
-- @treturn table the failure, or one with another message
function M.explain (failure, call, count)
  local cut = failure.kind == "connection" and failure.phase == "body"
  if not cut and failure.kind ~= M.CUT.kind then return failure end
  local message = ("the server, or a gateway in front of it, ended the stream after %.1f s and %d "
    .. "token%s, before the model had finished; a time limit of the gateway or a restart may be "
    .. "the reason"):format(call:waited(), count, count == 1 and "" or "s")
  return setmetatable({ message = message }, { __index = failure })
end

return M
