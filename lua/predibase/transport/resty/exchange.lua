-- SPDX-License-Identifier: MIT
--- One request and its response over nginx's sockets, with the same methods as
-- `predibase.transport.curl.exchange`.
--
-- Longer than 600 lines: one state machine of a request and its response.
--
-- A light thread connects, sends and reads. The coroutine that uses the exchange (the reader) waits
-- on a semaphore, watches the timeouts, and wakes the thread when it wants more data. The reader
-- does not use the socket itself, because nginx does not allow a socket to be closed while another
-- light thread reads from it, whereas a wait on a semaphore can be ended at any time. The thread
-- reads at most one piece ahead, or up to `AHEAD` bytes if the reader asked for that, so a slow
-- reader slows the server.
--
-- nginx allows only the parent of a light thread to kill it. So the thread has a parent of its own,
-- the guard: a second light thread that waits until any coroutine of any request asks it to kill
-- the thread. The guard's own parent ends at once. If it stayed alive, and were killed after the
-- guard had ended without being waited for, nginx would keep the request open forever.
-- @module predibase.transport.resty.exchange

local clock_rules = require "predibase.transport.resty.clocks"
local connect = require "predibase.transport.resty.connect"
local http1 = require "predibase.transport.resty.http1"
local nginx = require "predibase.nginx"
local semaphore = require "ngx.semaphore"
local usage = require "predibase.usage"

local ngx = ngx
local now = nginx.now

local M = {}

-- The functions that run in the light thread.

--- The maximum bytes of one read, which are a few hundred tokens.
local READ = 32 * 1024

--- Bytes after which the thread waits for its reader if it may read ahead.
local AHEAD = 32 * 1024

--- Seconds until the thread, while it waits for its reader, checks for the first time whether the
-- reader still exists. A stream that the program dropped without closing it keeps its request open
-- for no longer than this; then nginx closes the connection.
local PARK = 0.05

--- The longest time between two such checks, in seconds.
local LONGEST_PARK = 1

--- Seconds that the end of a body may take after its last useful byte. If the body does not end in
-- time, its connection is closed. A request whose handler has finished stays open for this time.
local LINGER = 0.1

--- Seconds by which the timeouts of the socket are longer than those of the exchange. They only
-- matter if no reader watches the timeouts of the exchange.
local SLACK = 1

local milliseconds = connect.milliseconds

local function fail (x, failure)
  if x.state == "failed" or x.state == "done" then return end
  failure.sent = failure.sent or x.sent
  x.state, x.failure = "failed", failure
end

local function close_socket (x)
  local sock = x.socket
  x.socket = nil
  -- This raises an error if nginx has ended the request, and with it the connection.
  if sock then pcall(sock.close, sock) end
end

--- Puts the connection into the pool after the end of the body, or closes it. nginx refuses to keep
-- a connection that has unread bytes.
local function keep_or_close (x)
  local sock = x.socket
  x.socket = nil
  if not x.response.keep or not sock:setkeepalive(connect.MAX_AGE) then sock:close() end
  x.state = "done"
end

local function phase_of (x)
  return x.response.began and "body" or "head"
end

--- Handles the end or the failure of the connection.
local function connection_ended (x, err)
  local response = x.response
  close_socket(x)
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

--- Tells whether the stream that reads the exchange was collected.
local function is_forgotten (x)
  return x.stream ~= nil and x.stream[1] == nil
end

--- Waits until the reader wants more. Returns false if it cannot want more, because the exchange is
-- over, the coroutine has ended, or the stream was collected.
local function park (x)
  x.parked = true
  x:notify()
  local seconds = PARK
  while x.parked and not x.over do
    local posted, why = nginx.wait(x.demand, seconds)
    if posted == nil then error(why, 0) end
    local state = nginx.coroutine_state(x.user)
    if x.parked and (state ~= "busy" or is_forgotten(x)) then
      if x.done and (state == "gone" or is_forgotten(x)) then x.done() end
      return false
    end
    seconds = math.min(2 * seconds, LONGEST_PARK)
  end
  return not x.over
