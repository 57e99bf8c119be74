-- SPDX-License-Identifier: MIT
--- The transport inside nginx (OpenResty): HTTP/1.1 over `ngx.socket.tcp`. It does not block the
-- worker and does not load libcurl.
--
-- It has the same interface as `predibase.transport.curl`: it opens exchanges, which know nothing
-- about LoRAX. A transport keeps its configuration and no state of a request, so one client can
-- serve all requests of a worker.
-- @module predibase.transport.resty

local connect = require "predibase.transport.resty.connect"
local exchange = require "predibase.transport.resty.exchange"
local group = require "predibase.transport.resty.group"
local http1 = require "predibase.transport.resty.http1"
local nginx = require "predibase.nginx"
local request_counts = require "predibase.transport.resty.request_counts"
local target = require "predibase.transport.resty.target"

local ngx = ngx

local M = {}

--- Returns the time on a monotonic clock.
-- @function now
-- @treturn number seconds
M.now = nginx.now

--- Returns name and version of ngx_lua, for the User-Agent header.
-- @treturn string such as "ngx_lua/0.10.23"
function M.version ()
  local v = ngx.config.ngx_lua_version
  return ("ngx_lua/%d.%d.%d"):format(math.floor(v / 1e6), math.floor(v / 1000) % 1000, v % 1000)
end

--- Returns the process id of this worker. A client made in the master process is copied into every
-- worker, so the id cannot be remembered.
-- @treturn number
function M.process ()
  return ngx.worker.pid()
end

--- Counts the beginning of a call in `ngx.ctx.predibase`.
-- @function count
-- @treturn ?table the counts of the request that nginx handles
M.count = request_counts.begin

local Transport = {}
Transport.__index = Transport

--- Prepares the transport for a wait or a request.
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] table the failure: the client was closed, or nginx allows no network I/O here
-- @raise a string if nginx has ended the request whose code calls this
function Transport:ready ()
  if self.closed or self.base and self.base.closed then
    return nil, { kind = "cancelled", phase = "closed", message = "the client was closed" }
  end
  nginx.raise_if_ended()
  local misplaced = nginx.why_no_network()
  if misplaced then
    return nil, { kind = "config", phase = "connect", retryable = false, message = misplaced }
  end
  return true
end

--- Starts a request.
-- @tparam table req `method`, `url`, `headers` (array of `{ name, value }`), `id` (sent as
-- `X-Request-Id`, or nil), `body`
-- @tparam table spec `events` (parse an event stream), `delay` (seconds before the start),
-- `timeout` (`connect`, `first_token`, `token`, `idle` in seconds), `deadline` (on the clock of
-- `now`), `done` (a function that is called when the exchange has ended or was closed; more than
-- once, perhaps)
-- @treturn[1] table the exchange
-- @treturn[2] nil
-- @treturn[2] table the failure
-- @raise a string if nginx has ended the request whose code calls this
function Transport:open (req, spec)
  local ok, problem = self:ready()
  if not ok then return nil, problem end
  local place = self.target
  if place.client_cert and not place.identity then
    local pair
    pair, problem = connect.load_identity(self.cfg)
    if not pair then return nil, { kind = "tls", phase = "tls", message = problem } end
    place.identity = pair
  end
  local bytes = http1.request(req, not place.tls and place.proxy or nil)
  local x = exchange.new(self, place, bytes, spec)
  self.exchanges[x] = true
  return x
end

--- Makes a group of exchanges for which one caller waits together.
-- @treturn table see `predibase.transport.resty.group`
function Transport:group ()
  return group.new(self)
end

--- Makes a transport with a configuration of its own that is closed with this one. Connections to
-- the same server are shared anyway: nginx keeps them for the whole worker.
-- @tparam table cfg a configuration of `predibase.config`
-- @treturn[1] table the transport
-- @treturn[2] nil
-- @treturn[2] string which setting nginx does not support
function Transport:view (cfg)
  local base = self.base or self
  local made, problem = M.new(cfg)
  if not made then return nil, problem end
  made.base, base.views[made] = base, true
  return made
end

--- Returns the number of exchanges that are not closed. Released exchanges that only wait for the
-- end of their body are not counted.
-- @treturn number
function Transport:size ()
  local n = 0
  for _ in pairs(self.exchanges) do n = n + 1 end
  return n
end

--- Closes all exchanges. May be called any number of times, and again after it raised an error.
-- Unused connections stay in nginx's pool, which closes them after `MAX_AGE` of
-- `predibase.transport.resty.connect`.
function Transport:close ()
  self.closed = true
  local open = {}
  for x in pairs(self.exchanges) do open[#open + 1] = x end
  for _, x in ipairs(open) do x:close() end
  local groups = {}
  for one in pairs(self.groups) do groups[#groups + 1] = one end
  for _, one in ipairs(groups) do one:wake() end
  local views = {}
  for view in pairs(self.views) do views[#views + 1] = view end
  for _, view in ipairs(views) do view:close() end
end

--- Makes the transport of one client. It opens no connection, so a client may be made before nginx
-- starts its workers.
-- @tparam table cfg a configuration of `predibase.config`
-- @treturn[1] table the transport
-- @treturn[2] nil
-- @treturn[2] string which setting nginx does not support
function M.new (cfg)
  local place, problem = target.new(cfg, ngx)
  if not place then return nil, problem end
  return setmetatable({
    cfg = cfg,
    target = place,
    closed = false,
    base = nil,               -- the transport that it is a view of
    views = setmetatable({}, { __mode = "k" }),
    -- Weak, so that the exchanges of a request that nginx ended are collected.
    exchanges = setmetatable({}, { __mode = "k" }),
    groups = setmetatable({}, { __mode = "k" }),
  }, Transport)
end

return M
