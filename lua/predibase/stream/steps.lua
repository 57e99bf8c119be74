-- SPDX-License-Identifier: MIT
--- From one token of a stream to the next: sending, reading, trying again, ending.
-- @module predibase.stream.steps

local event = require "predibase.event"
local response = require "predibase.response"
local text_of = require "predibase.stream.text"

local M = {}

local CANCELLED = { kind = "cancelled", phase = "closed", message = "the stream was closed" }

local CUT = {
  kind = "incomplete_generation", phase = "body",
  message = "the stream ended before the model had finished",
}

-- Ctrl-C, and the time limits of hosts, raise their error at any instruction, so each change of
-- state is one assignment, and what goes before it can be done again. Where that is not possible,
-- `held` is this value while the state changes: after an error in there, the stream has failed.
local CHANGING = {}

local INTERRUPTED = {
  kind = "cancelled", phase = "interrupted", retryable = false,
  message = "an error was raised while the stream changed its state (Ctrl-C, or a limit of the "
    .. "host program), so it cannot go on",
}

--- Gives the exchange of the current attempt up.
-- @tparam table self the stream
-- @tparam string how "close" to end it at once, "release" to let its body end by itself
function M.let_go(self, how)
  local exchange = self.exchange
  if exchange then
    exchange[how](exchange)
    self.exchange = nil
  end
end

local let_go = M.let_go

--- Whether the closing event has the text, so that the tokens' own is not needed any more.
local function is_whole(self)
  local final = self.final
  return final ~= nil and (final.generated_text or "") ~= "" and not self.stopped
end

local function fail(self, err)
  err.partial_text = is_whole(self) and self.final.generated_text
    or text_of.all(self) .. (self.matcher and self.matcher:rest() or "")
  err.tokens = self.count
  self.err = err
  let_go(self, "close")
  self.held = nil
  return nil, err
end

--- A stream that ended too early has the same message whatever the library below says of it.
local function explain(self, failure)
  local cut = failure.kind == "connection" and failure.phase == "body"
  if not cut and failure.kind ~= CUT.kind then return failure end
  local message = ("the server, or a gateway in front of it, ended the stream after %.1f s and %d "
    .. "token%s, before the model had finished; a time limit of the gateway or a restart may be "
    .. "the reason"):format(self.call:waited(), self.count, self.count == 1 and "" or "s")
  return setmetatable({ message = message }, { __index = failure })
end

--- After an error: the next attempt is prepared, or the error is final.
local function try_again(self, err)
  local delay = self.call:retry(err, self.count)
  if not delay then return fail(self, err) end
  let_go(self, "release")
  self.held = CHANGING
  self.delay = delay
  self.sent = false
  self.held = nil
  self.call:retrying(err, delay)
  return true
end

--- The end of the body without a closing event.
local function ended_early(self, exchange)
  local status, headers, streaming = exchange:head()
  if streaming then return self.call:error(explain(self, CUT)) end
  local body = exchange:body() or ""
  return response.error({ status = status, headers = headers, body = body }, self.call:meta())
end

--- Ends the stream at a stop sequence of the client's: the connection is closed, so that the model
-- stops. If the closing event came with that token, what it tells is kept.
local function stop(self, sequence)
  self.stopped = sequence
  if self.final then return end
  self.final = { details = { generated_tokens = self.count } }
  self.call:finish()
  let_go(self, "close")
end

--- Tells that the text is complete, once.
local function settle(self)
  local told = self.on_complete
  self.on_complete, self.settling = nil, true
  told(self)
end

--- A server that ignores `max_new_tokens` would fill the memory.
local function refuse_more(self)
  return fail(self, self.call:error { kind = "too_large", phase = "body", message =
    ("the text of the stream is larger than max_response_bytes (%d bytes)"):format(
      self.call.client.max_text) })
end

--- The closing event was seen: the body ends by itself.
local function finish(self, final)
  self.final = final
  self.call:finish()
  let_go(self, "release")
end

