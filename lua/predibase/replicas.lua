-- SPDX-License-Identifier: MIT
--- Chooses one of several servers that serve the same (option `base_url` with several URLs).
--
-- All calls of one adapter go to the same server, so that it keeps the adapter loaded: each pair of
-- server and adapter has a number, and the server with the largest one is chosen (rendezvous
-- hashing). When a server is left out, only the calls of its adapters move, and they spread over
-- all others. A server that is overloaded is passed over for a moment. A server that fails is left
-- out, and is asked whether it is well again by the next call that would use it after that.
--
-- Uses no socket; the clock is an argument.
-- @module predibase.replicas

local M = {}

--- First and longest time in seconds for which a server that failed is left out. It doubles with
-- each failure in a row.
M.FIRST_PAUSE, M.LAST_PAUSE = 1, 30

--- Shortest and longest time in seconds for which an overloaded server is passed over, where the
-- server requests another one.
M.SHORTEST_BUSY, M.LONGEST_BUSY = 1, 60

--- Seconds that the question whether a server is well may take. A server answers it at once unless
-- it is starting.
M.PROBE = 5

-- A prime whose square is exact in a double.
local PRIME = 67108859

local function number_of (text)
  local n = 5381
  for i = 1, #text do n = (n * 257 + text:byte(i)) % PRIME end
  return n
end

--- Returns the number of a pair. Squares, because sums of the two numbers would order the servers
-- in nearly the same way for all keys.
local function weight (server, key)
  local n = (server + key) % PRIME
  for _ = 1, 2 do
    n = (n * n + server) % PRIME
    n = (n * n + key) % PRIME
  end
  return n
end

local Replicas = {}
Replicas.__index = Replicas

--- Returns the servers in the order in which a key prefers them.
-- @tparam string key the id of an adapter, or "" for the base model
-- @treturn table array of the servers
function Replicas:order (key)
  local list, n = {}, number_of(key)
  for i, state in ipairs(self.states) do list[i] = { state = state, w = weight(state.hash, n) } end
  table.sort(list, function (a, b)
    if a.w ~= b.w then return a.w > b.w end
    return a.state.place < b.state.place
  end)
  for i, entry in ipairs(list) do list[i] = entry.state end
  return list
end

local function is_left_out (state, now)
  return state.failures > 0 and (now < state.until_time or now < state.probed_until)
end

--- Chooses the server for an attempt.
-- @tparam string key the id of an adapter, or "" for the base model
-- @tparam ?table tried set of servers that this call has already tried
-- @treturn table the server
-- @treturn boolean whether it must be asked first whether it is well: it failed before
function Replicas:choose (key, tried)
  local now, order = self.now(), self:order(key)
  local spare
  for _, state in ipairs(order) do
    if not (tried and tried[state.server]) and not is_left_out(state, now) then
      if now >= state.busy_until then return state.server, state.failures > 0 end
      spare = spare or state
    end
  end
  -- All are busy, have failed or were tried: the first choice tells what is wrong with it.
  return (spare or order[1]).server, false
end

--- Tells whether another server could take a call.
-- @tparam table tried set of servers that the call has already tried
-- @treturn boolean
function Replicas:has_other (tried)
  local now = self.now()
  for _, state in ipairs(self.states) do
    if not tried[state.server] and not is_left_out(state, now) and now >= state.busy_until then
      return true
    end
  end
  return false
end

--- Tells whether a server may be used without asking it first.
-- @tparam table server
-- @treturn boolean
function Replicas:is_well (server)
  local state = self.of[server]
  return state.failures == 0 and self.now() >= state.busy_until
end

--- Records that a server wants fewer requests.
-- @tparam table server
-- @tparam ?number seconds for which it wants none
function Replicas:overloaded (server, seconds)
  local span = math.min(math.max(seconds or 0, M.SHORTEST_BUSY), M.LONGEST_BUSY)
  local state = self.of[server]
  state.busy_until = math.max(state.busy_until, self.now() + span)
end

--- Records that a server failed. Failures of requests that began before it was left out do not make
-- the time longer.
-- @tparam table server
function Replicas:failed (server)
  local state, now = self.of[server], self.now()
  state.probed_until = -math.huge
  if state.failures > 0 and now < state.until_time then return end
  local span = math.min(M.LAST_PAUSE, M.FIRST_PAUSE * 2 ^ state.failures)
  state.failures, state.until_time = state.failures + 1, now + span
end

--- Records that a server answered.
-- @tparam table server
function Replicas:answered (server)
  local state = self.of[server]
  state.failures, state.probed_until = 0, -math.huge
end

--- Records that a call asks a server whether it is well. Other calls leave it out meanwhile.
-- @tparam table server
function Replicas:probing (server)
  self.of[server].probed_until = self.now() + M.PROBE
end

--- Makes the state of the servers of a client.
-- @tparam table servers array of tables with the field `url`
-- @tparam function now returns monotonic seconds
-- @treturn table
function M.new (servers, now)
  local states, of = {}, {}
  for i, server in ipairs(servers) do
    states[i] = {
      server = server, place = i, hash = number_of(server.url),
      busy_until = -math.huge,     -- it is overloaded until then
      failures = 0,                -- in a row
      until_time = -math.huge,     -- it is left out until then
      probed_until = -math.huge,   -- a call asks it at the moment
    }
    of[server] = states[i]
  end
  return setmetatable({ states = states, of = of, now = now }, Replicas)
end

return M
