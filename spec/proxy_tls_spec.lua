-- SPDX-License-Identifier: MIT
-- once: the behaviour under test is that of libcurl and the C core
-- Tests proxies that are reached over TLS: what they see, how they are verified, and how they fail.

local https = require "spec.support.https"
local leak = require "spec.support.leak"
local peer = require "spec.support.peer"
local scratch = require "spec.support.scratch"

-- A name that only the proxy can resolve.
local HOST = "lorax.test"

describe("A proxy behind https://", function ()
  local testbed, server, proxy, impostor, folder

  setup(function ()
    testbed, folder = https.new("IP:127.0.0.1,DNS:" .. HOST), scratch.new()
    local elsewhere = testbed.ca:issue("elsewhere", { san = "DNS:elsewhere.test" })
    server = testbed:nginx({ "tls" }, function (address) return testbed:block(address.tls) end)
    proxy = testbed:peer("proxy", folder .. "/seen")
    impostor = peer.start("proxy", elsewhere.cert, elsewhere.key, folder .. "/seen")
  end)

  before_each(function () scratch.write(folder .. "/seen", "") end)
  after_each(function () testbed:close_clients() end)

  teardown(function ()
    scratch.remove(folder)
    testbed:close()
  end)

  local function new (url, port, options)
    local all = { proxy = "https://127.0.0.1:" .. port, allow_plain_http = true }
    for name, value in pairs(options or {}) do all[name] = value end
    return testbed:client(url, all)
  end

  local function tls_url ()
    return ("https://%s:%d"):format(HOST, server.port.tls)
  end

  local function plain_url ()
    return ("http://%s:%d"):format(HOST, testbed:stand_in().port)
  end

  --- Both calls work.
  local function works (client)
    assert(client:generate("Hello", { max_new_tokens = 2 }))
    assert(client:generate_stream("Hello", { max_new_tokens = 40 }):text())
  end

  --- Both calls fail in the same way, and the proxy got no word of the request.
  local function fails (client, expected)
    expected.sent = false
    https.fails(client, expected)
    assert.is_nil(scratch.read(folder .. "/seen"):find(leak.TOKEN, 1, true))
  end

  it("tunnels to a server that is spoken to over TLS itself, in HTTP/2", function ()
    local said = ("connect %s:%d"):format(HOST, server.port.tls)
    local before = proxy:count(said)
    works(new(tls_url() .. "/tunnel", proxy.port["tls-open"]))
    assert.equal(before + 1, proxy:count(said))
    for _, entry in ipairs(server:wait_for_log(2, "/tunnel/")) do
      assert.equal("HTTP/2.0", entry.protocol)
    end
    assert.is_nil(scratch.read(folder .. "/seen"):find(leak.TOKEN, 1, true))
  end)

  it("passes on what goes to a server in the clear", function ()
    works(new(plain_url(), proxy.port["tls-open"]))
    assert.is_truthy(scratch.read(folder .. "/seen"):find(leak.TOKEN, 1, true))
  end)

  it("is told the user name and the password", function ()
    local port = proxy.port["tls-with-password"]
    local url = "https://user:open%20sesame@127.0.0.1:" .. port
    works(new(tls_url(), port, { proxy = url }))
    works(new(plain_url(), port, { proxy = url }))
  end)

  it("has to have a certificate for its name", function ()
    for _, url in ipairs { tls_url(), plain_url() } do
      fails(new(url, impostor.port["tls-open"]),
        { kind = "tls", phase = "tls", retryable = false, attempts = 1, text = "127.0.0.1" })
    end
  end)

  it("has to have it from a known authority, also where the server need not", function ()
    local other = https.new()
    local options = { ca_file = other.ca.file, max_retries = 0 }
    fails(new(tls_url(), proxy.port["tls-open"], options), { kind = "tls", attempts = 1 })
    options.verify = false
    options.proxy = "https://127.0.0.1:" .. proxy.port["tls-open"]
    fails(new(("https://127.0.0.1:%d"):format(server.port.tls), 0, options),
      { kind = "tls", attempts = 1 })
    other.ca:remove()
  end)

  it("that does not speak TLS is a lost connection or a TLS error, and gets nothing", function ()
    for _, url in ipairs { tls_url(), plain_url() } do
      fails(new(url, proxy.port.drops, { max_retries = 0 }), { attempts = 1 })
    end
  end)

  it("that wants a password is not asked again", function ()
    fails(new(tls_url(), proxy.port["tls-denies"]),
      { kind = "connection", phase = "proxy", retryable = false, attempts = 1, text = "407" })
  end)

  it("that cannot reach the server may be asked again", function ()
    fails(new(tls_url(), proxy.port["tls-breaks"], { max_retries = 1 }),
      { kind = "connection", phase = "proxy", retryable = true, attempts = 2, text = "502" })
  end)

  it("that hangs in CONNECT is given up after the time to connect", function ()
    fails(new(tls_url(), proxy.port["tls-hangs"], { max_retries = 0,
      timeout = { connect = 0.3 } }), { kind = "timeout", phase = "connect", retryable = true })
  end)
end)
