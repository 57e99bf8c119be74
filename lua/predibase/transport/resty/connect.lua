-- SPDX-License-Identifier: MIT
--- Makes the connections of exchanges inside nginx.
-- @module predibase.transport.resty.connect

local ffi = require "ffi"
local files = require "predibase.files"
local http1 = require "predibase.transport.resty.http1"
local nginx = require "predibase.nginx"

local ngx = ngx
local now = nginx.now

local M = {}

-- Client certificates.

local function contents(path, option)
  local bytes, err = files.read(path)
  if not bytes then return nil, ("%s cannot be read: %s"):format(option, err) end
  return bytes
end

--- Reads and parses the files.
-- @tparam table cfg with `client_cert` and perhaps `client_key`, which else stands in the same file
-- @treturn[1] table `cert`, `key`, as `setclientcert` takes them
-- @treturn[2] nil
-- @treturn[2] string what is wrong
function M.load_identity(cfg)
  local ssl = require "ngx.ssl"      -- only here: it is large, and few need it
  local cert, key, problem
  cert, problem = contents(cfg.client_cert, "client_cert")
  if not cert then return nil, problem end
  key, problem = contents(cfg.client_key or cfg.client_cert, "client_key")
  if not key then return nil, problem end
  cert, problem = ssl.parse_pem_cert(cert)
  if not cert then return nil, "client_cert cannot be used: " .. problem end
  key, problem = ssl.parse_pem_priv_key(key)
  if not key then return nil, "client_key cannot be used: " .. problem end
  return { cert = cert, key = key }
end

-- Making a connection.

--- Milliseconds after which an unused connection is not used again: gateways close theirs after a
-- minute, and a request sent into a closing one is sent twice.
M.MAX_AGE = 60000

--- Most attempts to reach one of the addresses of a name. nginx takes one at random and does not
-- say which; that all attempts miss the only good one of two happens once in 65,536 calls.
M.TRIES = 16

--- So many attempts fit into the time for a connection where addresses do not answer at all.
M.SHARES = 4

--- Seconds that an attempt has in any case, if there are so many: a lost packet is sent again after
-- 1 s and then 2 s (RFC 6298 section 5).
M.SHORTEST = 3.5

--- Seconds in which nginx sees what came on unused connections; it has no shorter turn.
local TURN = 0.001

--- Seconds by which the socket's own clock is later than that of the exchange.
local SLACK = 1

--- Most bytes of the answer of a proxy.
local PROXY_READ = 4096

--- Statuses of a proxy that may be others a moment later (RFC 9110 section 15).
local PASSING = { [408] = true, [425] = true, [429] = true, [500] = true, [502] = true,
  [503] = true, [504] = true }

local function failed(kind, phase, message)
  return { kind = kind, phase = phase, message = message }
end

--- What nginx says when no connection came about.
local function unconnected(err)
  if err:find("no resolver defined", 1, true) then
    return failed("config", "resolve", err .. "; nginx looks names up by itself: name a DNS "
      .. "server in nginx.conf, `resolver 127.0.0.53;`")
  end
  if err:find("could not be resolved", 1, true) then return failed("connection", "resolve", err) end
  if err == "timeout" then return failed("timeout", "connect", "no connection came about") end
  return failed("connection", "connect", err)
end

--- Asks the proxy for a tunnel.
local function tunnel(sock, target)
  local _, err = sock:send(http1.tunnel(target.authority, target.proxy))
  local answer, at, problem = http1.new_head(), nil, nil
  while not err and not at do
    local bytes
    bytes, err = sock:receiveany(PROXY_READ)
    if bytes then
      at, problem = answer:feed(bytes)
      if at and at <= #bytes and answer.status < 300 then
        problem = "the proxy sends more than its answer"
      end
    end
    if problem then return failed("connection", "proxy", problem) end
  end
  if err then return failed("connection", "proxy", "the proxy gave no answer: " .. err) end
  local status = answer.status
  if status < 300 then return nil end
  local failure = failed("connection", "proxy",
    ("the proxy refused a tunnel with status %d"):format(status))
  failure.retryable = PASSING[status] or false
  return failure
end

--- nginx says no more than this of a handshake that came to nothing; the reason is in its log.
local FAILED = "handshake failed"

--- What is most often the reason: without the directive nginx offers no TLS 1.3.
local ADVICE = "; nginx.conf may need `lua_ssl_protocols TLSv1.2 TLSv1.3;`, "
  .. "or no TLS is spoken there"

