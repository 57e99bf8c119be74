-- SPDX-License-Identifier: MIT
--- The transport over libcurl.
--
-- A transport opens exchanges. An exchange is one request and its response; it returns the events
-- or the body of the response. Neither knows anything about LoRAX. Failures are plain tables
-- `{ kind, phase, message, sent }`, described in `predibase.curl`; `sent` tells whether the request
-- may have reached the server.
-- @module predibase.transport.curl

local lazy = require "predibase.lazy"
local config = require "predibase.config"
local requirements = require "predibase.requirements"
local views = lazy "predibase.transport.curl.view"
local exchange = require "predibase.transport.curl.exchange"
local group = lazy "predibase.transport.curl.group"
local heap = require "predibase.heap"

local curl = requirements.load "predibase.curl"
local library = curl.library()

local M = {}

local moved = exchange.moved

--- Returns the time on a monotonic clock.
-- @function now
-- @treturn number seconds
M.now = curl.now

--- Returns name and version of libcurl, for the User-Agent header.
-- @treturn string such as "libcurl/7.88.1"
M.version = curl.version

local Transport = {}
Transport.__index = Transport

--- In place of the pool of a closed transport, whose `step` may still be called.
local GONE = { step = function () end, close = function () end }

--- Wakes every coroutine and group that waits for an exchange.
-- @tparam table transport
-- @tparam ?table failure given to the exchanges if they can make no more progress
local function wake_all (transport, failure)
  local waiting = {}            -- a copy, because a woken coroutine may change the table
  for _, x in pairs(transport.exchanges) do
    if x.waiter then waiting[#waiting + 1] = x end
  end
  for _, x in ipairs(waiting) do
    x:set_broken(failure)
    moved(x)
  end
  if next(transport.members) then group.notify_all(transport, failure) end
end

--- Wakes the groups whose timer has expired. Returns the seconds until the next timer expires, or
-- `seconds` if that is shorter.
local function run_timers (transport, seconds)
  local left = group.run_timers(transport)
  if left and (not seconds or left < seconds) then return left end
  return seconds
end

--- Handles an exchange that has new data or has ended and for which no coroutine waits, given by
-- its number. Tells its group; closes it if it was released and only the end of its body was
-- awaited.
local function exchange_moved (transport, id)
  local raw, member = transport.lingering[id], transport.members[id]
  if raw then
    raw:close()
    transport.lingering[id] = nil
  elseif member then
    member.group:note(member)
  end
end

--- Handles all exchanges that may have moved, if it is not known which have.
local function all_may_have_moved (transport)
  local ids, waiting = {}, {}
  for _, x in pairs(transport.exchanges) do
    if x.waiter then waiting[#waiting + 1] = x end
  end
  for id in pairs(transport.members) do ids[#ids + 1] = id end
  for id, raw in pairs(transport.lingering) do
    local _, state = raw:next()
    if state ~= "pending" then ids[#ids + 1] = id end
  end
  for _, x in ipairs(waiting) do moved(x) end
  for _, id in ipairs(ids) do exchange_moved(transport, id) end
end

--- Returns the function `step`, which runs the pool once and wakes the waiters of the exchanges
-- that have moved. A loop without `unwatch` may still call it after the client was closed.
local function stepper (transport)
  -- `ids` are the numbers of the n exchanges that have moved (see `predibase.loop.blocking`), and
  -- `at` is the index of the one that is handled now: 0 when there is nothing to do, -1 while it is
  -- not known which have moved. They are kept between the calls, because Ctrl-C may interrupt a
  -- step at any instruction; the next step then continues.
  local ids, n, at = {}, 0, 0
  local loop, timers, exchanges = transport.loop, transport.timers, transport.exchanges
  local function recover ()
    if at < 0 then
      all_may_have_moved(transport)
    else
      for k = at, n do
        at = k
        local x = exchanges[ids[k]]
        if x and x.waiter then moved(x) else exchange_moved(transport, ids[k]) end
        if at ~= k then return end
      end
    end
    at = 0
  end
  local function fail (why)
    if transport.closed then return end
    wake_all(transport, { kind = "connection", phase = "wait", message = why })
    return nil, why
  end
  return function (seconds)
    if at ~= 0 then
      recover()
      seconds = 0             -- what was interrupted may be all that there is to wait for
    end
    if timers[1] then seconds = run_timers(transport, seconds) end
    at = -1
    local count, why = transport.pool:step(seconds, ids)
    n = count or 0
    for k = 1, n do
      at = k
      local x = exchanges[ids[k]]
      local waiter = x and x.waiter
      if not waiter then exchange_moved(transport, ids[k])
      elseif not loop:resume(waiter) then x.waiter = nil end      -- see `moved`
      if at ~= k then return count end      -- a coroutine that was resumed has called `step`
    end
    at = 0
    if timers[1] then run_timers(transport) end
    if count then return count end
    return fail(why)
  end
end

--- Creates the pool and starts watching it, unless that is done already. The pool is created at the
-- first use and not with the client, so that a client may be created before a fork and used after
-- it.
local function ready (transport)
  if transport.closed then
    return nil, { kind = "cancelled", phase = "closed", message = "the client was closed" }
  end
  if transport.watched then return true end
  local pool = transport.pool
  if not pool then
    local why
    pool, why = curl.pool()
    if not pool then return nil, { kind = "connection", phase = "connect", message = why } end
    transport.pool = pool
  end
  transport.step = transport.step or stepper(transport)
  transport.loop:watch(pool:fd(), function ()
    if transport.closed then return nil end
    local seconds, timer = pool:timeout(), transport.timers[1]
    if not timer then return seconds end
    return math.max(0, math.min(seconds or math.huge, timer.at - curl.now()))
  end, transport.step)
  transport.watched = true
  return true
end

--- Prepares the transport for a wait or a request.
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] table the failure: the client was closed, or no pool could be made
function Transport:ready ()
  return ready(self)
end

local HTTP_VERSIONS = { ["1.1"] = 1, ["2"] = 2 }

--- Returns the file of certificate authorities that the environment names for all programs that use
-- OpenSSL. The command curl reads this variable, but libcurl does not.
local function authorities ()
  local path = os.getenv "SSL_CERT_FILE"
  return path ~= "" and path or nil
end

--- Returns the number of the servers and settings whose requests may share connections.
local function site_of (transport, cfg)
  local key = {}
  for i, part in ipairs { cfg.scheme, cfg.host, ("%d"):format(cfg.port), cfg.verify,
    cfg.ca_file or "", cfg.client_cert or "", cfg.client_key or "", cfg.http_version or "",
    cfg.proxy or "" } do
    key[i] = tostring(part)
  end
  local text, sites = table.concat(key, "\n"), transport.sites
  if not sites[text] then
    sites[text], sites.n = sites.n, sites.n + 1
  end
  return sites[text]
end

local function new_target (cfg, site, req, events, log)
  local lines = {}
  for i, header in ipairs(req.headers) do
    local name, value = header[1], header[2]
    lines[i] = value == "" and name .. ";" or name .. ": " .. value   -- libcurl's empty header
  end
  local proxy = config.proxy(cfg)
  return curl.target {
    url = req.url, method = req.method, headers = lines, events = events, log = log,
    max_event = cfg.max_event_bytes, max_body = cfg.max_response_bytes,
    proxy = proxy == false and "" or proxy or nil,
    ca_file = cfg.ca_file or authorities(),
    client_cert = cfg.client_cert, client_key = cfg.client_key,
    client_key_password = config.client_key_password(cfg), verify = cfg.verify,
    http_version = HTTP_VERSIONS[cfg.http_version], site = site,
  }
end

--- Returns a function that returns the target of a request. A target is made once for all requests
-- that share a headers table. The headers contain the token, so they are kept in this closure and
-- in no table that a program could walk over and print.
local function targets_of (cfg, site)
  local made = setmetatable({}, { __mode = "k" })
  return function (req, events, log)
    local known = made[req.headers]
    if known and known.url == req.url and known.events == events and known.log == log then
      return known.target
    end
    known = { target = new_target(cfg, site, req, events, log), url = req.url, events = events,
      log = log }
    made[req.headers] = known
    return known.target
  end
end

--- Starts a request.
-- @tparam table req `method`, `url`, `headers` (array of `{ name, value }`; requests that share
-- this table share one target), `id` (sent as `X-Request-Id`, or nil), `body`
-- @tparam table spec `events` (parse an event stream), `delay` (seconds before the start),
-- `timeout` (`connect`, `first_token`, `token`, `idle` in seconds), `deadline` (on the clock of
-- `now`), `done` (a function that is called once when the exchange was closed or released), `log`
-- (a function that takes what is sent and received, see `predibase.call.wire_records`)
-- @tparam[opt=self] ?table view through which the request goes, see `view`
-- @treturn[1] table the exchange
-- @treturn[2] nil
-- @treturn[2] table the failure
function Transport:open (req, spec, view)
  local ok, why = ready(self)
  if not ok then return nil, why end
  -- The connections of lingering exchanges may be free by now.
  if next(self.lingering) then self.step(0) end
  local id, timeout = req.id, spec.timeout
  local way = view or self
  local log = spec.log
  local raw, number = self.pool:open(way.target(req, spec.events, log ~= nil), req.body,
    id and "x-request-id: " .. id, spec.delay, spec.deadline, timeout.connect,
    timeout.first_token, timeout.token, timeout.idle)
  if not raw then return nil, { kind = "connection", phase = "connect", message = number } end
  local x = exchange.new(self, raw, number, spec.done, view and view.place)
  if log then x:log_to(log) end
  return x
end

--- Returns the server of a configuration, for messages.
local function place_of (cfg)
  local proxy = config.proxy(cfg)
  return { host = cfg.host, port = cfg.port,
    tls_proxy = type(proxy) == "string" and proxy:find "^https:" ~= nil }
end

--- Makes a transport that shares the connections of this one, with a configuration of its own.
-- @tparam table cfg a configuration of `predibase.config`
-- @treturn[1] table see `predibase.transport.curl.view`
-- @treturn[2] nil
-- @treturn[2] string the URL is https, and libcurl was built without TLS
function Transport:view (cfg)
  local problem = requirements.scheme_problem(library, cfg.scheme)
  if problem then return nil, problem end
  return views.new(self, targets_of(cfg, site_of(self, cfg)), place_of(cfg))
end

--- Makes a group of exchanges for which one caller waits together.
-- @treturn table see `predibase.transport.curl.group`
function Transport:group ()
  return group.new(self)
end

--- Returns the number of exchanges that are not closed. Released exchanges that only wait for the
-- end of their body are not counted.
-- @treturn number
function Transport:size ()
  if not self.pool or self.closed then return 0 end
  local n = self.pool:size()
  for _ in pairs(self.lingering) do n = n - 1 end
  return n
end

--- Closes all connections. May be called any number of times.
function Transport:close ()
  if self.ended then return end
  self.closed = true
  if not self.pool then return end
  if self.loop.unwatch then self.loop:unwatch() end
  self.pool:close()
  self.pool = GONE
  self.lingering = {}
  wake_all(self)
  if next(self.groups) then group.wake_all(self) end
  self.ended = true
end

--- Makes the transport of one client.
-- @tparam table cfg a configuration of `predibase.config`
-- @tparam table loop the loop that waits for the client, see `predibase.loop.blocking`
-- @treturn[1] table the transport
-- @treturn[2] nil
-- @treturn[2] string the URL is https, and libcurl was built without TLS
function M.new (cfg, loop)
  local problem = requirements.scheme_problem(library, cfg.scheme)
  if problem then return nil, problem end
  local sites = { n = 0 }
  return setmetatable({
    sites = sites,        -- see site_of
    target = targets_of(cfg, site_of({ sites = sites }, cfg)),
    place = place_of(cfg),
    loop = loop,
    closed = false,
    ended = false,        -- `close` has finished
    pool = nil,           -- created at the first use
    step = nil,           -- the function that runs the pool once
    watched = false,      -- the loop knows the pool and `step`
    now = M.now,
    -- id -> exchange that is not closed or released. Weak, so that those that a program drops are
    -- collected.
    exchanges = setmetatable({}, { __mode = "v" }),
    members = setmetatable({}, { __mode = "v" }),     -- id -> exchange that belongs to a group
    timers = heap.new(),  -- the timers of groups
    groups = setmetatable({}, { __mode = "k" }),      -- set of all groups, including empty ones
    lingering = {},       -- id -> released exchange (of predibase.curl) whose body has not ended
  }, Transport)
end

return M
