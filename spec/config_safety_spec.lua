-- SPDX-License-Identifier: MIT
local safety = require "predibase.config.safety"

local function problem(fields, proxy_loopback)
  local cfg = { scheme = "https", host = "lorax.example", loopback = false, verify = true,
    allow_plain_http = false }
  for name, value in pairs(fields) do cfg[name] = value end
  return safety.problem(cfg, proxy_loopback, "api_token")
end

describe("safety.problem", function()
  it("lets a secret go where nobody else reads it", function()
    for _, fields in ipairs {
      {}, { proxy = "http://p:1" }, { loopback = true, verify = false },
      { scheme = "http", loopback = true }, { scheme = "http", loopback = true, proxy = false },
    } do
      assert.is_nil(problem(fields))
    end
    assert.is_nil(problem({ scheme = "http", loopback = true, proxy = "http://127.0.0.1:1" }, true))
  end)

  it("keeps it from the network in the clear", function()
    assert.equal("api_token would cross the network to http://lorax.example where everyone on the "
      .. "way can read it; use https://, or allow_plain_http = true, or leave it out "
      .. "(api_token = false)", problem { scheme = "http" })
    assert.is_nil(problem { scheme = "http", allow_plain_http = true })
  end)

  it("keeps it from a proxy elsewhere in the clear", function()
    local fields = { scheme = "http", loopback = true, proxy = "http://p:1" }
    assert.equal("api_token would reach the proxy http://p:1 in the clear; use https://, "
      .. "proxy = false, or allow_plain_http = true", problem(fields, false))
    fields.allow_plain_http = true
    assert.is_nil(problem(fields, false))
  end)

  it("keeps it from a server that proves nothing, plain http allowed or not", function()
    for _, allowed in ipairs { false, true } do
      assert.equal("verify = false would give api_token to anyone who poses as lorax.example; name "
        .. "the server's certificate authority in ca_file instead",
        problem { verify = false, allow_plain_http = allowed })
    end
  end)

  it("keeps it from a proxy elsewhere that could pose as this machine", function()
    local fields = { host = "localhost", loopback = true, verify = false, proxy = "http://p:1" }
    assert.equal("verify = false would give api_token to the proxy http://p:1, which can pose as "
      .. "localhost; use proxy = false, or name the server's certificate authority in ca_file "
      .. "instead", problem(fields, false))
    assert.is_nil(problem(fields, true))
    fields.verify = true
    assert.is_nil(problem(fields, false))
  end)
end)
