-- SPDX-License-Identifier: MIT
--- One request and its response over nginx's sockets, and how its reader waits: the same methods as
-- over libcurl (`predibase.transport.curl.exchange`).
--
-- A light thread does the work (`predibase.transport.resty.reader`); who reads from the exchange
-- waits on a semaphore, with the clocks, and wakes the thread when it wants more.
-- @module predibase.transport.resty.exchange

local clock = require "predibase.transport.resty.clock"
local clocks = require "predibase.transport.resty.clocks"
local pause = require "predibase.transport.resty.pause"
local response = require "predibase.transport.resty.response"
local semaphore = require "ngx.semaphore"
local thread = require "predibase.transport.resty.thread"

local now = clock.now

local M = {}

--- Longest wait at a time in seconds: nginx counts milliseconds in 31 bits.
local LONGEST_WAIT = 86400

--- Seconds that `poll` gives to nginx; it has no shorter turn.
local TURN = 0.001

local CLOSED = { kind = "cancelled", phase = "closed", message = "the stream was closed" }

local Exchange = {}
Exchange.__index = Exchange

--- Wakes who waits. For the light thread.
function Exchange:tell()
  if self.group then self.group:note(self) end
  if not self.waiter then return end
  self.waiter = nil
  self.news:post(1)
end

--- Lets it begin before anybody waits for it.
function Exchange:begin()
  thread.demand(self)
end

--- Whether nothing more is to come: the whole body is there, or a failure.
-- @treturn boolean
function Exchange:ended()
  return self.closed or self.state == "done" or self.state == "failed"
end

--- Fails it, and ends its thread.
-- @tparam table failure
function Exchange:give_up(failure)
  if not self:ended() then self.state, self.failure = "failed", failure end
  thread.stop(self)
end

--- Fails when a clock has run out.
-- @treturn number when the next one will, on the clock of the transport
function Exchange:expire()
  if self:ended() then return math.huge end
  local failure = clocks.expired(self, now())
  if not failure then return clocks.at(self) end
  self:give_up(failure)
  return math.huge
end

--- There is nothing to be had from it any more.
local function shut(x)
  x.closed = true
  x.transport.exchanges[x] = nil
  x.take, x.source, x.take_texts = nil, nil, nil
end

--- Waits until something happened, or for a time.
local function wait(x, longest)
  local me = coroutine.running()
  local other = x.waiter
  if other and other ~= me and coroutine.status(other) ~= "dead" then
    error("predibase: another coroutine is already waiting for this stream", 0)
  end
  thread.demand(x)
  -- A thread that has just begun may have found something at once, or all that there was.
  if x.parked or x.fresh or not x.running or x.closed then return end
  x.waiter = me
  local posted, why = pause.wait(x.news, math.min(math.max(clocks.at(x) - now(), 0), longest))
  if x.waiter == me then x.waiter = nil end
  if posted == nil then
    x:give_up(pause.failure(why))
    pause.stop()
    return
  end
  if x.closed then thread.stop(x) else x:expire() end
end

--- What the response began with, once it began.
-- @treturn[1] number status
-- @treturn[1] table headers, lower-case name to value
-- @treturn[1] boolean true when the body is an event stream
-- @treturn[2] nil before the head is complete
function Exchange:head()
  local r = self.response
  if r.complete then return r.status, r.headers, r.streaming end
end

--- What is there without waiting: an event, or nil and whether more may come.
local function at_hand(x)
  local parser = x.response.parser
  local event = parser and parser:token()
  if event then return event end
  return nil, not x:ended()
end

local function ending(x)
  if x.state == "failed" then return nil, x.failure end
  return nil
end

--- The next event; waits for it.
-- @treturn[1] table a plain token, see `predibase.sse`
-- @treturn[2] string the data of any other event
-- @treturn[3] nil at the end of the body
-- @treturn[4] nil
-- @treturn[4] table the failure
function Exchange:next()
  while not self.closed do
    local data, more = at_hand(self)
    if data then return data end
    if not more then return ending(self) end
    wait(self, LONGEST_WAIT)
  end
  return nil, CLOSED
end

--- The same without waiting for the server: nginx gets a turn of a millisecond at most, in which it
-- fetches what is there. So a program that asks again and again does not stop its worker.
-- @treturn[1] table a plain token
-- @treturn[2] string the data of any other event
-- @treturn[3] nil at the end of the body
-- @treturn[4] nil
-- @treturn[4] string|table "pending" when nothing is there yet, or the failure
function Exchange:poll()
  if self.closed then return nil, CLOSED end
  local data, more = at_hand(self)
  if not data and more then
    wait(self, TURN)
    if self.closed then return nil, CLOSED end
    data, more = at_hand(self)
  end
  if data then return data end
  if more then return nil, "pending" end
  return ending(self)
