-- SPDX-License-Identifier: MIT
--- Limits for a gateway: how many streams may be open at once, and how many may start per second.
-- All workers share them through a `lua_shared_dict`.
--
-- Times come from a monotonic clock that all processes of a machine share. If the wall clock were
-- used, setting it back would refuse every stream, and setting it forward would lift the limits.
--
-- The rate is a token bucket, stored as one number per key: the time at which the bucket would be
-- full again (the "theoretical arrival time" of the generic cell rate algorithm, ITU-T I.371). A
-- token is taken by one atomic addition, so workers need no lock.
-- @module predibase.resty.limits

local checks = require "predibase.value_checks"
local errors = require "predibase.errors"
local names = require "predibase.option_names"
local nginx = require "predibase.nginx"
local usage = require "predibase.usage"
local counters = require "predibase.resty.counters"

local M = {}

--- The largest limit of open streams that can be set, more than any worker has connections.
M.MAX_STREAMS = 1e6

--- The smallest and the largest rate that can be set, in streams per second.
M.MIN_RATE, M.MAX_RATE = 1e-6, 1e6

--- Seconds after which a visitor may try again when too many streams are open. Streams take some
-- seconds, and it is not known when the next one ends.
M.RETRY_AFTER = 1

--- The longest key in bytes that is stored unchanged; longer keys are hashed.
M.MAX_KEY = 200

local function count (value, name)
  if not checks.integral(value) or value < 1 or value > M.MAX_STREAMS then
    return ("%s must be a whole number from 1 to %d, got %s"):format(name, M.MAX_STREAMS,
      checks.describe(value))
  end
end

local OPTIONS = {
  dict = function (value, name)
    if type(value) ~= "string" then
      return ("%s must be the name of a lua_shared_dict, got %s"):format(name,
        checks.describe(value))
    end
    if not ngx.shared[value] then
      return ("nginx.conf has no lua_shared_dict %s; add `lua_shared_dict %s 1m;` to its block "
        .. "http"):format(value, value)
    end
  end,
  name = function (value, name)
    if type(value) ~= "string" or not value:find "^[%w_.-]+$" then
      return ("%s must consist of letters, digits, _, . and -, got %s"):format(name,
        checks.describe(value))
    end
  end,
  streams = count, streams_per_key = count, burst = count,
  rate = function (value, name)
    if not checks.finite(value) or value < M.MIN_RATE or value > M.MAX_RATE then
      return ("%s must be a number of streams per second, got %s"):format(name,
        checks.describe(value))
    end
  end,
}

local Limits = {}
Limits.__index = Limits

local Lease = {}
Lease.__index = Lease

local function refused (message, retry_after)
  return nil, errors.new {
    kind = "rate_limited", phase = "request", message = message, retryable = true,
    retry_after = retry_after,
  }
end

local function full (limits)
  return nil, errors.new {
    kind = "config", phase = "request",
    message = ("the lua_shared_dict %s is full; increase its size"):format(limits.dict_name),
  }
end

--- Takes a token out of the bucket of a key. Returns true; or false and the seconds until there is
-- a token; or nil and an error of the dict.
local function take_token (limits, key)
  local span = 1 / limits.rate
  local at, dict = nginx.now(), limits.dict
  key = limits.prefix .. "rate:" .. key
  -- The entry expires when its bucket is full, so its time is rarely in the past.
  local due, why = dict:incr(key, span, at, span)
  if not due then return nil, why end
  if due < at + span then
    due = at + span
    dict:set(key, due)
  end
  if due - span > at + (limits.burst - 1) * span then
    dict:incr(key, -span)
    return false, due - span - at - (limits.burst - 1) * span
  end
  dict:expire(key, math.max(due - at, 0.001))
  return true
end

--- Adds one stream to a counter, up to a limit. If the limit is reached, streams of dead workers
-- are subtracted first. Returns the new count; or false; or nil and an error of the dict.
local function add_stream (limits, counter, most)
  local n, why = counters.add(limits.dict, counter, 1)
  if n and n > most and counters.remove_dead(limits.dict, counter) then
    n = limits.dict:get(counter) or n
  end
  if n and n > most then
    counters.add(limits.dict, counter, -1)
    return false
  end
  return n, why
end

--- Asks for permission to start one more stream.
-- @tparam ?string key the visitor, such as `ngx.var.remote_addr` or the name of a user; without a
-- key all visitors count as one
-- @treturn[1] table a lease; pass it to `relay`, or end it with `lease:leave()`
-- @treturn[2] nil
-- @treturn[2] table the error: of kind "rate_limited" with `retry_after` in seconds, or "config"
-- if the shared dict is full
-- @raise for a key that is not a string
function Limits:enter (key)
  if key ~= nil and type(key) ~= "string" then
    usage.fail("limits:enter takes a string, got a " .. type(key))
  end
  key = key or ""
  if #key > M.MAX_KEY then key = ngx.md5(key) end
  local lease = setmetatable({ dict = self.dict, held = {} }, Lease)
  for _, place in ipairs { { self.streams, "streams" }, { self.streams_per_key, "key:" .. key } } do
    local most, counter = place[1], self.prefix .. place[2]
    if most then
      local ok, why = add_stream(self, counter, most)
      if not ok then
        lease:leave()
        if why then return full(self) end
        return refused(("%d streams are open already, which is the limit"):format(most),
          M.RETRY_AFTER)
      end
      lease.held[#lease.held + 1] = counter
    end
  end
  if self.rate then
    local ok, wait = take_token(self, key)
    if not ok then
      lease:leave()
      if ok == nil then return full(self) end
      return refused("too many streams were started in a short time", wait)
    end
  end
  lease.guard = counters.finalizer(function () lease:leave() end)
  return lease
end

--- Returns the number of open streams of all workers under these limits.
-- @treturn number
function Limits:open ()
  return self.dict:get(self.prefix .. "streams") or 0
end

--- Ends the lease. To be called when the stream has ended. May be called any number of times.
function Lease:leave ()
  local held = self.held
  self.held = {}
  for _, counter in ipairs(held) do counters.add(self.dict, counter, -1) end
end

--- Makes limits. All workers share the limits that have the same name.
-- @tparam table options `dict`: the name of a `lua_shared_dict`; `streams`: how many streams may be
-- open at once; `streams_per_key`: the same for each key; `rate`: how many streams may start per
-- second for each key; `burst`: how many of them may start at once (default: the rate, at least 1);
-- `name`: a name, if one dict holds several limits (default: "default")
-- @treturn table the limits
-- @raise for unknown options, wrong values, and options without any limit. Limits are made when
-- nginx loads its configuration, so such an error prevents it from starting.
function M.new (options)
  if type(options) ~= "table" then
    usage.fail("limits take their options as a table, got a " .. type(options))
  end
  names.check(options, OPTIONS, "option")
  if options.dict == nil then usage.fail("limits need dict, the name of a lua_shared_dict") end
  for name, value in pairs(options) do
    local problem = OPTIONS[name](value, name)
    if problem then usage.fail(problem) end
  end
  if options.burst and not options.rate then usage.fail("burst requires rate") end
  if not (options.streams or options.streams_per_key or options.rate) then
    usage.fail("limits need streams, streams_per_key or rate")
  end
  return setmetatable({
    dict = ngx.shared[options.dict], dict_name = options.dict,
    prefix = "predibase:" .. (options.name or "default") .. ":",
    streams = options.streams, streams_per_key = options.streams_per_key,
    rate = options.rate,
    burst = options.burst or math.max(1, math.floor(options.rate or 1)),
  }, Limits)
end

return M
