-- SPDX-License-Identifier: MIT
--- The network through libcurl.
--
-- A transport opens exchanges; an exchange gives the events or the body of one response. Both know
-- nothing of LoRAX. Failures are plain tables `{ kind, phase, message, sent }`, see
-- `predibase.curl` for their meaning; `sent` tells whether the request may have reached the server.
-- @module predibase.transport.curl

local curl = require "predibase.curl"
local config = require "predibase.config"
local exchange = require "predibase.transport.curl.exchange"
local group = require "predibase.transport.curl.group"

local M = {}

local moved = exchange.moved

--- Seconds on a clock that only goes forward.
-- @function now
-- @treturn number
M.now = curl.now

--- The library behind this transport, for the User-Agent header.
-- @treturn string such as "libcurl/7.88.1"
M.version = curl.version

local Transport = {}
Transport.__index = Transport

--- Tells everybody who waits.
-- @tparam table transport
-- @tparam ?table failure when there will be nothing to wait for
local function wake_all(transport, failure)
  local waiting = {}
  for _, x in pairs(transport.waiting) do waiting[#waiting + 1] = x end
  for _, x in ipairs(waiting) do
    x.broken = failure
    moved(x)
  end
  group.tell(transport, failure)
end

--- Seconds until the next alarm of a group, or those given when they are fewer.
local function sooner(transport, seconds)
  if not transport.alarms[1] then return seconds end
  local left = group.ring(transport)
  if left and (not seconds or left < seconds) then return left end
  return seconds
end

--- Tells one exchange, by its number, that it moved.
local function tell(transport, id)
  local x = transport.waiting[id]
  if x then return moved(x) end
  local raw, member = transport.lingering[id], transport.members[id]
  if raw then
    raw:close()
    transport.lingering[id] = nil
  elseif member then
    member.group:note(member)
  end
end

--- Tells all of them, where it is not known which moved.
local function tell_all(transport)
  local ids = {}
  for id in pairs(transport.waiting) do ids[#ids + 1] = id end
  for id in pairs(transport.members) do ids[#ids + 1] = id end
  for id, raw in pairs(transport.lingering) do
    local _, state = raw:next()
    if state ~= "pending" then ids[#ids + 1] = id end
  end
  for _, id in ipairs(ids) do tell(transport, id) end
end

--- Runs the pool once and wakes whose exchanges moved. A loop may call it after the client was
-- closed: it was told once what to watch and is told nothing else.
local function stepper(transport)
  -- The numbers of those that moved, how many these are (nil: unknown), and how many were told.
  -- They stay here because an error from outside may end a step anywhere; the next one goes on.
  local ids, n, told = {}, 0, 0
  local function deliver()
    if not n then
      tell_all(transport)
      n, told = 0, 0
    end
    while told < n do
      local k = told + 1
      tell(transport, ids[k])         -- a loop may resume at once, and that may step again
      if told < k then told = k end
    end
  end
  return function (seconds)
    if transport.closed then return end
    deliver()
    seconds = sooner(transport, seconds)
    told, n = 0, nil
    local count, why = transport.pool:step(seconds, ids)
    n = count or 0
    deliver()
    sooner(transport)
    if not count then
      wake_all(transport, { kind = "connection", phase = "wait", message = why })
    end
    return count, why
  end
end

--- The pool is made at the first use and not with the client: a client made before a fork and used
-- after it is in order.
local function ready(transport)
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
    local seconds, alarm = pool:timeout(), transport.alarms[1]
    if not alarm then return seconds end
    return math.max(0, math.min(seconds or math.huge, alarm.at - curl.now()))
  end, transport.step)
  transport.watched = true
  return true
end

local HTTP_VERSIONS = { ["1.1"] = 1, ["2"] = 2 }

--- The file of authorities that the environment names for all programs that use OpenSSL. libcurl
-- itself, other than the command curl, does not look at it.
local function authorities()
  local path = os.getenv "SSL_CERT_FILE"
  return path ~= "" and path or nil
end

local function new_target(cfg, req, events)
  local lines = {}
  for i, header in ipairs(req.headers) do
    local name, value = header[1], header[2]
    lines[i] = value == "" and name .. ";" or name .. ": " .. value   -- libcurl's form for empty
  end
  local proxy = config.proxy(cfg)
  return curl.target {
    url = req.url, method = req.method, headers = lines, events = events,
    max_event = cfg.max_event_bytes, max_body = cfg.max_response_bytes,
    proxy = proxy == false and "" or proxy or nil,
    ca_file = cfg.ca_file or authorities(),
    client_cert = cfg.client_cert, client_key = cfg.client_key,
    client_key_password = config.client_key_password(cfg), verify = cfg.verify,
    http_version = HTTP_VERSIONS[cfg.http_version],
  }
end

--- Gives the target of a request, made once for all requests that share their headers. Those hold
-- the token, so the list of them is in this closure and in no table that leads to it.
local function targets_of(cfg)
  local made = setmetatable({}, { __mode = "k" })
  return function (req, events)
    local known = made[req.headers]
    if known and known.url == req.url and known.events == events then return known.target end
    known = { target = new_target(cfg, req, events), url = req.url, events = events }
    made[req.headers] = known
    return known.target
  end
end

--- Starts a request.
-- @tparam table req `method`, `url`, `headers` (array of `{ name, value }`; requests that share the
-- table share what else is the client's), `id` (nil, or goes out as `X-Request-Id`), `body`
-- @tparam table spec `events` (parse an event stream), `delay` (seconds before the start),
-- `timeout` (`connect`, `first_token`, `token`, `idle` in seconds), `deadline` (on the clock of
-- `now`)
-- @treturn[1] table the exchange
-- @treturn[2] nil
-- @treturn[2] table the failure
function Transport:open(req, spec)
  local ok, why = ready(self)
  if not ok then return nil, why end
  if next(self.lingering) then self.step(0) end     -- their connections may be free by now
  local id, timeout = req.id, spec.timeout
  local raw, number = self.pool:open(self.target(req, spec.events), req.body,
    id and "x-request-id: " .. id, spec.delay, spec.deadline, timeout.connect,
    timeout.first_token, timeout.token, timeout.idle)
  if not raw then return nil, { kind = "connection", phase = "connect", message = number } end
  return exchange.new(self, raw, number)
end

--- A group of exchanges that are waited for together.
-- @treturn table see `predibase.transport.curl.group`
function Transport:group()
  return group.new(self)
end

--- Number of exchanges that are not closed yet; those that only wait for their end not counted.
-- @treturn number
function Transport:size()
  if not self.pool or self.closed then return 0 end
  local n = self.pool:size()
  for _ in pairs(self.lingering) do n = n - 1 end
  return n
end

--- Closes all connections. Any number of times.
function Transport:close()
  if self.ended then return end
  self.closed = true
  if not self.pool then return end
  if self.loop.unwatch then self.loop:unwatch() end
  self.pool:close()
  self.lingering = {}
  wake_all(self)
  group.wake_all(self)
  self.ended = true
end

--- Makes the transport of one client.
-- @tparam table cfg a configuration of `predibase.config`
-- @tparam table loop how to wait, see `predibase.loop.blocking`
-- @treturn table the transport
function M.new(cfg, loop)
  local members, alarms, groups = group.state()
  local proxy = config.proxy(cfg)
  return setmetatable({
    target = targets_of(cfg),
    place = { host = cfg.host, port = cfg.port,
      tls_proxy = type(proxy) == "string" and proxy:find "^https:" ~= nil },
    loop = loop,
    closed = false,
    ended = false,        -- and all that follows from it was done
    pool = nil,           -- made at the first use
    step = nil,           -- drives the pool once
    watched = false,      -- the loop knows both
    now = M.now,
    waiting = {},         -- id -> exchange that a coroutine waits for
    members = members,    -- id -> exchange of a group
    alarms = alarms,      -- of groups
    groups = groups,
    lingering = {},       -- id -> raw exchange that only has to end
  }, Transport)
end

return M
