-- SPDX-License-Identifier: MIT
--- A stream of tokens, or of the deltas of a chat.
--
-- Longer than 600 lines: one state machine, whose fast path and slow path share all fields.
--
-- The route of the call makes a reader, which turns the data of events into tables with the fields
-- `token` (a token or a delta), `generated_text` (not nil: the answer is complete, and this is its
-- whole text, or "" when that is the text of all tokens) and `details`. Its methods are `decode`,
-- which returns such a table, `{ error, error_type }`, or nil and a failure; and `at_end`, which
-- takes the exchange (nil after a failure) and the data of an unfinished last event, and returns
-- the closing event if the answer is complete. A reader with `raw` gets all events undecoded, and
-- each of them once. Each attempt has a reader of its own.
--
-- A stream is in one of four states: not sent yet, open, ended or failed. The last two are final:
-- every later call returns the same. A stream ends successfully only when its closing event arrives
-- (the event with a `generated_text`), or when its text contains a sequence of `client_stop`. Any
-- other end is an error that has the text so far in its field `partial_text`.
--
-- Ctrl-C and the time limits of host programs can raise an error at any instruction. So each change
-- of state is one assignment, and the code before the assignment can run again. Where one
-- assignment is not enough, the field `held` is `CHANGING` during the change. When a later call
-- finds that value, the change was interrupted, and the stream fails.
-- @module predibase.stream

local call = require "predibase.call"
local for_failures = require "predibase.for_failures"
local lazy = require "predibase.lazy"
local endings = for_failures "predibase.stream.endings"
local errors = require "predibase.errors"
local event = require "predibase.event"
local filters = lazy "predibase.stream.answer_filter"
local response = require "predibase.response"
local usage = require "predibase.usage"
local utf8 = require "predibase.utf8"

local M = {}

local getmetatable = getmetatable
local concat = table.concat

local CHANGING = {}

-- Fields of a new stream, which are not in its table, because there may be thousands of streams.
local Stream = {
  closed = false,
  count = 0, size = 0,    -- tokens so far, and the bytes of their text, without a source
}
Stream.__index = Stream

local function check_self (self, method)
  if getmetatable(self) == Stream then return end
  usage.fail(("stream:%s must be called with a colon on a stream"):format(method))
end

-- The text so far.

--- Returns the number of tokens so far, and the bytes of their text.
local function counts (self)
  local source = self.source
  if source then return source:counts() end
  return self.count, self.size
end

--- Adds the text of one token and counts the token. The count is assigned last: without it, the
-- text does not belong to the stream yet.
local function add_text (self, text)
  if self.source then return self.source:add(text) end
  local pieces, n = self.pieces or {}, self.count + 1
  self.pieces = pieces
  if not self.forgets then pieces[n] = text end
  self.size = self.size + #text
  self.count = n
end

local function text_so_far (self)
  if self.forgets then return "" end
  if self.source then return self.source:text() end
  return self.pieces and concat(self.pieces, "", 1, self.count) or ""
end

--- Forgets the text when something else has it.
local function drop_text (self)
  self.count, self.size = counts(self)
  self.source, self.pieces = nil, nil
end

--- Tells whether the closing event has the whole text, so that the text so far is not needed.
local function has_whole_text (self)
  local final = self.final
  return final ~= nil and (final.generated_text or "") ~= "" and not self.stopped
end

--- Returns the text that was kept back at the end of the stream, because it might have been the
-- beginning of a stop sequence or of a mark of reasoning.
local function tail_of (self)
  if not self.filter or not self.final then return "" end
  local tail = self.filter:finish(self.stopped)
  self.stopped = self.filter.stopped
  return tail
end

-- Changes of state.

--- Gives up the exchange of the current attempt. `how` is "close" to end it at once, or "release"
-- to read its body to the end, so that the connection can be used again.
local function give_up_exchange (self, how)
  local exchange = self.exchange
  if exchange then
    self.direct, self.take = nil, nil
    self.call:head()            -- the call then needs the exchange no longer
    exchange[how](exchange)
    self.exchange = nil
  end
end

