-- SPDX-License-Identifier: MIT
local config = require "predibase.config"

--- What is wrong with sending a token to a client's server; nil when it may be sent. `host` and
-- `scheme` are those of the URL.
local function problem(fields, proxy)
  local cfg, err = config.new({
    base_url = (fields.scheme or "https") .. "://" .. (fields.host or "lorax.example"),
    api_token = "pb_x", proxy = proxy, verify = fields.verify,
    allow_plain_http = fields.allow_plain_http,
  }, function() end)
  return not cfg and err.message or nil
end

describe("a token", function()
  it("goes where nobody else reads it", function()
    assert.is_nil(problem {})
    assert.is_nil(problem({}, "http://p:1"))
    assert.is_nil(problem { host = "localhost", verify = false })
    assert.is_nil(problem { scheme = "http", host = "localhost" })
    assert.is_nil(problem({ scheme = "http", host = "localhost" }, false))
    assert.is_nil(problem({ scheme = "http", host = "localhost" }, "http://127.0.0.1:1"))
  end)

  it("is kept from the network in the clear", function()
    assert.equal("api_token would cross the network to http://lorax.example where everyone on the "
      .. "way can read it; use https://, or allow_plain_http = true, or leave it out "
      .. "(api_token = false)", problem { scheme = "http" })
    assert.is_nil(problem { scheme = "http", allow_plain_http = true })
  end)

  it("is kept from a proxy elsewhere in the clear", function()
    local fields = { scheme = "http", host = "localhost" }
    assert.equal("api_token would reach the proxy http://p:1 in the clear; use https://, "
      .. "proxy = false, or allow_plain_http = true", problem(fields, "http://p:1"))
    fields.allow_plain_http = true
    assert.is_nil(problem(fields, "http://p:1"))
  end)

  it("is kept from a server that proves nothing, plain http allowed or not", function()
    for _, allowed in ipairs { false, true } do
      assert.equal("verify = false would give api_token to anyone who poses as lorax.example; name "
        .. "the server's certificate authority in ca_file instead",
        problem { verify = false, allow_plain_http = allowed })
    end
  end)

  it("is kept from a proxy elsewhere that could pose as this machine", function()
    local fields = { host = "localhost", verify = false }
    assert.equal("verify = false would give api_token to the proxy http://p:1, which can pose as "
      .. "localhost; use proxy = false, or name the server's certificate authority in ca_file "
      .. "instead", problem(fields, "http://p:1"))
    assert.is_nil(problem(fields, "http://127.0.0.1:1"))
    fields.verify = true
    assert.is_nil(problem(fields, "http://p:1"))
  end)
end)
