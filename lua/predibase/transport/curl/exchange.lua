-- SPDX-License-Identifier: MIT
--- One request and its response over libcurl, and how its reader waits.
-- @module predibase.transport.curl.exchange

local failures = require "predibase.transport.curl.failure"

local M = {}

local active = require "predibase.active"

local running = coroutine.running

--- Seconds that the end of a body may take after its last useful byte. It is normally in the same
-- packet; a server that does not end its answer costs us its connection and nothing else.
local LINGER = 1

local CLOSED = { kind = "cancelled", phase = "closed", message = "the stream was closed" }

local Exchange = {}
Exchange.__index = Exchange

--- Waits until the exchange moved: then, or when it is closed, it has no waiter any more. What ends
-- the wait early (Ctrl-C, a cancelled task) is raised, and the exchange can be waited for again
-- after it.
local wait
function wait(x)
  local transport, me = x.transport, running() or true
  local other = x.waiter
  if other and other ~= me and active.runs(wait, other) then
    error("predibase: another coroutine is already waiting for this stream", 0)
  end
  local loop = transport.loop
  x.waiter = me
  transport.waiting[x.id] = x
  local ok, err
  repeat
    ok, err = active.call(me, loop.suspend, loop, x)
  until x.waiter ~= me or err ~= nil or not ok
  if err == nil then return end
  if x.waiter == me then
    x.waiter = nil
    transport.waiting[x.id] = nil
  end
  if x.unreachable then x:close() end
  error(err, 0)
end

--- To be told that the exchange moved: lets its waiter go on.
-- @tparam table x
function M.moved(x)
  local transport, waiter = x.transport, x.waiter
  if not waiter then return end
  x.waiter = nil
  transport.waiting[x.id] = nil
  transport.loop:resume(waiter)
end

--- What the response began with, once it began.
-- @treturn[1] number status
-- @treturn[1] table headers, lower-case name to value
-- @treturn[1] boolean true when the body is an event stream
-- @treturn[2] nil before the head is complete
function Exchange:head()
  if not self.status and self.raw then
    self.status, self.headers, self.streaming = self.raw:head()
  end
  return self.status, self.headers, self.streaming
end

local function failure(x)
  return failures.read(x.raw, x.transport.place)
end

--- Whether nothing more is to come: the whole body is there, or a failure.
-- @treturn boolean
function Exchange:ended()
  if not self.raw or self.broken then return true end
  local _, state = self.raw:next()
  return state ~= "pending"
end

--- The next event; waits for it.
-- @treturn[1] table a plain token, see `predibase.sse`
-- @treturn[2] string the data of any other event
-- @treturn[3] nil at the end of the body
-- @treturn[4] nil
-- @treturn[4] table the failure
function Exchange:next()
  while self.raw do
    local data, state = self.raw:token()
    if data then return data end
    if state == "done" then return nil end
    if state == "failed" then return nil, failure(self) end
    if self.broken then return nil, self.broken end
    wait(self)
  end
  return nil, CLOSED
end

--- Whether the program drives the client by itself and has done so since the last look, so that
-- there is nothing new to be had from the system.
local function up_to_date(x)
  local updates = x.transport.loop.updates
  if updates == x.updates then return false end
  x.updates = updates
  return true
end

--- The same without waiting.
-- @treturn[1] table a plain token
-- @treturn[2] string the data of any other event
-- @treturn[3] nil at the end of the body
-- @treturn[4] nil
-- @treturn[4] string|table "pending" when nothing is there yet, or the failure
function Exchange:poll()
  if not self.raw then return nil, CLOSED end
  local data, state = self.raw:token()
  if state == "pending" and not up_to_date(self) then
    local _, why = self.transport.step(0)
    if why then return nil, { kind = "connection", phase = "wait", message = why } end
    if not self.raw then return nil, CLOSED end      -- by a coroutine that the step woke
    data, state = self.raw:token()
  end
  if data then return data end
  if state == "done" then return nil end
  if state == "failed" then return nil, failure(self) end
  return nil, "pending"
