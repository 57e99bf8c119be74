-- SPDX-License-Identifier: MIT
--- Reads from the configuration of a client where its connections go, and checks that nginx
-- supports all of it. This happens once per client.
-- @module predibase.transport.resty.target

local config = require "predibase.config"

local M = {}

--- Returns why an option that only libcurl supports was refused, or nil.
local function refused (cfg)
  if cfg.ca_file then
    return "ca_file cannot be used inside nginx: name the file in nginx.conf, "
      .. "`lua_ssl_trusted_certificate`"
  end
  if config.client_key_password(cfg) then
    return "client_key_password cannot be used inside nginx: use a key without a password"
  end
  if cfg.http_version == "2" then
    return 'http_version = "2" cannot be used inside nginx: this transport uses HTTP/1.1'
  end
  if cfg.loop then
    return "loop cannot be used inside nginx, where light threads wait by themselves"
  end
end

local function is_address (host)
  return host:find "^%d+%.%d+%.%d+%.%d+$" ~= nil or host:find(":", 1, true) ~= nil
end

--- The addresses of "localhost". They are fixed because the client sends its token unencrypted to
-- this name, while nginx would ask a DNS server, which may return any address (RFC 6761 section
-- 6.3).
local LOCALHOST = { "127.0.0.1", "[::1]" }

--- Adds to a server or proxy the hosts to connect to, and whether nginx has to resolve them.
local function reachable (place, name)
  local is_local = name:lower() == "localhost"
  place.hosts = is_local and LOCALHOST or { place.host }
  place.is_name = not is_local and not is_address(name)
  return place
end

local function decoded (text)
  return (text:gsub("%%(%x%x)", function (hex) return string.char(tonumber(hex, 16)) end))
end

--- Returns the proxy of the option `proxy`, or nil. The environment is not read, because nginx
-- does not pass `http_proxy` to its workers.
local function proxy_of (cfg, encode)
  local url = config.proxy(cfg)
  if not url then return nil end
  local scheme, userinfo, authority = url:match "^(%w+)://(.-)@([^@]*)$"
  if not scheme then scheme, authority = url:match "^(%w+)://(.*)$" end
  if scheme ~= "http" then
    return nil, ("proxy must begin with http:// inside nginx, which does not support %s:// "
      .. "proxies"):format(scheme)
  end
  local host, port = authority:match "^(%b[]):?(%d*)/?$"
  if not host then host, port = authority:match "^([^:]*):?(%d*)/?$" end
  local authorization = userinfo and "Basic " .. encode(decoded(userinfo)) or nil
  return reachable({
    host = host, port = tonumber(port) or 80,
    -- A function, so that code that prints the tables of a client shows no password.
    authorization = function () return authorization end,
  }, host)
end

--- Returns the name of the pool of connections. It contains every setting that is fixed when a
-- connection is made, so that clients with different settings share no connection.
local function pool_of (target, digest)
  local proxy = target.proxy
  local parts = { "predibase", target.tls and "https" or "http", target.host,
    ("%d"):format(target.port) }
  if target.tls then
    parts[#parts + 1] = target.verify and "verified" or "unverified"
    parts[#parts + 1] = target.client_cert or ""
    parts[#parts + 1] = target.client_key or ""
  end
  if proxy then
    parts[#parts + 1] = ("%s:%d"):format(proxy.host, proxy.port)
    parts[#parts + 1] = digest(proxy.authorization() or "")
  end
  return table.concat(parts, "|")
end

--- Reads the configuration of a client.
-- @tparam table cfg see `predibase.config`
-- @tparam table ngx the global of nginx, for `encode_base64` and `md5`
-- @treturn[1] table `host`, `hosts` (addresses to try in this order, or a name), `is_name` (nginx
-- has to resolve it), `port`, `authority`, `tls`, `name` (for SNI; nil for an address), `verify`,
-- `client_cert`, `client_key` (files), `proxy`, `pool` (the name of its pool of connections)
-- @treturn[2] nil
-- @treturn[2] string which setting nginx does not support
function M.new (cfg, ngx)
  local problem = refused(cfg)
  if problem then return nil, problem end
  local address, tls = is_address(cfg.host), cfg.scheme == "https"
  if tls and address and cfg.verify then
    return nil, "nginx can check the certificate of a host name but not of an IP address: "
      .. "base_url must have a host name for https"
  end
  local host = cfg.host:find(":", 1, true) and "[" .. cfg.host .. "]" or cfg.host
  local target = reachable({
    host = host, port = cfg.port, authority = ("%s:%d"):format(host, cfg.port),
    tls = tls, name = not address and cfg.host or nil, verify = cfg.verify,
    client_cert = cfg.client_cert, client_key = cfg.client_key,
  }, cfg.host)
  target.proxy, problem = proxy_of(cfg, ngx.encode_base64)
  if problem then return nil, problem end
  target.pool = pool_of(target, ngx.md5)
  return target
end

return M
