-- SPDX-License-Identifier: MIT
-- once: the behaviour under test is that of libcurl and the C core
-- TLS against a real nginx and against servers that break it, with a throw-away authority.

local authority = require "spec.support.ca"
local https = require "spec.support.https"
local leak = require "spec.support.leak"
local predibase = require "predibase"
local scratch = require "spec.support.scratch"
local uv = require "luv"

local PASSWORD = "a password of the key"

local PLAIN = "server { listen %s; location / { proxy_pass %s; } }"

describe("TLS", function ()
  local testbed, other, upstream, server, accidents, certificates

  setup(function ()
    testbed, other = https.new(), authority.new()
    local ca = testbed.ca
    certificates = {
      server = testbed.certificate,
      elsewhere = ca:issue("elsewhere", { san = "DNS:elsewhere.test" }),
      expired = ca:issue("expired", { expired = true }),
      client = ca:issue("client"),
      locked = ca:issue("locked", { password = PASSWORD }),
      stranger = other:issue("stranger"),
    }
    upstream = testbed:stand_in()
    server = testbed:nginx({ "good", "elsewhere", "expired", "old", "mutual", "plain" },
      function (address)
        local function block (name, certificate, more)
          return testbed:block(address[name], { pair = certificates[certificate], more = more })
        end
        return block("good", "server")
          .. block("elsewhere", "elsewhere")
          .. block("expired", "expired")
          .. block("old", "server", "ssl_protocols TLSv1.1; ssl_ciphers ALL:@SECLEVEL=0;")
          .. block("mutual", "server", "ssl_verify_client on; ssl_client_certificate "
            .. ca.file .. ";")
          .. PLAIN:format(address.plain, upstream.url)
      end)
    accidents = testbed:peer("tls_server", ca.file)
  end)

  teardown(function ()
    other:remove()
    testbed:close()
  end)

  after_each(function () testbed:close_clients() end)

  local function new (port, options, path) return testbed:client(port, options, path) end

  --- Both calls fail, in the same way, without a second try.
  local function fails (client, kind, text)
    for _, method in ipairs { "generate", "generate_stream" } do
      local result, err = client[method](client, "Hello", {
        max_new_tokens = 3, on_retry = function (info) error(info.error) end,
      })
      if method == "generate_stream" then result, err = result:text() end
      assert.is_nil(result)
      assert.equal(kind, err.kind, tostring(err))
      assert.is_false(err.retryable)
      assert.equal(1, err.attempts)
      assert.is_truthy(err.message:find(text, 1, true), err.message)
      assert.is_nil(leak.find(err, leak.TOKEN))
      if kind == "tls" then
        assert.equal("tls", err.phase)
        assert.is_truthy(err.message:find("^127%.0%.0%.1:%d+: "), err.message)
      end
    end
  end

  describe("with a certificate of the authority in ca_file", function ()
    it("generates", function ()
      local client = new(server.port.good)
      local result = assert(client:generate("Hello", { max_new_tokens = 5 }))
      assert.equal(200, result.status)
      assert.not_equal("", result.generated_text)
    end)

    it("streams", function ()
      local client = new(server.port.good)
      local stream = client:generate_stream("Hello", { max_new_tokens = 5, seed = 7 })
      local count = 0
      for token in stream do
        assert.is_string(token.text)
        count = count + 1
      end
      assert.equal(5, count)
      assert.equal(5, stream:result().usage.completion_tokens)
    end)

    it("sends a prompt of many TLS records", function ()
      local client = new(accidents.port.whole)
      local stream = client:generate_stream(("All work and no play. "):rep(20000))
      assert.equal("one two three", assert(stream:text()))
    end)
  end)

  describe("refuses, before it says a word of the request,", function ()
    local function new_refused (port, options)
      return new(port, options, "/refused")
    end

    after_each(function ()
      for _, entry in ipairs(upstream:log()) do
        assert.is_nil(entry.target:find("/refused", 1, true))
      end
      for _, entry in ipairs(server:log()) do
        assert.is_nil(entry.uri:find("/refused", 1, true))
      end
    end)

    it("a certificate of an authority that is not in ca_file", function ()
      fails(new_refused(server.port.good, { ca_file = other.file }), "tls", "certificate")
    end)

    it("a certificate that the system does not trust", function ()
      local client = assert(predibase.new {
        base_url = ("https://127.0.0.1:%d/refused"):format(server.port.good),
        api_token = leak.TOKEN,
      })
      testbed:keep(client)
      fails(client, "tls", "certificate")
    end)

    it("a certificate for another host", function ()
      fails(new_refused(server.port.elsewhere), "tls", "127.0.0.1")
    end)

    it("a certificate that has run out", function ()
      fails(new_refused(server.port.expired), "tls", "expired")
    end)

    it("a server that speaks TLS 1.1 at most", function ()
      fails(new_refused(server.port.old), "tls", "protocol")
    end)

    it("a server that speaks plain HTTP", function ()
      fails(new_refused(server.port.plain), "tls", "server does not use TLS; did you mean")
    end)

    it("a server that sends something else", function ()
      fails(new_refused(accidents.port.banner), "tls", "wrong version number")
    end)

    it("a server that refuses", function ()
      fails(new_refused(accidents.port.refuses), "tls", "handshake failure")
    end)
  end)

  it("is asked for by name: http:// to its port is the server's complaint", function ()
    local client = new(server.port.good, {
      base_url = "http://127.0.0.1:" .. server.port.good, ca_file = nil,
    })
    fails(client, "validation", "plain HTTP request was sent to HTTPS port")
  end)

  describe("when the server ends the handshake", function ()
    -- That is what a gateway does which restarts: the next try may find it in order.
    for _, accident in ipairs { "closes", "resets" } do
      it(accident .. " the connection, the call is tried again", function ()
        local before = accidents:count("hello")
        local waits = 0
        local client = new(accidents.port[accident], { max_retries = 1 })
        local result, err = client:generate("Hello", {
          on_retry = function () waits = waits + 1 end,
        })
        assert.is_nil(result)
        assert.equal("connection", err.kind)
        assert.equal("tls", err.phase)
        assert.is_true(err.retryable)
        assert.equal(2, err.attempts)
        assert.equal(1, waits)
        assert.is_nil(leak.find(err, leak.TOKEN))
        accidents:wait_for("hello", before + 2)
      end)
    end
  end)

  it("gives up a handshake that hangs after the time to connect", function ()
    local client = new(accidents.port.hangs, { max_retries = 0, timeout = { connect = 0.2 } })
    local result, err = client:generate("Hello")
    assert.is_nil(result)
    assert.equal("timeout", err.kind)
    assert.equal("connect", err.phase)
    assert.is_true(err.retryable)
    assert.is_truthy(err.message:find("127.0.0.1:" .. accidents.port.hangs, 1, true), err.message)
  end)

  describe("without verification", function ()
    it("talks to anyone, when there is no token to lose", function ()
      local client = new(server.port.elsewhere, { verify = false, api_token = false })
      assert(client:generate("Hello", { max_new_tokens = 1 }))
    end)

    it("sends a token to this machine only", function ()
      local client = new(server.port.expired, { verify = false })
      assert(client:generate("Hello", { max_new_tokens = 1 }))
      local refused, err = predibase.new {
        base_url = "https://llm.example.com", verify = false, api_token = leak.TOKEN,
      }
      assert.is_nil(refused)
      assert.equal("config", err.kind)
      assert.is_truthy(err.message:find("verify", 1, true))
      assert.is_nil(leak.find(err, leak.TOKEN))
    end)
  end)

  it("takes the authorities from SSL_CERT_FILE where ca_file is missing", function ()
    local before = uv.os_getenv "SSL_CERT_FILE"
    local function call (path)
      uv.os_setenv("SSL_CERT_FILE", path)
      local client = assert(predibase.new { api_token = leak.TOKEN,
        base_url = ("https://127.0.0.1:%d"):format(server.port.good) })
      testbed:keep(client)
      return client:generate("Hello", { max_new_tokens = 1 })
    end
    local result, why = call(testbed.ca.file)
    local _, unknown = call(other.file)
    local _, missing = call "/no/such/file.pem"
    local _, empty = call ""
    if before then uv.os_setenv("SSL_CERT_FILE", before) else uv.os_unsetenv "SSL_CERT_FILE" end
    assert(result, why)
    assert.equal("tls", unknown.kind)
    assert.matches("SSL_CERT_FILE", missing.message, 1, true)
    assert.equal("tls", empty.kind)
    assert.is_nil(empty.message:find("SSL_CERT_FILE", 1, true))
  end)

  describe("with files that are of no use", function ()
    local folder

    setup(function ()
      folder = scratch.new()
      scratch.write(folder .. "/text.pem", "this is no certificate\n")
      scratch.write(folder .. "/empty.pem", "")
    end)

    teardown(function ()
      scratch.remove(folder)
    end)

    it("names ca_file when it is missing, empty, a folder or no certificate", function ()
      for _, path in ipairs { "/missing.pem", "/empty.pem", "/text.pem", "" } do
        fails(new(server.port.good, { ca_file = folder .. path }), "tls", "ca_file")
        fails(new(server.port.good, { ca_file = folder .. path }), "tls", folder .. path)
      end
    end)

    it("names client_cert and client_key when they are missing or no certificate", function ()
      local pair = certificates.client
      for _, path in ipairs { "/missing.pem", "/empty.pem", "/text.pem" } do
        fails(new(server.port.mutual, { client_cert = folder .. path, client_key = pair.key }),
          "tls", "client_cert")
        fails(new(server.port.mutual, { client_cert = pair.cert, client_key = folder .. path }),
          "tls", "client_key")
      end
    end)

    it("says so when key and certificate do not belong together", function ()
      fails(new(server.port.mutual, {
        client_cert = certificates.client.cert, client_key = certificates.server.key,
      }), "tls", "client_key")
    end)
  end)

  describe("towards a server that wants a certificate", function ()
    it("says what is missing", function ()
      fails(new(server.port.mutual), "validation", "No required SSL certificate was sent")
    end)

    it("says so too when the handshake fails by it", function ()
      fails(new(accidents.port["certificate-1.2"]), "tls", "handshake failure")
      fails(new(accidents.port["certificate-1.3"]), "tls", "certificate required")
    end)

    it("shows client_cert and client_key", function ()
      local pair = certificates.client
      local options = { client_cert = pair.cert, client_key = pair.key }
      local client = new(server.port.mutual, options, "/shown")
      assert(client:generate("Hello", { max_new_tokens = 1 }))
      assert.equal("CN=client", server:wait_for_log(1, "/shown/")[1].client)
      for _, version in ipairs { "1.2", "1.3" } do
        local stream = new(accidents.port["certificate-" .. version], options)
          :generate_stream("Hello")
        assert.equal("one two three", assert(stream:text()))
      end
    end)

    it("finds the key in the file of the certificate", function ()
      local pair = certificates.client
      local path = testbed.ca.dir .. "/both.pem"
      scratch.write(path, scratch.read(pair.cert) .. scratch.read(pair.key))
      local client = new(server.port.mutual, { client_cert = path })
      assert(client:generate("Hello", { max_new_tokens = 1 }))
    end)

    it("opens a key that has a password", function ()
      local pair = certificates.locked
      local client = new(server.port.mutual, {
        client_cert = pair.cert, client_key = pair.key, client_key_password = PASSWORD,
      })
      assert(client:generate("Hello", { max_new_tokens = 1 }))
    end)

    it("names client_key_password when it is wrong or missing, and never its value", function ()
      local pair = certificates.locked
      for _, password in ipairs { "a wrong one of the key", false } do
        local client = new(server.port.mutual, {
          client_cert = pair.cert, client_key = pair.key,
          client_key_password = password or nil,
        })
        fails(client, "tls", "client_key_password")
        local _, err = client:generate("Hello")
        assert.is_nil(leak.find(err, password or PASSWORD))
      end
    end)

    it("is refused with a certificate of an authority that the server does not know", function ()
      local pair = certificates.stranger
      fails(new(server.port.mutual, { client_cert = pair.cert, client_key = pair.key }),
        "validation", "The SSL certificate error")
    end)
  end)

  describe("cut off", function ()
    -- libcurl takes the end of such a body for its end, with or without TLS's own goodbye.
    for _, accident in ipairs { "cut", "cut-with-goodbye" } do
      it("before the closing event is an incomplete generation (" .. accident .. ")", function ()
        local stream = new(accidents.port[accident]):generate_stream("Hello")
        assert.equal("one", assert(stream:next()).text)
        assert.equal(" two", assert(stream:next()).text)
        local token, err = stream:next()
        assert.is_nil(token)
        assert.equal("incomplete_generation", err.kind)
        assert.equal("one two", err.partial_text)
        assert.equal(2, err.tokens)
        assert.equal(1, err.attempts)
        assert.is_nil(leak.find(err, leak.TOKEN))
      end)
    end

    for _, accident in ipairs { "cut", "cut-with-goodbye" } do
      it("in the middle of an answer is a lost connection (" .. accident .. ")", function ()
        local client = new(accidents.port[accident], { max_retries = 1 })
        client.shared.random = function () return 0.01 end
        local result, err = client:generate "Hello"
        assert.is_nil(result)
        assert.equal("connection", err.kind)
        assert.equal("body", err.phase)
        assert.equal(2, err.attempts)
        assert.is_nil(leak.find(err, leak.TOKEN))
      end)
    end

    for _, accident in ipairs { "whole", "whole-with-goodbye" } do
      it("after the closing event is a success (" .. accident .. ")", function ()
        local stream = new(accidents.port[accident]):generate_stream("Hello")
        assert.equal("one two three", assert(stream:text()))
        local result = assert(new(accidents.port[accident]):generate "Hello")
        assert.equal("one two three", result.generated_text)
      end)
    end
  end)
end)
