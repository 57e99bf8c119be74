-- SPDX-License-Identifier: MIT
--- A simulated network: the libcurl transport, with its C core replaced by a server that follows a
-- script of the spec, and a clock that advances only when a call waits or the spec moves it.
--
--     local network = pipe.new { status = 200, headers = {…}, pieces = { "data: …", 0.5, "…" } }
--     local client = predibase.new { base_url = network.url, transport = network }
--
-- A reply is a table: `status` (200), `headers` (lower-case names; an event stream unless given),
-- `body` or `pieces` (strings as the server writes them, numbers are pauses in seconds), `before`
-- (seconds until the head), `ending`: "end" (the default), "cut" and "reset" (the connection is
-- lost), "open" (it stays open and sends nothing more); or `failure` (a failure of the transport
-- instead of a head), or `connecting` (no connection can be made). With several replies, each
-- answers one request, and the last one all later requests. A function makes the reply from the
-- request.

local exchange = require "spec.support.pipe_exchange"
local predibase = require "predibase"

local M = {}

local Network = {}
Network.__index = Network

local Pool = {}
Pool.__index = Pool

local Target = {}

--- Like `pool:open` of predibase.curl.
function Pool:open (target, body, header, delay, deadline, connect, first_event, event, idle)
  if self.network.no_exchange then return nil, self.network.no_exchange end
  local options = { body = body, delay = delay, deadline = deadline, connect = connect,
    first_event = first_event, event = event, idle = idle }
  for name, value in pairs(target) do options[name] = value end
  options.headers = { header }
  for _, line in ipairs(target.headers) do options.headers[#options.headers + 1] = line end
  self.opened = self.opened + 1
  local network = self.network
  local log = { at = network.clock, delay = options.delay or 0, url = options.url,
    method = options.method, headers = options.headers, body = options.body, options = options }
  network.requests[#network.requests + 1] = log
  local raw = exchange.new(self, self.opened, options, log)
  self.exchanges[self.opened] = raw
  return raw, self.opened
end

--- Returns the earliest time at which an exchange has work.
local function next_due (pool)
  local at = math.huge
  for _, raw in pairs(pool.exchanges) do at = math.min(at, raw:due()) end
  return at
end

local function work (pool, moved)
  local due, n = {}, 0
  for number, raw in pairs(pool.exchanges) do
    if raw:due() <= pool.network.clock then due[#due + 1] = number end
  end
  table.sort(due)
  for _, number in ipairs(due) do
    local raw = pool.exchanges[number]
    if raw then
      raw:work(pool.network.clock)
      if raw.news then
        raw.news, n = false, n + 1
        moved[n] = number
      end
    end
  end
  return n
end

--- Like `pool:step` of predibase.curl; a wait advances the clock.
function Pool:step (seconds, moved)
  local network = self.network
  local limit = seconds and network.clock + seconds or math.huge
  local n = work(self, moved)
  while n == 0 and (not seconds or seconds > 0) do
    local at = next_due(self)
    if at == math.huge and not seconds then error("this wait would never end", 0) end
    if at > limit then
      network.clock = limit
      break
    end
    network.clock = math.max(network.clock, at)
    n = work(self, moved)
  end
  return n
end

function Pool:fd () -- luacheck: ignore 212
  return nil
end

function Pool:timeout ()
  local at = next_due(self)
  if at < math.huge then return math.max(0, at - self.network.clock) end
end

function Pool:size ()
  local n = 0
  for _ in pairs(self.exchanges) do n = n + 1 end
  return n
end

function Pool:close ()
  for _, raw in pairs(self.exchanges) do
    raw.log.aborted, raw.log.closed = raw.state == "open", true
    if raw.state == "open" or raw.state == "delayed" then
      raw.state = "failed"
      raw.fault = { kind = "cancelled", phase = "body", message = "the client was closed" }
    end
  end
  self.exchanges = {}
  self.network.pools = self.network.pools - 1
end

--- Loads lua/predibase/transport/curl.lua with this module instead of the C core.
local function transport_over (core)
  local loaded = package.loaded
  local name = "predibase.transport.curl"
  local kept, kept_core = loaded[name], loaded["predibase.curl"]
  loaded[name], loaded["predibase.curl"] = nil, core
  local ok, transport = pcall(require, name)
  loaded[name], loaded["predibase.curl"] = kept, kept_core
  if not ok then error(transport, 0) end
  return transport
end

--- Replaces the replies for later requests.
function Network:serve (replies)
  local many = type(replies) == "table" and replies[1] ~= nil
  self.replies = many and replies or { replies }
  self.served = 0
end

--- Returns the headers of a reply, with one that marks the end of the body.
local function framed (headers)
  local all = { ["transfer-encoding"] = "chunked" }
  for name, value in pairs(headers) do all[name] = value end
  return all
end

--- Returns the script for one exchange. Called when its request is sent.
function Network:script (raw)
  self.served = self.served + 1
  local reply = self.replies[math.min(self.served, #self.replies)]
  if type(reply) == "function" then reply = reply(raw.log) end
  raw.log.sent_at = self.clock
  if reply.connecting then return { connecting = true } end
  if reply.failure then return { reply.before or 0, { failure = reply.failure } } end
  local script = { reply.before or 0, {
    status = reply.status or 200,
    headers = framed(reply.headers or { ["content-type"] = "text/event-stream" }),
  } }
  for _, piece in ipairs(reply.pieces or { reply.body or "" }) do script[#script + 1] = piece end
  script[#script + 1] = { ending = reply.ending or "end" }
  return script
end

--- Advances the clock without running any step.
function Network:advance (seconds)
  self.clock = self.clock + seconds
end

--- Moves the clock to the next step that is due; for loops around `poll`.
function Network:sleep ()
  local at = math.huge
  for pool in pairs(self.alive) do at = math.min(at, next_due(pool)) end
  if at == math.huge then error("nothing will ever happen", 2) end
  if at > self.clock then self.clock = at end
end

--- Makes a simulated network, for the option `transport`.
-- @treturn table `clock`, `requests` (array of `{ url, method, headers, body, options, at, sent_at,
-- closed, aborted, released }`), `pools` (open ones), `url` for `base_url`; `no_pool` and
-- `no_exchange` may be set to an error text, with which the creation of one then fails
function M.new (replies)
  local network = setmetatable({
    url = "http://127.0.0.1:8080", clock = 1000, requests = {}, pools = 0,
    alive = setmetatable({}, { __mode = "k" }),
  }, Network)
  network:serve(replies or {})
  local transport = transport_over {
    _VERSION = predibase._VERSION, library = require "predibase.curl".library,
    now = function () return network.clock end,
    version = function () return "pipe/1" end,
    target = function (options) return setmetatable(options, Target) end,
    pool = function ()
      if network.no_pool then return nil, network.no_pool end
      local pool = setmetatable({ network = network, exchanges = {}, opened = 0 }, Pool)
      network.alive[pool] = true
      network.pools = network.pools + 1
      return pool
    end,
  }
  network.new, network.now, network.version = transport.new, transport.now, transport.version
  return network
end

--- Returns a client on a simulated network, with the API token that must not appear anywhere.
-- @treturn table the client
-- @treturn table its network
function M.client (replies, options)
  local network = M.new(replies)
  local all = { base_url = network.url, transport = network, api_token = "pb_SENTINEL_7f3a" }
  for name, value in pairs(options or {}) do all[name] = value end
  return assert(predibase.new(all)), network
end

--- Returns whether a table belongs to this module: such tables represent C memory, which contains
-- the request with its token.
function M.is_core (value)
  local mt = getmetatable(value)
  return mt == Network or mt == Pool or mt == Target or mt == exchange.class
end

return M
