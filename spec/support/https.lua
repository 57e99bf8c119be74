-- SPDX-License-Identifier: MIT
-- Shared by the specs of TLS, HTTP/2 and proxies: a temporary authority with a certificate, the
-- stand-in server, an nginx in front of it, peers that use the certificate, and clients that are
-- closed after each test.
--
--    setup(function () testbed = https.new() end)
--    after_each(function () testbed:close_clients() end)
--    teardown(function () testbed:close() end)

local assert = require "luassert"
local authority = require "spec.support.ca"
local leak = require "spec.support.leak"
local nginx = require "spec.support.nginx"
local peer = require "spec.support.peer"
local predibase = require "predibase"
local stand_in = require "spec.support.server"

local M = {}

--- A password that servers refuse and errors must not contain.
M.WRONG = "a wrong password"

local SERVER = [[
  server {
    listen %s ssl%s;
    ssl_certificate %s;
    ssl_certificate_key %s;
    %s
    location / { proxy_pass %s; }
  }
]]

local Testbed = {}
Testbed.__index = Testbed

--- Returns the stand-in server behind nginx; the first call starts it.
-- @treturn table
function Testbed:stand_in ()
  self.upstream = self.upstream or stand_in.spawn {}
  return self.upstream
end

--- Returns a `server` block for nginx's configuration, in front of the stand-in server.
-- @tparam string address to listen on
-- @tparam ?table options `http2` (true unless false), `pair` (a certificate and its key), `more`
-- (directives)
-- @treturn string
function Testbed:block (address, options)
  options = options or {}
  local pair = options.pair or self.certificate
  return SERVER:format(address, options.http2 == false and "" or " http2", pair.cert, pair.key,
    options.more or "", self:stand_in().url)
end

--- Starts nginx.
-- @tparam table names of addresses
-- @tparam function config gets the addresses by name, returns blocks
-- @treturn table see `spec.support.nginx`
function Testbed:nginx (names, config) -- luacheck: ignore 212
  return nginx.start(names, config)
end

--- Starts a peer with the certificate and its key.
-- @tparam string name of the program
-- @param ... further arguments
-- @treturn table see `spec.support.peer`
function Testbed:peer (name, ...)
  return peer.start(name, self.certificate.cert, self.certificate.key, ...)
end

--- Registers a client, which is closed after the test.
-- @tparam table client
function Testbed:keep (client)
  self.clients[#self.clients + 1] = client
end

--- Returns a client that trusts the authority. A number is a port of this machine.
-- @tparam string|number where
-- @tparam ?table options of `predibase.new`
-- @tparam ?string path
-- @treturn table
function Testbed:client (where, options, path)
  if type(where) == "number" then where = ("https://127.0.0.1:%d"):format(where) end
  local all = { base_url = where .. (path or ""), api_token = leak.TOKEN, ca_file = self.ca.file }
  for name, value in pairs(options or {}) do all[name] = value end
  local client = assert(predibase.new(all))
  self:keep(client)
  return client
end

--- Closes all clients.
function Testbed:close_clients ()
  local list = self.clients
  self.clients = {}
  for _, client in ipairs(list) do client:close() end
end

--- Stops all servers and removes all files.
function Testbed:close ()
  -- remove the files first: if one of these calls fails, the servers still end with this program
  self.ca:remove()
  nginx.stop()
  peer.stop()
  stand_in.stop()
end

--- Checks that both calls of a client work, and that the peer reports `saying` `times` times.
-- @tparam table client
-- @tparam table other the peer
-- @tparam string saying
-- @tparam number times
function M.passes (client, other, saying, times)
  local before = other:count(saying)
  assert(client:generate("Hello", { max_new_tokens = 2 }))
  assert(client:generate_stream("Hello", { max_new_tokens = 2 }):text())
  assert.equal(before + times, other:count(saying))
end

--- Checks that both calls of a client fail in the same way, and that no error contains a secret.
-- @tparam table client
-- @tparam table expected fields of the error; its message must contain `text`
function M.fails (client, expected)
  for _, method in ipairs { "generate", "generate_stream" } do
    local result, err = client[method](client, "Hello")
    if method == "generate_stream" then result, err = result:text() end
    assert.is_nil(result)
    for name, value in pairs(expected) do
      if name == "text" then
        assert.is_truthy(err.message:find(value, 1, true), err.message)
      else
        assert.equal(value, err[name], name .. " of " .. tostring(err))
      end
    end
    for _, secret in ipairs { leak.TOKEN, M.WRONG, (M.WRONG:gsub(" ", "%%20")) } do
      assert.is_nil(leak.find(err, secret))
    end
  end
end

--- Makes a testbed.
-- @tparam ?string names of the certificate, as `spec.support.ca` takes them
-- @treturn table `ca`, `certificate`
function M.new (names)
  local ca = authority.new()
  return setmetatable({
    ca = ca,
    certificate = ca:issue("server", { san = names }),
    clients = {},
  }, Testbed)
end

return M
