-- SPDX-License-Identifier: MIT
--- One request and its response over libcurl.
-- @module predibase.transport.curl.exchange

local active = require "predibase.active"
local for_failures = require "predibase.for_failures"
local failures = for_failures "predibase.transport.curl.failure"
local usage = require "predibase.usage"

local M = {}

--- Seconds that the end of a body may take after its last useful byte. Normally it is in the same
-- packet. If it does not arrive in time, the connection is closed and cannot be used again.
local LINGER = 1

local CLOSED = { kind = "cancelled", phase = "closed", message = "the stream was closed" }

local Exchange = {}
Exchange.__index = Exchange

--- Passes on what was sent and received since the last time. `is_over` says that no more will come.
local function drain (x, is_over)
  local log, raw = x.log, x.raw
  local records = raw and raw:log()
  if is_over then x.log = nil end
  if records or is_over then log(records or {}, is_over) end
end

local running = coroutine.running

--- Lets the main program of Lua 5.1 or LuaJIT wait, see `predibase.active`.
local function suspend_main (loop, x)
  local ok, err = pcall(loop.suspend, loop, x)
  if not ok and err == nil then return "the wait was interrupted" end
  return err
end

--- Waits until the exchange may have new data, or has ended, or is closed. An error that ends the
-- wait early (Ctrl-C, a cancelled task) is raised; the caller can then wait again.
-- @treturn boolean false if the pool cannot wait any more
local wait
function wait (x)
  local me, other = running() or true, x.waiter
  if other and other ~= me and active.runs(wait, other) then
    usage.fail("another coroutine is already waiting for this stream")
  end
  local loop, err = x.transport.loop
  x.waiter = me
  if me ~= true then err = loop:suspend(x, me) else err = suspend_main(loop, x) end
  if x.waiter == me then x.waiter = nil end
  if err ~= nil then
    if x.unreachable then x:close() end
    error(err, 0)
  end
  return not x.broken
end

--- Resumes the coroutine that waits for an exchange which has new data or has ended.
-- @tparam table x the exchange
function M.moved (x)
  local waiter = x.waiter
  if not waiter then return end
  -- First: after an interruption, the next step does it again.
  if not x.transport.loop:resume(waiter) then x.waiter = nil end
end

--- Returns the status of the response.
-- @treturn[1] number status
-- @treturn[1] boolean true if the body is an event stream
-- @treturn[2] nil before the head is complete
function Exchange:status ()
  if not self.code and self.raw then
    self.code, self.streaming = self.raw:status()
  end
  return self.code, self.streaming
end

--- Returns the head of the response, also after the exchange was closed or released.
-- @treturn[1] number status
-- @treturn[1] table headers, lower-case name to value
-- @treturn[1] boolean true if the body is an event stream
-- @treturn[2] nil before the head is complete
function Exchange:head ()
  if not self.headers and self.raw then
    self.code, self.headers, self.streaming = self.raw:head()
  end
  return self.code, self.headers, self.streaming
end

local function failure (x)
  return failures.read(x.raw, x.place or x.transport.place)
end

--- Tells whether the exchange has ended: the body is complete, or the exchange has failed.
-- @treturn boolean
function Exchange:ended ()
  if not self.raw or self.broken then return true end
  local _, state = self.raw:next()
  return state ~= "pending"
end

--- Makes `next` and `poll` return the data of every event, also of plain tokens. The field `taking`
-- is then true when they return an event, until the caller has stored it and sets it to nil; and
-- when they were interrupted where that may have lost an event.
function Exchange:keep_data ()
  self.undecoded = true
end

--- Makes the exchange pass on what is sent and received.
-- @tparam function log takes an array of records of `predibase.curl`, and true with the last
function Exchange:log_to (log)
  self.log = log
end

--- Takes a buffered event. Returns it; or nil and the state of the exchange.
local function take (x)
  if x.log then drain(x) end
  if x.undecoded then
    x.taking = true
    return x.raw:next()
  end
  return x.raw:token()
end

--- Waits for the next event and returns it.
-- @treturn[1] table a plain token, see `predibase.sse`
-- @treturn[2] string the data of any other event
-- @treturn[3] nil at the end of the body
-- @treturn[4] nil
-- @treturn[4] table the failure
function Exchange:next ()
  while self.raw do
    local data, state = take(self)
    if data then return data end
    self.taking = nil
    if state == "done" then return nil end
    if state == "failed" then return nil, failure(self) end
    if self.broken then return nil, self.broken end
    wait(self)
  end
  return nil, CLOSED
end

--- Tells whether `predibase.update` has run since the last call, so that reading from the sockets
-- again would find nothing new.
local function up_to_date (x)
  local updates, seen = x.transport.loop.updates, x.updates
  if updates == seen then return false end
  x.updates = updates
  return seen ~= nil
end

--- Returns the next event without waiting.
-- @treturn[1] table a plain token
-- @treturn[2] string the data of any other event
-- @treturn[3] nil at the end of the body
-- @treturn[4] nil
-- @treturn[4] string|table "pending" if no event has arrived yet, or the failure
function Exchange:poll ()
  if not self.raw then return nil, CLOSED end
  local data, state = take(self)
  if state == "pending" and not up_to_date(self) then
    self.taking = nil
    local _, why = self.transport.step(0)
    if why then return nil, { kind = "connection", phase = "wait", message = why } end
    if not self.raw then return nil, CLOSED end      -- a coroutine that the step woke closed it
    data, state = take(self)
  end
  if data then return data end
  self.taking = nil
  if state == "done" then return nil end
  if state == "failed" then return nil, failure(self) end
  return nil, "pending"
end

