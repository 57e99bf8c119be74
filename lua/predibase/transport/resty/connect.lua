-- SPDX-License-Identifier: MIT
--- Makes the connections of exchanges inside nginx: pooled or new, directly or through a proxy,
-- with or without TLS.
-- @module predibase.transport.resty.connect

local files = require "predibase.files"
local http1 = require "predibase.transport.resty.http1"
local nginx = require "predibase.nginx"

local ngx = ngx
local now = nginx.now

local M = {}

-- Client certificates.

local function contents (path, option)
  local bytes, err = files.read(path)
  if not bytes then return nil, ("%s cannot be read: %s"):format(option, err) end
  return bytes
end

--- Reads and parses the client certificate and its key.
-- @tparam table cfg with the file `client_cert`, and `client_key` if the key is in another file
-- @treturn[1] table `cert`, `key`, as `setclientcert` takes them
-- @treturn[2] nil
-- @treturn[2] string what is wrong
function M.load_identity (cfg)
  local ssl = require "ngx.ssl"      -- loaded here because it is large and rarely needed
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

--- Milliseconds after which an unused connection is closed. Gateways close theirs after a minute,
-- and a request on a connection that is being closed has to be sent again.
M.MAX_AGE = 60000

--- The maximum number of attempts to reach one of the addresses of a name. nginx picks an address
-- at random and does not say which. With two addresses, one of them dead, all attempts fail once
-- in 65,536 calls.
M.TRIES = 16

--- The number of attempts that fit into the connect timeout if no address responds at all.
M.SHARES = 4

--- The minimum seconds of one attempt, unless the connect timeout is shorter. A lost packet is sent
-- again after 1 s and then after 2 s (RFC 6298 section 5).
M.SHORTEST = 3.5

--- The shortest sleep of nginx in seconds. During it nginx closes unused connections that received
-- data.
local TURN = 0.001

--- Seconds by which the timeout of the socket is longer than that of the exchange.
local SLACK = 1

--- The maximum bytes of one read of a proxy's response.
local PROXY_READ = 4096

--- Statuses of a proxy that may be temporary (RFC 9110 section 15).
local PASSING = { [408] = true, [425] = true, [429] = true, [500] = true, [502] = true,
  [503] = true, [504] = true }

local function failed (kind, phase, message)
  return { kind = kind, phase = phase, message = message }
end

--- Turns an error of nginx's `connect` into a failure.
local function unconnected (err)
  if err:find("no resolver defined", 1, true) then
    return failed("config", "resolve", err .. "; nginx does not use the system's resolver: set a "
      .. "DNS server in nginx.conf, such as `resolver 127.0.0.53;`")
  end
  if err:find("could not be resolved", 1, true) then return failed("connection", "resolve", err) end
  if err == "timeout" then return failed("timeout", "connect", "no connection could be made") end
  return failed("connection", "connect", err)
end

--- Asks the proxy for a tunnel to the server. Returns a failure, or nil.
local function tunnel (sock, target)
  local _, err = sock:send(http1.tunnel(target.authority, target.proxy))
  local answer, at, problem = http1.new_head(), nil, nil
  while not err and not at do
    local bytes
    bytes, err = sock:receiveany(PROXY_READ)
    if bytes then
      at, problem = answer:feed(bytes)
      if at and at <= #bytes and answer.status < 300 then
        problem = "the proxy sent data after its response"
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

--- The only error that nginx returns for a failed handshake; the reason is in its log.
local FAILED = "handshake failed"

--- The most frequent reasons. nginx offers no TLS 1.3 without this directive.
local ADVICE = "; nginx.conf may need `lua_ssl_protocols TLSv1.2 TLSv1.3;`, "
  .. "or the server does not use TLS"

--- Tells whether a handshake failed only because the connection was lost.
local function is_gone (err)
  return err == "closed" or err:find("reset by peer", 1, true) or err:find("broken pipe", 1, true)
end

--- Starts TLS on a connection. Returns a failure, or nil.
local function secure (sock, target)
  local identity = target.identity
  if identity then
    local ok, err = sock:setclientcert(identity.cert, identity.key)
    if not ok then
      return failed("tls", "tls", "client_cert or client_key cannot be used: " .. tostring(err))
    end
  end
  local ok, err = nginx.handshake(sock, target.name, target.verify)
  if ok then return nil end
  if err == "timeout" then
    return failed("timeout", "connect", "no TLS connection could be made")
  end
  if err == FAILED then err = err .. ADVICE end
  return failed(is_gone(err) and "connection" or "tls", "tls", err)
end

--- Connects a socket, with a connection of the pool if there is one. `fresh` asks for a new
-- connection and closes those that come out of the pool.
local function connected (sock, host, place, pool, fresh)
  while true do
    local ok, err = sock:connect(host, place.port, { pool = pool })
    if not ok then return nil, unconnected(err) end
    if not fresh or sock:getreusedtimes() == 0 then return true end
    sock:close()
  end
end

--- Connects to one of the addresses of the server or of its proxy. Tries the next address at once
-- if one fails, which is safe because nothing was sent.
local function reach (target, fresh, seconds)
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

--- Does the same, but never returns a pooled connection that has unread data. If the connection
-- comes out of the pool, it is put back and nginx runs for a moment, in which it closes all pooled
-- connections that received data. Otherwise bytes that the server sent unasked would be taken for
-- the response to this request.
local function reach_clean (target, fresh, seconds)
  local sock, failure = reach(target, fresh, seconds)
  if not sock or sock:getreusedtimes() == 0 then return sock, failure end
  if not sock:setkeepalive(M.MAX_AGE) then sock:close() end
  ngx.sleep(TURN)
  return reach(target, fresh, seconds)
end

--- Makes a connection.
-- @tparam table target see `predibase.transport.resty.target`, with `identity` when there is a
-- client certificate
-- @tparam boolean fresh use no connection of the pool
-- @tparam number seconds the connect timeout
-- @treturn[1] userdata the socket
-- @treturn[2] nil
-- @treturn[2] table the failure
function M.open (target, fresh, seconds)
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
function M.socket ()
  return ngx.socket.tcp()
end

--- Converts seconds into the milliseconds that sockets take: at least 1, at most 31 bits.
-- @tparam number seconds
-- @treturn number
function M.milliseconds (seconds)
  return math.min(math.max(math.ceil(seconds * 1000), 1), 2 ^ 31 - 1)
end

return M
