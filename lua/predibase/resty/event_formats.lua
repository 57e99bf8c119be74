-- SPDX-License-Identifier: MIT
--- The formats of a stream that is relayed to a browser, chosen by the option `format`.
--
-- Each format has `type`, its media type, and the functions `token(text)` and `done(result)`, which
-- return bytes. A format that can express them also has `comment` (bytes that the browser ignores)
-- and `failed(public)`.
--
-- An `EventSource` sends its request again whenever a response ends, with the id of the last event.
-- So the last event, and no other, has an id, by which the relay recognizes such a request.
-- @module predibase.resty.event_formats

local answer = require "predibase.resty.answer"
local json = require "predibase.json"

local M = {}

--- The id of the last event.
M.LAST_ID = "done"

local LAST = "id: " .. M.LAST_ID .. "\n"

--- Server-Sent Events (WHATWG HTML, section 9.2).
M.sse = {
  type = "text/event-stream",
  comment = ": keep-alive\n\n",
}

--- Encodes a piece of text.
-- @tparam string text
-- @treturn string
function M.sse.token (text)
  return 'data: {"text":' .. json.text(text) .. "}\n\n"
end

--- Encodes the end of a stream.
-- @tparam table result see `predibase.response`
-- @treturn string
function M.sse.done (result)
  local list = {}
  local details, usage = result.details, result.usage
  if details then list[1] = { "finish_reason", details.finish_reason } end
  if usage then list[#list + 1] = { "usage", usage } end
  return LAST .. "event: done\ndata: " .. json.encode(json.object(list)) .. "\n\n"
end

--- Encodes the failure of a stream. The event is not named "error", because an `EventSource` uses
-- that name for its own errors.
-- @tparam table public see `predibase.resty.answer`
-- @treturn string
function M.sse.failed (public)
  return LAST .. "event: failed\ndata: " .. answer.encode(public) .. "\n\n"
end

--- The plain text. This format cannot express that a stream failed.
M.text = {
  type = "text/plain; charset=utf-8",
}

--- Encodes a piece of text.
-- @tparam string text
-- @treturn string
function M.text.token (text)
  return text
end

--- Encodes the end of a stream, for which there are no bytes.
-- @treturn string the empty string
function M.text.done ()
  return ""
end

return M