local function take_token(self, token, final)
  local text, sequence = token.special and "" or token.text, nil
  if #text > self.left then return refuse_more(self) end
  self.held = CHANGING
  if final then finish(self, final) end
  if self.matcher then
    text, sequence = self.matcher:feed(text)
    self.shown = text
  end
  text_of.add(self, text)
  if sequence then stop(self, sequence) end
  local call, exchange = self.call, self.exchange
  local on_token = call.options.hooks.on_token
  if self.count == 1 then
    call:first()
    -- Nothing observes later tokens: they can take the fast path.
    if exchange and exchange.events and not on_token and not self.matcher then
      exchange:events(self)
    end
  end
  if self.final and self.on_complete then settle(self) end
  if is_whole(self) then self.parts = {} end
  self.held = nil
  if on_token then on_token(token) end
  return token
end

local function take(self, ev)
  local final = ev.generated_text and ev or nil
  if ev.token then return take_token(self, ev.token, final) end
  if final then
    self.held = CHANGING
    finish(self, final)
    if is_whole(self) then self.parts = {} end
  end
  self.held = nil
  return true
end

--- One event of the stream: a token, true to look for the next one, or nil and the final error.
local function take_event(self, data)
  if type(data) == "table" then return take_token(self, data) end
  local ev, failure = event.decode(data)
  if ev and ev.error then
    ev, failure = nil, event.failure(ev, self.call.request().secrets)
    -- The server ends the body by itself. What is held says once more why, should this be all.
    let_go(self, "release")
  end
  if not ev then return try_again(self, self.call:error(failure)) end
  return take(self, ev)
end

--- No more events: a closing event that the end left without its blank line counts, nothing else.
local function take_end(self)
  local exchange = self.exchange
  local rest = exchange:rest()
  local ev = rest and event.decode(rest)
  if ev and ev.generated_text then return take(self, ev) end
  return try_again(self, ended_early(self, exchange))
end

local function open(self)
  self.call:announce()
  -- The hook may have closed the stream, or read it.
  if self.closed or self.exchange or self.err or self.final then return true end
  self.sent = true
  local exchange, why = self.call:open(self.delay)
  if not exchange then return try_again(self, self.call:error(why)) end
  self.exchange = exchange
  return true
end

--- A step towards the next token, by Exchange.next or Exchange.poll: a token, true to take another
-- step, or nil and what `Stream:next` returns. Hooks may raise, close the stream or read on; so an
-- event is held until it was taken.
local function advance(self, how)
  local exchange = self.exchange
  if self.held == CHANGING then return fail(self, self.call:error(INTERRUPTED)) end
  if not exchange then
    if not self.sent then return open(self) end
    if not self.held then return fail(self, self.call:error(INTERRUPTED)) end
    return take_event(self, self.held)
  end
  local data, failure = self.held, nil
  if not data then
    data, failure = exchange[how](exchange)
    self.held = data
  end
  if failure == "pending" then return nil, failure end
  if self.closed then return true end
  if not self.call.responded then
    self.call:progress(exchange:head())
    if self.closed or self.held ~= data or self.exchange ~= exchange then return true end
  end
  if data then return take_event(self, data) end
  if failure then return try_again(self, self.call:error(explain(self, failure))) end
  return take_end(self)
end

--- The text that was kept back because a stop sequence might have begun, once the stream has ended.
-- @tparam table self the stream
-- @treturn string
function M.tail(self)
  if not self.tail and self.matcher and self.final then
    self.tail, self.trimmed = self.matcher:finish()
  end
  return self.tail or ""
end

--- The next token.
-- @tparam table self the stream
-- @tparam string how "next" to wait, "poll" not to
-- @treturn[1] table the token
-- @treturn[2] nil
-- @treturn[2] ?string|table "pending", or the error; nil at the end
function M.token(self, how)
  while true do
    if self.err then
      let_go(self, "close")
      return nil, self.err
    end
    if self.final and self.held ~= CHANGING then
      let_go(self, "release")
      return nil
    end
    if self.closed then return fail(self, self.call:error(CANCELLED)) end
    local token, err = advance(self, how)
    if token ~= true then return token, err end
  end
end

--- Whether the closing event was seen and everything that follows from it was done.
-- @tparam table self the stream
-- @treturn boolean
function M.complete(self)
  return self.final ~= nil and self.held ~= CHANGING
end

return M
