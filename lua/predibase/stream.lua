-- SPDX-License-Identifier: MIT
--- A stream of tokens, read by whoever wants the next one.
--
-- States: not sent yet, open, ended, failed. The end and the failure are final: every later call
-- gives them again. A stream has ended well only when the closing event was seen, the one with a
-- `generated_text`; everything else is an error that carries the text so far.
-- @module predibase.stream

local event = require "predibase.event"
local response = require "predibase.response"
local texts = require "predibase.texts"

local M = {}

local Stream = {}
Stream.__index = Stream

local CANCELLED = { kind = "cancelled", phase = "closed", message = "the stream was closed" }

local CUT = {
  kind = "incomplete_generation", phase = "body",
  message = "the stream ended before the model had finished",
}

local function let_go(self, how)
  local exchange = self.exchange
  self.exchange = nil
  if exchange then exchange[how](exchange) end
end

local function fail(self, err)
  err.partial_text = table.concat(self.parts)
  err.tokens = self.count
  self.err = err
  let_go(self, "close")
  return nil, err
end

--- After an error: the next attempt is opened, or the error is final.
local function try_again(self, err)
  local delay = self.call:retry(err, self.count)
  if not delay then return fail(self, err) end
  let_go(self, "release")
  self.delay = delay
  return true
end

--- The end of the body without a closing event.
local function ended_early(self, exchange)
  local status, headers, streaming = exchange:head()
  if streaming then return self.call:error(CUT) end
  local body = exchange:body() or ""
  return response.error({ status = status, headers = headers, body = body }, self.call:meta())
end

local function take(self, ev)
  local token = ev.token
  if ev.generated_text then
    self.final = ev
    self.call:finish()
    let_go(self, "release")
  end
  if not token then return nil end
  self.call:first()
  self.count = self.count + 1
  if not token.special then self.parts[#self.parts + 1] = token.text end
  local on_token = self.call.options.hooks.on_token
  if on_token then on_token(token) end
  return token
end

--- One event of the stream: a token, true to look for the next one, or nil and the final error.
local function take_event(self, data)
  local ev, failure = event.decode(data)
  if ev and ev.error then
    ev, failure = nil, event.failure(ev, self.call.secrets())
    let_go(self, "release")      -- the server ends the body by itself
  end
  if not ev then return try_again(self, self.call:error(failure)) end
  return take(self, ev) or true
end

--- No more events: a closing event that the end left without its blank line counts, nothing else.
local function take_end(self)
  local exchange = self.exchange
  local rest = exchange:rest()
  local ev = rest and event.decode(rest)
  if ev and ev.generated_text then return take(self, ev) or true end
  return try_again(self, ended_early(self, exchange))
end

--- A step towards the next token, by Exchange.next or Exchange.poll.
local function advance(self, how)
  if not self.exchange then
    self.call:announce()
    if self.closed then return fail(self, self.call:error(CANCELLED)) end   -- by the hook
    local exchange, why = self.call:open(self.delay)
    if not exchange then return try_again(self, self.call:error(why)) end
    self.exchange = exchange
  end
  local exchange = self.exchange
  local data, failure = self.held, nil
  if not data then data, failure = exchange[how](exchange) end
  if failure == "pending" then return nil, failure end
  if self.closed then return fail(self, self.call:error(CANCELLED)) end
  if not self.call.responded then
    self.held = data           -- the hook may raise, and the next call shall find this event
    self.call:progress(exchange:head())
  end
  self.held = nil
  if self.closed then return fail(self, self.call:error(CANCELLED)) end   -- by the hook
  if data then return take_event(self, data) end
  if failure then return try_again(self, self.call:error(failure)) end
  return take_end(self)
end

local function token_by(self, how)
  while true do
    if self.err then return nil, self.err end
    if self.final then return nil end
    if self.closed then return fail(self, self.call:error(CANCELLED)) end
    local token, err = advance(self, how)
    if token ~= true then return token, err end
  end
end

--- The next token; waits for it.
-- @treturn[1] table `{ id, text, logprob, special, skipped, alternative_tokens }`
-- @treturn[2] nil at the end
-- @treturn[3] nil
-- @treturn[3] table the error; every later call gives it again
function Stream:next()
  return token_by(self, "next")
end

--- The next token if it is there; never waits.
-- @treturn[1] table the token
-- @treturn[2] nil at the end
-- @treturn[3] nil
-- @treturn[3] string|table "pending" when it has not come yet, or the error
function Stream:poll()
  return token_by(self, "poll")
end

--- For `for token in stream do`: as `next`, but an error is raised.
function Stream:__call()
  local token, err = self:next()
  if err then error(err, 0) end
  return token
end

--- Iterates over pieces of text: special tokens are dropped and no piece ends inside a UTF-8
-- character. Raises the error object when the stream breaks; `break` closes the connection at once
-- on Lua 5.4.
-- @treturn function the iterator (with the further values that the generic `for` of 5.4 takes)
function Stream:texts()
  return texts.pieces(self), nil, nil, self
end

--- Reads to the end.
-- @treturn[1] string the whole text
-- @treturn[2] nil
-- @treturn[2] table the error
function Stream:text()
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
  if self.err then return nil, self.err end
  if not self.final then
    error("stream:result() before the end of the stream: read all tokens first, "
      .. "or call stream:text()", 2)
  end
  if not self.outcome then
    self.outcome = response.stream_result({
      status = self.call.status, headers = self.call.headers, final = self.final,
      text = table.concat(self.parts), count = self.count,
    }, self.call:meta())
  end
  return self.outcome
end

--- Closes the connection, so that the model stops. Any time, any number of times, also from another
-- coroutine: the one that waits gets an error of kind "cancelled".
function Stream:close()
  if self.closed then return end
  self.closed = true
  let_go(self, "close")
end

Stream.__close = Stream.close

function Stream:__tostring()
  local state = self.err and "failed" or self.final and "ended" or self.closed and "closed"
    or self.exchange and "open" or "not sent yet"
  return ("predibase.stream (%s, %d token%s)"):format(state, self.count,
    self.count == 1 and "" or "s")
end

local function new(call, err)
  return setmetatable({
    call = call,
    err = err,            -- the final error
    final = nil,          -- the closing event
    exchange = nil,       -- of the current attempt
    delay = nil,          -- seconds before the next attempt
    held = nil,           -- the first event, while on_response runs
    closed = false,
    parts = {},           -- the texts so far, special tokens left out
    count = 0,            -- tokens so far
    outcome = nil,        -- the result, made when it is asked for
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

--- Tells whether a value is a stream.
-- @param value anything
-- @treturn boolean
function M.is(value)
  return type(value) == "table" and getmetatable(value) == Stream
end

return M
