-- SPDX-License-Identifier: MIT
--- A stream of tokens, read by whoever wants the next one.
--
-- States: not sent yet, open, ended, failed. The end and the failure are final: every later call
-- gives them again. A stream has ended well only when the closing event was seen, the one with a
-- `generated_text`, or a sequence of `client_stop` in its text; everything else is an error that
-- carries the text so far.
-- @module predibase.stream

local response = require "predibase.response"
local steps = require "predibase.stream.steps"
local text_of = require "predibase.stream.text"
local texts = require "predibase.texts"
local usage = require "predibase.usage"

local M = {}

local FOLD = text_of.FOLD
local getmetatable = getmetatable

local Stream = {}
Stream.__index = Stream

local function misused(method)
  usage.fail(("stream:%s must be called with a colon on a stream"):format(method))
end

--- A token that is there already and concerns nobody else: nearly all of them. What is something
-- else is held for the long way. The second result is true when there is nothing yet.
local function at_hand(self)
  local take = self.take
  if not take or self.held ~= nil then return nil end
  local token, text = take(self.source)
  if not token or not text or #text > self.left then
    self.held = token
    return nil, text == "pending"
  end
  self.left = self.left - #text
  local n = self.count + 1
  local slot = n % FOLD
  if slot ~= 0 then           -- as `text_of.add`, which is a call more
    self.parts[slot] = text
    self.count = n
  else
    text_of.add(self, text)
  end
  return token
end

--- The next token when none is at hand; waits where nothing else is to be done.
local function later(self, pending)
  local token
  while pending and self.exchange:await() do
    token, pending = at_hand(self)
    if token then return token end
  end
  return steps.token(self, "next")
end

--- The next token; waits for it.
-- @treturn[1] table `{ id, text, logprob, special, skipped, alternative_tokens }`
-- @treturn[2] nil at the end
-- @treturn[3] nil
-- @treturn[3] table the error; every later call gives it again
function Stream:next()
  if getmetatable(self) ~= Stream then misused "next" end
  local token, pending = at_hand(self)
  if token then return token end
  return later(self, pending)
end

--- The next token if it is there; never waits.
-- @treturn[1] table the token
-- @treturn[2] nil at the end
-- @treturn[3] nil
-- @treturn[3] string|table "pending" when it has not come yet, or the error
function Stream:poll()
  if getmetatable(self) ~= Stream then misused "poll" end
  local token = at_hand(self)
  if token then return token end
  return steps.token(self, "poll")
end

--- For `for token in stream do`: as `next`, but an error is raised.
function Stream:__call()
  local token, state = at_hand(self)
  if token then return token end
  token, state = later(self, state)
  if state then error(state, 0) end
  return token
end

--- The text of each token as `texts` may show it, where stop sequences are looked for: less than
-- the token's own, or more. Each is a token for `texts.pieces`; they share a table.
local function shown_tokens(self)
  local shown, ended = {}, false
  return function ()
    local token = not ended and self()
    if token then
      shown.text = self.shown
      return shown
    end
    ended = true
    shown.text = not self.tail_shown and steps.tail(self) or ""
    self.tail_shown = true
    return shown.text ~= "" and shown or nil
  end
end

--- Iterates over pieces of text: special tokens are dropped, no piece ends inside a UTF-8
-- character, and what may be the beginning of a stop sequence (`trim_stop`, `client_stop`) waits
-- until that is known. Raises the error object when the stream breaks; `break` closes the
-- connection at once on Lua 5.4.
-- @treturn function the iterator (with the further values that the generic `for` of 5.4 takes)
function Stream:texts()
  if getmetatable(self) ~= Stream then misused "texts" end
  return texts.pieces(self.matcher and shown_tokens(self) or self), nil, nil, self
end

--- Reads to the end.
-- @treturn[1] string the whole text
-- @treturn[2] nil
-- @treturn[2] table the error
function Stream:text()
  if getmetatable(self) ~= Stream then misused "text" end
  local token, err
  repeat token, err = self:next() until not token
  if err then return nil, err end
  return self:result().generated_text
end

