-- SPDX-License-Identifier: MIT
--- A limit of requests under way at the same time.
--
-- A place is given back when its request ends. A place whose request was dropped, as a stream that
-- no code reads any more, is given back by the garbage collector: the limit refers to places
-- weakly.
-- @module predibase.throttle.concurrency

local M = {}

--- First and longest time in seconds in which no place is given back, after which the garbage is
-- collected while a call waits. A program that only waits makes no garbage, so its collector does
-- not run by itself. The time doubles, because a collection stops the whole program.
M.FIRST_COLLECTION, M.LAST_COLLECTION = 1, 60

local Concurrency = {}
Concurrency.__index = Concurrency

local function count (self)
  local n = 0
  for _ in pairs(self.taken) do n = n + 1 end
  self.count = n
  return n
end

--- Collects the garbage, if no place was given back for a while. Returns whether it did.
local function collected (self, now)
  self.full_since = self.full_since or now
  if now < self.full_since + self.patience then return false end
  self.full_since, self.patience = now, math.min(2 * self.patience, M.LAST_COLLECTION)
  self.collect()
  return true
end

--- Takes a place, if one is free.
-- @param _ the size of the request, which does not matter here
-- @tparam number now seconds
-- @treturn ?table the place, which the caller keeps until it gives it back
function Concurrency:take (_, now)
  local full = self.count >= self.most and count(self) >= self.most
  if full and (not collected(self, now) or count(self) >= self.most) then return nil end
  local place = {}
  self.taken[place] = true
  self.count = self.count + 1
  return place
end

--- Gives a place back. May be called more than once.
-- @tparam table place
function Concurrency:give_back (place)
  if not self.taken[place] then return end
  self.taken[place] = nil
  self.count = self.count - 1
  self.full_since, self.patience = nil, M.FIRST_COLLECTION
end

--- Makes a limit.
-- @tparam integer most number of requests under way at the same time
-- @tparam[opt=collectgarbage] function collect collects the garbage
-- @treturn table
function M.new (most, collect)
  return setmetatable({
    most = most, collect = collect or collectgarbage,
    taken = setmetatable({}, { __mode = "k" }),      -- set of places
    count = 0,                -- at least the number of places; exact after `count`
    full_since = nil,         -- since when no place was given back although a call waits
    patience = M.FIRST_COLLECTION,
  }, Concurrency)
end

return M
