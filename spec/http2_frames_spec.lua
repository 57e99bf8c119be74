-- SPDX-License-Identifier: MIT
-- once: what is looked at happens in libcurl and in the C core
-- Frames of HTTP/2 that libcurl has read and not handed on: nobody may have to wait for them.
--
-- libcurl hands on what fits into a transfer's buffer and keeps the rest of the frame, and what
-- follows it. Up to 8.0 it forgets to run the transfer again until the socket is readable, and the
-- socket may have nothing more. It showed as a call that hung beside a stream that nobody read.

local https = require "spec.support.https"
local uv = require "luv"

describe("What libcurl has read of an HTTP/2 connection", function ()
  local testbed, peer

  -- as long as it takes, if it is ever handed on; libcurl's own clocks, which would run the
  -- transfers by chance, come later
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
