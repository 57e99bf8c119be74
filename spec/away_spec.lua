-- SPDX-License-Identifier: MIT
-- long: waits while a program is away
-- once: the behaviour under test is that of libcurl and the C core
-- A program that is busy, or stopped, for longer than a clock: what came meanwhile waits in the
-- system and has come in time.

local https = require "spec.support.https"
local uv = require "luv"

-- one wait in the core gives 128 sockets; libcurl has at most 100 streams on a connection
local STREAMS, SHARING = 150, 90

-- Seconds of the clocks: in fewer a busy machine does not begin so many streams.
local CLOCK = 10

describe("When the program was away for longer than the clocks", function ()
  local testbed, peer

  setup(function ()
    testbed = https.new()
    peer = testbed:peer("away", tostring(STREAMS), tostring(SHARING))
  end)

  after_each(function () testbed:close_clients() end)
  teardown(function () testbed:close() end)

  local function all_are_read (client, count)
    local streams, begun, sent = {}, peer:count "begun", peer:count "sent"
    for i = 1, count do
      streams[i] = client:generate_stream("Hello", { max_retries = 0,
        timeout = { token = CLOCK, idle = CLOCK, first_token = 60, connect = 60 } })
    end
    local first = {}            -- on a slow machine a token is there at the first look
    for i = 1, count do first[i] = streams[i]:poll() end
    while peer:count "begun" == begun do
      client.transport.step(0)
      uv.sleep(1)
    end
    for i = 1, count do assert(first[i] or streams[i]:next()) end
    peer:go()
    peer:wait_for("sent", sent + 1)
    uv.sleep(CLOCK * 1000 + 200)
    for i = 1, count do
      local token, err = streams[i]:poll()
      if err == "pending" then token, err = streams[i]:next() end
      assert.is_truthy(token, ("stream %d: %s"):format(i, tostring(err)))
      assert.equal("onetwo", streams[i]:text())
    end
  end

  it("the tokens of many streams are read before a clock is looked at", function ()
    local url = "http://127.0.0.1:" .. peer.port.many
    all_are_read(testbed:client(url, { api_token = false }), STREAMS)
  end)

  it("so are those of many streams that share a connection", function ()
    all_are_read(testbed:client(peer.port.sharing), SHARING)
  end)

  it("a connection that is there is used", function ()
    local stream = testbed:client(peer.port.greeting, { http_version = "1.1" })
      :generate_stream("Hello", { max_retries = 0, timeout = { connect = 3 } })
    while peer:count "hello" == 0 do
      assert.equal("pending", select(2, stream:poll()))
      uv.sleep(1)
    end
    peer:go()
    peer:wait_for "greeted"
    uv.sleep(3200)
    assert.equal("onetwo", assert(stream:text()))
  end)
end)
