-- SPDX-License-Identifier: MIT
--- A line of calls that wait for the same limit: first come, first served.
--
-- Nothing is handed over: a call takes its turn itself, when it asks and is the first of those that
-- are still there. So a call that was cancelled, or whose coroutine was killed, takes nothing with
-- it. Whoever leaves the line or takes a turn wakes the new first one. Calls also ask again every
-- `LOOK` seconds, because no function is called when a coroutine is killed or a stream is
-- collected.
--
-- The line refers to its tickets weakly. A ticket belongs to the call that entered the line.
-- @module predibase.throttle.line

local M = {}

--- Seconds until a call that waits asks again without being woken.
M.LOOK = 1

--- Seconds for which a ticket keeps its place although no call asks with it: a program that draws
-- frames polls its streams several times a second. A ticket that was away for longer goes to the
-- end of the line when it comes back.
M.PATIENCE = 2

local WEAK = { __mode = "v" }

local Line = {}
Line.__index = Line

--- Tells whether somebody will still ask with a ticket.
local function is_present (ticket, now)
  local waits = ticket.owner.waits
  if waits then return waits() end
  return now - ticket.seen <= M.PATIENCE
end

--- Returns the first ticket, which is `own` or is present. Removes those before it.
local function first (self, now, own)
  local places = self.places
  while self.from <= self.to do
    local ticket = places[self.from]
    if ticket and (ticket == own or is_present(ticket, now)) then return ticket end
    places[self.from] = nil
    if ticket then ticket.place = nil end
    self.from = self.from + 1
  end
end

--- Wakes the first of the calls that wait. The line's owner calls it when the limit may allow more
-- than before.
function Line:wake_first ()
  local ticket = first(self, self.now())
  local wake = ticket and ticket.owner.wake
  if wake then wake() end
end

local function enter (self, ticket)
  if ticket.front then
    self.from = self.from - 1
    ticket.place = self.from
  else
    self.to = self.to + 1
    ticket.place = self.to
  end
  self.places[ticket.place] = ticket
end

--- Makes a ticket, which enters the line when its owner asks for the first time.
-- @tparam table owner `wake` (nil, or a function that makes the owner ask again soon) and `waits`
-- (nil, or a function that tells whether the owner still waits to be woken), which may change
-- @tparam boolean front whether to enter the line at the front
-- @treturn table
function M.ticket (owner, front)
  return { owner = owner, front = front, place = nil, seen = nil }
end

--- Takes a turn, if the limit allows one and no other call is before this one. Never waits.
-- @tparam table ticket
-- @tparam integer size of the request, for the limit
-- @treturn[1] table what the limit keeps about this turn
-- @treturn[2] nil
-- @treturn[2] number when to ask again, on the clock of the line
function Line:ask (ticket, size)
  local now = self.now()
  ticket.seen = now
  if not ticket.place then enter(self, ticket) end
  if first(self, now, ticket) ~= ticket then return nil, now + M.LOOK end
  local turn, at = self.rule:take(size, now)
  if not turn then return nil, at or now + M.LOOK end
  self:leave(ticket)
  return turn
end

--- Leaves the line, with or without a turn. May be called any number of times.
-- @tparam table ticket
function Line:leave (ticket)
  local place = ticket.place
  if not place then return end
  ticket.place = nil
  self.places[place] = nil
  if place == self.from then self:wake_first() end
end

--- Returns the number of tickets in the line, for messages.
-- @treturn integer
function Line:size ()
  local n = 0
  for _ in pairs(self.places) do n = n + 1 end
  return n
end

--- Makes a line.
-- @tparam table rule the limit. `rule:take(size, now)` returns what the limit keeps about the turn;
-- or nil, and when it may allow the next one (nil: when somebody calls `wake_first`)
-- @tparam function now returns monotonic seconds
-- @treturn table
function M.new (rule, now)
  return setmetatable({
    rule = rule, now = now,
    places = setmetatable({}, WEAK),       -- place -> ticket
    from = 1, to = 0,                      -- the first and the last place
  }, Line)
end

return M