--- Errors of a handshake that are none of TLS: the server went away.
local function is_gone(err)
  return err == "closed" or err:find("reset by peer", 1, true) or err:find("broken pipe", 1, true)
end

--- lua-resty-core raises where it should tell what is wrong with a certificate, when the handshake
-- had no need to wait. The reason stands in a place that it shares.
local function handshake(sock, target)
  local told, session, err = pcall(sock.sslhandshake, sock, nil, target.name, target.verify)
  if told then return session, err end
  local reason = require "resty.core.base".get_errmsg_ptr()[0]
  return nil, reason ~= nil and ffi.string(reason) or tostring(session)
end

local function secure(sock, target)
  local identity = target.identity
  if identity then
    local ok, err = sock:setclientcert(identity.cert, identity.key)
    if not ok then
      return failed("tls", "tls", "client_cert or client_key cannot be used: " .. tostring(err))
    end
  end
  local ok, err = handshake(sock, target)
  if ok then return nil end
  if err == "timeout" then return failed("timeout", "connect", "no TLS connection came about") end
  if err == FAILED then err = err .. ADVICE end
  return failed(is_gone(err) and "connection" or "tls", "tls", err)
end

--- Out of the pool, or new; a new one on demand, past those that wait in the pool.
local function connected(sock, host, place, pool, fresh)
  while true do
    local ok, err = sock:connect(host, place.port, { pool = pool })
    if not ok then return nil, unconnected(err) end
    if not fresh or sock:getreusedtimes() == 0 then return true end
    sock:close()
  end
end

--- Reaches one of the addresses of the server, or of its proxy. Nothing was sent before, so the
-- next one is tried at once.
local function reach(target, fresh, seconds)
  local place, began = target.proxy or target, now()
  local hosts = place.hosts
  local attempts = place.is_name and M.TRIES or #hosts
  local share = place.is_name and math.max(seconds / M.SHARES, M.SHORTEST) or seconds
  local failure
  for i = 1, attempts do
    local sock = M.socket()
    local longest = M.milliseconds(math.min(share, began + seconds - now()) + SLACK / attempts)
    sock:settimeouts(longest, longest, longest)
    local ok, problem = connected(sock, hosts[(i - 1) % #hosts + 1], place, target.pool, fresh)
    failure = problem
    if ok then return sock end
    if failure.phase == "resolve" or now() >= began + seconds then break end
  end
  return nil, failure
end

--- The same; and when the connection is out of the pool, nginx gets a turn in which it closes
-- those on which anything came since it last looked. Else an answer that was sent to nobody would
-- be taken for the answer to this request.
local function reach_clean(target, fresh, seconds)
  local sock, failure = reach(target, fresh, seconds)
  if not sock or sock:getreusedtimes() == 0 then return sock, failure end
  if not sock:setkeepalive(M.MAX_AGE) then sock:close() end
  ngx.sleep(TURN)
  return reach(target, fresh, seconds)
end

--- Makes a connection.
-- @tparam table target see `predibase.transport.resty.target`, with `identity` when there is a
-- client certificate
-- @tparam boolean fresh take none out of the pool
-- @tparam number seconds that it may take
-- @treturn[1] userdata the socket
-- @treturn[2] nil
-- @treturn[2] table the failure
function M.open(target, fresh, seconds)
  local sock, failure = reach_clean(target, fresh, seconds)
  if not sock then
    local proxy = target.proxy
    if proxy then
      failure.message = ("no connection to the proxy %s:%d: %s"):format(proxy.host, proxy.port,
        failure.message)
    end
    return nil, failure
  end
  local longest = M.milliseconds(seconds + SLACK)
  sock:settimeouts(longest, longest, longest)
  local reused = sock:getreusedtimes() > 0
  if target.proxy and target.tls and not reused then failure = tunnel(sock, target) end
  if target.tls and not failure then failure = secure(sock, target) end
  if not failure then return sock end
  sock:close()
  return nil, failure
end

--- Makes a socket.
-- @treturn userdata
function M.socket()
  return ngx.socket.tcp()
end

--- A time as sockets take it.
-- @tparam number seconds
-- @treturn number
function M.milliseconds(seconds)
  return math.min(math.max(math.ceil(seconds * 1000), 1), 2 ^ 31 - 1)
end

return M
