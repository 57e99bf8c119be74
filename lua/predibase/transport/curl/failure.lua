-- SPDX-License-Identifier: MIT
--- What a failure of an exchange over libcurl means, in words that name who failed.
-- @module predibase.transport.curl.failure

local M = {}

--- Statuses of a proxy that may be others a moment later (RFC 9110 section 15).
local PASSING = { [408] = true, [425] = true, [429] = true, [500] = true, [502] = true,
  [503] = true, [504] = true }

--- As OpenSSL and GnuTLS say that what came is not TLS, most often an answer in plain HTTP.
local NO_TLS = { "wrong version number", "packet length too long", "unexpected TLS packet" }

--- A name as libcurl has it.
local function bare(host)
  return (host:lower():gsub("%.$", ""))
end

--- libcurl tells where it could not connect to, in words that change. Older versions name the proxy
-- in the place of the server; newer ones name both, but not the port of the proxy.
local function at_proxy(message, place)
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

local function worded(kind, phase, message, place)
  if kind == "tls" then
    for _, words in ipairs(NO_TLS) do
      if message:find(words, 1, true) then
        return ("no TLS is spoken there%s; is it http:// that is meant? (%s)"):format(
          place.tls_proxy and ", or by the proxy" or "", message)
      end
    end
  end
  return phase == "connect" and at_proxy(message, place) or message
end

--- Reads the failure of an exchange.
-- @tparam userdata raw an exchange of `predibase.curl` that failed
-- @tparam table place what the client asks: `host` (without brackets), `port`, `tls_proxy` (whether
-- the proxy is spoken to over TLS)
-- @treturn table `kind`, `phase`, `message`, `sent`, `retryable`
function M.read(raw, place)
  local kind, phase, message, sent, proxy_status = raw:failure()
  local retryable
  if proxy_status then retryable = PASSING[proxy_status] or false end
  return { kind = kind, phase = phase, message = worded(kind, phase, message, place), sent = sent,
    retryable = retryable }
end

return M