local function fail (self, err)
  local whole = has_whole_text(self) and self.final.generated_text
  local text, thoughts = whole or text_so_far(self), nil
  if self.filter then text, thoughts = self.filter:partial(text, whole) end
  local count = counts(self)
  errors.add(err, { partial_text = text, partial_reasoning = thoughts, tokens = count })
  self.err = err
  give_up_exchange(self, "close")
  self.held = nil
  return self.call:failed(err, count)
end

--- Makes the reader for the events of one attempt.
local function new_reader (this)
  return this.route.reader(this.request().context, this.client)
end

--- Sets the call whose tokens the stream returns, and what reads them.
local function use (self, this)
  self.call = this
  self.forgets = this.options.keep_text == false or nil   -- nil: the text is kept
  self.reader = new_reader(this)
  -- Looks for marks of reasoning and stop sequences; nil without any.
  local splitter, matcher = this:splitter(), this:matcher()
  self.filter = (splitter or matcher)
    and filters.new(splitter, matcher, this.route.deltas, self.forgets) or nil
end

--- Continues with the next client of `fallback`, or makes an error final.
local function give_up (self, err)
  local other, final = self.call:fall_back(err, (counts(self)))
  if not other then return fail(self, final) end
  give_up_exchange(self, "release")
  self.held = CHANGING
  self.delay, self.sent = nil, false
  use(self, other)
  self.held = nil
  return true
end

--- Prepares the next attempt after an error, or gives up.
local function try_again (self, err)
  local delay = self.call:retry(err, (counts(self)))
  if not delay then return give_up(self, err) end
  give_up_exchange(self, "release")
  self.held = CHANGING
  self.delay, self.sent = delay, false
  self.reader = new_reader(self.call)
  self.held = nil
  self.call:retrying(err, delay)
  return true
end

--- Makes the error for a body that ended without a closing event.
local function error_at_end (self, exchange)
  local status, streaming = exchange:status()
  if streaming then
    return self.call:error(endings.explain(endings.CUT, self.call, (counts(self))))
  end
  local body = exchange:body() or ""
  local headers = self.call:head().headers
  return response.error({ status = status, headers = headers, body = body }, self.call:meta())
end

--- Ends the stream at a sequence of `client_stop` and closes the connection, so that the model
-- stops. A closing event that came with this token is kept.
local function stop_at (self, sequence)
  self.stopped = sequence
  if self.final then return end
  self.final = { details = { generated_tokens = (counts(self)) } }
  self.call:finish()
  give_up_exchange(self, "close")
end

--- Counts the call, and calls `on_complete`, once.
local function complete (self)
  local hook = self.on_complete
  self.on_complete, self.completing = nil, true
  if self.call.counts then self.call:count(self:result()) end
  if hook then hook(self) end
end

--- Records the closing event. The server then ends the body, so the connection can be used again.
local function finish (self, final)
  self.final = final
  self.call:finish()
  give_up_exchange(self, "release")
end

--- Lets the transport count the tokens and keep their text, if it can. Opens the fast path if
-- nothing observes the tokens.
local function open_source (self)
  local exchange = self.exchange
  if not (exchange and exchange.tokens) then return end
  local source, is_direct = exchange:tokens(self.call.client.max_text, not self.forgets)
  self.source = source
  if not is_direct or self.call.options.hooks.on_token or self.reader.raw then return end
  if self.filter and not self.filter:join(source) then return end
  self.direct = source.take
end

--- Ends the handling of an event: the next one may be read.
local function settle (self)
  self.held = nil
  self.take = self.direct
end

local function take_token (self, token, final)
  local text, sequence = token.special and "" or token.text, nil
  local count, size = counts(self)
  if size + #text > self.call.client.max_text then
    return fail(self, self.call:error(endings.too_large("text", self.call.client.max_text)))
  end
  self.held = CHANGING
  if count == 0 then open_source(self) end
  if final then finish(self, final) end
  if self.filter then text, sequence = self.filter:take(token, text) end
  add_text(self, text)
  if sequence then stop_at(self, sequence) end
  local this = self.call
  if count == 0 then this:first() end
  if self.final and (self.on_complete or this.counts) then complete(self) end
  if has_whole_text(self) then drop_text(self) end
  settle(self)
  local on_token = this.options.hooks.on_token
  if on_token then on_token(token) end
  return token
end

