-- SPDX-License-Identifier: MIT
--- The conversation: reads the character's answer frame by frame, and keeps the history. It neither
-- draws nor waits.
--
-- States: "listening" (the player may speak), "thinking" (a question was sent and no text has
-- arrived), "speaking", and "failed", in which the player may also speak.

local reply = require "reply"
local typewriter = require "typewriter"

local M = {}

--- The most tokens that one frame processes. After a stall of the network, hundreds may arrive at
-- once, which would take too long for one frame.
local TOKENS_PER_FRAME = 32

--- The most turns that are kept: more than fit into any prompt.
local TURNS = 50

local Dialogue = {}
Dialogue.__index = Dialogue

--- Returns the text of the character's answer as far as it has arrived.
function Dialogue:known ()
  return self.letters.text
end

--- Returns how many bytes of the answer are shown. They end with a complete character.
function Dialogue:shown ()
  return self.letters.shown
end

--- Returns whether an answer is in progress.
function Dialogue:busy ()
  return self.state == "thinking" or self.state == "speaking"
end

--- Sends a question to the character; returns false while it answers.
function Dialogue:say (text)
  if self:busy() then return false end
  self.asked, self.heard, self.failure = text, "", nil
  self.letters:set ""
  self.state = "thinking"
  self.stream = self.ask(self.turns, text)
  return true
end

local function close_stream (self)
  local stream = self.stream
  self.stream = nil
  if stream then stream:close() end
end

--- Adds the turn to the conversation. Not called for failed turns.
local function remember (self, answer)
  if answer ~= "" then
    self.turns[#self.turns + 1] = { player = self.asked, character = answer }
    if #self.turns > TURNS then table.remove(self.turns, 1) end
  end
end

--- Ends the turn with an error.
function Dialogue:fail (err)
  close_stream(self)
  self.state, self.failure = "failed", err
end

--- Ends the answer early: closes the connection, which stops the model.
function Dialogue:cancel ()
  if not self:busy() then return false end
  close_stream(self)
  self.letters:stop()
  remember(self, self.letters.text)
  self.state = "listening"
  return true
end

--- Shows all text that has arrived at once.
function Dialogue:hurry ()
  self.letters:finish()
end

local function hear (self, ended)
  local text = reply.sayable(self.heard, self.stop, ended)
  if text == "" then return end
  self.letters:set(text)
  self.state = "speaking"
end

--- Returns the text of the tokens that have arrived, and why there are no more: "pending", an
-- error, or nil at the end.
local function take (stream)
  local texts = {}
  for _ = 1, TOKENS_PER_FRAME do
    local token, why = stream:poll()
    if not token then return table.concat(texts), why end
    if not token.special then texts[#texts + 1] = token.text end
  end
  return table.concat(texts), "pending"
end

local function listen (self)
  local text, why = take(self.stream)
  self.heard = self.heard .. text
  if why == "pending" then
    if text ~= "" then hear(self, false) end
  elseif why then
    self:fail(why)
  else
    close_stream(self)
    hear(self, true)
    remember(self, self.letters.text)
    self.state = "speaking"
  end
end

--- Does the work of a frame; `dt` is its length in seconds.
function Dialogue:update (dt)
  if self.stream then listen(self) end
  self.letters:update(dt)
  if self.state == "speaking" and not self.stream and self.letters:done() then
    self.state = "listening"
  end
end

--- Begins a conversation.
-- `ask(turns, text)` returns the stream of an answer, `stop` is a list of the strings that end an
-- answer, and `greeting` is the character's first text.
function M.new (options)
  local self = setmetatable({
    ask = options.ask,
    stop = options.stop or {},
    turns = {},                   -- { player =, character = }, the oldest first
    state = "speaking",
    asked = "",                   -- what the player said last
    heard = "",                   -- the text of the answer as received
    stream = nil,                 -- the stream of the answer in progress
    failure = nil,                -- the error of a turn that failed
    letters = typewriter.new(),
  }, Dialogue)
  self.letters:set(options.greeting or "")
  return self
end

return M