end

--- Opens the fast path to buffered events: from now on, until the exchange is closed or released,
-- it has the fields `take` and `take_texts`. `exchange.take(exchange.source)` returns a plain token
-- and its text (nil if it is special), or the data of another event, or nil when only `next` and
-- `poll` can tell what follows; `exchange.take_texts(exchange.source)` the text of all plain tokens
-- and their number, see `predibase.sse`.
function Exchange:events()
  local parser = self.response.parser
  self.take, self.source, self.take_texts = parser.token, parser, parser.texts
end

--- Lets the thread read on while its reader is busy, which spares two switches for each piece.
-- @treturn function to be called at the end, by who read first; else the request may be held up
function Exchange:read_ahead()
  self.ahead = true
  return function () thread.settle(self) end
end

--- Waits until there may be something to take: `next` does that here.
-- @treturn boolean false
function Exchange:await() -- luacheck: ignore 212
  return false
end

--- The data of an event that the end of the body left unfinished.
-- @treturn ?string
function Exchange:rest()
  local parser = self.response.parser
  return not self.closed and parser and parser:finish() or nil
end

--- The whole body of a response that is no event stream; waits for its end.
-- @treturn[1] string
-- @treturn[2] nil
-- @treturn[2] table the failure
function Exchange:body()
  local data, err
  repeat data, err = self:next() until not data
  if err then return nil, err end
  return self.response:body()
end

--- The reader has what it wanted: lets the body end by itself, so that the connection can be
-- used again.
function Exchange:release()
  if self.closed then return self:close() end
  if self.state ~= "open" or not (self.ahead or self.parked or not self.running) then
    return self:close()
  end
  self.lingering = true
  shut(self)
  self.response:discard()
  thread.demand(self)
  self.released = true
end

--- Ends the exchange; a connection in use is closed at once. Who waits for it gets a failure of
-- kind "cancelled". Any number of times, also from another light thread or another request, and
-- again after an error was raised in here.
function Exchange:close()
  if self.released then return end
  self.lingering = false
  shut(self)
  thread.stop(self)
  self:tell()
  self.response:discard()
  self.released = true
end

--- Makes an exchange; its thread begins at the first wait.
-- @tparam table transport its transport
-- @tparam table target see `predibase.transport.resty.target`
-- @tparam table bytes of the request
-- @tparam table spec as for `Transport:open`
-- @treturn table
function M.new(transport, target, bytes, spec)
  local at, timeout, cfg = now(), spec.timeout, transport.cfg
  return setmetatable({
    transport = transport, target = target,
    -- A function: whoever walks over the tables of a stream finds no token.
    request = function () return bytes end,
    response = response.new { events = spec.events, max_event = cfg.max_event_bytes,
      max_body = cfg.max_response_bytes },
    clocks = { connect = timeout.connect, first_token = timeout.first_token,
      token = timeout.token, idle = timeout.idle },
    deadline = spec.deadline, delay = spec.delay, streams = spec.events,
    state = spec.delay and "delayed" or "connecting",    -- then open, done or failed
    started = at, connecting = at, last_byte = at, last_event = at, got_event = false,
    failure = nil,
    sent = false,             -- the request may have reached the server
    socket = nil,
    reused = false,           -- it was out of the pool
    began = false,            -- the first bytes of the answer came
    unsent = nil,             -- why the request could not be sent on it
    running = false,          -- there is a light thread
    user = nil,               -- the coroutine that asked last
    parked = false,           -- the thread waits for a demand
    ahead = false,            -- it need not, after every piece
    fresh = false,            -- then, there are events and the reader has not asked for more
    unread = 0,               -- bytes since it last asked
    news = semaphore.new(0), demand = semaphore.new(0), halt = semaphore.new(0),
    waiter = nil,             -- the coroutine that waits
    group = nil,              -- to be told as well
    take = nil, source = nil, take_texts = nil,          -- see Exchange:events
    closed = false,           -- nobody reads any more
    released = false,         -- and all that this needs was done
    over = false,             -- and the connection is not wanted either
    lingering = false,        -- or only to be used again
  }, Exchange)
end

return M
