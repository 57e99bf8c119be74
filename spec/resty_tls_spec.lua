-- SPDX-License-Identifier: MIT
-- only: luajit
--- TLS, name look-ups and proxies inside nginx, with a temporary certificate authority. Most tests
-- are in spec/nginx/tls.lua, which runs inside nginx.
-- nginx contains LuaJIT, so this spec runs only on LuaJIT.

if not rawget(_G, "jit") then return end

local authority = require "spec.support.ca"
local dns = require "spec.support.dns"
local in_nginx = require "spec.support.in_nginx"
local nginx = require "spec.support.nginx"
local peer = require "spec.support.peer"
local scratch = require "spec.support.scratch"
local stand_in = require "spec.support.server"

local SERVER = [[
  server {
    listen %s ssl;
    ssl_certificate %s;
    ssl_certificate_key %s;
    %s
    location / { proxy_pass %s; }
  }
]]

describe("inside nginx, with TLS,", function ()
  local ca, other, upstream, server, names, proxy, recorder, accidents, folder
  local env, http = {}, nil

  setup(function ()
    ca, other, folder = authority.new(), authority.new(), scratch.new()
    upstream, names = stand_in.spawn {}, dns.start { "lorax.test", "wrong.test", "localhost" }
    names.silent["silent.test"] = true
    local certificates = {
      good = ca:issue("good", { san = "DNS:lorax.test" }),
      expired = ca:issue("expired", { san = "DNS:lorax.test", expired = true }),
      stranger = other:issue("stranger", { san = "DNS:lorax.test" }),
    }
    local client = ca:issue("client")
    local good = certificates.good
    proxy = peer.start("proxy", good.cert, good.key, folder .. "/seen")
    recorder = peer.start("proxy", good.cert, good.key, folder .. "/seen_safe")
    accidents = peer.start("tls_server", good.cert, good.key, ca.file)
    server = nginx.start({ "good", "expired", "stranger", "mutual", "modern",
      "old" }, function (address)
      local function block (name, pair, more)
        return SERVER:format(address[name], pair.cert, pair.key, more or "", upstream.url)
      end
      return block("good", certificates.good) .. block("expired", certificates.expired)
        .. block("stranger", certificates.stranger)
        .. block("modern", certificates.good, "ssl_protocols TLSv1.3;")
        .. block("old", certificates.good, "ssl_protocols TLSv1.1; ssl_ciphers ALL:@SECLEVEL=0;")
        .. block("mutual", certificates.good,
          "ssl_verify_client on; ssl_client_certificate " .. ca.file .. ";")
    end)
    for name, port in pairs(server.port) do env["PORT_" .. name:upper()] = port end
    env.PORT_PLAIN, env.CERT, env.KEY = upstream.port, client.cert, client.key
    env.PORT_PROXY, env.PORT_LOCKED = proxy.port.open, proxy.port["with-password"]
    for _, name in ipairs { "denies", "breaks", "closes", "hangs" } do
      env["PORT_PROXY_" .. name:upper()] = proxy.port[name]
    end
    env.PORT_PROXY_RECORDS, env.PROXY_SAW_SAFE = recorder.port.open, folder .. "/seen_safe"
    for _, name in ipairs { "cut", "cut-with-goodbye", "whole", "whole-with-goodbye" } do
      env["PORT_" .. name:upper():gsub("-", "_")] = accidents.port[name]
    end
    http = ("resolver %s ipv6=off; lua_ssl_trusted_certificate %s; lua_ssl_verify_depth 3;\n")
      :format(names.address, ca.file)
  end)

  teardown(function ()
    ca:remove()
    other:remove()
    scratch.remove(folder)
    names:close()
    nginx.stop()
    peer.stop()
    stand_in.stop()
  end)

  it("every test of spec/nginx/tls.lua passes", function ()
    local problems = in_nginx.problems("spec/nginx/tls.lua", env, http)
    if problems then error(problems, 0) end
    assert.is_nil(problems)
  end)

  it("a server with only TLS 1.3 is reached with lua_ssl_protocols, as the error tells",
    function ()
      local function call (directive)
        return in_nginx.eval(([[
          local client = assert(require "predibase".new { api_token = false, max_retries = 0,
            base_url = "https://lorax.test:%d" })
          local result, err = client:generate("Hello", { max_new_tokens = 2 })
          io.write(result and "reached" or err.kind .. ": " .. err.message)
        ]]):format(env.PORT_MODERN), nil, http .. directive)
      end
      assert.equal("reached", call "lua_ssl_protocols TLSv1.2 TLSv1.3;\n".stdout)
      -- An nginx that offers TLS 1.3 by default reaches it without the directive.
      local text = call "lua_ssl_protocols TLSv1.2;\n".stdout
      assert.is_truthy(text:find "^tls: .*`lua_ssl_protocols TLSv1%.2 TLSv1%.3;`", text)
    end)

  it("a name cannot be looked up without the directive resolver, as the error tells", function ()
    local run = in_nginx.eval [[
      local client = assert(require "predibase".new { base_url = "http://lorax.test",
        allow_plain_http = true, api_token = false })
      local result, err = client:generate "Hello"
      io.write(tostring(result), " ", err.kind, " ", err.phase, " ", err.attempts, " ", err.message)
    ]]
    assert.equal(0, run.exit_code, run.stderr)
    assert.is_truthy(run.stdout:find "^nil config resolve 1 .*`resolver ", run.stdout)
  end)
end)
