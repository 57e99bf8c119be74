-- SPDX-License-Identifier: MIT
--- The timeouts of an exchange inside nginx, the same as over libcurl. All times are seconds on the
-- clock of the transport.
-- @module predibase.transport.resty.clocks

local M = {}

local huge = math.huge

local function earlier (at, start, span)
  if span and start + span < at then return start + span end
  return at
end

--- Returns the time at which the next timeout of an exchange expires.
-- @tparam table x the exchange: `deadline`, `clocks` (`connect`, `first_token`, `token`, `idle`),
-- `streams` (an event stream is expected), `state`, `parked`, `fresh`, and the times `started`,
-- `connecting`, `last_byte`, `last_event`
-- @treturn number infinite if no timeout applies
function M.at (x)
  local at, clocks = x.deadline or huge, x.clocks
  if x.state == "delayed" then return at end
  if x.state == "connecting" then at = earlier(at, x.connecting, clocks.connect) end
  if x.parked or x.fresh then return at end      -- the reader is slow, not the server
  -- An interim response (1xx) does not begin the real one.
  if (x.response.status or 0) >= 200 then at = earlier(at, x.last_byte, clocks.idle) end
  if not x.streams then return at end
  if x.got_event then return earlier(at, x.last_event, clocks.token) end
  return earlier(at, x.started, clocks.first_token)
end

local function late (phase, what, seconds)
  return { kind = "timeout", phase = phase, message = ("%s within %.4g s"):format(what, seconds) }
end

--- Returns the failure of an exchange with an expired timeout.
-- @tparam table x the exchange
-- @tparam number now the time
-- @treturn[1] table the failure
-- @treturn[2] nil if no timeout has expired
function M.expired (x, now)
  if now < M.at(x) then return nil end
  local clocks = x.clocks
  local failure
  if x.deadline and now >= x.deadline then
    failure = { kind = "timeout", phase = "total", message = "the call did not end in time" }
  elseif x.state == "connecting" and x.connecting + clocks.connect <= now then
    failure = late("connect", "no connection could be made", clocks.connect)
  elseif x.streams and not x.got_event and x.started + clocks.first_token <= now then
    failure = late("first_token", "no token came", clocks.first_token)
  elseif x.got_event and x.last_event + clocks.token <= now then
    failure = late("token", "the next token did not come", clocks.token)
  else
    failure = late("idle", "the server sent nothing", clocks.idle)
  end
  failure.sent = x.sent
  return failure
end

return M
