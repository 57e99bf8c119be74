-- SPDX-License-Identifier: MIT
-- once: the behaviour under test is that of libcurl and the C core
-- SOCKS5 proxies: who resolves names, user names and passwords, and how they refuse.

local https = require "spec.support.https"
local leak = require "spec.support.leak"

-- A name that only the proxy can resolve.
local HOST = "lorax.test"

local WRONG = "me:" .. https.WRONG:gsub(" ", "%%20") .. "@"

describe("A SOCKS5 proxy", function ()
  local testbed, server, socks

  setup(function ()
    testbed = https.new("IP:127.0.0.1,DNS:localhost,DNS:" .. HOST)
    server = testbed:nginx({ "tls" }, function (address) return testbed:block(address.tls) end)
    socks = testbed:peer "socks"
  end)

  after_each(function () testbed:close_clients() end)
  teardown(function () testbed:close() end)

  local function new (scheme, name, host, options)
    options = options or {}
    options.proxy = ("%s://%s127.0.0.1:%d"):format(scheme, options.userinfo or "", socks.port[name])
    options.userinfo = nil
    options.allow_plain_http = true
    return testbed:client(host, options)
  end

  local function tls_url (host)
    return ("https://%s:%d"):format(host, server.port.tls)
  end

  local function plain_url (host)
    return ("http://%s:%d"):format(host, testbed:stand_in().port)
  end

  local function passes (client, saying, times) https.passes(client, socks, saying, times) end

  it("resolves the names of a socks5h URL", function ()
    passes(new("socks5h", "open", tls_url(HOST)),
      ("name %s:%d"):format(HOST, server.port.tls), 1)
    passes(new("socks5h", "open", plain_url(HOST)),
      ("name %s:%d"):format(HOST, testbed:stand_in().port), 1)
  end)

  it("is given addresses with a socks5 URL", function ()
    passes(new("socks5", "open", tls_url("127.0.0.1")),
      ("address 127.0.0.1:%d"):format(server.port.tls), 1)
    -- Which address of localhost is taken depends on libcurl and on the system.
    local function given ()
      return socks:count(("address 127.0.0.1:%d"):format(server.port.tls))
        + socks:count(("address [::1]:%d"):format(server.port.tls))
    end
    local before = given()
    assert(new("socks5", "open", tls_url("localhost")):generate("Hello", { max_new_tokens = 2 }))
    assert.equal(before + 1, given())
    local result, err = new("socks5", "open", tls_url(HOST), { max_retries = 0 }):generate("Hello")
    assert.is_nil(result)
    assert.equal("connection", err.kind)
    assert.equal("resolve", err.phase)
    assert.is_truthy(err.message:find(HOST, 1, true))
    assert.is_nil(leak.find(err, leak.TOKEN))
  end)

  it("is told the user name and the password", function ()
    passes(new("socks5h", "with-password", tls_url(HOST), { userinfo = "me:open%20sesame@" }),
      "user me", 1)
  end)

  it("carries many streams in one HTTP/2 connection", function ()
    local client = new("socks5h", "open", tls_url(HOST) .. "/many")
    local streams, before = {}, socks:count(("name %s:%d"):format(HOST, server.port.tls))
    for i = 1, 4 do
      streams[i] = client:generate_stream("Hello", { max_new_tokens = 6 })
      assert(streams[i]:next())
    end
    for i = 1, 4 do assert(streams[i]:text()) end
    assert.equal(before + 1, socks:count(("name %s:%d"):format(HOST, server.port.tls)))
  end)

  --- Both calls fail in the same way, and nothing was sent.
  local function fails (expected, scheme, name, options)
    for _, url in ipairs { tls_url(HOST), plain_url(HOST) } do
      local all = { max_retries = 1 }
      for key, value in pairs(options or {}) do all[key] = value end
      expected.sent = false
      https.fails(new(scheme, name, url, all), expected)
    end
  end

  describe("that", function ()
    local FINAL = { kind = "connection", phase = "proxy", retryable = false, attempts = 1 }
    local PASSING = { kind = "connection", phase = "proxy", retryable = true, attempts = 2 }

    it("wants a password and is given none is not asked again", function ()
      fails(FINAL, "socks5h", "with-password")
    end)

    it("is given a wrong password is not asked again", function ()
      fails(FINAL, "socks5h", "with-password", { userinfo = WRONG })
    end)

    it("does not allow the connection is not asked again", function ()
      fails(FINAL, "socks5h", "not-allowed")
    end)

    it("cannot reach the server may be asked again", function ()
      fails(PASSING, "socks5h", "unreachable")
      fails(PASSING, "socks5h", "refused")
    end)

    it("goes away may be asked again", function ()
      fails(PASSING, "socks5h", "closes")
    end)

    it("is none is an error of the proxy", function ()
      fails({ kind = "connection", phase = "proxy" }, "socks5h", "banner")
    end)

    it("hangs is given up after the time to connect", function ()
      fails({ kind = "timeout", phase = "connect", retryable = true }, "socks5h", "hangs",
        { max_retries = 0, timeout = { connect = 0.2 } })
    end)
  end)
end)