end

--- Opens the fast path to buffered events: from now on, until the exchange is closed or released,
-- it has the field `take`, and `exchange.take(exchange.source)` returns a plain token and its text
-- (nil if it is special), or the data of another event, or nil when only `next` and `poll` can tell
-- what follows.
function Exchange:events()
  self.source = self.raw
  self.take = self.raw.token      -- set last and taken away first: Ctrl-C may come in between
end

--- Waits until there may be something to take.
-- @treturn boolean false when only `next` can tell how it goes on
function Exchange:await()
  if self.broken or not self.raw then return false end
  wait(self)
  return true
end

--- The data of an event that the end of the body left unfinished.
-- @treturn ?string
function Exchange:rest()
  return self.raw and self.raw:rest()
end

--- The whole body of a response that is no event stream; waits for its end.
-- @treturn[1] string
-- @treturn[2] nil
-- @treturn[2] table the failure
function Exchange:body()
  self.unreachable = true      -- should the wait be ended, nobody is left who could close it
  local data, err
  repeat data, err = self:next() until not data
  if err then return nil, err end
  return self.raw:body()
end

-- An error from outside (Ctrl-C, a limit of the host program) may be raised at any instruction of
-- the two functions below, and what they do can then be done again: the C core comes first, what
-- leads to it is forgotten last.

--- Forgets the C core's exchange, as the last step of the end, and wakes its waiter.
local function forget(x)
  x.source = nil
  x.raw = nil
  M.moved(x)
end

--- The reader has what it wanted: lets the body end by itself, so that the connection can be
-- used again.
function Exchange:release()
  local transport, raw = self.transport, self.raw
  if not raw then return M.moved(self) end
  self.take = nil
  local _, state = raw:next()
  if state ~= "pending" then
    raw:close()
    return forget(self)
  end
  raw:linger(LINGER)
  transport.lingering[self.id] = raw
  forget(self)
  transport.step(0)
end

--- With a request that is taken back, others may begin that waited for its connection: has one who
-- waits look again how long.
local function let_begin(transport)
  if transport.closed then return end
  -- The pool raises in a process that was forked off it, where nothing is to begin.
  local ok, seconds = pcall(transport.pool.timeout, transport.pool)
  if not ok or seconds ~= 0 then return end
  local _, other = next(transport.waiting)
  if not other then
    local _, member = next(transport.members)
    other = member and member.group
  end
  if other and other.waiter then transport.loop:resume(other.waiter) end
end

--- Ends the exchange; a connection in use is closed at once. Whoever waits for it gets a failure of
-- kind "cancelled". Any number of times.
function Exchange:close()
  local raw = self.raw
  if not raw then return M.moved(self) end
  self.take = nil
  raw:close()
  self.transport.lingering[self.id] = nil
  forget(self)
  if self.group then self.group:note(self) end
  let_begin(self.transport)
end

--- Takes over an exchange that was just opened.
-- @tparam table transport its transport
-- @tparam userdata raw the exchange of `predibase.curl`
-- @tparam number id its number there
-- @treturn table
function M.new(transport, raw, id)
  -- A table for each of thousands of streams: what is not set here is not there yet.
  --   waiter         the coroutine that waits, true for the main program of 5.1
  --   broken         the failure when there is no way to wait any more
  --   unreachable    to be closed when a wait for it is ended by an error
  --   status, headers, streaming     once they came
  --   take, source   see Exchange:events
  --   group          which waits for it together with others
  --   owner          see predibase.loop.tasks
  return setmetatable({
    transport = transport,
    raw = raw,            -- nil once closed
    id = id,
    updates = transport.loop.updates,     -- what poll has seen of them
    -- Room for what nearly every exchange comes to have, so that the table never grows.
    waiter = nil, status = nil, headers = nil, streaming = nil,
  }, Exchange)
end

return M
