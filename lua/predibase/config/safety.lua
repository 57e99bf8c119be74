-- SPDX-License-Identifier: MIT
--- Ways in which a secret would leave this machine readable by others.
-- @module predibase.config.safety

local M = {}

--- Why a secret must not be sent.
-- @tparam table cfg `scheme`, `host`, `loopback`, `proxy`, `verify`, `allow_plain_http`
-- @tparam ?boolean proxy_loopback whether the proxy runs on this machine
-- @tparam string name of the secret, for the message
-- @treturn ?string what is wrong; nil when it may be sent
function M.problem(cfg, proxy_loopback, name)
  if cfg.scheme == "http" and not cfg.allow_plain_http then
    if not cfg.loopback then
      return ("%s would cross the network to http://%s where everyone on the way can read it; "
        .. "use https://, or allow_plain_http = true, or leave it out (api_token = false)")
        :format(name, cfg.host)
    elseif cfg.proxy and not proxy_loopback then
      return ("%s would reach the proxy %s in the clear; "
        .. "use https://, proxy = false, or allow_plain_http = true"):format(name, cfg.proxy)
    end
  end
  if cfg.verify ~= false then return nil end
  if not cfg.loopback then
    return ("verify = false would give %s to anyone who poses as %s; "
      .. "name the server's certificate authority in ca_file instead"):format(name, cfg.host)
  end
  -- What a proxy means by "localhost" is its own machine, and it may answer in its place.
  if cfg.scheme == "https" and cfg.proxy and not proxy_loopback then
    return ("verify = false would give %s to the proxy %s, which can pose as %s; "
      .. "use proxy = false, or name the server's certificate authority in ca_file instead")
      :format(name, cfg.proxy, cfg.host)
  end
end

return M
