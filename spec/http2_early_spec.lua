-- SPDX-License-Identifier: MIT
-- Answers over HTTP/2 that come before the prompt was sent: a gateway need not read it to know that
-- there were too many requests, or that the token is wrong.

local https = require "spec.support.https"

-- longer than the 65,535 bytes that a client may send before it hears of the server's window
local LONG = ("All work and no play. "):rep(10000)

describe("An answer over HTTP/2 before the prompt was sent", function ()
  local testbed, peer

  setup(function ()
    testbed = https.new()
    peer = testbed:peer "h2_early"
  end)

  after_each(function () testbed:close_clients() end)
  teardown(function () testbed:close() end)

  it("is known with all that it says, in one try", function ()
    for _, method in ipairs { "generate", "generate_stream" } do
      local client = testbed:client(peer.port.limited)
      local result, err = client[method](client, LONG, { max_retries = 0 })
      if method == "generate_stream" then result, err = result:text() end
      assert.is_nil(result)
      assert.equal("rate_limited", err.kind)
      assert.equal(429, err.status)
      assert.equal(2, err.retry_after)
      assert.equal(1, err.attempts)
      assert.matches("too many requests", err.message, 1, true)
    end
  end)

  it("that never comes is a lost connection, and asked for once more over HTTP/1.1", function ()
    local client = testbed:client(peer.port.broken, { max_retries = 1 })
    client.shared.random = function () return 0.01 end
    local result, err = client:generate(LONG)
    assert.is_nil(result)
    assert.equal("connection", err.kind)
    assert.equal(2, err.attempts)
    assert.is_true(err.retryable)
    assert.equal(2, peer:count "HTTP/2 broken")
    assert.is_true(peer:count "HTTP/1.1 broken" <= 4)      -- of each, libcurl may send it anew once
  end)
end)