local function take_event (self, ev)
  local final = ev.generated_text and ev or nil
  if ev.token then return take_token(self, ev.token, final) end
  if final then
    self.held = CHANGING
    finish(self, final)
    if self.on_complete or self.call.counts then complete(self) end
    if has_whole_text(self) then drop_text(self) end
  end
  settle(self)
  return true
end

--- Decodes the data of an event. If Ctrl-C interrupts this function, the event is decoded again, or
-- the stream fails where that would change the state of the reader a second time.
local function decode (self, data)
  local reader = self.reader
  if reader.raw then self.held = CHANGING end
  return reader:decode(data)
end

--- Handles one event: returns a token, true to look for the next one, or nil and the final error.
-- `data` is the event's JSON, or a token that the transport has decoded.
local function handle (self, data)
  if type(data) == "table" then return take_token(self, data) end
  local ev, failure = decode(self, data)
  if ev and ev.error then
    ev, failure = nil, event.failure(ev, self.call.request().secrets)
    -- The server ends the body by itself after this event. Where the event stays in `held`, it is
    -- handled again if Ctrl-C interrupts this function.
    give_up_exchange(self, "release")
  end
  if not ev then return try_again(self, self.call:error(failure)) end
  return take_event(self, ev)
end

--- Handles the end of the body. If the blank line after the last event is missing, the event is
-- accepted only when the answer is complete with it.
local function handle_end (self)
  local exchange = self.exchange
  local rest = exchange:rest()
  local ev = rest and decode(self, rest)
  local final = ev and ev.generated_text and ev or self.reader:at_end(exchange, rest)
  if final then return take_event(self, { token = ev and ev.token, generated_text =
    final.generated_text, details = final.details }) end
  return try_again(self, error_at_end(self, exchange))
end

--- Sends the request, once the call has everything that it needs. Returns as `advance` does.
local function send (self, how)
  local this = self.call
  local ready, why = this:ready(how)
  if why == "pending" then return nil, why end
  -- Other code may have closed the stream, or read it, during the wait and in the hook below.
  if self.closed or self.exchange or self.err or self.final then return true end
  if not ready then return give_up(self, this:error(why)) end
  this:announce()
  if self.closed or self.exchange or self.err or self.final then return true end
  self.sent = true
  local exchange, failure = this:open(self.delay)
  if not exchange then return try_again(self, this:error(failure)) end
  if self.reader.raw then exchange:keep_data() end
  -- libcurl's exchanges are collected with their streams; nginx's have a light thread.
  if exchange.belongs_to then exchange:belongs_to(self) end
  self.exchange = exchange
  return true
end

--- Tells whether Ctrl-C came between taking an event from the exchange and storing it in `held`.
local function has_lost_event (self, exchange)
  if self.held then exchange.taking = nil end
  return exchange.taking
end

--- Takes one step towards the next token. Returns a token; or true when another step is needed; or
-- nil and an error or "pending". `how` is the method of the exchange to call, "next" or "poll".
-- Hooks may raise an error, close the stream or read from it, so an event stays in `held` until it
-- was handled.
local function advance (self, how)
  local exchange = self.exchange
  if self.held == CHANGING then return fail(self, self.call:error(endings.INTERRUPTED)) end
  if not exchange then
    if not self.sent then return send(self, how) end
    if not self.held then return fail(self, self.call:error(endings.INTERRUPTED)) end
    return handle(self, self.held)
  end
  if has_lost_event(self, exchange) then return fail(self, self.call:error(endings.INTERRUPTED)) end
  local data, failure = self.held, nil
  if not data then
    self.take = nil           -- not while an event is held
    data, failure = exchange[how](exchange)
    self.held = data
    exchange.taking = nil
  end
  if failure == "pending" then
    self.take = self.direct
    return nil, failure
  end
  if self.closed then return true end
  if not self.call.responded then
    self.call:progress(exchange)
    if self.closed or self.held ~= data or self.exchange ~= exchange then return true end
  end
  if data then return handle(self, data) end
  if not failure then return handle_end(self) end
  local final = self.reader:at_end()
  if final then return take_event(self, final) end
  return try_again(self, self.call:error(endings.explain(failure, self.call, (counts(self)))))
end