end

--- Notifies the reader of new events, and waits for it unless the thread may read ahead. Returns
-- false if the thread is to stop.
local function hand_over (x)
  if not x.ahead or x.unread >= AHEAD then return park(x) end
  x.fresh = true
  x:notify()
  return true
end

--- Parses one piece of the response. Returns true if the response has not ended.
local function take_bytes (x, bytes)
  local response, at = x.response, now()
  x.last_byte = at
  x.unread = x.unread + #bytes
  local before = response:count()
  local ok, failure = response:feed(bytes)
  if response:count() > before then x.got_event, x.last_event = true, at end
  if not ok then
    failure.phase = phase_of(x)
    close_socket(x)
    fail(x, failure)
  elseif response.done then
    keep_or_close(x)
  else
    return true
  end
end

--- Connects, and sends the request.
local function send_request (x, fresh)
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
  x.reused = sock:getreusedtimes() > 0      -- read now, because a closed socket does not tell
  local ok, err = sock:send(x.request())
  if not ok then x.unsent = err end
  return true
end

--- Tells whether the server gave up the connection while it was unused, as a server may at any time
-- (RFC 9112 section 9.3): the connection is closed, or the first bytes are a response 408 which
-- says that the connection will be closed.
local function is_stale (x, bytes, err)
  if x.began or not x.reused then return false end
  if not bytes then return err ~= "timeout" end
  return bytes:find "^HTTP/1%.%d 408%f[%D]" ~= nil
    and bytes:lower():find "\nconnection:[ \t]*close" ~= nil
end

--- Reads the next bytes of the response. If a pooled connection turns out to be stale, sends the
-- request again on a new one; this does not count as a retry.
local function receive (x)
  local bytes, err
  if x.unsent then err, x.unsent = x.unsent, nil else bytes, err = x.socket:receiveany(READ) end
  if x.over or not is_stale(x, bytes, err) then return bytes, err end
  close_socket(x)
  x.sent = false
  if not send_request(x, true) then return nil, nil end
  return receive(x)
end

--- Reads until the body ends or the reader wants no more.
local function read (x)
  local limit
  while true do
    if x.lingering and not limit then
      limit = now() + LINGER
      x.socket:settimeouts(1000, 1000, milliseconds(LINGER))
    end
    local bytes, err = receive(x)
    if x.over then return close_socket(x) end
    if not bytes then return err and connection_ended(x, err) end
    x.began, x.request = true, nil      -- the request contains the API token: drop it early
    if not take_bytes(x, bytes) then return end
    if limit and now() > limit then return close_socket(x) end
    if x.response:count() > 0 and not hand_over(x) then return end
    if x.over then return close_socket(x) end
  end
end

local function work (x)
  if not x.socket then
    if x.delay then
      ngx.sleep(x.delay)
      x.started = now()
    end
    if x.over or not send_request(x, false) then return end
  end
  read(x)
end

--- Fails an exchange because the code of its light thread raised an error.
local function crash (x, err)
  fail(x, { kind = "connection", phase = phase_of(x), retryable = false,
    message = "the light thread of the request failed: " .. tostring(err) })
end

--- Runs the exchange until it ends or the reader wants no more. In the second case the reader can
-- start a new thread later.
local function run (x)
  local ok, err = pcall(work, x)
  if not ok then crash(x, err) end
  if x.over or not ok then close_socket(x) end
end

-- The functions that start, guard and end the light thread.

--- Seconds between the checks of the guard whether the reader still exists. A light thread that is
-- killed runs no code that could notify it.
local LOOK = 1

--- The number of checks after which the guard kills the thread, by the state of the reader.
local PATIENCE = { gone = 2, suspended = 60, busy = math.huge }

--- The failure for a reader that continues after the guard has killed the thread.
local LEFT = { kind = "cancelled", phase = "closed",
  message = "the light thread that read the stream has ended" }

