-- SPDX-License-Identifier: MIT
--- Keeps the limits of several machines in Redis.
--
-- A stream holds a lease, which expires by itself. The worker that runs the stream renews the
-- lease, so the streams of a machine that died are forgotten after `LEASE` seconds, and a Redis
-- that restarted without its data learns the open streams again.
--
-- When Redis fails, nothing is asked of it for `PAUSE` seconds. Then a timer tries again, so that
-- no visitor waits for a Redis that hangs. All of this is per worker.
-- @module predibase.resty.limits.redis_store

local connections = require "predibase.resty.limits.redis_connection"
local counters = require "predibase.resty.counters"
local errors = require "predibase.errors"
local nginx = require "predibase.nginx"
local random = require "predibase.random"
local scripts = require "predibase.resty.limits.redis_scripts"

local M = {}

--- Seconds after which a lease expires that is not renewed, and the seconds between two renewals.
-- Two renewals may fail before a lease is lost. A machine that died blocks its streams for this
-- time.
M.LEASE, M.RENEW = 30, 10

--- Seconds after a failure in which Redis is not asked.
M.PAUSE = 1

--- Most leases that one call renews or removes. Redis does nothing else meanwhile, and the script
-- needs about a microsecond for each.
M.BATCH = 500

--- Seconds for which a worker that was told to exit goes on renewing. A lease that the program
-- never ends would keep it for ever.
M.LINGER = 3600

--- Seconds between two looks of an exiting worker at its leases.
M.LOOK = 0.5

local Store = {}
Store.__index = Store

local draw = random.of_process(ngx.worker.pid, nginx.now)
local worker, worker_pid, number = nil, nil, 0

--- Returns an id that no other worker of the fleet uses.
local function new_id ()
  if worker_pid ~= ngx.worker.pid() then
    local file = io.open("/dev/urandom", "rb")
    local bytes = file and file:read(12)
    if file then file:close() end
    worker = bytes and ngx.encode_base64(bytes) or random.id(draw)
    worker_pid = ngx.worker.pid()
  end
  number = number + 1
  return ("%s-%d"):format(worker, number)
end

local function failed (self, problem)
  self.checked = nginx.now()
  if not self.down then
    ngx.log(ngx.ERR, "predibase: the limits cannot be shared (", problem, "); until Redis answers "
      .. "again, ", self.on_down == "refuse" and "all streams are refused"
      or self.on_down == "allow" and "all streams are allowed"
      or "this machine applies the limits by itself")
  end
  self.down = problem
end

