-- SPDX-License-Identifier: MIT
--- A network without a network: the transport of libcurl with its C core replaced by a server that
-- a spec writes down, and a clock that stands still unless somebody waits or the spec moves it.
--
--     local door = pipe.new { status = 200, headers = {…}, pieces = { "data: …", 0.5, "…" } }
--     local client = predibase.new { base_url = door.url, transport = door }
--
-- A reply is a table: `status` (200), `headers` (lower-case names; an event stream unless given),
-- `body` or `pieces` (strings as the server writes them, numbers are pauses in seconds), `before`
-- (seconds until the head), `ending`: "end" (the default), "cut" and "reset" (the connection is
-- lost), "open" (it stays open, nothing more comes); or `failure` (a failure of the transport
-- instead of a head), or `connecting` (no connection comes about). Several replies answer one
-- request each, the last one all that follow. A function makes the reply from the request.

local exchange = require "spec.support.pipe_exchange"
local predibase = require "predibase"

local M = {}

local Door = {}
Door.__index = Door

local Pool = {}
Pool.__index = Pool

local Target = {}

--- As `pool:open` of predibase.curl.
function Pool:open(target, body, header, delay, deadline, connect, first_event, event, idle)
  if self.door.no_exchange then return nil, self.door.no_exchange end
  local options = { body = body, delay = delay, deadline = deadline, connect = connect,
    first_event = first_event, event = event, idle = idle }
  for name, value in pairs(target) do options[name] = value end
  options.headers = { header }
  for _, line in ipairs(target.headers) do options.headers[#options.headers + 1] = line end
  self.opened = self.opened + 1
  local door = self.door
  local log = { at = door.clock, delay = options.delay or 0, url = options.url,
    method = options.method, headers = options.headers, body = options.body, options = options }
  door.requests[#door.requests + 1] = log
  local raw = exchange.new(self, self.opened, options, log)
  self.exchanges[self.opened] = raw
  return raw, self.opened
end

--- The earliest time at which anything is due.
local function next_due(pool)
  local at = math.huge
  for _, raw in pairs(pool.exchanges) do at = math.min(at, raw:due()) end
  return at
end

local function work(pool, moved)
  local due, n = {}, 0
  for number, raw in pairs(pool.exchanges) do
    if raw:due() <= pool.door.clock then due[#due + 1] = number end
  end
  table.sort(due)
  for _, number in ipairs(due) do
    local raw = pool.exchanges[number]
    if raw then
      raw:work(pool.door.clock)
      if raw.news then
        raw.news, n = false, n + 1
        moved[n] = number
      end
    end
  end
  return n
end

--- As `pool:step` of predibase.curl; whoever waits moves the clock.
function Pool:step(seconds, moved)
  local door = self.door
  local limit = seconds and door.clock + seconds or math.huge
  local n = work(self, moved)
  while n == 0 and (not seconds or seconds > 0) do
    local at = next_due(self)
    if at == math.huge and not seconds then error("this wait would never end", 0) end
    if at > limit then
      door.clock = limit
      break
    end
    door.clock = math.max(door.clock, at)
    n = work(self, moved)
  end
  return n
end

function Pool:fd() -- luacheck: ignore 212
  return nil
end

function Pool:timeout()
  local at = next_due(self)
  if at < math.huge then return math.max(0, at - self.door.clock) end
end

function Pool:size()
  local n = 0
  for _ in pairs(self.exchanges) do n = n + 1 end
  return n
end

function Pool:close()
  for _, raw in pairs(self.exchanges) do
    raw.log.aborted, raw.log.closed = raw.state == "open", true
    if raw.state == "open" or raw.state == "delayed" then
      raw.state = "failed"
      raw.fault = { kind = "cancelled", phase = "body", message = "the client was closed" }
    end
  end
  self.exchanges = {}
  self.door.pools = self.door.pools - 1
end

--- lua/predibase/transport/curl.lua over another C core.
local function transport_over(core)
  local loaded = package.loaded
  local name = "predibase.transport.curl"
  local kept, kept_core = loaded[name], loaded["predibase.curl"]
  loaded[name], loaded["predibase.curl"] = nil, core
  local ok, transport = pcall(require, name)
  loaded[name], loaded["predibase.curl"] = kept, kept_core
  if not ok then error(transport, 0) end
  return transport
end

--- Replaces what is replied from now on.
function Door:serve(replies)
  local many = type(replies) == "table" and replies[1] ~= nil
  self.replies = many and replies or { replies }
  self.served = 0
end

--- The headers of a reply, and one that says that its body has an end of its own.
local function framed(headers)
  local all = { ["transfer-encoding"] = "chunked" }
  for name, value in pairs(headers) do all[name] = value end
  return all
end

--- What one exchange is to play. Called when its request goes out.
function Door:script(raw)
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

--- Lets time pass without anything happening in it.
function Door:advance(seconds)
  self.clock = self.clock + seconds
end

--- Moves the clock to the next thing that happens; for loops around `poll`.
function Door:sleep()
  local at = math.huge
  for pool in pairs(self.alive) do at = math.min(at, next_due(pool)) end
  if at == math.huge then error("nothing will ever happen", 2) end
  if at > self.clock then self.clock = at end
end

--- Makes a door; it is what the option `transport` takes.
-- @treturn table `clock`, `requests` (array of `{ url, method, headers, body, options, at, sent_at,
-- closed, aborted, released }`), `pools` (open ones), `url` for `base_url`; `no_pool` and
-- `no_exchange` may be set to the text with which the system refuses one
function M.new(replies)
  local door = setmetatable({
    url = "http://127.0.0.1:8080", clock = 1000, requests = {}, pools = 0,
    alive = setmetatable({}, { __mode = "k" }),
  }, Door)
  door:serve(replies or {})
  local transport = transport_over {
    now = function () return door.clock end,
    version = function () return "pipe/1" end,
    target = function (options) return setmetatable(options, Target) end,
    pool = function ()
      if door.no_pool then return nil, door.no_pool end
      local pool = setmetatable({ door = door, exchanges = {}, opened = 0 }, Pool)
      door.alive[pool] = true
      door.pools = door.pools + 1
      return pool
    end,
  }
  door.new, door.now, door.version = transport.new, transport.now, transport.version
  return door
end

--- A client behind a door, with a token that nobody must see again.
-- @treturn table the client
-- @treturn table its door
function M.client(replies, options)
  local door = M.new(replies)
  local all = { base_url = door.url, transport = door, api_token = "pb_SENTINEL_7f3a" }
  for name, value in pairs(options or {}) do all[name] = value end
  return assert(predibase.new(all)), door
end

--- The tables of this module that a client leads to: they stand for memory of C, which holds the
-- request with its token.
function M.is_core(value)
  local mt = getmetatable(value)
  return mt == Door or mt == Pool or mt == Target or mt == exchange.class
end

return M