--- Runs the exchange, and notifies the guard and the reader at the end.
local function run_job (x, job)
  run(x)
  job.ended, x.running = true, false
  x.halt:post(1)
  -- A reader that was killed does not give the place of its request back.
  if x.done and nginx.coroutine_state(x.user) == "gone" then x.done() end
  x:notify()
end

--- Waits until the thread has ended or has to be killed.
local function watch (x, job)
  local missed = 0
  while not (job.ended or x.over) do
    local posted = nginx.wait(x.halt, LOOK)
    if posted == nil then return end       -- nginx has ended the request
    local state = nginx.coroutine_state(x.user)
    -- A parked thread checks its reader by itself and keeps its connection.
    if posted or x.parked or state == "busy" then missed = 0 else missed = missed + 1 end
    if missed >= PATIENCE[state] or not x.parked and is_forgotten(x) then return end
  end
end

local function guard (x, job)
  local thread = ngx.thread.spawn(run_job, x, job)
  watch(x, job)
  if job.ended then return end
  job.ended = true
  pcall(ngx.thread.kill, thread)
  close_socket(x)
  if x.state ~= "done" and x.state ~= "failed" then x.state, x.failure = "failed", LEFT end
  if x.done then x.done() end
  x.running = false
  x:notify()
end

local function launch (x)
  x.running = true
  local job = { ended = false }
  local parent = ngx.thread.spawn(function () ngx.thread.spawn(guard, x, job) end)
  local ok, err = ngx.thread.wait(parent)
  if not ok then error(err, 0) end
end

--- Ends the thread and closes its connection. Any coroutine may call it, any number of times.
local function stop (x)
  x.over = true
  if not x.running then return close_socket(x) end
  x.halt:post(1)
  -- If the thread is not reading now, the connection can be closed before the guard runs.
  local sock = x.socket
  if not sock then return end
  local ok, closed = pcall(sock.close, sock)
  if ok and closed then x.socket = nil end
end

--- Waits up to `LINGER` seconds for the end of a released body and then ends the thread. The reader
-- calls it when it needs no more.
local function settle (x)
  if x.running and x.lingering then
    x.waiter = coroutine.running()
    nginx.wait(x.news, LINGER)
    x.waiter = nil
  end
  if x.running then stop(x) end
end

--- Makes the thread continue to read, or starts a thread.
local function demand (x)
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

-- The methods of an exchange, which the reader calls.

--- The longest single wait in seconds. nginx counts milliseconds in 31 bits.
local LONGEST_WAIT = 86400

--- Seconds for which `poll` lets nginx run, the shortest time that nginx can wait.
local TURN = 0.001

local CLOSED = { kind = "cancelled", phase = "closed", message = "the stream was closed" }

local Exchange = {}
Exchange.__index = Exchange

--- Notifies the group, and wakes the waiting reader. The light thread calls it.
function Exchange:notify ()
  if self.group then self.group:note(self) end
  if not self.waiter then return end
  self.waiter = nil
  self.news:post(1)
end

local WEAK = { __mode = "v" }

--- Remembers the stream that reads the exchange, so that its connection is closed when the stream
-- is collected.
-- @tparam table stream
function Exchange:belongs_to (stream)
  self.stream = setmetatable({ stream }, WEAK)
end

--- Starts the exchange before its reader waits for it.
function Exchange:begin ()
  demand(self)
end

--- Tells whether the exchange has ended: the body is complete, or it has failed or was closed.
-- @treturn boolean
function Exchange:ended ()
  return self.closed or self.state == "done" or self.state == "failed"
end

--- Fails the exchange and ends its thread.
-- @tparam table failure
function Exchange:give_up (failure)
  if not self:ended() then self.state, self.failure = "failed", failure end
  stop(self)
end

