-- SPDX-License-Identifier: MIT
--- Keeps the limits of one nginx in a `lua_shared_dict`, which all its workers share.
--
-- Times come from a monotonic clock that all processes of a machine share. If the wall clock were
-- used, setting it back would refuse every stream, and setting it forward would lift the limits.
--
-- The rate is a token bucket, stored as one number per key: the time at which the bucket would be
-- full again (the "theoretical arrival time" of the generic cell rate algorithm, ITU-T I.371). A
-- token is taken by one atomic addition, so workers need no lock.
-- @module predibase.resty.limits.dict_store

local counters = require "predibase.resty.counters"
local errors = require "predibase.errors"
local nginx = require "predibase.nginx"

local M = {}

local Store = {}
Store.__index = Store

local function full (store)
  return nil, errors.new {
    kind = "config", phase = "request",
    message = ("the lua_shared_dict %s is full; increase its size"):format(store.dict_name),
  }
end

--- Takes a token out of the bucket of a key. Returns true; or false and the seconds until there is
-- a token; or nil and an error of the dict.
local function take_token (store, key)
  local span = 1 / store.rate
  local at, dict = nginx.now(), store.dict
  key = store.prefix .. "rate:" .. key
  -- The entry expires when its bucket is full, so its time is rarely in the past.
  local due, why = dict:incr(key, span, at, span)
  if not due then return nil, why end
  if due < at + span then
    due = at + span
    dict:set(key, due)
  end
  if due - span > at + (store.burst - 1) * span then
    dict:incr(key, -span)
    return false, due - span - at - (store.burst - 1) * span
  end
  dict:expire(key, math.max(due - at, 0.001))
  return true
end

--- Adds one stream to a counter, up to a limit. If the limit is reached, streams of dead workers
-- are subtracted first. Returns the new count; or false; or nil and an error of the dict.
local function add_stream (store, counter, most)
  local n, why = counters.add(store.dict, counter, 1)
  if n and n > most and counters.remove_dead(store.dict, counter) then
    n = store.dict:get(counter) or n
  end
  if n and n > most then
    counters.add(store.dict, counter, -1)
    return false
  end
  return n, why
end

--- Counts one more stream, if the limits allow it.
-- @tparam string key of the visitor, at most `MAX_KEY` bytes
-- @treturn[1] table what the stream holds, for `leave`
-- @treturn[2] boolean false: a limit is reached
-- @treturn[2] string which one: "streams" or "rate"
-- @treturn[2] number the limit of streams; for "rate" the seconds until one may start
-- @treturn[3] nil
-- @treturn[3] table the error, of kind "config": the dict is full
function Store:enter (key)
  local held = {}
  for _, place in ipairs { { self.streams, "streams" }, { self.streams_per_key, "key:" .. key } } do
    local most, counter = place[1], self.prefix .. place[2]
    if most then
      local ok, why = add_stream(self, counter, most)
      if not ok then
        self:leave(held)
        if why then return full(self) end
        return false, "streams", most
      end
      held[#held + 1] = counter
    end
  end
  if self.rate then
    local ok, wait = take_token(self, key)
    if not ok then
      self:leave(held)
      if ok == nil then return full(self) end
      return false, "rate", wait
    end
  end
  return held
end

--- Counts one more stream that something else has allowed.
-- @tparam string key of the visitor, at most `MAX_KEY` bytes
-- @treturn table what the stream holds, for `leave`; a full dict counts it nowhere
function Store:note (key)
  local held = {}
  for _, place in ipairs { { self.streams, "streams" }, { self.streams_per_key, "key:" .. key } } do
    local counter = self.prefix .. place[2]
    if place[1] and counters.add(self.dict, counter, 1) then held[#held + 1] = counter end
  end
  return held
end

--- Subtracts a stream. May be called any number of times, in every phase.
-- @tparam table held the result of `enter`
function Store:leave (held)
  for i = #held, 1, -1 do
    local counter = held[i]
    held[i] = nil
    counters.add(self.dict, counter, -1)
  end
end

--- Returns the number of open streams of all workers.
-- @treturn number
function Store:open ()
  return self.dict:get(self.prefix .. "streams") or 0
end

--- Makes the store.
-- @tparam string dict the name of the `lua_shared_dict`
-- @tparam string name of the limits
-- @tparam table numbers `streams`, `streams_per_key`, `rate`, `burst`
-- @treturn table the store
function M.new (dict, name, numbers)
  return setmetatable({
    dict = ngx.shared[dict], dict_name = dict, prefix = "predibase:" .. name .. ":",
    streams = numbers.streams, streams_per_key = numbers.streams_per_key,
    rate = numbers.rate, burst = numbers.burst,
  }, Store)
end

return M