--- Returns the next token; or nil at the end; or nil and "pending" or the error.
local function step (self, how)
  while true do
    if self.err then give_up_exchange(self, "close") return nil, self.err end
    if self.final and self.held ~= CHANGING then
      give_up_exchange(self, "release")
      if self.call.admission then self.call:counted(self:result().usage) end
      return nil
    end
    if self.closed then return fail(self, self.call:error(endings.CANCELLED)) end
    local token, err = advance(self, how)
    if token ~= true then return token, err end
  end
end

--- Returns a token that has arrived, on the fast path: a plain token that no hook or filter needs,
-- counted and added to the text in C.
local function take_buffered (self)
  local take = self.take
  return take and (take(self.source)) or nil
end

--- Waits for the next token. Tokens take the fast path as long as they can.
local function read (self)
  local take = self.take
  while take do
    local token, pending = take(self.source)
    if token then return token end
    if not (pending and self.exchange:await()) then break end
    take = self.take
  end
  return step(self, "next")
end

--- Waits for the next token, or for the text of several. Returns the text, and whether it ends with
-- a whole character; or as `read` does.
local function read_text (self)
  while self.take do
    local text, pending = self.source:take_texts()
    if text then return text, pending end
    if not (pending and self.exchange:await()) then break end
  end
  return step(self, "next")
end

--- Reads the stream to its end. Returns the error, if it fails.
local function read_all (self)
  local token, err
  repeat
    while self.take and self.source:take_all() and self.exchange:await() do
      -- until something comes that is not a plain token
    end
    token, err = step(self, "next")
  until not token
  return err
end

--- Waits for the next token and returns it.
-- @treturn[1] Item the token, or the delta of a chat
-- @treturn[2] nil at the end
-- @treturn[3] nil
-- @treturn[3] Error the error; every later call returns it again
function Stream:next ()
  if getmetatable(self) ~= Stream then check_self(self, "next") end
  return read(self)
end

--- Returns the next token if it has arrived; never waits.
-- @treturn[1] Item the token
-- @treturn[2] nil at the end
-- @treturn[3] nil
-- @treturn[3] "pending"|Error "pending" when it has not arrived yet, or the error
function Stream:poll ()
  if getmetatable(self) ~= Stream then check_self(self, "poll") end
  local token = take_buffered(self)
  if token then return token end
  return step(self, "poll")
end

--- For `for token in stream do`: returns what `next` returns, and raises the error.
function Stream:__call ()
  local token, err = read(self)
  if err then error(err, 0) end
  return token
end

--- Returns an iterator over the texts that the filter lets pass. Each may be shorter or longer than
-- the text of its tokens, and the last one is what the filter had kept back.
local function shown_texts (self)
  local ended = false
  return function ()
    if not ended then
      local piece, more = read_text(self)
      if type(piece) == "string" then return piece, more end
      if more then error(more, 0) end
      if piece then return self.filter.shown end
      ended = true
    end
    if self.tail_shown then return nil end
    self.tail_shown = true
    return tail_of(self)
  end
end

local function token_texts (self)
  return function ()
    local piece, more = read_text(self)
    if type(piece) == "string" then return piece, more end
    if more then error(more, 0) end
    return piece and (piece.special and "" or piece.text)
  end
end

--- Iterates over pieces of text as a terminal or a page can show them: special tokens are left
-- out, and reasoning too if it is separated (option `reasoning`); a character that several tokens
-- make up comes with the last of them, and no piece is empty. The texts of tokens that have arrived
-- together are one piece.
-- What may be the beginning of a stop sequence (`trim_stop`, `client_stop`) is held back until
-- that is known. An unfinished character at the end of the stream is returned as it is. Raises the
-- error object when the stream fails. On Lua 5.4 and 5.5, `break` closes the connection at once.
-- @treturn fun():string? the iterator (with the further values that the generic `for` of 5.4
-- takes)
function Stream:texts ()
  check_self(self, "texts")
  local source = self.filter and shown_texts(self) or token_texts(self)
  return utf8.whole_characters(source), nil, nil, self
end

--- Reads the stream to its end and returns the text.
-- @treturn[1] string the whole text
-- @treturn[2] nil
-- @treturn[2] Error the error
function Stream:text ()
  check_self(self, "text")
  if self.forgets then
    usage.fail "stream:text() with keep_text = false: the stream does not keep its text"
  end
  local err = read_all(self)
  if err then return nil, err end
  return self:result().text
