-- SPDX-License-Identifier: MIT
--- The bytes of a request (RFC 9112 section 3). Names and values were checked by
-- `predibase.config` and `predibase.request`.
-- @module predibase.transport.resty.request

local M = {}

--- The bytes that go out.
-- @tparam table req `method`, `url`, `headers` (array of `{ name, value }`), `id` (nil, or goes out
-- as `X-Request-Id`), `body`
-- @tparam ?table proxy one that gets the request itself (not through a tunnel), see
-- `predibase.transport.resty.target`
-- @treturn table strings, to be sent one after the other
function M.bytes(req, proxy)
  local authority, path = req.url:match "^%a+://([^/]*)(.*)$"
  if path == "" then path = "/" end
  local lines = { ("%s %s HTTP/1.1"):format(req.method, proxy and req.url or path),
    "host: " .. authority }
  for _, header in ipairs(req.headers) do lines[#lines + 1] = header[1] .. ": " .. header[2] end
  if req.id then lines[#lines + 1] = "x-request-id: " .. req.id end
  lines[#lines + 1] = ("content-length: %d"):format(#req.body)
  local authorization = proxy and proxy.authorization()
  if authorization then lines[#lines + 1] = "proxy-authorization: " .. authorization end
  return { table.concat(lines, "\r\n"), "\r\n\r\n", req.body }
end

--- The bytes that ask a proxy for a tunnel (RFC 9110 section 9.3.6).
-- @tparam string authority host and port
-- @tparam table proxy
-- @treturn string
function M.connect(authority, proxy)
  local authorization = proxy.authorization()
  local line = authorization and "proxy-authorization: " .. authorization .. "\r\n" or ""
  return ("CONNECT %s HTTP/1.1\r\nhost: %s\r\n%s\r\n"):format(authority, authority, line)
end

return M