--- What `generate` would have returned, once the stream has ended.
-- @treturn[1] table the result, see `predibase.response`
-- @treturn[2] nil
-- @treturn[2] table the error, when the stream broke
-- @raise when the stream has not ended yet
function Stream:result()
  if getmetatable(self) ~= Stream then misused "result" end
  if self.err then return nil, self.err end
  if not steps.complete(self) and not self.settling then
    usage.fail("stream:result() before the end of the stream: read all tokens first, "
      .. "or call stream:text()")
  end
  if not self.outcome then
    local tail = steps.tail(self)
    self.outcome = response.stream_result({
      status = self.call.status, headers = self.call.headers, final = self.final,
      text = function () return text_of.all(self) .. tail end,
      count = self.count, stopped = self.stopped, trimmed = self.trimmed,
    }, self.call:meta())
    if self.stopped then self.parts = {} end     -- the result has the text
  end
  return self.outcome
end

--- Closes the connection, so that the model stops. Any time, any number of times, also from another
-- coroutine: the one that waits gets an error of kind "cancelled".
function Stream:close()
  if getmetatable(self) ~= Stream then misused "close" end
  self.closed = true
  steps.let_go(self, "close")
end

Stream.__close = Stream.close

function Stream:__tostring()
  local state = self.err and "failed" or self.final and "ended" or self.closed and "closed"
    or self.exchange and "open" or "not sent yet"
  return ("predibase.stream (%s, %d token%s)"):format(state, self.count,
    self.count == 1 and "" or "s")
end

local function new(call, err)
  -- A table for each of thousands of streams: what is not set here is not there yet.
  --   final          the closing event
  --   exchange       of the current attempt
  --   sent           an attempt was made, and no other one is to be
  --   delay          seconds before the next attempt
  --   take, source, take_texts
  --                  how to have tokens that are there already at once: see Exchange.events
  --   held           the event that was taken and not handed out yet
  --   stopped        the sequence that the client stopped at
  --   shown          what the matcher made of the last token's text
  --   tail           what the matcher had kept back at the end, and
  --   trimmed        the sequence that it took off the end
  --   outcome        the result, made when it is asked for
  --   on_complete    called once with the stream, before the last token is handed out, and
  --   settling       that this was done: the result is there for it
  return setmetatable({
    call = call,
    err = err,            -- the final error
    closed = false,
    matcher = call and call:matcher(),       -- what looks for stop sequences, if there are any
    parts = {},           -- the texts of the last tokens, see predibase.stream.text
    count = 0,            -- tokens so far
    -- Bytes that its text may still grow by.
    left = call and call.client.max_text or math.huge,
  }, Stream)
end

--- A stream over a call that is sent at the first `next`.
-- @tparam table call of `predibase.call`
-- @treturn table
function M.new(call)
  return new(call, nil)
end

--- A stream that fails at the first `next`: what was wrong was known before anything was sent.
-- @tparam table err
-- @treturn table
function M.failed(err)
  err.partial_text, err.tokens = err.partial_text or "", err.tokens or 0
  return new(nil, err)
end

--- For modules that hand several tokens on at once: one that is there already and is no special
-- token. nil says nothing; ask `next`.
-- @function at_hand
-- @tparam table stream
-- @treturn ?table
M.at_hand = at_hand

--- As `at_hand`, for modules that want no more of tokens than their text.
-- @tparam table stream
-- @treturn[1] string the text of all tokens that are there already, or of the first of them;
-- special ones have none, so it may be empty
-- @treturn[2] nil says nothing; ask `next`
function M.texts_at_hand(stream)
  local take = stream.take_texts
  if not take or stream.held ~= nil then return nil end
  local text, n = take(stream.source)
  if not text then return nil end
  if #text > stream.left then
    -- As one token, so that the long way fails with the right error.
    stream.held = { text = text }
    return nil
  end
  text_of.add_many(stream, text, n)
  return text
end

--- For modules that read to the end, or close the stream: lets the transport read on while the
-- reader is busy.
-- @tparam table stream one whose first token was read
-- @treturn ?function to be called by the reader at the end
function M.read_ahead(stream)
  local exchange = stream.exchange
  return exchange and exchange.read_ahead and exchange:read_ahead()
end

--- Tells whether a value is a stream.
-- @param value anything
-- @treturn boolean
function M.is(value)
  return type(value) == "table" and getmetatable(value) == Stream
end

return M
