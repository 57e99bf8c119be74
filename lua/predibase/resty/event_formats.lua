-- SPDX-License-Identifier: MIT
--- What a relayed stream looks like on its way to the browser, by the option `format`.
--
-- Each has `type`, its media type; `token(text)` and `done(result)`, which give bytes; and, where
-- there is a way to say it, `comment` (bytes that mean nothing) and `failed(public)`.
--
-- An `EventSource` asks again when a body has ended, whatever its events said, and with the id of
-- the last event. So the last event, and no other, has an id, by which the relay knows such a
-- request.
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

--- A piece of text.
-- @tparam string text
-- @treturn string
function M.sse.token(text)
  return 'data: {"text":' .. json.text(text) .. "}\n\n"
end

--- The end.
-- @tparam table result see `predibase.response`
-- @treturn string
function M.sse.done(result)
  local list = {}
  local details, usage = result.details, result.usage
  if details then list[1] = { "finish_reason", details.finish_reason } end
  if usage then list[#list + 1] = { "usage", usage } end
  return LAST .. "event: done\ndata: " .. json.encode(json.object(list)) .. "\n\n"
end

--- The end when it broke off. An event named "error" would be taken for one of the browser's own.
-- @tparam table public see `predibase.resty.answer`
-- @treturn string
function M.sse.failed(public)
  return LAST .. "event: failed\ndata: " .. answer.encode(public) .. "\n\n"
end

--- The text alone. Nothing in it can say that it broke off.
M.text = {
  type = "text/plain; charset=utf-8",
}

--- A piece of text.
-- @tparam string text
-- @treturn string
function M.text.token(text)
  return text
end

--- The end.
-- @treturn string nothing
function M.text.done()
  return ""
end

return M
