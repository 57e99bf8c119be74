-- SPDX-License-Identifier: MIT
--- The light thread of an exchange: connects, sends, and reads whenever somebody waits for more.
--
-- It reads because the one who waits must not: nginx lets nobody close a socket that another light
-- thread reads from, but a semaphore wakes whoever waits at any time. It never reads ahead by more
-- than one piece, or by some pieces for a reader that asked for that, so a slow reader slows the
-- server.
-- @module predibase.transport.resty.reader

local clock = require "predibase.transport.resty.clock"
local connect = require "predibase.transport.resty.connect"

local ngx = ngx
local now = clock.now

local M = {}

--- Most bytes of one read: some hundred tokens.
local READ = 32 * 1024

--- Bytes after which the thread waits for its reader, if that lets it read ahead.
local AHEAD = 32 * 1024

--- Seconds that the thread stays for the next demand. A stream that was left without being closed
-- holds its request up for no longer than this; then nginx closes the connection.
local PARK = 0.05

--- Seconds that the end of a body may take after its last useful byte. A server that does not end
-- its answer costs us its connection, and a request that is over for its handler this time.
M.LINGER = 0.1

--- Seconds by which the socket's own clocks are later than those of the exchange: they only matter
-- when nobody waits any more.
local SLACK = 1

local function milliseconds(seconds)
  return math.min(math.ceil(seconds * 1000), 2 ^ 31 - 1)
end

local function fail(x, failure)
  if x.state == "failed" or x.state == "done" then return end
  failure.sent = failure.sent or x.sent
  x.state, x.failure = "failed", failure
end

local function drop(x)
  local sock = x.socket
  x.socket = nil
  if sock then sock:close() end
end

--- The body has ended.
local function settle(x)
  local sock = x.socket
  x.socket = nil
  if x.response.keep then sock:setkeepalive(connect.MAX_AGE) else sock:close() end
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

--- Waits for the next demand. Returns false when none came in time.
local function park(x)
  x.parked = true
  x:tell()
  local ok
  repeat ok = x.demand:wait(PARK) until not x.parked or not ok
  return not x.parked
end

--- Tells the reader that there are events. Returns false when it is to have no more.
local function hand_over(x)
  if not x.ahead or x.unread >= AHEAD then return park(x) end
  x.fresh = true
  x:tell()
  return true
end

--- One piece of the response. Returns true while there is more to come.
local function take(x, bytes)
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
    settle(x)
  else
    return true
  end
end

--- Reads to the end of the body, or until nobody asks for more.
local function read(x)
  local limit
  while true do
    if x.lingering and not limit then
      limit = now() + M.LINGER
      x.socket:settimeouts(1000, 1000, milliseconds(M.LINGER))
    end
    local bytes, err = x.socket:receiveany(READ)
    if x.over then return drop(x) end
    if not bytes then return lost(x, err) end
    if not take(x, bytes) then return end
    if limit and now() > limit then return drop(x) end
    if x.response:count() > 0 and not hand_over(x) then return end
    if x.over then return drop(x) end
  end
end

--- Sends the request on a connection and waits for the first byte of the answer.
local function ask(x, fresh)
  local sock, clocks = connect.socket(), x.clocks
  local longest = math.max(clocks.first_token or 0, clocks.token or 0, clocks.idle or 0)
  sock:settimeouts(milliseconds(clocks.connect + SLACK), milliseconds(longest + SLACK),
    milliseconds(longest + SLACK))
  x.state, x.connecting = "connecting", now()
  local failure = connect.open(sock, x.target, fresh)
  if failure then return nil, failure end
  x.socket, x.state, x.sent = sock, "open", true
  local reused = sock:getreusedtimes() > 0      -- not known any more once it is closed
  local bytes
  local ok, err = sock:send(x.request())
  if ok then bytes, err = sock:receiveany(READ) end
  if bytes then return bytes end
  local stale = err ~= "timeout" and reused
  return nil, nil, err, stale
end

local function start(x)
  if x.delay then
    ngx.sleep(x.delay)
    x.started = now()
  end
  local bytes, failure, err, stale = ask(x, false)
  if stale then
    -- The server closed it while it was idle; as a server may at any time, this is no attempt.
    drop(x)
    x.sent = false
    bytes, failure, err = ask(x, true)
  end
  if failure then return fail(x, failure) end
  x.request = nil             -- the token is not kept longer than it is needed
  if not bytes then return lost(x, err) end
  if take(x, bytes) and (x.response:count() == 0 or park(x)) and not x.over then read(x) end
end

--- The body of the thread. Runs to the end of the exchange, or until nobody asks for more; then it
-- can be spawned again.
-- @tparam table x the exchange
function M.run(x)
  local ok, err = pcall(x.socket and read or start, x)
  if not ok then
    x.crash = err
    fail(x, { kind = "connection", phase = phase_of(x), message = tostring(err) })
  end
  if x.over then drop(x) end
  x.running = false
  x:tell()
end

return M
