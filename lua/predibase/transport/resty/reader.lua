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
local pause = require "predibase.transport.resty.pause"

local ngx = ngx
local now = clock.now

local M = {}

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
M.LINGER = 0.1

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
-- @tparam table x the exchange
function M.drop(x)
  local sock = x.socket
  x.socket = nil
  -- Raises when nginx has ended the request, and with it the connection.
  if sock then pcall(sock.close, sock) end
end

local drop = M.drop

--- The body has ended. nginx refuses to keep a connection with bytes that were not read.
local function settle(x)
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
    local posted, why = pause.wait(x.demand, seconds)
    if posted == nil then error(why, 0) end
    if x.parked and pause.state(x.user) ~= "busy" then return false end
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

--- Connects, and sends the request.
-- @treturn boolean whether it was sent
local function ask(x, fresh)
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
  if not ask(x, true) then return nil, nil end
  return receive(x)
end

--- Reads to the end of the body, or until nobody asks for more.
local function read(x)
  local limit
  while true do
    if x.lingering and not limit then
      limit = now() + M.LINGER
      x.socket:settimeouts(1000, 1000, milliseconds(M.LINGER))
    end
    local bytes, err = receive(x)
    if x.over then return drop(x) end
    if not bytes then return err and lost(x, err) end
    x.began, x.request = true, nil      -- the token is not kept longer than it is needed
    if not take(x, bytes) then return end
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
    if x.over or not ask(x, false) then return end
  end
  read(x)
end

--- Fails an exchange because of an error that was raised.
-- @tparam table x the exchange
-- @tparam string err
function M.crash(x, err)
  fail(x, { kind = "connection", phase = phase_of(x), retryable = false,
    message = "the light thread of the request failed: " .. tostring(err) })
end

--- The body of the thread. Runs to the end of the exchange, or until nobody asks for more; then it
-- can be spawned again.
-- @tparam table x the exchange
function M.run(x)
  local ok, err = pcall(work, x)
  if not ok then M.crash(x, err) end
  if x.over or not ok then drop(x) end
end

return M