--- Fails the exchange if one of its timeouts has expired.
-- @treturn number when the next timeout expires, on the clock of the transport
function Exchange:expire ()
  if self:ended() then return math.huge end
  local failure = clock_rules.expired(self, now())
  if not failure then return clock_rules.at(self) end
  self:give_up(failure)
  return math.huge
end

--- Marks the exchange as closed for its reader.
local function mark_closed (x)
  x.closed = true
  if x.done then x.done() end
  x.transport.exchanges[x] = nil
end

--- Waits until the thread notifies the reader, a timeout expires, or `longest` seconds have passed.
local function wait (x, longest)
  local me = coroutine.running()
  local other = x.waiter
  if other and other ~= me and coroutine.status(other) ~= "dead" then
    usage.fail("another coroutine is already waiting for this stream")
  end
  demand(x)
  -- A thread that has just started may already have read something, or may even have ended.
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

--- Returns the status of the response.
-- @treturn[1] number status
-- @treturn[1] boolean true if the body is an event stream
-- @treturn[2] nil before the head is complete
function Exchange:status ()
  local r = self.response
  if r.complete then return r.status, r.streaming end
end

--- Returns the head of the response, also after the exchange was closed or released.
-- @treturn[1] number status
-- @treturn[1] table headers, lower-case name to value
-- @treturn[1] boolean true if the body is an event stream
-- @treturn[2] nil before the head is complete
function Exchange:head ()
  local r = self.response
  if r.complete then return r.status, r.headers, r.streaming end
end

--- Returns a buffered event, or nil and whether more events may arrive.
local function next_buffered (x)
  local parser = x.response.parser
  local event
  if parser and x.undecoded then
    x.taking = true
    event = parser:next()
  elseif parser then
    event = parser:token()
  end
  if event then return event end
  x.taking = nil
  return nil, not x:ended()
end

local function ending (x)
  if x.state == "failed" then return nil, x.failure end
  return nil
end

--- Makes `next` and `poll` return the data of every event, also of plain tokens. The field `taking`
-- is then true when they return an event, until the caller has stored it and sets it to nil; and
-- when they were interrupted where that may have lost an event.
function Exchange:keep_data ()
  self.undecoded = true
end

--- Waits for the next event and returns it.
-- @treturn[1] table a plain token, see `predibase.sse`
-- @treturn[2] string the data of any other event
-- @treturn[3] nil at the end of the body
-- @treturn[4] nil
-- @treturn[4] table the failure
function Exchange:next ()
  while not self.closed do
    local data, more = next_buffered(self)
    if data then return data end
    if not more then return ending(self) end
    wait(self, LONGEST_WAIT)
  end
  return nil, CLOSED
end

--- Returns the next event without waiting for the server. nginx runs for at most a millisecond and
-- reads what has arrived, so a program that polls in a loop does not block its worker.
-- @treturn[1] table a plain token
-- @treturn[2] string the data of any other event
-- @treturn[3] nil at the end of the body
-- @treturn[4] nil
-- @treturn[4] string|table "pending" if no event has arrived yet, or the failure
function Exchange:poll ()
  if self.closed then return nil, CLOSED end
  local data, more = next_buffered(self)
  if not data and more then
    wait(self, TURN)
    if self.closed then return nil, CLOSED end
    data, more = next_buffered(self)
  end
  if data then return data end
  if more then return nil, "pending" end
  return ending(self)
end

--- Makes the parser count the tokens of a stream and keep their text.
-- @tparam number limit the most bytes of text
-- @tparam boolean kept false: the text is only counted
-- @treturn userdata see `Exchange:tokens` of `predibase.transport.curl.exchange`
-- @treturn boolean true
function Exchange:tokens (limit, kept)
  local parser = self.response.parser
  parser:keep_text(limit, kept)
  return parser, true
end

--- Becomes a member of a group, which waits for it together with others.
-- @tparam table group
function Exchange:join (group)
  self.group = group
end