end

--- Returns what `generate` would have returned, once the stream has ended.
-- @treturn[1] Outcome the result, see `predibase.response`
-- @treturn[2] nil
-- @treturn[2] Error the error, when the stream failed
-- @raise when the stream has not ended yet
function Stream:result ()
  check_self(self, "result")
  if self.err then return nil, self.err end
  local ended = self.final ~= nil and self.held ~= CHANGING
  if not ended and not self.completing then
    usage.fail("stream:result() before the end of the stream: read all tokens first, "
      .. "or call stream:text()")
  end
  if not self.outcome then
    local tail = tail_of(self)
    local filter, answer, thoughts = self.filter, nil, nil
    if filter then answer, thoughts = filter:parts() end
    local head = self.call:head()
    self.outcome = self.call.route.finish({
      status = head.status, headers = head.headers, final = self.final,
      text = function () return text_so_far(self) .. (answer and "" or tail) end,
      answer = answer and function () return answer end, reasoning = thoughts,
      count = counts(self), stopped = self.stopped, trimmed = filter and filter.trimmed,
      reader = self.reader,
    }, self.call:meta())
    -- The text that came was not kept, so there is no message for the history either.
    local _, size = counts(self)
    if self.forgets and self.outcome.text == "" and size > 0 then
      self.outcome.text_incomplete, self.outcome.message = true, nil
    end
    if self.stopped then drop_text(self) end     -- the result has the text
  end
  return self.outcome
end

--- Closes the connection, so that the model stops. May be called at any time and any number of
-- times, also while another coroutine waits for a token: that coroutine gets an error of kind
-- "cancelled".
function Stream:close ()
  check_self(self, "close")
  self.closed = true
  if self.call and not self.final then self.call:give_up((counts(self))) end
  give_up_exchange(self, "close")
  if self.call then self.call:abandon() end
end

Stream.__close = Stream.close

function Stream:__tostring ()
  local state = self.err and "failed" or self.final and "ended" or self.closed and "closed"
    or self.exchange and "open" or "not sent yet"
  local count = counts(self)
  return ("predibase.stream (%s, %d token%s)"):format(state, count, count == 1 and "" or "s")
end

local function new (err)
  -- There may be thousands of streams, so the table stays small. Fields that are set later:
  --   call, reader   see `use`
  --   filter, forgets     see `use`
  --   err            the final error
  --   final          the closing event
  --   exchange       the exchange of the current attempt
  --   sent           an attempt was made, and no further one is due
  --   delay          seconds before the next attempt
  --   source         what counts the tokens and keeps their text from the first one on, if the
  --                  transport can (see Exchange:tokens of predibase.transport.curl.exchange)
  --   direct         its method `take`, if tokens may take the fast path
  --   take           the same, while no event is held
  --   pieces         the text so far, without a source
  --   held           the event that was taken from the exchange and not handled yet
  --   stopped        the sequence of `client_stop` that the stream ended at
  --   tail_shown     the iterator of `texts` has returned the tail
  --   outcome        the result, made when it is asked for
  --   on_complete    called once with the stream, before the last token is returned
  --   completing     `on_complete` was called: the result is available to it
  local self = {
    -- Reserves space for fields that nearly every open stream has.
    call = nil, reader = nil, exchange = nil, sent = nil, source = nil, direct = nil, take = nil,
    held = nil,
  }
  if err then self.err = err end
  return setmetatable(self, Stream)
end

--- Makes a stream for a call. The call is sent by the first `next`.
-- @tparam table this a call of `predibase.call`
-- @tparam ?function on_complete called once with the stream, whose result is then available, before
-- its last token is returned; not called when the stream fails or is closed before its end
-- @treturn Stream
function M.new (this, on_complete)
  local self = new(nil)
  use(self, this)
  self.on_complete = on_complete
  return self
end

--- Makes a stream that fails at the first `next`: the error was known before anything was sent.
-- @tparam Error err
-- @treturn Stream
function M.failed (err)
  errors.add(err, { partial_text = err.partial_text or "", tokens = err.tokens or 0 })
  return new(err)
end

