-- SPDX-License-Identifier: MIT
-- once: plain Lua with a table instead of the C core
local failure = require "predibase.transport.curl.failure"

local function message (kind, phase, text, place)
  local raw = { failure = function () return kind, phase, text, false end }
  return failure.read(raw, place or { host = "lorax.test", port = 443 }).message
end

describe("a failure over libcurl", function ()
  it("names the proxy if the connection to the proxy failed", function ()
    for text, expected in pairs {
      ["Failed to connect to 127.0.0.1 port 9 after 0 ms: Couldn't connect to server (refused)"]
        = "no connection to the proxy 127.0.0.1:9: Couldn't connect to server (refused)",
      ["Failed to connect to proxy.test port 3128: Connection refused"]
        = "no connection to the proxy proxy.test:3128: Connection refused",
      ["Failed to connect to lorax.test port 3128 via proxy.test after 2 ms: Could not connect"]
        = "no connection to the proxy proxy.test: Could not connect",
      ["Failed to connect to lorax.test:443 over proxy proxy.test after 2 ms: Could not connect"]
        = "no connection to the proxy proxy.test: Could not connect",
      ["Failed to connect to ::1 port 9 after 0 ms: Couldn't connect to server"]
        = "no connection to the proxy [::1]:9: Couldn't connect to server",
    } do
      assert.equal(expected, message("connection", "connect", text))
    end
  end)

  it("names the server if the connection to the server failed", function ()
    for _, name in ipairs { "lorax.test", "LORAX.test", "lorax.test." } do
      local text = ("Failed to connect to %s port 443 after 1 ms: Couldn't connect"):format(name)
      assert.equal(text, message("connection", "connect", text))
    end
    assert.equal("Failed to connect to lorax.test:443 after 1 ms: x", message("connection",
      "connect", "Failed to connect to lorax.test:443 after 1 ms: x"))
    local text = "Failed to connect to ::1 port 80 after 1 ms: Couldn't connect"
    assert.equal(text, message("connection", "connect", text, { host = "::1", port = 80 }))
  end)

  it("says that the server does not use TLS", function ()
    for _, reason in ipairs { "error:0A00010B:SSL routines::wrong version number",
      "TLS connect error: error:0A0000C6:SSL routines::packet length too long",
      "gnutls_handshake() failed: An unexpected TLS packet was received." } do
      local text = message("tls", "tls", reason)
      assert.is_truthy(text:find("the server does not use TLS; did you mean http://", 1, true))
      assert.is_truthy(text:find(reason, 1, true))
      text = message("tls", "tls", reason, { host = "a", port = 1, tls_proxy = true })
      assert.is_truthy(text:find("the server or the proxy does not use TLS; ", 1, true))
    end
    local other = "SSL certificate problem: self-signed certificate"
    assert.equal(other, message("tls", "tls", other))
  end)

  it("says who ended an HTTP/2 stream, without its number", function ()
    local text = "HTTP/2 stream 5 was not closed cleanly: INTERNAL_ERROR (err 2)"
    for _, phase in ipairs { "head", "body" } do
      assert.equal("the server or a gateway reset the HTTP/2 stream: INTERNAL_ERROR (err 2)",
        message("connection", phase, text))
    end
  end)

  it("is retryable or not by the status of the proxy that answered", function ()
    for status, expected in pairs { [503] = true, [403] = false } do
      local raw = { failure = function () return "connection", "proxy", "x", false, status end }
      assert.equal(expected, failure.read(raw, { host = "a", port = 1 }).retryable)
    end
  end)
end)
