-- SPDX-License-Identifier: MIT
--- The formats of a stream that is relayed to a browser or another client, chosen by the option
-- `format`.
--
-- Each format has `new(options)`, which makes the encoder for one stream. An encoder has `type`,
-- its media type; `refuse(err, message)`, which answers when nothing was sent yet; and the methods
-- `token(text)`, `done(result)` and, if it can express them, `reasoning(text)`, `calls(list)` and
-- `failed(err, message)`, which return bytes. `comment` are bytes that the receiver ignores.
--
-- An `EventSource` sends its request again whenever a response ends, with the id of the last event.
-- So the last event, and no other, has an id, by which the relay recognizes such a request.
-- @module predibase.resty.event_formats

local answer = require "predibase.resty.answer"
local json = require "predibase.json"
local openai_answers = require "predibase.resty.openai_answers"

local M = {}

--- The id of the last event.
M.LAST_ID = "done"

local LAST = "id: " .. M.LAST_ID .. "\n"

local Sse = { type = "text/event-stream", comment = ": keep-alive\n\n", refuse = answer.refuse }
Sse.__index = Sse

--- Encodes a piece of text.
-- @tparam string text
-- @treturn string
function Sse:token (text) -- luacheck: ignore 212
  return 'data: {"text":' .. json.text(text) .. "}\n\n"
end

--- Encodes the end of a stream.
-- @tparam table result see `predibase.response`
-- @treturn string
function Sse:done (result) -- luacheck: ignore 212
  local list = {}
  local usage, reason = result.usage, result.raw_finish_reason
  if reason then list[1] = { "finish_reason", reason } end
  if usage then list[#list + 1] = { "usage", usage } end
  return LAST .. "event: done\ndata: " .. json.encode(json.object(list)) .. "\n\n"
end

--- Encodes the failure of a stream. The event is not named "error", because an `EventSource` uses
-- that name for its own errors.
-- @tparam table err an error of `predibase.errors`
-- @tparam ?function message see `predibase.resty.answer`
-- @treturn string
function Sse:failed (err, message) -- luacheck: ignore 212
  return LAST .. "event: failed\ndata: " .. answer.encode(answer.public(err, message)) .. "\n\n"
end

-- The plain text. This format cannot express that a stream failed.
local Text = { type = "text/plain; charset=utf-8", refuse = answer.refuse }
Text.__index = Text

--- Encodes a piece of text.
-- @tparam string text
-- @treturn string
function Text:token (text) -- luacheck: ignore 212
  return text
end

--- Encodes the end of a stream, for which there are no bytes.
-- @treturn string the empty string
function Text:done () -- luacheck: ignore 212
  return ""
end

local function shared (class)
  local encoder = setmetatable({}, class)
  return { new = function () return encoder end }
end

--- The formats by name: Server-Sent Events (WHATWG HTML, section 9.2), plain text, and the chunks
-- of OpenAI's chat completions and completions.
M.by_name = {
  sse = shared(Sse),
  text = shared(Text),
  openai = {
    of_openai = true,
    new = function (options) return openai_answers.chunks("chat", options) end,
  },
  openai_completion = {
    of_openai = true,
    new = function (options) return openai_answers.chunks("completion", options) end,
  },
}

return M
