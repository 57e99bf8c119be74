-- SPDX-License-Identifier: MIT
--- Reads the failure of an exchange over libcurl and words it so that it names the host that
-- failed: the server or the proxy.
-- @module predibase.transport.curl.failure

local M = {}

--- Statuses of a proxy that may be temporary (RFC 9110 section 15).
local PASSING = { [408] = true, [425] = true, [429] = true, [500] = true, [502] = true,
  [503] = true, [504] = true }

--- Messages of OpenSSL and GnuTLS about data that is not TLS, which is usually plain HTTP.
local NO_TLS = { "wrong version number", "packet length too long", "unexpected TLS packet" }

--- Normalizes a host name as libcurl does: lower case, without a dot at its end.
local function bare (host)
  return (host:lower():gsub("%.$", ""))
end

--- Returns a message that names the proxy if libcurl could not connect to it, else nil. The wording
-- of libcurl depends on its version: older ones name the proxy instead of the server, newer ones
-- name both, but not the port of the proxy.
local function at_proxy (message, place)
  local host, port, rest = message:match "^Failed to connect to (%S+) port (%d+)(.*)$"
  if not host then
    host, port, rest = message:match "^Failed to connect to (%S+):(%d+)( .*)$"
  end
  if not host then return nil end
  local name = rest:match "^ via (%S+) after" or rest:match " over proxy (%S+) after"
  if not name then
    if bare(host) == bare(place.host) and tonumber(port) == place.port then return nil end
    name = (host:find(":", 1, true) and "[%s]:%s" or "%s:%s"):format(host, port)
  end
  return ("no connection to the proxy %s: %s"):format(name, rest:match "^.-: (.*)$" or message)
end

--- Returns a message for an HTTP/2 stream that ended with an error, else nil. The number of the
-- stream, which libcurl's message contains, says nothing to people.
local function at_reset (message)
  local reason = message:match "^HTTP/2 stream %d+ was not closed cleanly: (.*)$"
  return reason and "the server or a gateway reset the HTTP/2 stream: " .. reason
end

local function worded (kind, phase, message, place)
  if kind == "tls" then
    for _, words in ipairs(NO_TLS) do
      if message:find(words, 1, true) then
        return ("the server%s does not use TLS; did you mean http://? (%s)"):format(
          place.tls_proxy and " or the proxy" or "", message)
      end
    end
  end
  return phase == "connect" and at_proxy(message, place) or at_reset(message) or message
end

--- Reads the failure of an exchange.
-- @tparam userdata raw an exchange of `predibase.curl` that failed
-- @tparam table place the server of the client: `host` (without brackets), `port`, and `tls_proxy`
-- (whether the connection to the proxy uses TLS)
-- @treturn table `kind`, `phase`, `message`, `sent`, `retryable`
function M.read (raw, place)
  local kind, phase, message, sent, proxy_status = raw:failure()
  local retryable
  if proxy_status then retryable = PASSING[proxy_status] or false end
  return { kind = kind, phase = phase, message = worded(kind, phase, message, place), sent = sent,
    retryable = retryable }
end

return M
