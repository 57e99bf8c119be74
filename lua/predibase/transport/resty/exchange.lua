-- SPDX-License-Identifier: MIT
--- One request and its response over nginx's sockets: the same methods as over libcurl
-- (`predibase.transport.curl.exchange`).
--
-- A light thread connects, sends and reads. The program that reads from the exchange waits on a
-- semaphore, with the clocks, and wakes the thread when it wants more. It must not read itself:
-- nginx does not allow a socket to be closed while another light thread reads from it, but a
-- semaphore wakes its waiter at any time. The thread never reads ahead by more than one piece, or
-- by some pieces for a reader that asked for that, so a slow reader slows the server.
--
-- nginx lets only the parent of a light thread kill it. So the thread has a guard as its parent, a
-- second light thread that only waits to be told to end it, by any coroutine of any request. The
-- guard in turn has no parent that is alive: a thread that ended while its parent is alive, and was
-- not waited for, would keep the request open for ever once that parent is killed.
-- @module predibase.transport.resty.exchange

local clock_rules = require "predibase.transport.resty.clocks"
local connect = require "predibase.transport.resty.connect"
local http1 = require "predibase.transport.resty.http1"
local nginx = require "predibase.nginx"
local semaphore = require "ngx.semaphore"

local ngx = ngx
local now = nginx.now

local M = {}

-- Inside the light thread.

--- Most bytes of one read: some hundred tokens.
local READ = 32 * 1024

--- Bytes after which the thread waits for its reader, if that lets it read ahead.
local AHEAD = 32 * 1024

--- Seconds after which the thread, while it waits for a demand, looks for the first time whether
-- its reader is still there. A stream that was left without being closed holds its request up for
-- no longer than this; then nginx closes the connection.
local PARK = 0.05

--- The longest time from one such look to the next.
local LONGEST_PARK = 1

--- Seconds that the end of a body may take after its last useful byte. A server that does not end
-- its answer costs us its connection, and a request that is over for its handler this time.
local LINGER = 0.1

--- Seconds by which the socket's own clocks are later than those of the exchange: they only matter
-- when nobody waits any more.
local SLACK = 1

local milliseconds = connect.milliseconds

local function fail(x, failure)
  if x.state == "failed" or x.state == "done" then return end
  failure.sent = failure.sent or x.sent
  x.state, x.failure = "failed", failure
end

--- Closes the connection.
local function drop(x)
  local sock = x.socket
  x.socket = nil
  -- Raises when nginx has ended the request, and with it the connection.
  if sock then pcall(sock.close, sock) end
end

--- The body has ended. nginx refuses to keep a connection with bytes that were not read.
local function settle_socket(x)
  local sock = x.socket
  x.socket = nil
  if not x.response.keep or not sock:setkeepalive(connect.MAX_AGE) then sock:close() end
  x.state = "done"
end

local function phase_of(x)
  return x.response.began and "body" or "head"
end

local function lost(x, err)
  local response = x.response
  drop(x)
  if response:finish() then
    x.state = "done"
  elseif err == "closed" and response.status and not response.complete then
    fail(x, { kind = "connection", phase = "head",
      message = "the connection was closed within the response head" })
  else
    if err == "closed" then err = "the connection was closed before the response was complete" end
    fail(x, { kind = "connection", phase = phase_of(x), message = err })
  end
end

--- Waits for the next demand. Returns false when none can come any more.
local function park(x)
  x.parked = true
  x:tell()
  local seconds = PARK
  while x.parked and not x.over do
    local posted, why = nginx.wait(x.demand, seconds)
    if posted == nil then error(why, 0) end
    if x.parked and nginx.coroutine_state(x.user) ~= "busy" then return false end
    seconds = math.min(2 * seconds, LONGEST_PARK)
  end
  return not x.over
end

--- Tells the reader that there are events. Returns false when it is to have no more.
local function hand_over(x)
  if not x.ahead or x.unread >= AHEAD then return park(x) end
  x.fresh = true
  x:tell()
  return true
end

