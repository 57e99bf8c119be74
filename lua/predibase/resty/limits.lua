-- SPDX-License-Identifier: MIT
--- Limits for a gateway: how many streams may be open at once, and how many may start per second.
-- All workers of an nginx share them through a `lua_shared_dict`; several machines share them
-- through Redis.
-- @module predibase.resty.limits

local checks = require "predibase.value_checks"
local connections = require "predibase.resty.limits.redis_connection"
local counters = require "predibase.resty.counters"
local dict_store = require "predibase.resty.limits.dict_store"
local errors = require "predibase.errors"
local names = require "predibase.option_names"
local redis_store = require "predibase.resty.limits.redis_store"
local usage = require "predibase.usage"

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

--- The options of `resty.limits`.
-- @table LimitsOptions
-- @tfield ?string dict the name of a `lua_shared_dict`
-- @tfield ?integer streams how many streams may be open at once
-- @tfield ?integer streams_per_key the same for each key
-- @tfield ?number rate how many streams may start per second for each key
-- @tfield ?integer burst how many of them may start at once (default: the rate, at least 1)
-- @tfield ?string name if one dict or Redis holds several limits (default: "default")
-- @tfield ?RedisOptions redis to share the limits with other machines
-- @tfield ?"local"|"allow"|"refuse" on_redis_down what happens while Redis does not answer

--- How Redis is reached.
-- @table RedisOptions
-- @tfield ?string host (default "127.0.0.1")
-- @tfield ?integer port (default 6379)
-- @tfield ?string unix the path of a socket, in place of host and port
-- @tfield ?string username of Redis
-- @tfield ?string password of Redis
-- @tfield ?integer database number
-- @tfield ?boolean ssl with TLS
-- @tfield ?boolean verify check the certificate
-- @tfield ?string server_name for TLS
-- @tfield ?number timeout seconds
-- @tfield ?integer pool_size most idle connections
-- @tfield ?number keepalive seconds for which a connection may be idle
-- @tfield ?string prefix of all names in Redis (default "predibase:")

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
  redis = function (value)
    connections.check(value)
  end,
  on_redis_down = function (value, name)
    if value ~= "allow" and value ~= "refuse" and value ~= "local" then
      return ('%s must be "allow", "refuse" or "local", got %s'):format(name,
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

--- Asks for permission to start one more stream.
-- @tparam ?string key the visitor, such as `ngx.var.remote_addr` or the name of a user; without a
-- key all visitors count as one
-- @treturn[1] Lease a lease; pass it to `relay`, or end it with `lease:leave()`
-- @treturn[2] nil
-- @treturn[2] Error the error: of kind "rate_limited" with `retry_after` in seconds; "overloaded"
-- if Redis fails and `on_redis_down` is "refuse"; "config" if the shared dict is full, or if nginx
-- allows no network I/O in this phase, which limits in Redis need
-- @raise for a key that is not a string
function Limits:enter (key)
  if key ~= nil and type(key) ~= "string" then
    usage.fail("limits:enter takes a string, got a " .. type(key))
  end
  key = key or ""
  if #key > M.MAX_KEY then key = ngx.md5(key) end
  local held, why, value = self.store:enter(key)
  if why == "streams" then
    return refused(("%d streams are open already, which is the limit"):format(value),
      M.RETRY_AFTER)
  elseif why == "rate" then
    return refused("too many streams were started in a short time", value)
  elseif not held then
    return nil, why
  end
  local lease = setmetatable({ store = self.store, held = held }, Lease)
  lease.guard = counters.finalizer(function () lease.store:leave(held, true) end)
  return lease
end

--- Returns the number of open streams under these limits: of all workers, with Redis of all
-- machines.
-- @treturn[1] number
-- @treturn[2] nil
-- @treturn[2] Error the error, of kind "overloaded": Redis does not answer; or "config": nginx
-- allows no network I/O in this phase
function Limits:open ()
  return self.store:open()
end

--- Ends the lease. To be called when the stream has ended. May be called any number of times and in
-- every phase of nginx. With Redis it waits for the answer where nginx allows that.
function Lease:leave ()
  self.store:leave(self.held)
end

--- Returns what is wrong with options that are valid by themselves, or nil.
local function contradiction (options)
  if options.redis then
    if options.on_redis_down == "local" and not options.dict then
      return 'on_redis_down = "local" requires dict, the name of a lua_shared_dict'
    end
  elseif options.on_redis_down then
    return "on_redis_down requires redis"
  elseif options.dict == nil then
    return "limits need dict, the name of a lua_shared_dict, or redis"
  end
  if options.burst and not options.rate then return "burst requires rate" end
  if not (options.streams or options.streams_per_key or options.rate) then
    return "limits need streams, streams_per_key or rate"
  end
end

--- Makes limits. All workers share the limits that have the same name. Connects to nothing.
-- @tparam LimitsOptions options `dict`: the name of a `lua_shared_dict`; `streams`: how many
-- streams may be open at once; `streams_per_key`: the same for each key; `rate`: how many streams
-- may start per second for each key; `burst`: how many of them may start at once (default: the
-- rate, at least 1); `name`: a name, if one dict or Redis holds several limits (default:
-- "default"); `redis`: a table, to share the limits with other machines: `host` ("127.0.0.1") and
-- `port` (6379) or `unix` (a path), `username`, `password`, `database`, `ssl`, `verify`,
-- `server_name`, `timeout` (seconds), `pool_size`, `keepalive` (seconds), `prefix` of all names in
-- Redis ("predibase:"); `on_redis_down`: `"local"` applies the limits on each machine, with `dict`
-- (the default if there is a `dict`), `"allow"` admits every stream (otherwise the default),
-- `"refuse"` none
-- @treturn Limits the limits
-- @raise for unknown options, wrong values, and options without any limit; if there is no
-- lua-resty-redis. Limits are made when nginx loads its configuration, so such an error prevents it
-- from starting.
function M.new (options)
  if type(options) ~= "table" then
    usage.fail("limits take their options as a table, got a " .. type(options))
  end
  names.check(options, OPTIONS, "option")
  for name, value in pairs(options) do
    local problem = OPTIONS[name](value, name)
    if problem then usage.fail(problem) end
  end
  local problem = contradiction(options)
  if problem then usage.fail(problem) end
  local name = options.name or "default"
  local numbers = {
    streams = options.streams, streams_per_key = options.streams_per_key, rate = options.rate,
    burst = options.burst or math.max(1, math.floor(options.rate or 1)),
  }
  local store = options.dict and dict_store.new(options.dict, name, numbers)
  if options.redis then
    -- A limit protects the model and is no permission, so a failed Redis must not stop the site.
    local on_down = options.on_redis_down or (store and "local" or "allow")
    store = redis_store.new(options.redis, name, numbers, on_down, store)
  end
  return setmetatable({ store = store }, Limits)
end

return M
