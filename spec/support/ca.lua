-- SPDX-License-Identifier: MIT
-- A temporary certificate authority for a test, made by openssl.

local child = require "spec.support.child"
local scratch = require "spec.support.scratch"

local M = {}

local Authority = {}
Authority.__index = Authority

-- This kind of key is small and fast to generate, and all current TLS libraries accept it.
local NEW_KEY = { "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes" }

local function openssl (args)
  local run = child.start("openssl", { args = args, env = child.STRANGER })
  if run:wait() ~= 0 then error("openssl: " .. run.stderr, 2) end
end

--- Runs an openssl command with the arguments for a new key, followed by the others.
local function openssl_new_key (command, rest)
  local args = { command }
  for _, word in ipairs(NEW_KEY) do args[#args + 1] = word end
  for _, word in ipairs(rest) do args[#args + 1] = word end
  openssl(args)
end

-- The configuration of `openssl ca`, which issues expired certificates: `openssl x509` cannot set
-- dates, and refuses negative days from version 3.5 on.
local CA_CONFIG = [[
[ca]
default_ca = spec
[spec]
database = %s/index
serial = %s/serial
new_certs_dir = %s
default_md = sha256
policy = any
copy_extensions = copy
[any]
commonName = supplied
]]

local function sign_expired (self, request, cert)
  local config = self.dir .. "/ca.conf"
  scratch.write(config, CA_CONFIG:format(self.dir, self.dir, self.dir))
  scratch.write(self.dir .. "/index", "")
  scratch.write(self.dir .. "/serial", "1000\n")
  openssl { "ca", "-batch", "-notext", "-config", config, "-in", request, "-out", cert,
    "-cert", self.file, "-keyfile", self.key,
    "-startdate", "20200101000000Z", "-enddate", "20200102000000Z" }
end

local function sign (self, request, cert)
  openssl { "x509", "-req", "-in", request, "-out", cert, "-CA", self.file, "-CAkey", self.key,
    "-CAcreateserial", "-copy_extensions", "copy", "-days", "1" }
end

--- Issues a certificate.
-- @tparam string name of its files
-- @tparam ?table options `san` (names as openssl writes them: "IP:127.0.0.1,DNS:localhost"; these
-- two by default), `expired` (it expired years ago), `password` (of the key)
-- @treturn table `cert` and `key`, paths of PEM files
function Authority:issue (name, options)
  options = options or {}
  local path = self.dir .. "/" .. name
  local request, cert, key = path .. ".csr", path .. ".pem", path .. ".key"
  openssl_new_key("req", { "-keyout", key, "-out", request, "-subj", "/CN=" .. name,
    "-addext", "subjectAltName=" .. (options.san or "IP:127.0.0.1,DNS:localhost") })
  local signs = options.expired and sign_expired or sign
  signs(self, request, cert)
  if options.password then
    openssl { "pkey", "-in", key, "-aes256", "-passout", "pass:" .. options.password,
      "-out", path .. ".locked" }
    key = path .. ".locked"
  end
  return { cert = cert, key = key }
end

--- Removes all files.
function Authority:remove ()
  scratch.remove(self.dir)
end

--- Makes an authority.
-- @treturn table `file` (its certificate, for `ca_file`), `dir`
function M.new ()
  local dir = scratch.new()
  local self = setmetatable({ dir = dir, file = dir .. "/ca.pem", key = dir .. "/ca.key" },
    Authority)
  openssl_new_key("req", { "-x509", "-keyout", self.key, "-out", self.file, "-days", "1",
    "-subj", "/CN=a throw-away authority" })
  return self
end

return M
