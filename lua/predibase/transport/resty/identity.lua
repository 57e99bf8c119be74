-- SPDX-License-Identifier: MIT
--- The client certificate of a configuration, read for nginx's TLS.
-- @module predibase.transport.resty.identity

local files = require "predibase.files"

local M = {}

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
function M.load(cfg)
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

return M
