-- SPDX-License-Identifier: MIT
-- once: the behaviour under test is that of libcurl and the C core
-- Proxies: which are used, what they see, and how they fail.

local https = require "spec.support.https"
local leak = require "spec.support.leak"
local predibase = require "predibase"
local scratch = require "spec.support.scratch"
local uv = require "luv"

-- A name that only the proxy can resolve: without a proxy nothing reaches it.
local HOST = "lorax.test"

local WRONG = "user:" .. https.WRONG:gsub(" ", "%%20") .. "@"

local VARIABLES = { "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY",
  "no_proxy", "NO_PROXY" }

describe("A proxy", function ()
  local testbed, upstream, server, proxy, folder
  local kept = {}

  setup(function ()
    testbed, folder = https.new("IP:127.0.0.1,DNS:" .. HOST), scratch.new()
    upstream = testbed:stand_in()
    server = testbed:nginx({ "tls" }, function (address) return testbed:block(address.tls) end)
    proxy = testbed:peer("proxy", folder .. "/seen")
  end)

  teardown(function ()
    scratch.remove(folder)
    testbed:close()
  end)

  before_each(function ()
    scratch.write(folder .. "/seen", "")
    for _, name in ipairs(VARIABLES) do
      kept[name] = os.getenv(name)
      uv.os_unsetenv(name)
    end
  end)

  after_each(function ()
    for _, name in ipairs(VARIABLES) do
      uv.os_unsetenv(name)
      if kept[name] then uv.os_setenv(name, kept[name]) end
    end
    testbed:close_clients()
  end)

  local function address (name, userinfo)
    return ("http://%s127.0.0.1:%d"):format(userinfo or "", proxy.port[name])
  end

  local function new (base_url, options)
    local all = { allow_plain_http = true }
    for name, value in pairs(options or {}) do all[name] = value end
    return testbed:client(base_url, all)
  end

  local function plain_url (host)
    return ("http://%s:%d"):format(host or HOST, upstream.port)
  end

  local function tls_url (host)
    return ("https://%s:%d"):format(host or HOST, server.port.tls)
  end

  local function passes (client, saying, times) https.passes(client, proxy, saying, times) end

  local function forward (host)
    return ("forward %s:%d"):format(host or HOST, upstream.port)
  end

  local function connect (host)
    return ("connect %s:%d"):format(host or HOST, server.port.tls)
  end

  --- Nothing but the proxy's name would make this call work.
  local function does_not_resolve (client)
    local result, err = client:generate("Hello", { max_retries = 0 })
    assert.is_nil(result)
    assert.equal("connection", err.kind)
    assert.equal("resolve", err.phase)
    assert.is_nil(leak.find(err, leak.TOKEN))
  end

  describe("is used", function ()
    it("when proxy names it", function ()
      passes(new(plain_url(), { proxy = address "open" }), forward(), 2)
      passes(new(tls_url(), { proxy = address "open" }), connect(), 1)
    end)

    it("when proxy names it, for loopback too", function ()
      passes(new(plain_url "127.0.0.1", { proxy = address "open" }), forward "127.0.0.1", 2)
      passes(new(tls_url "127.0.0.1", { proxy = address "open" }), connect "127.0.0.1", 1)
    end)

    it("when the environment names it", function ()
      uv.os_setenv("http_proxy", address "open")
      passes(new(plain_url()), forward(), 2)
      does_not_resolve(new(tls_url()))
      uv.os_unsetenv("http_proxy")
      uv.os_setenv("https_proxy", address "open")
      passes(new(tls_url()), connect(), 1)
      does_not_resolve(new(plain_url()))
      uv.os_unsetenv("https_proxy")
      uv.os_setenv("all_proxy", address "open")
      passes(new(plain_url()), forward(), 2)
      passes(new(tls_url()), connect(), 1)
    end)

    it("with its user name and password", function ()
      local userinfo = "user:open%20sesame@"
      passes(new(plain_url(), { proxy = address("with-password", userinfo) }), forward(), 2)
      passes(new(tls_url(), { proxy = address("with-password", userinfo) }), connect(), 1)
    end)
  end)

  describe("is not used", function ()
    it("when proxy is false", function ()
      for _, name in ipairs { "http_proxy", "https_proxy", "all_proxy" } do
        uv.os_setenv(name, address "open")
      end
      does_not_resolve(new(plain_url(), { proxy = false }))
      does_not_resolve(new(tls_url(), { proxy = false }))
      passes(new(plain_url "127.0.0.1", { proxy = false }), forward "127.0.0.1", 0)
      passes(new(tls_url "127.0.0.1", { proxy = false }), connect "127.0.0.1", 0)
    end)

    it("when the environment names it, for loopback", function ()
      for _, name in ipairs { "http_proxy", "https_proxy", "all_proxy" } do
        uv.os_setenv(name, address "breaks")
      end
      passes(new(plain_url "127.0.0.1"), "refused", 0)
      passes(new(tls_url "127.0.0.1"), "refused", 0)
    end)

    it("when no_proxy names the host", function ()
      uv.os_setenv("all_proxy", address "open")
      uv.os_setenv("no_proxy", HOST)
      does_not_resolve(new(plain_url()))
      does_not_resolve(new(tls_url()))
    end)
  end)

  describe("that is asked for https", function ()
    it("never sees the token or the prompt", function ()
      local prompt = "the prompt of this very spec"
      local client = new(tls_url(), { proxy = address "open" })
      assert(client:generate(prompt, { max_new_tokens = 1, api_token = leak.TOKEN,
        adapter_id = "adapter/1" }))
      assert(client:generate_stream(prompt, { max_new_tokens = 1 }):text())
      local seen = scratch.read(folder .. "/seen")
      assert.is_truthy(seen:find("CONNECT " .. HOST, 1, true))
      assert.is_nil(seen:find("Bearer", 1, true))
      assert.is_nil(seen:find(leak.TOKEN, 1, true))
      assert.is_nil(seen:find(prompt, 1, true))
    end)

    it("is spoken through in HTTP/2, many streams in one tunnel", function ()
      local client = new(tls_url() .. "/many", { proxy = address "open" })
      local before = proxy:count(connect())
      local streams = {}
      for i = 1, 4 do
        streams[i] = client:generate_stream("Hello", { max_new_tokens = 6 })
        assert(streams[i]:next())
      end
      for i = 1, 4 do assert(streams[i]:text()) end
      assert.equal(before + 1, proxy:count(connect()))
      local entries = server:wait_for_log(4, "/many/")
      for i = 1, 4 do
        assert.equal("HTTP/2.0", entries[i].protocol)
        assert.equal(entries[1].connection, entries[i].connection)
      end
    end)

    it("cannot put itself in the server's place", function ()
      local client = new(tls_url("elsewhere.test"), { proxy = address "open" })
      local result, err = client:generate("Hello")
      assert.is_nil(result)
      assert.equal("tls", err.kind)
      assert.equal(1, err.attempts)
      assert.is_nil(leak.find(err, leak.TOKEN))
    end)
  end)

  it("that is asked for http sees the token, which is why it must be allowed", function ()
    local client = new(plain_url(), { proxy = address "open" })
    assert(client:generate("Hello", { max_new_tokens = 1 }))
    assert.is_truthy(scratch.read(folder .. "/seen"):find("Bearer " .. leak.TOKEN, 1, true))
    local refused, err = predibase.new {
      base_url = plain_url "127.0.0.1", api_token = leak.TOKEN, proxy = "http://proxy.test:3128",
    }
    assert.is_nil(refused)
    assert.equal("config", err.kind)
    assert.is_truthy(err.message:find("http://proxy.test:3128", 1, true))
    assert.is_nil(leak.find(err, leak.TOKEN))
  end)

  describe("that", function ()
    it("wants a password is an error that says so, and is not asked again", function ()
      for _, base_url in ipairs { plain_url(), tls_url() } do
        local text = base_url:find("https") and "407" or "proxy"
        https.fails(new(base_url, { proxy = address "denies" }),
          { kind = "connection", retryable = false, attempts = 1, text = text })
        https.fails(new(base_url, { proxy = address("with-password", WRONG) }),
          { kind = "connection", retryable = false, attempts = 1, text = text })
      end
    end)

    it("cannot reach the server is an error that may be tried again", function ()
      https.fails(new(plain_url(), { proxy = address "breaks", max_retries = 0 }),
        { kind = "server", status = 502, retryable = true })
      https.fails(new(tls_url(), { proxy = address "breaks", max_retries = 0 }),
        { kind = "connection", phase = "proxy", retryable = true, attempts = 1, text = "502" })
    end)

    it("hangs in CONNECT is given up after the time to connect", function ()
      https.fails(new(tls_url(), {
        proxy = address "hangs", max_retries = 0, timeout = { connect = 0.2 },
      }), { kind = "timeout", phase = "connect", retryable = true, attempts = 1, text = HOST })
    end)

    it("closes the connection is a lost connection", function ()
      https.fails(new(plain_url(), { proxy = address "closes", max_retries = 0 }),
        { kind = "connection", retryable = true, attempts = 1 })
      https.fails(new(tls_url(), { proxy = address "closes", max_retries = 0 }),
        { kind = "connection", retryable = true, attempts = 1 })
    end)

    it("sends a stream only when it is complete delivers all of it", function ()
      local before = proxy:count "buffered"
      local client = new(plain_url(), { proxy = address "buffers" })
      local options = { max_new_tokens = 20, seed = 7 }
      local text = assert(client:generate("Hello", options)).generated_text
      for _, read in ipairs { "next", "poll" } do
        local stream, count = client:generate_stream("Hello", options), 0
        repeat
          local token, err = stream[read](stream)
          if token then count = count + 1 end
        until not token and err ~= "pending"
        assert.equal(20, count)
        assert.equal(text, stream:result().generated_text)
      end
      assert.equal(3, proxy:count "buffered" - before)
    end)

    it("is not there is a lost connection that names the proxy", function ()
      -- Bound, but without a listener: the port is not given away, and it refuses connections.
      local tcp = uv.new_tcp()
      assert(tcp:bind("127.0.0.1", 0))
      local port = tcp:getsockname().port
      for _, scheme in ipairs { "http", "https", "socks5h" } do
        for _, url in ipairs { plain_url(), tls_url() } do
          local proxy_url = ("%s://127.0.0.1:%d"):format(scheme, port)
          https.fails(new(url, { proxy = proxy_url, max_retries = 0 }),
            { kind = "connection", phase = "connect", retryable = true,
              text = "no connection to the proxy 127.0.0.1" })
        end
      end
      uv.os_setenv("https_proxy", "http://127.0.0.1:" .. port)
      https.fails(new(tls_url(), { max_retries = 0 }), { kind = "connection", phase = "connect",
        retryable = true, text = "no connection to the proxy 127.0.0.1" })
      tcp:close()
      uv.run "nowait"
    end)
  end)
end)
