-- SPDX-License-Identifier: MIT
-- once: the behaviour under test is that of libcurl and the C core
-- Tests that no call waits for HTTP/2 frames that libcurl has read but not delivered.
--
-- libcurl delivers what fits into a transfer's buffer and keeps the rest of the frame, and what
-- follows it. Versions up to 8.0 do not run the transfer again until the socket is readable, and
-- the socket may have nothing more. A call then hung beside a stream that was not read.

local https = require "spec.support.https"
local uv = require "luv"

describe("What libcurl has read of an HTTP/2 connection", function ()
  local testbed, peer

  -- Long enough for data that is delivered at all, but shorter than libcurl's own timeouts, which
  -- would run the transfers by chance.
  local OPTIONS = { max_retries = 0, timeout = { first_token = 20, token = 20 } }
  local SLOW = { timeout = { connect = 60, first_token = 60, token = 60 } }

  setup(function ()
    testbed = https.new()
    peer = testbed:peer "h2_shared"
  end)

  after_each(function () testbed:close_clients() end)
  teardown(function () testbed:close() end)

  it("is handed on when it is one large frame and nothing follows", function ()
    local stream = testbed:client(peer.port["one-frame"], SLOW):generate_stream("Hello", OPTIONS)
    local count = 0
    while count < 100 do
      local token, err = stream:next()
      assert.is_nil(err)
      assert.equal("x", token.text)
      count = count + 1
    end
    stream:close()
  end)

  it("is handed on when it is an answer behind what another stream does not read", function ()
    local client = testbed:client(peer.port.behind, SLOW)
    local unread = client:generate_stream("Hello")
    assert(unread:next())
    assert.equal("one two three", assert(client:generate_stream("Hello", OPTIONS):text()))
    -- one of those belongs to the connection's beginning
    uv.sleep(500)
    client.transport.step(0)
    assert.equal("three", assert(client:generate_stream("Hello", OPTIONS):text()))
    unread:close()
    assert.equal(1, peer:count "connection behind")
  end)
end)