--- Lets the thread read ahead while its reader is busy, which saves two switches of coroutines for
-- each piece.
-- @treturn function the coroutine that reads must call it when it needs no more; otherwise the
-- request may stay open
function Exchange:read_ahead ()
  self.ahead = true
  return function () settle(self) end
end

--- Does nothing in this transport, where only `next` waits.
-- @treturn boolean false
function Exchange:await () -- luacheck: ignore 212
  return false
end

--- Returns the data of an event that was incomplete when the body ended.
-- @treturn ?string
function Exchange:rest ()
  local parser = self.response.parser
  return not self.closed and parser and parser:finish() or nil
end

--- Waits for the end of a response that is not an event stream and returns its whole body.
-- @treturn[1] string
-- @treturn[2] nil
-- @treturn[2] table the failure
function Exchange:body ()
  local data, err
  repeat data, err = self:next() until not data
  if err then return nil, err end
  return self.response:body()
end

--- Ends the exchange for a reader that needs no more of it. The body may still end by itself within
-- `LINGER` seconds, so that the connection can be used again.
function Exchange:release ()
  if self.closed then return self:close() end
  if self.state ~= "open" or not (self.ahead or self.parked or not self.running) then
    return self:close()
  end
  self.lingering = true
  mark_closed(self)
  self.response:discard()
  demand(self)
  self.released = true
end

--- Closes the exchange, and with it a connection in use. A coroutine that waits for the exchange
-- gets a failure of kind "cancelled". May be called any number of times, also from another light
-- thread or another request, and again after it raised an error.
function Exchange:close ()
  if self.released then return end
  self.lingering = false
  mark_closed(self)
  stop(self)
  self:notify()
  self.response:discard()
  self.released = true
end

--- Makes an exchange. Its thread starts at the first wait.
-- @tparam table transport its transport
-- @tparam table target see `predibase.transport.resty.target`
-- @tparam table bytes strings to send one after the other, see `request` of
-- `predibase.transport.resty.http1`
-- @tparam table spec as for `Transport:open`
-- @treturn table
function M.new (transport, target, bytes, spec)
  local at, timeout, cfg = now(), spec.timeout, transport.cfg
  return setmetatable({
    transport = transport, target = target,
    -- A function, so that code that prints the tables of a stream shows no API token.
    request = function () return bytes end,
    response = http1.new_response { events = spec.events, max_event = cfg.max_event_bytes,
      max_body = cfg.max_response_bytes },
    clocks = { connect = timeout.connect, first_token = timeout.first_token,
      token = timeout.token, idle = timeout.idle },
    deadline = spec.deadline, delay = spec.delay, streams = spec.events, done = spec.done,
    state = spec.delay and "delayed" or "connecting",    -- later "open", "done" or "failed"
    started = at, connecting = at, last_byte = at, last_event = at, got_event = false,
    failure = nil,
    sent = false,             -- the request may have reached the server
    socket = nil,
    reused = false,           -- the connection came out of the pool
    began = false,            -- the first bytes of the response arrived
    unsent = nil,             -- the error if the request could not be sent
    running = false,          -- a light thread exists
    user = nil,               -- the reader: the coroutine that last asked for more
    parked = false,           -- the thread waits until the reader wants more
    ahead = false,            -- the thread may read ahead
    fresh = false,            -- it read ahead, and the reader has not asked for more since then
    unread = 0,               -- bytes read since the reader last asked
    news = semaphore.new(0),  -- posted for the reader
    demand = semaphore.new(0),          -- posted for the thread
    halt = semaphore.new(0),  -- posted for the guard
    waiter = nil,             -- the waiting coroutine
    group = nil,              -- the group that it belongs to
    undecoded = false, taking = nil,    -- see Exchange:keep_data
    closed = false,           -- the reader is done
    released = false,         -- `release` or `close` has finished
    over = false,             -- the thread has to end and the connection has to be closed
    lingering = false,        -- the thread reads to the end only to keep the connection
  }, Exchange)
end

return M
