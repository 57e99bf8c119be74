-- SPDX-License-Identifier: MIT
-- Makes the bodies of answers, and knows what they mean.
--
-- Every token's text contains its number and a random tag, so that no two tokens are the same, and
-- a token that was doubled, lost or moved is recognised by its text alone.

local M = {}

-- Pieces of text as JSON writes them, and what they mean.
local EXTRAS = {
  { "\\n", "\n" }, { '\\"', '"' }, { "\\\\", "\\" }, { "\\u00e9", "é" }, { "é", "é" },
  { "\\ud83d\\ude00", "😀" }, { "😀", "😀" }, { "\\/", "/" }, { "data: ", "data: " },
  { "<|x|>", "<|x|>" }, { "\\t:", "\t:" }, { "0\\r\\n\\r\\n", "0\r\n\r\n" },
}

local function chance (rng, n)
  return rng:int(1, n) == 1
end

--- Returns the text of a token: as in JSON, and decoded.
local function token_text (rng, i)
  local json = ("%d:%x "):format(i, rng:int(0, 0xffffff))
  local text = json
  while chance(rng, 4) do
    local extra = rng:pick(EXTRAS)
    json, text = json .. extra[1], text .. extra[2]
  end
  return json, text
end

local function texts_of (rng, n)
  local jsons, texts = {}, {}
  for i = 1, n do jsons[i], texts[i] = token_text(rng, i) end
  return jsons, texts
end

local function count (rng)
  if chance(rng, 40) then return rng:int(60, 300) end
  return rng:int(1, 9)
end

-- Event streams.

local Events = {}
Events.__index = Events

local FILLERS = { ":", ": ping", "id: 7", "id", "event", "retry: 10", "unknown: x", "data2: y",
  "dat: z", ":data: {}" }

--- Returns an object that writes events in one of the ways that the format allows.
local function events_of (rng)
  return setmetatable({ rng = rng, parts = {}, size = 0, ends = {},
    eol = rng:pick { "\n", "\n", "\n", "\r\n", "\r" },
    before = rng:pick { "data: ", "data: ", "data:" },
    busy = chance(rng, 3) }, Events)
end

function Events:write (bytes)
  self.parts[#self.parts + 1] = bytes
  self.size = self.size + #bytes
end

function Events:line (text)
  self:write(text .. self.eol)
end

function Events:fill ()
  while self.busy and chance(self.rng, 3) do
    self:line(self.rng:pick(FILLERS))
    if chance(self.rng, 3) then self:line "" end
  end
end

--- Writes an event whose data are the given pieces. Between these, and so never inside a JSON
-- string, the data may go on in a new line.
-- @treturn number the size when the data were complete
function Events:event (...)
  self:fill()
  local line = self.before
  for i, piece in ipairs { ... } do
    if i > 1 and self.busy and chance(self.rng, 4) then
      self:line(line)
      line = self.before
    end
    line = line .. piece
  end
  self:write(line)
  local complete = self.size
  self:write(self.eol)
  if self.busy and chance(self.rng, 4) then self:line(self.rng:pick(FILLERS)) end
  self:line ""
  self.ends[#self.ends + 1] = self.size
  return complete
end

local function finish_events (events, answer)
  answer.body = table.concat(events.parts)
  answer.ends = events.ends
  answer.type = "text/event-stream"
  return answer
end

local function begin_events (rng)
  local events = events_of(rng)
  if chance(rng, 12) then events:write "\239\187\191" end
  return events
end

local function generate_stream (rng)
  local n = count(rng)
  local jsons, texts = texts_of(rng, n)
  local events = begin_events(rng)
  local answer = { call = "generate_stream", texts = texts, whole = table.concat(texts) }
  for i = 1, n do
    local token = ('"token":{"id":%d,"text":"%s","logprob":-0.25,"special":false}'):format(i,
      jsons[i])
    if i < n then
      events:event("{", token, ',"generated_text":null,', '"details":null}')
    else
      answer.complete = events:event("{", token,
        ',"generated_text":"' .. table.concat(jsons) .. '",',
        '"details":{"finish_reason":"length","prompt_tokens":3,',
        ('"generated_tokens":%d,'):format(n), '"seed":null}}')
    end
  end
  return finish_events(events, answer)
end

local function chunk (events, delta, finish)
  return events:event('{"id":"a",', '"object":"chat.completion.chunk",',
    '"created":1,"model":"m","choices":[{"index":0,"delta":', delta, ',"finish_reason":',
    finish, "}]}")
end

local function chat_stream (rng)
  local n = count(rng)
  local jsons, texts = texts_of(rng, n)
  local events = begin_events(rng)
  local answer = { call = "chat_completion_stream", texts = texts, whole = table.concat(texts) }
  for i = 1, n do
    chunk(events, '{"role":"assistant","content":"' .. jsons[i] .. '"}', "null")
  end
  answer.complete = chunk(events, "{}", '"stop"')
  events:event "[DONE]"
  return finish_events(events, answer)
end

-- Whole answers.

local function blank (rng)
  return chance(rng, 4) and rng:pick { " ", "\n", "\r\n  ", "\t" } or ""
end

local function whole (answer, rng, json)
  local before = blank(rng)
  answer.body = before .. json .. blank(rng)
  answer.complete = #before + #json
  answer.type = "application/json"
  answer.ends = {}
  return answer
end

local function generate (rng)
  local jsons, texts = texts_of(rng, count(rng))
  return whole({ call = "generate", texts = {}, whole = table.concat(texts) }, rng,
    ('{"generated_text":"%s",%s"details":{"finish_reason":"length","prompt_tokens":3,'
      .. '"generated_tokens":%d,"seed":null,"prefill":[],"tokens":[]}}'):format(
      table.concat(jsons), blank(rng), #texts))
end

local function chat (rng)
  local jsons, texts = texts_of(rng, count(rng))
  return whole({ call = "chat_completion", texts = {}, whole = table.concat(texts) }, rng,
    ('{"id":"a","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,'
      .. '"message":{"role":"assistant","content":"%s"},"finish_reason":"stop"}],"usage":{'
      .. '"prompt_tokens":3,"total_tokens":4,"completion_tokens":1}}'):format(
      table.concat(jsons)))
end

local KINDS = { generate_stream, generate_stream, generate_stream, generate_stream, chat_stream,
  chat_stream, generate, generate, chat }

--- Makes a complete, valid answer.
-- @tparam table rng see `spec.support.random`
-- @treturn table `call` (the client's method), `body`, `type`, `texts` (of all tokens, none for a
-- whole answer), `whole` (the text of the result), `complete` (after so many bytes of the body all
-- data are there), `ends` (of the events, in bytes of the body)
function M.make (rng)
  return rng:pick(KINDS)(rng)
end

return M
