-- SPDX-License-Identifier: MIT
local config = require "predibase.config"

--- Tells why a token must not be sent to a client's server; nil when it may be sent. `host` and
-- `scheme` are those of the URL.
local function problem (fields, proxy)
  local cfg, err = config.new({
    base_url = (fields.scheme or "https") .. "://" .. (fields.host or "lorax.example"),
    api_token = "pb_x", proxy = proxy, verify = fields.verify,
    allow_plain_http = fields.allow_plain_http,
  }, function () end)
  return not cfg and err.message or nil
end

describe("a token", function ()
  it("is sent where others cannot read it", function ()
    assert.is_nil(problem {})
    assert.is_nil(problem({}, "http://p:1"))
    assert.is_nil(problem { host = "localhost", verify = false })
    assert.is_nil(problem { scheme = "http", host = "localhost" })
    assert.is_nil(problem({ scheme = "http", host = "localhost" }, false))
    assert.is_nil(problem({ scheme = "http", host = "localhost" }, "http://127.0.0.1:1"))
  end)

  it("is not sent unencrypted over the network", function ()
    assert.equal("api_token would be sent unencrypted to http://lorax.example, where others can "
      .. "read it; use https://, or allow_plain_http = true, or leave it out "
      .. "(api_token = false)", problem { scheme = "http" })
    assert.is_nil(problem { scheme = "http", allow_plain_http = true })
  end)

  it("is not sent unencrypted to a proxy on another machine", function ()
    local fields = { scheme = "http", host = "localhost" }
    assert.equal("api_token would be sent unencrypted to the proxy http://p:1; use https://, "
      .. "proxy = false, or allow_plain_http = true", problem(fields, "http://p:1"))
    fields.allow_plain_http = true
    assert.is_nil(problem(fields, "http://p:1"))
  end)

  it("is not sent to a server with an unchecked certificate, plain http allowed or not", function ()
    for _, allowed in ipairs { false, true } do
      assert.equal("verify = false would give api_token to anyone who impersonates lorax.example; "
        .. "name the server's certificate authority in ca_file instead",
        problem { verify = false, allow_plain_http = allowed })
    end
  end)

  it("is not sent to a proxy on another machine that could impersonate this one", function ()
    local fields = { host = "localhost", verify = false }
    assert.equal("verify = false would give api_token to the proxy http://p:1, which can "
      .. "impersonate localhost; use proxy = false, or name the server's certificate authority in "
      .. "ca_file instead", problem(fields, "http://p:1"))
    assert.is_nil(problem(fields, "http://127.0.0.1:1"))
    fields.verify = true
    assert.is_nil(problem(fields, "http://p:1"))
  end)
end)
