-- SPDX-License-Identifier: MIT
-- A certificate authority that is thrown away after the test, made by openssl.

local child = require "spec.support.child"
local scratch = require "spec.support.scratch"

local M = {}

local Authority = {}
Authority.__index = Authority

-- Small and quick to make; every TLS library of today takes it.
local NEW_KEY = { "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes" }

local function openssl(args)
  local run = child.start("openssl", { args = args, env = child.STRANGER })
  if run:wait() ~= 0 then error("openssl: " .. run.stderr, 2) end
end

--- The command, the words for a new key, then the rest.
local function openssl_new_key(command, rest)
  local args = { command }
  for _, word in ipairs(NEW_KEY) do args[#args + 1] = word end
  for _, word in ipairs(rest) do args[#args + 1] = word end
  openssl(args)
end

--- Issues a certificate.
-- @tparam string name of its files
-- @tparam ?table options `san` (names as openssl writes them: "IP:127.0.0.1,DNS:localhost"; these
-- two unless given), `days` (1; negative: it ran out that long ago), `password` (of the key)
-- @treturn table `cert` and `key`, paths of PEM files
function Authority:issue(name, options)
  options = options or {}
  local path = self.dir .. "/" .. name
  local request, cert, key = path .. ".csr", path .. ".pem", path .. ".key"
  openssl_new_key("req", { "-keyout", key, "-out", request, "-subj", "/CN=" .. name,
    "-addext", "subjectAltName=" .. (options.san or "IP:127.0.0.1,DNS:localhost") })
  openssl { "x509", "-req", "-in", request, "-out", cert, "-CA", self.file, "-CAkey", self.key,
    "-CAcreateserial", "-copy_extensions", "copy", "-days", tostring(options.days or 1) }
  if options.password then
    openssl { "pkey", "-in", key, "-aes256", "-passout", "pass:" .. options.password,
      "-out", path .. ".locked" }
    key = path .. ".locked"
  end
  return { cert = cert, key = key }
end

--- Removes all files.
function Authority:remove()
  scratch.remove(self.dir)
end

--- Makes an authority.
-- @treturn table `file` (its certificate, for `ca_file`), `dir`
function M.new()
  local dir = scratch.new()
  local self = setmetatable({ dir = dir, file = dir .. "/ca.pem", key = dir .. "/ca.key" },
    Authority)
  openssl_new_key("req", { "-x509", "-keyout", self.key, "-out", self.file, "-days", "1",
    "-subj", "/CN=a throw-away authority" })
  return self
end

return M
