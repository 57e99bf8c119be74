-- SPDX-License-Identifier: MIT
--- What hooks and errors see of a request and of the headers of a response: all but secrets.
-- @module predibase.call.shown_headers

local lazy = require "predibase.lazy"
local errors = require "predibase.errors"
local header_rules = lazy "predibase.headers"

local M = {}

--- Copies a request for the hooks, without secrets. The word `Bearer` before the token is kept.
-- @tparam table req of `predibase.request`
-- @treturn table `method`, `url`, `headers` (lower-case name -> value)
function M.request (req)
  local headers = { ["x-request-id"] = req.id }
  for i, header in ipairs(header_rules.shown(req.headers)) do
    local name, value = header[1], header[2]
    if name == "authorization" then value = req.headers[i][2] end
    headers[name] = errors.redact(value, req.secrets)
  end
  return { method = req.method, url = req.url, headers = headers }
end

--- Removes secrets from the headers of a response, because a server may echo what it received.
-- @tparam table headers lower-case name -> value; is changed
-- @tparam table secrets array of strings
-- @treturn table the headers
function M.clean (headers, secrets)
  if #secrets == 0 then return headers end
  for name, value in pairs(headers) do
    for i = 1, #secrets do
      -- The secret may be written literally, or with JSON escapes, which begin with a backslash.
      if value:find(secrets[i], 1, true) or value:find("\\", 1, true) then
        headers[name] = errors.redact(value, secrets)
        break
      end
    end
  end
  return headers
end

--- Copies headers for a hook, which may change them.
-- @tparam table headers
-- @treturn table
function M.copy (headers)
  local twin = {}
  for name, value in pairs(headers) do twin[name] = value end
  return twin
end

return M