--- Makes a call and waits for its outcome, as `call.run` does. When the plan says so, the outcome
-- is the result of a stream.
-- @tparam table client the data that all calls share, see `predibase.call`
-- @param input what the route of the plan takes
-- @tparam ?table plan of `predibase.request`; nil when the options were refused
-- @tparam ?table refusal the error, when the options were refused
-- @tparam ?function on_error the hook of the call, when the options were refused
-- @treturn[1] Result the result
-- @treturn[2] nil
-- @treturn[2] Error the error
-- @raise for an input of the wrong type
function M.run (client, input, plan, refusal, on_error)
  if not (plan and plan.is_collected) then
    return call.run(client, input, plan, refusal, on_error)
  end
  local made = M.open(client, input, plan)
  local err = read_all(made)
  if err then return nil, err end
  return made:result()
end

--- Makes a call and its stream. If the call cannot be made, the stream fails at the first `next`.
-- @tparam table client the data that all calls share, see `predibase.call`
-- @param input what the route of the plan takes
-- @tparam ?table plan of `predibase.request`; nil when the options were refused
-- @tparam ?table refusal the error, when the options were refused
-- @tparam ?function on_error the hook of the call, when the options were refused
-- @treturn Stream the stream, with the further values that the generic `for` of Lua 5.4 takes
-- @raise for an input of the wrong type
function M.open (client, input, plan, refusal, on_error)
  local this, err = call.begin(client, input, plan, refusal, on_error)
  local made = this and M.new(this) or M.failed(err)
  return made, nil, nil, made
end

--- Returns the number of tokens that a stream has read.
-- @tparam Stream stream
-- @treturn integer
function M.count (stream)
  return (counts(stream))
end

--- Returns a buffered token, for modules that pass on several tokens at once.
-- @tparam Stream stream
-- @treturn ?Token nil when the fast path has no token; call `next`, which knows the reason
function M.take_buffered (stream)
  return take_buffered(stream)
end

--- Waits for the next token, or for the text of several, for modules that need only the text.
-- @tparam Stream stream
-- @treturn[1] string the text of all buffered tokens, or of the first of them; it may be empty, as
-- special tokens have no text
-- @treturn[2] table a token or a delta, as `next`
-- @treturn[3] nil at the end
-- @treturn[4] nil
-- @treturn[4] Error the error
function M.read_text (stream)
  local filter = stream.filter
  -- The caller of `text_of` gets the reasoning too.
  if filter and filter.splitter then return read(stream) end
  return read_text(stream)
end

--- Returns what the token that was read last adds to the text to show: without special tokens,
-- without the reasoning if it is separated, and without what may be a stop sequence.
-- @tparam Stream stream
-- @tparam table token
-- @treturn string
-- @treturn ?string the reasoning that it adds
function M.text_of (stream, token)
  local filter = stream.filter
  if not filter then return token.special and "" or token.text, token.reasoning end
  local source = stream.source
  if source then
    local shown, thoughts = source:shown()
    if shown then return shown, thoughts end
  end
  return filter.shown, token.reasoning or filter.thoughts
end

--- Returns what was kept back until the end of a stream, see `predibase.stream.answer_filter`.
-- @tparam Stream stream it has ended
-- @treturn string
-- @treturn ?string the reasoning that was kept back
function M.rest_of (stream)
  return tail_of(stream), stream.filter and stream.filter.last_thoughts
end

--- Returns the text of buffered tokens, for modules that need only the text.
-- @tparam Stream stream
-- @treturn[1] string as `read_text` does
-- @treturn[2] nil when the fast path has no text
function M.take_buffered_texts (stream)
  if not stream.take or stream.filter and stream.filter.splitter then return nil end
  return (stream.source:take_texts())
end

--- Lets the transport read ahead while the caller does other work. It is for modules that read the
-- stream to its end or close it.
-- @tparam Stream stream its first token must have been read
-- @treturn ?function the caller must call it when it needs nothing more
function M.read_ahead (stream)
  local exchange = stream.exchange
  return exchange and exchange.read_ahead and exchange:read_ahead()
end

--- Tells whether a value is a stream.
-- @param value anything
-- @treturn boolean
function M.is (value)
  return type(value) == "table" and getmetatable(value) == Stream
end

return M