--- Calls a script for records, in batches. Returns a problem or nil.
local function run_batches (self, script, records, first_key, first_value)
  local at = 1
  repeat
    local keys, values = { first_key }, { first_value }
    while at <= #records and #keys < M.BATCH do
      local record = records[at]
      for _, key in ipairs(record.keys) do
        keys[#keys + 1], values[#values + 1] = key, record.id
      end
      at = at + 1
    end
    if #keys > 0 then
      local answer, problem = self.connection:run(script, keys, values)
      if not answer then return problem end
    end
  until at > #records
end

--- Removes the leases that were ended while Redis could not be asked. Leases that expired
-- meanwhile need not be removed. Returns a problem or nil.
local function send_left (self)
  local list, records, at = self.left, {}, nginx.now()
  self.left = {}               -- at once, because the garbage collector may add to it
  for _, record in ipairs(list) do
    if at - record.left < M.LEASE then records[#records + 1] = record end
  end
  local problem = run_batches(self, scripts.LEAVE, records)
  if not problem then return nil end
  for _, record in ipairs(records) do self.left[#self.left + 1] = record end
  return problem
end

local function renew (self)
  local records = {}
  for _, record in pairs(self.held) do records[#records + 1] = record end
  local problem = run_batches(self, scripts.RENEW, records, self.prefix .. "written",
    M.LEASE * 1e6)
  -- A lease may have been ended while its renewal was on its way.
  for _, record in ipairs(records) do
    if not self.held[record.id] then self.left[#self.left + 1] = record end
  end
  return problem or send_left(self)
end

--- Brings Redis up to date, and finds out whether it works. For timers.
local function refresh (self)
  if self.refreshing then return end
  self.refreshing = true
  local ran, problem = pcall(function () return send_left(self) or renew(self) end)
  self.refreshing = false
  if not ran or problem then return failed(self, tostring(problem)) end
  if self.down then ngx.log(ngx.WARN, "predibase: Redis answers again") end
  self.down = nil
end

--- Starts a timer that removes leases at once; while Redis fails, it brings Redis up to date.
local function work_soon (self)
  if self.soon then return end
  self.soon = ngx.timer.at(0, function ()
    self.soon = nil
    if self.down then return refresh(self) end
    local problem = send_left(self)
    if problem then failed(self, problem) end
  end)
end

--- Goes on renewing in a worker that was told to exit, because nginx starts no timers there.
local function linger (self)
  local ends, due = nginx.now() + M.LINGER, 0
  while next(self.held) and nginx.now() < ends do
    if nginx.now() >= due then
      collectgarbage()         -- ends the leases that the program has dropped
      refresh(self)
      due = nginx.now() + M.RENEW
    end
    ngx.sleep(M.LOOK)
  end
  if self.left[1] then refresh(self) end
  self.ticking = false
end

local start

local function tick (premature, self)
  if premature then return linger(self) end
  refresh(self)
  self.ticking = false
  start(self)
end

--- Starts the timer that renews leases, if there are any.
start = function (self)
  if self.ticking or not (next(self.held) or self.left[1]) then return end
  -- In a worker that is exiting only timers without a delay start.
  local delay = ngx.worker.exiting() and 0 or M.RENEW
  self.ticking = ngx.timer.at(delay, delay == 0 and function () linger(self) end or tick, self)
end

local function new_record (self, key)
  local record = { id = new_id(), keys = {} }
  if self.numbers.streams then record.keys[1] = self.prefix .. "streams" end
  if self.numbers.streams_per_key then
    record.keys[#record.keys + 1] = self.prefix .. "key:" .. key
  end
  return record
end

local function ask (self, record, key)
  local numbers = self.numbers
  return self.connection:run(scripts.ENTER,
    { self.prefix .. "streams", self.prefix .. "key:" .. key, self.prefix .. "rate:" .. key },
    { record.id, M.LEASE * 1e6, numbers.streams or 0, numbers.streams_per_key or 0,
      numbers.rate and ("%.6f"):format(1e6 / numbers.rate) or 0, numbers.burst })
end

local function hold (self, record)
  if #record.keys > 0 then
    self.held[record.id] = record
    start(self)
  end
  return record
end

--- Has a lease removed that may have reached Redis although its answer did not arrive.
local function forget (self, record)
  if #record.keys == 0 then return end
  record.left = nginx.now()
  self.left[#self.left + 1] = record
  start(self)
end

--- Answers without Redis, as `on_redis_down` says. Admitted streams are counted in Redis as soon as
-- it works again.
local function enter_without (self, record, key)
  if self.on_down == "refuse" then
    return nil, errors.new { kind = "overloaded", phase = "request", retry_after = M.PAUSE,
      message = "the limits cannot be checked: " .. self.down }
  end
  if self.on_down == "local" then
    local held, why, value = self.local_store:enter(key)
    if not held then return held, why, value end
    record.held = held
  end
  return hold(self, record)
end

--- Returns an error if nginx allows no network I/O here.
local function check_phase ()
  local message = nginx.why_no_network()
  return message and errors.new { kind = "config", phase = "connect", message = message }
end

--- Counts one more stream, if the limits allow it.
-- @tparam string key of the visitor
-- @treturn[1] table what the stream holds, for `leave`
-- @treturn[2] boolean false: a limit is reached
-- @treturn[2] string which one: "streams" or "rate"
-- @treturn[2] number the limit of streams; for "rate" the seconds until one may start
-- @treturn[3] nil
-- @treturn[3] table the error: "overloaded" if Redis fails and `on_redis_down` is "refuse";
-- "config" in a phase without network, or if the shared dict is full
function Store:enter (key)
  local misplaced = check_phase()
  if misplaced then return nil, misplaced end
  local record = new_record(self, key)
  if self.down then
    if not self.refreshing and nginx.now() - self.checked >= M.PAUSE then work_soon(self) end
    return enter_without(self, record, key)
  end
  local answer, problem = ask(self, record, key)
  if answer and (answer[1] == 1 or answer[1] == 2) and counters.collect() and self.left[1] then
    problem = send_left(self)
    if not problem then answer, problem = ask(self, record, key) end
  end
  if problem then
    failed(self, problem)
    local held, why, value = enter_without(self, record, key)
    if not held then forget(self, record) end
    return held, why, value
  end
  if answer[1] == 0 then
    -- If Redis fails, the local limits must know the streams that are open then.
    if self.on_down == "local" then record.held = self.local_store:note(key) end
    return hold(self, record)
  end
  if answer[1] == 3 then return false, "rate", answer[2] / 1e6 end
  return false, "streams", answer[1] == 1 and self.numbers.streams or self.numbers.streams_per_key
end

--- Ends a lease. May be called any number of times, in every phase. If nginx allows no network I/O
-- there, or Redis fails, the lease is removed by a timer, or else it expires.
-- @tparam table record the result of `enter`
-- @tparam ?boolean collected true: called by the garbage collector, so nothing may wait
function Store:leave (record, collected)
  if record.left then return end
  record.left = nginx.now()
  self.held[record.id] = nil
  if record.held then self.local_store:leave(record.held) end
  if #record.keys == 0 then return end
  -- Nothing of nginx can be called once it has ended the request.
  local ran, misplaced = pcall(nginx.why_no_network)
  if ran and not misplaced and not collected and not self.down then
    local problem = run_batches(self, scripts.LEAVE, { record })
    if not problem then return end
    failed(self, problem)
  end
  self.left[#self.left + 1] = record
  -- The garbage collector can run while nginx starts a timer, so it must not start another.
  if ran and not collected then
    if not self.down then work_soon(self) end
    start(self)
  end
end

--- Returns the number of open streams of all machines.
-- @treturn[1] number
-- @treturn[2] nil
-- @treturn[2] table the error, of kind "overloaded" if Redis fails
function Store:open ()
  local misplaced = check_phase()
  if misplaced then return nil, misplaced end
  local n, problem = self.connection:run(scripts.OPEN, { self.prefix .. "streams" }, {})
  if n then return n end
  return nil, errors.new { kind = "overloaded", phase = "request", message = problem }
end

--- Makes the store. Connects to nothing.
-- @tparam table redis see `predibase.resty.limits.redis_connection`; `prefix` of all names in Redis
-- ("predibase:")
-- @tparam string name of the limits
-- @tparam table numbers `streams`, `streams_per_key`, `rate`, `burst`
-- @tparam string on_down "allow", "refuse" or "local"
-- @tparam ?table local_store a store of `predibase.resty.limits.dict_store`, for "local"
-- @treturn table the store
function M.new (redis, name, numbers, on_down, local_store)
  return setmetatable({
    connection = connections.new(redis),
    -- A cluster keeps all names with the same text in braces on one machine.
    prefix = ("%s{%s}:"):format(redis.prefix or "predibase:", name),
    numbers = numbers, on_down = on_down, local_store = local_store,
    held = {},              -- id -> record of an open stream
    left = {},              -- records of ended leases that Redis may still have
    down = nil,             -- the problem, while Redis fails
    checked = 0,            -- when Redis failed last
    ticking = false,        -- the timer that renews is waiting
    refreshing = false,     -- a timer is bringing Redis up to date
    soon = nil,             -- such a timer is about to start
  }, Store)
end

return M
