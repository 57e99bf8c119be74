-- SPDX-License-Identifier: MIT
--- Tests that spec/resty_tls_spec.lua runs inside nginx.
local errors = require "predibase.errors"
local predibase = require "predibase"
local secrecy = require "spec.support.secrecy"

local clients = {}

local function new (scheme, host, name, options)
  local all = { base_url = ("%s://%s:%s"):format(scheme, host, os.getenv("PORT_" .. name)),
    api_token = secrecy.TOKEN, max_retries = 0, allow_plain_http = true }
  for key, value in pairs(options or {}) do all[key] = value end
  local client, err = predibase.new(all)
  clients[#clients + 1] = client
  return client, err
end

local function fails (client, kind, text, phase)
  for _, method in ipairs { "generate", "generate_stream" } do
    local result, err = client[method](client, "Hello", { max_new_tokens = 3 })
    if method == "generate_stream" then result, err = result:text() end
    assert.is_nil(result)
    assert.equal(kind, err.kind, tostring(err))
    assert.is_truthy(err.message:find(text), err.message)
    assert.is_nil(secrecy.find { err, tostring(err) })
    if phase then assert.equal(phase, err.phase) end
  end
end

local function works (client, err)
  assert.is_nil(err and tostring(err))
  assert.equal(5, assert(client:generate("Hello", { max_new_tokens = 5 })).usage.completion_tokens)
  local stream = client:generate_stream("Hello", { max_new_tokens = 5 })
  assert.is_string(stream:text())
  assert.equal(5, stream:result().usage.completion_tokens)
end

describe("TLS inside nginx", function ()
  after_each(function ()
    for _, client in ipairs(clients) do client:close() end
    clients = {}
  end)

  it("generates and streams, and uses its connection again", function ()
    for _ = 1, 3 do works(new("https", "lorax.test", "GOOD")) end
  end)

  it("refuses a certificate of another name, of another authority, or an expired one",
    function ()
      fails(new("https", "wrong.test", "GOOD"), "tls", "certificate host mismatch", "tls")
      fails(new("https", "lorax.test", "STRANGER"), "tls", "certificate", "tls")
      fails(new("https", "lorax.test", "EXPIRED"), "tls", "expired", "tls")
    end)

  it("accepts any certificate with verify = false, and keeps these connections apart", function ()
    local careless = { verify = false, api_token = false }
    works(new("https", "wrong.test", "GOOD", careless))
    fails(new("https", "wrong.test", "GOOD"), "tls", "mismatch")
    works(new("https", "lorax.test", "STRANGER", careless))
    fails(new("https", "lorax.test", "STRANGER"), "tls", "certificate")
    works(new("https", "127.0.0.1", "GOOD", careless))
  end)

  it("fails if the server does not use TLS", function ()
    fails(new("https", "lorax.test", "PLAIN"), "tls", "handshake")
  end)

  it("fails if the server speaks TLS 1.1 at most", function ()
    fails(new("https", "lorax.test", "OLD"), "tls", "handshake", "tls")
  end)

  it("reports answers that are cut off, with or without a goodbye", function ()
    for _, name in ipairs { "CUT", "CUT_WITH_GOODBYE" } do
      local client = new("https", "lorax.test", name)
      local result, err = client:generate "Hello"
      assert.is_nil(result)
      assert.equal("connection", err.kind)
      assert.equal("body", err.phase)
      assert.is_true(err.retryable)
      local stream = client:generate_stream "Hello"
      result, err = stream:text()
      assert.is_nil(result)
      assert.equal("incomplete_generation", err.kind)
      assert.equal("one two", err.partial_text)
      assert.equal(1, err.attempts)
      assert.is_nil(secrecy.find { err, tostring(err) })
    end
    for _, name in ipairs { "WHOLE", "WHOLE_WITH_GOODBYE" } do
      local client = new("https", "lorax.test", name)
      assert.equal("one two three", assert(client:generate "Hello").generated_text)
      assert.equal("one two three", assert(client:generate_stream "Hello":text()))
    end
  end)

  it("sends the client certificate", function ()
    works(new("https", "lorax.test", "MUTUAL",
      { client_cert = os.getenv "CERT", client_key = os.getenv "KEY" }))
    local without = new("https", "lorax.test", "MUTUAL")
    local result, err = without:generate("Hello")
    assert.is_nil(result)
    assert.is_true(errors.is(err))
    fails(new("https", "lorax.test", "GOOD", { client_cert = "/nowhere" }), "tls",
      "client_cert cannot be read")
    fails(new("https", "lorax.test", "GOOD", { client_cert = os.getenv "KEY" }), "tls",
      "client_cert cannot be used")
  end)

  it("uses a tunnel of the proxy, and sends plain requests to the proxy itself", function ()
    local proxy = { proxy = "http://127.0.0.1:" .. os.getenv "PORT_PROXY" }
    works(new("https", "lorax.test", "GOOD", proxy))
    works(new("http", "lorax.test", "PLAIN", proxy))
  end)

  it("sends the user name and password of the proxy", function ()
    local port = os.getenv "PORT_LOCKED"
    local open = { proxy = "http://user:open%20sesame@127.0.0.1:" .. port }
    works(new("https", "lorax.test", "GOOD", open))
    works(new("http", "lorax.test", "PLAIN", open))
    fails(new("https", "lorax.test", "GOOD", { proxy = "http://127.0.0.1:" .. port }),
      "connection", "407", "proxy")
  end)

  it("reports a proxy that fails, and shows it neither the token nor the prompt", function ()
    for name, expect in pairs {
      DENIES = { "connection", "407", "proxy" }, BREAKS = { "connection", "502", "proxy" },
      CLOSES = { "connection", "", nil }, HANGS = { "timeout", "", "connect" },
    } do
      local client = new("https", "lorax.test", "GOOD", { timeout = { connect = 0.3 },
        proxy = "http://127.0.0.1:" .. os.getenv("PORT_PROXY_" .. name) })
      fails(client, expect[1], expect[2], expect[3])
    end
    works(new("https", "lorax.test", "GOOD",
      { proxy = "http://127.0.0.1:" .. os.getenv "PORT_PROXY_RECORDS" }))
    local file = assert(io.open(os.getenv "PROXY_SAW_SAFE", "rb"))
    local seen = file:read "*a"
    file:close()
    assert.is_truthy(seen:find("CONNECT lorax.test:", 1, true))
    assert.is_nil(seen:find(secrecy.TOKEN, 1, true))
    assert.is_nil(seen:find("Hello", 1, true))
  end)

  it("reports that a name does not exist", function ()
    fails(new("http", "nowhere.test", "PLAIN"), "connection", "could not be resolved", "resolve")
    local client = new("http", "nowhere.test", "PLAIN", { max_retries = 2 })
    client.shared.random = function () return 0.01 end
    local _, err = client:generate "Hello"
    assert.equal(3, err.attempts)
    assert.is_true(err.retryable)
  end)

  it("gives up a look-up of a name that the name server does not answer", function ()
    local client = new("http", "silent.test", "PLAIN", { timeout = { connect = 0.3 } })
    fails(client, "timeout", "", "connect")
    -- and another call goes on meanwhile
    local slow = new("http", "silent.test", "PLAIN", { timeout = { connect = 3 } })
    local thread = rawget(_G, "ngx").thread
    local waiting = thread.spawn(function () return select(2, slow:generate "Hello") end)
    for _ = 1, 3 do works(new("http", "lorax.test", "PLAIN")) end
    assert.equal("running", coroutine.status(waiting))
    local _, err = thread.wait(waiting)
    assert.equal("timeout", err.kind)
  end)

  it("reports unsupported options at once", function ()
    for text, options in pairs {
      lua_ssl_trusted_certificate = { ca_file = "/etc/hostname" },
      ["HTTP/1%.1"] = { http_version = "2" },
      ["light threads"] = { loop = require "predibase.loop.blocking".new() },
      ["without a password"] = { client_cert = "/a", client_key = "/b",
        client_key_password = "c" },
      ["socks5://"] = { proxy = "socks5://127.0.0.1:1080" },
      ["https://"] = { proxy = "https://127.0.0.1:1080" },
    } do
      local client, err = new("https", "lorax.test", "GOOD", options)
      assert.is_nil(client)
      assert.equal("config", err.kind)
      assert.is_truthy(err.message:find(text), err.message)
    end
    local client, err = new("https", "127.0.0.1", "GOOD")
    assert.is_nil(client)
    assert.is_truthy(err.message:find "host name")
  end)
end)
