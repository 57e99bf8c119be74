-- SPDX-License-Identifier: MIT
--- The network inside nginx (OpenResty): HTTP/1.1 over `ngx.socket.tcp`. No worker is
-- held up, and libcurl is not loaded.
--
-- The same transport as `predibase.transport.curl`: what it opens are exchanges that know nothing
-- of LoRAX. A transport holds what its configuration says and nothing of any request, so that one
-- client serves all requests of a worker.
-- @module predibase.transport.resty

local connect = require "predibase.transport.resty.connect"
local exchange = require "predibase.transport.resty.exchange"
local group = require "predibase.transport.resty.group"
local http1 = require "predibase.transport.resty.http1"
local nginx = require "predibase.nginx"
local target = require "predibase.transport.resty.target"

local ngx = ngx

local M = {}

--- Seconds on a clock that only goes forward.
-- @function now
-- @treturn number
M.now = nginx.now

--- The library behind this transport, for the User-Agent header.
-- @treturn string such as "ngx_lua/0.10.23"
function M.version()
  local v = ngx.config.ngx_lua_version
  return ("ngx_lua/%d.%d.%d"):format(math.floor(v / 1e6), math.floor(v / 1000) % 1000, v % 1000)
end

--- The process that asks: workers are copies of one master.
-- @treturn number
function M.process()
  return ngx.worker.pid()
end

-- Phases in which nginx lets nobody wait, by their names in nginx.conf.
local FORBIDDEN = {
  init = "init_by_lua", init_worker = "init_worker_by_lua", set = "set_by_lua",
  header_filter = "header_filter_by_lua", body_filter = "body_filter_by_lua", log = "log_by_lua",
  balancer = "balancer_by_lua", exit_worker = "exit_worker_by_lua",
  ssl_session_store = "ssl_session_store_by_lua",
}

local function misplaced(phase)
  return { kind = "config", phase = "connect", retryable = false,
    message = ("nginx allows no network calls in %s; call from a timer instead "
      .. "(ngx.timer.at(0, f)), or in rewrite_by_lua, access_by_lua or content_by_lua")
      :format(FORBIDDEN[phase]) }
end

local Transport = {}
Transport.__index = Transport

--- Starts a request.
-- @tparam table req `method`, `url`, `headers` (array of `{ name, value }`), `id` (nil, or goes out
-- as `X-Request-Id`), `body`
-- @tparam table spec `events` (parse an event stream), `delay` (seconds before the start),
-- `timeout` (`connect`, `first_token`, `token`, `idle` in seconds), `deadline` (on the clock of
-- `now`)
-- @treturn[1] table the exchange
-- @treturn[2] nil
-- @treturn[2] table the failure
-- @raise a string when nginx has ended the request whose code calls
function Transport:open(req, spec)
  if self.closed then
    return nil, { kind = "cancelled", phase = "closed", message = "the client was closed" }
  end
  nginx.raise_if_ended()
  local phase = ngx.get_phase()
  if FORBIDDEN[phase] then return nil, misplaced(phase) end
  local place = self.target
  if place.client_cert and not place.identity then
    local pair, problem = connect.load_identity(self.cfg)
    if not pair then return nil, { kind = "tls", phase = "tls", message = problem } end
    place.identity = pair
  end
  local bytes = http1.request(req, not place.tls and place.proxy or nil)
  local x = exchange.new(self, place, bytes, spec)
  self.exchanges[x] = true
  return x
end

--- A group of exchanges that are waited for together.
-- @treturn table see `predibase.transport.resty.group`
function Transport:group()
  return group.new(self)
end

--- Number of exchanges that are not closed yet; those that only wait for their end not counted.
-- @treturn number
function Transport:size()
  local n = 0
  for _ in pairs(self.exchanges) do n = n + 1 end
  return n
end

--- Closes what is open. Any number of times, also again after an error was raised in here. Unused
-- connections belong to nginx, which closes them when their time is up.
function Transport:close()
  self.closed = true
  local open = {}
  for x in pairs(self.exchanges) do open[#open + 1] = x end
  for _, x in ipairs(open) do x:close() end
  local groups = {}
  for one in pairs(self.groups) do groups[#groups + 1] = one end
  for _, one in ipairs(groups) do one:tell() end
end

--- Makes the transport of one client. Opens nothing: a client may be made before nginx starts its
-- workers.
-- @tparam table cfg a configuration of `predibase.config`
-- @treturn[1] table the transport
-- @treturn[2] nil
-- @treturn[2] string what the configuration asks for and nginx cannot do
function M.new(cfg)
  local place, problem = target.new(cfg, ngx)
  if not place then return nil, problem end
  return setmetatable({
    cfg = cfg,
    target = place,
    closed = false,
    -- Weak: a request that nginx ended takes its exchanges with it.
    exchanges = setmetatable({}, { __mode = "k" }),
    groups = setmetatable({}, { __mode = "k" }),
  }, Transport)
end

return M
