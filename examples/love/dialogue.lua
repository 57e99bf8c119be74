-- SPDX-License-Identifier: MIT
--- Who speaks and what was said: a conversation, a little of it each frame. It draws nothing and
-- waits for nothing.
--
-- States: "listening" (the player may speak), "thinking" (asked, no word yet), "speaking" and
-- "failed", in which the player may speak as well.

local reply = require "reply"
local typewriter = require "typewriter"

local M = {}

--- Tokens that one frame takes at most: when a stall of the network ends, hundreds may be there,
-- and the frame is to have its share of them and no more.
local TOKENS_PER_FRAME = 32

--- Turns that are kept at most: more than any prompt has room for.
local TURNS = 50

local Dialogue = {}
Dialogue.__index = Dialogue

--- What the character is saying, as far as it is known.
function Dialogue:known()
  return self.letters.text
end

--- How many bytes of it are to be seen; they end at a whole character.
function Dialogue:shown()
  return self.letters.shown
end

--- Whether an answer is under way.
function Dialogue:busy()
  return self.state == "thinking" or self.state == "speaking"
end

--- Asks the character; false while it answers.
function Dialogue:say(text)
  if self:busy() then return false end
  self.asked, self.heard, self.failure = text, "", nil
  self.letters:set ""
  self.state = "thinking"
  self.stream = self.ask(self.turns, text)
  return true
end

local function hang_up(self)
  local stream = self.stream
  self.stream = nil
  if stream then stream:close() end
end

--- What was said joins the conversation; what failed does not.
local function remember(self, answer)
  if answer ~= "" then
    self.turns[#self.turns + 1] = { player = self.asked, character = answer }
    if #self.turns > TURNS then table.remove(self.turns, 1) end
  end
end

--- Ends the turn with an error.
function Dialogue:fail(err)
  hang_up(self)
  self.state, self.failure = "failed", err
end

--- Ends the answer where it is: the connection is closed, so the model stops, too.
function Dialogue:cancel()
  if not self:busy() then return false end
  hang_up(self)
  self.letters:stop()
  remember(self, self.letters.text)
  self.state = "listening"
  return true
end

--- Shows at once what is there.
function Dialogue:hurry()
  self.letters:finish()
end

local function hear(self, ended)
  local text = reply.sayable(self.heard, self.stop, ended)
  if text == "" then return end
  self.letters:set(text)
  self.state = "speaking"
end

--- The tokens that have come: their text, and why there are no more of them (nil at the end).
local function take(stream)
  local texts = {}
  for _ = 1, TOKENS_PER_FRAME do
    local token, why = stream:poll()
    if not token then return table.concat(texts), why end
    if not token.special then texts[#texts + 1] = token.text end
  end
  return table.concat(texts), "pending"
end

local function listen(self)
  local text, why = take(self.stream)
  self.heard = self.heard .. text
  if why == "pending" then
    if text ~= "" then hear(self, false) end
  elseif why then
    self:fail(why)
  else
    hang_up(self)
    hear(self, true)
    remember(self, self.letters.text)
    self.state = "speaking"
  end
end

--- Does what there is to do in a frame of so many seconds.
function Dialogue:update(dt)
  if self.stream then listen(self) end
  self.letters:update(dt)
  if self.state == "speaking" and not self.stream and self.letters:done() then
    self.state = "listening"
  end
end

--- Begins a conversation.
-- `ask(turns, text)` gives the stream of an answer, `stop` is a list of strings that end one,
-- `greeting` is what the character says unasked.
function M.new(options)
  local self = setmetatable({
    ask = options.ask,
    stop = options.stop or {},
    turns = {},                   -- { player =, character = }, the oldest first
    state = "speaking",
    asked = "",                   -- what the player said last
    heard = "",                   -- of the answer, as it came
    stream = nil,                 -- while it comes
    failure = nil,                -- the error of a turn that failed
    letters = typewriter.new(),
  }, Dialogue)
  self.letters:set(options.greeting or "")
  return self
end

return M