--- One piece of the response. Returns true while there is more to come.
local function take_bytes(x, bytes)
  local response, at = x.response, now()
  x.last_byte = at
  x.unread = x.unread + #bytes
  local before = response:count()
  local ok, failure = response:feed(bytes)
  if response:count() > before then x.got_event, x.last_event = true, at end
  if not ok then
    failure.phase = phase_of(x)
    drop(x)
    fail(x, failure)
  elseif response.done then
    settle_socket(x)
  else
    return true
  end
end

--- Connects, and sends the request.
local function send_request(x, fresh)
  local clocks = x.clocks
  local longest = math.max(clocks.first_token or 0, clocks.token or 0, clocks.idle or 0) + SLACK
  x.state, x.connecting = "connecting", now()
  local sock, failure = connect.open(x.target, fresh, clocks.connect)
  if not sock then
    fail(x, failure)
    return false
  end
  sock:settimeouts(1000, milliseconds(longest), milliseconds(longest))
  x.socket, x.state, x.sent, x.began = sock, "open", true, false
  x.reused = sock:getreusedtimes() > 0      -- not known any more once it is closed
  local ok, err = sock:send(x.request())
  if not ok then x.unsent = err end
  return true
end

--- Whether the server had given the connection up while it was unused, as a server may at any time
-- (RFC 9112 section 9.3): it is closed, or the first bytes say that no request came in time and
-- that it will be.
local function is_stale(x, bytes, err)
  if x.began or not x.reused then return false end
  if not bytes then return err ~= "timeout" end
  return bytes:find "^HTTP/1%.%d 408%f[%D]" ~= nil
    and bytes:lower():find "\nconnection:[ \t]*close" ~= nil
end

--- The next bytes of the response; on a new connection when the first one turned out to be stale,
-- which is no attempt.
local function receive(x)
  local bytes, err
  if x.unsent then err, x.unsent = x.unsent, nil else bytes, err = x.socket:receiveany(READ) end
  if x.over or not is_stale(x, bytes, err) then return bytes, err end
  drop(x)
  x.sent = false
  if not send_request(x, true) then return nil, nil end
  return receive(x)
end

--- Reads to the end of the body, or until nobody asks for more.
local function read(x)
  local limit
  while true do
    if x.lingering and not limit then
      limit = now() + LINGER
      x.socket:settimeouts(1000, 1000, milliseconds(LINGER))
    end
    local bytes, err = receive(x)
    if x.over then return drop(x) end
    if not bytes then return err and lost(x, err) end
    x.began, x.request = true, nil      -- the token is not kept longer than it is needed
    if not take_bytes(x, bytes) then return end
    if limit and now() > limit then return drop(x) end
    if x.response:count() > 0 and not hand_over(x) then return end
    if x.over then return drop(x) end
  end
end

local function work(x)
  if not x.socket then
    if x.delay then
      ngx.sleep(x.delay)
      x.started = now()
    end
    if x.over or not send_request(x, false) then return end
  end
  read(x)
end

--- Fails an exchange because of an error that was raised.
local function crash(x, err)
  fail(x, { kind = "connection", phase = phase_of(x), retryable = false,
    message = "the light thread of the request failed: " .. tostring(err) })
end

--- The body of the thread. Runs to the end of the exchange, or until nobody asks for more; then it
-- can be spawned again.
local function run(x)
  local ok, err = pcall(work, x)
  if not ok then crash(x, err) end
  if x.over or not ok then drop(x) end
end

-- The light thread and its guard, from outside.

--- Seconds from one look of the guard to the next whether the coroutine that reads is still there.
-- A light thread that was killed tells nobody.
local LOOK = 1

--- Looks after which it ends the thread, by the state of that coroutine.
local PATIENCE = { gone = 2, suspended = 60, busy = math.huge }

--- What a reader finds that comes after all.
local LEFT = { kind = "cancelled", phase = "closed",
  message = "the light thread that read the stream has ended" }