--- Makes the transport count the tokens of a stream and keep their text.
-- @tparam number limit the most bytes of text
-- @tparam boolean kept false: the text is only counted
-- @treturn table|userdata an object with the methods `take`, `take_all`, `take_texts`, `add`,
-- `counts` and `text`, see `parser:keep_text` of `predibase.sse`. The object stays usable when the
-- exchange is closed or released; it then has no further tokens.
-- @treturn boolean whether the caller may take tokens from the object instead of calling `next`
function Exchange:tokens (limit, kept)
  local raw = self.raw
  raw:keep_text(limit, kept)
  return raw, self.log == nil       -- with a log, each event is reported before it is taken
end

--- Becomes a member of a group, which waits for it together with others.
-- @tparam table group
function Exchange:join (group)
  self.group = group
end

--- Makes every later wait fail, because the pool cannot wait any more.
-- @tparam ?table reason the failure; nil: the pool can wait again
function Exchange:set_broken (reason)
  self.broken = reason
end

--- Waits until an event may be buffered. For a caller that has just found that nothing has arrived.
-- @function Exchange:await
-- @treturn boolean false if the pool cannot wait any more; `next` then returns why
Exchange.await = wait

--- Returns the data of an event that was incomplete when the body ended.
-- @treturn ?string
function Exchange:rest ()
  return self.raw and self.raw:rest()
end

--- Waits for the end of a response that is not an event stream and returns its whole body.
-- @treturn[1] string
-- @treturn[2] nil
-- @treturn[2] table the failure
function Exchange:body ()
  self.unreachable = true      -- if an error ends the wait, no caller is left to close it
  local data, err
  repeat data, err = self:next() until not data
  if err then return nil, err end
  return self.raw:body()
end

-- An error from outside (Ctrl-C, a limit of the host program) may be raised at any instruction of
-- `release` and `close`. Both can be called again after it, because they close the exchange of the
-- C core first and clear the reference to it last.

--- Wakes the waiting coroutine and calls `done`.
local function finish (x)
  M.moved(x)
  local done = x.done
  if not done then return end
  done()
  x.done = nil
end

--- Keeps the head of a response that the caller has looked at, before the C core frees it.
local function keep_head (x)
  if x.code then x:head() end
end

--- Clears the reference to the exchange of the C core.
local function forget (x)
  x.raw = nil
  x.transport.exchanges[x.id] = nil
  finish(x)
end

--- Ends the exchange for a reader that needs no more of it. The body may still end by itself within
-- `LINGER` seconds, so that the connection can be used again.
function Exchange:release ()
  local transport, raw = self.transport, self.raw
  if not raw then return finish(self) end
  keep_head(self)
  if self.log then drain(self, true) end
  -- Events behind the closing one, such as [DONE], may have arrived.
  local event, state
  repeat event, state = raw:next() until not event
  if state ~= "pending" then
    raw:close()
    return forget(self)
  end
  raw:linger(LINGER)
  transport.lingering[self.id] = raw
  forget(self)
  transport.step(0)
end

--- Resumes one waiting coroutine if closing an exchange has freed a connection for a queued
-- request. The coroutine then runs the pool, which starts that request.
local function start_queued (transport)
  if transport.closed then return end
  -- The pool raises an error in a forked child process, which may not start a request.
  local ok, seconds = pcall(transport.pool.timeout, transport.pool)
  if not ok or seconds ~= 0 then return end
  for _, x in pairs(transport.exchanges) do
    local waiter = x.waiter or x.group and x.group.waiter
    if waiter then return transport.loop:resume(waiter) end
  end
end

--- Closes the exchange, and with it a connection in use. A coroutine that waits for the exchange
-- gets a failure of kind "cancelled". May be called any number of times.
function Exchange:close ()
  local raw = self.raw
  if not raw then return finish(self) end
  keep_head(self)
  if self.log then drain(self, true) end
  raw:close()
  self.transport.lingering[self.id] = nil
  forget(self)
  if self.group then self.group:note(self) end
  start_queued(self.transport)
end

--- Makes the object of an exchange that the C core has just opened.
-- @tparam table transport its transport
-- @tparam userdata raw the exchange of `predibase.curl`
-- @tparam number id its number in the pool
-- @tparam ?function done called when the exchange was closed or released; may be called twice when
-- an error from outside interrupts it
-- @tparam ?table place of the server, for messages; that of the transport by default
-- @treturn table
function M.new (transport, raw, id, done, place)
  -- A program may have thousands of exchanges, so the table stays small. Fields that are set later:
  --   waiter         the waiting coroutine; true for the main program of Lua 5.1
  --   broken         the failure if the pool cannot wait any more
  --   unreachable    close the exchange if an error ends a wait for it
  --   code, streaming     of the response, once a caller has asked for its status
  --   headers        of the response, once a caller has asked for its head, or the exchange has
  --                  ended. Until then the C core has them, in fewer bytes
  --   done           called when the exchange was closed or released
  --   place          the server, for messages, if it is not that of the transport
  --   updates        the count of updates that `poll` saw last
  --   group          the group that it belongs to
  --   undecoded, taking   see Exchange:keep_data
  --   owner          see predibase.loop.tasks
  --   log            see Exchange:log_to
  local x = setmetatable({
    transport = transport,
    raw = raw,            -- nil once closed
    id = id,
    -- Reserves space for fields that nearly every exchange gets, so that the table does not grow
    -- before its end.
    waiter = nil, code = nil, streaming = nil, owner = nil, headers = nil,
  }, Exchange)
  if done then x.done = done end
  if place then x.place = place end
  transport.exchanges[id] = x
  return x
end

return M