--- Runs the thread, and tells its guard when it has ended.
local function run_job(x, job)
  run(x)
  job.ended, x.running = true, false
  x.halt:post(1)
  x:tell()
end

--- Waits until the thread has ended or is to be ended.
local function watch(x, job)
  local missed = 0
  while not (job.ended or x.over) do
    local posted = nginx.wait(x.halt, LOOK)
    if posted == nil then return end       -- nginx has ended the request
    local state = nginx.coroutine_state(x.user)
    -- A thread that is parked looks by itself, and its connection may stay.
    if posted or x.parked or state == "busy" then missed = 0 else missed = missed + 1 end
    if missed >= PATIENCE[state] then return end
  end
end

local function guard(x, job)
  local thread = ngx.thread.spawn(run_job, x, job)
  watch(x, job)
  if job.ended then return end
  job.ended = true
  pcall(ngx.thread.kill, thread)
  drop(x)
  if x.state ~= "done" and x.state ~= "failed" then x.state, x.failure = "failed", LEFT end
  x.running = false
  x:tell()
end

local function launch(x)
  x.running = true
  local job = { ended = false }
  local parent = ngx.thread.spawn(function () ngx.thread.spawn(guard, x, job) end)
  local ok, err = ngx.thread.wait(parent)
  if not ok then error(err, 0) end
end

--- Ends the thread and its connection. From any coroutine, any number of times.
local function stop(x)
  x.over = true
  if not x.running then return drop(x) end
  x.halt:post(1)
  -- Where the thread does not read just now, the connection need not wait for the guard's turn.
  local sock = x.socket
  if not sock then return end
  local ok, closed = pcall(sock.close, sock)
  if ok and closed then x.socket = nil end
end

--- For the coroutine that reads, when it has done so: waits a little for the end of a body that
-- nobody reads any more, then ends the thread if that is still there.
local function settle(x)
  if x.running and x.lingering then
    x.waiter = coroutine.running()
    nginx.wait(x.news, LINGER)
    x.waiter = nil
  end
  if x.running then stop(x) end
end

--- Lets the thread go on, or begin.
local function demand(x)
  if x.over or x.state == "done" or x.state == "failed" then return end
  x.user = coroutine.running()
  x.unread = 0
  if x.parked or x.fresh then
    local at = now()
    x.fresh = false
    x.last_byte = at          -- the reader was slow, not the server
    if x.got_event then x.last_event = at end
  end
  if x.running then
    if not x.parked then return end
    x.parked = false
    x.demand:post(1)
    return
  end
  x.parked = false
  local ok, err = pcall(launch, x)
  if ok then return end
  x.running = false
  if x.state ~= "failed" then x.state, x.failure = "failed", nginx.wait_failure(tostring(err)) end
  stop(x)
end

-- What readers see.

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
  demand(self)
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
  stop(self)
end

--- Fails when a clock has run out.
-- @treturn number when the next one will, on the clock of the transport
function Exchange:expire()
  if self:ended() then return math.huge end
  local failure = clock_rules.expired(self, now())
  if not failure then return clock_rules.at(self) end
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
  demand(x)
  -- A thread that has just begun may have found something at once, or all that there was.
  if x.parked or x.fresh or not x.running or x.closed then return end
  x.waiter = me
  local posted, why = nginx.wait(x.news, math.min(math.max(clock_rules.at(x) - now(), 0), longest))
  if x.waiter == me then x.waiter = nil end
  if posted == nil then
    x:give_up(nginx.wait_failure(why))
    nginx.raise_if_ended()
    return
  end
  if x.closed then stop(x) else x:expire() end
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
  return function () settle(self) end
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
  demand(self)
  self.released = true
end

--- Ends the exchange; a connection in use is closed at once. Who waits for it gets a failure of
-- kind "cancelled". Any number of times, also from another light thread or another request, and
-- again after an error was raised in here.
function Exchange:close()
  if self.released then return end
  self.lingering = false
  shut(self)
  stop(self)
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
    response = http1.new_response { events = spec.events, max_event = cfg.max_event_bytes,
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
