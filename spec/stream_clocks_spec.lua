-- SPDX-License-Identifier: MIT
--- The clocks of a stream, on a simulated clock that only waits advance.
local pipe = require "spec.support.pipe_transport"
local wire = require "spec.support.wire"

local REFUSED = { failure = { kind = "connection", phase = "connect", sent = false,
  message = "Connection refused" } }

describe("the clocks of a stream", function ()
  local function timeout_of (reply, timeout)
    local client, network = pipe.client(reply, { max_retries = 0 })
    local s = client:generate_stream("x", { timeout = timeout })
    local text, err = s:text()
    assert.is_nil(text)
    assert.equal("timeout", err.kind)
    return err, network.clock - 1000
  end

  it("end a connection that does not come about", function ()
    local err, seconds = timeout_of({ connecting = true }, { connect = 3 })
    assert.equal("connect", err.phase)
    assert.is_true(err.retryable)
    assert.equal(3, seconds)
  end)

  it("end the wait for the first token, keep-alives or not", function ()
    local pieces = {}
    for i = 1, 40 do pieces[i] = i % 2 == 1 and 15 or wire.KEEP_ALIVE end
    local err, seconds = timeout_of({ pieces = pieces, ending = "open" }, { first_token = 100 })
    assert.equal("first_token", err.phase)
    assert.is_false(err.retryable)
    assert.equal(100, seconds)
  end)

  it("end the wait for the next token, keep-alives or not", function ()
    local pieces = { wire.three_tokens() }
    for i = 2, 41 do pieces[i] = i % 2 == 0 and 15 or wire.KEEP_ALIVE end
    local err, seconds = timeout_of({ pieces = pieces, ending = "open" }, { token = 100 })
    assert.equal("token", err.phase)
    assert.equal(" The sky is", err.partial_text)
    assert.equal(3, err.tokens)
    assert.equal(100, seconds)
  end)

  it("end a silence, which keep-alives break", function ()
    local err, seconds = timeout_of({ pieces = { 15, wire.KEEP_ALIVE, 15, wire.KEEP_ALIVE },
      ending = "open" }, { idle = 20 })
    assert.equal("idle", err.phase)
    assert.equal(50, seconds)
  end)

  it("let a stream take as long as tokens come", function ()
    local pieces = {}
    for i = 1, 200 do pieces[i] = i % 2 == 1 and 50 or wire.token " x" end
    pieces[201] = wire.closing(".", "all")
    local client, network = pipe.client { pieces = pieces }
    assert.equal("all", client:generate_stream "x":text())
    assert.equal(6000, network.clock)
  end)

  it("end the call as a whole when it has a limit", function ()
    local pieces = {}
    for i = 1, 200 do pieces[i] = i % 2 == 1 and 1 or wire.token " x" end
    local err, seconds = timeout_of({ pieces = pieces }, 10)
    assert.equal("total", err.phase)
    assert.equal(10, seconds)
    assert.is_true(err.tokens >= 9 and err.tokens <= 10)
  end)

  it("begin when the first token is asked for", function ()
    local client, network = pipe.client { pieces = { 2, wire.answer() } }
    local s = client:generate_stream("x", { timeout = 5 })
    network:advance(100)
    assert.equal(" The sky is blue.", s:text())
    assert.equal(2, s:result().timing.first_token)
    assert.equal(2, s:result().timing.total)
  end)

  it("are measured: the first token and the whole", function ()
    local client = pipe.client { REFUSED, { before = 1, pieces = { 2, wire.three_tokens(), 4,
      wire.closing(".", "x") } } }
    local s = client:generate_stream("x", { on_retry = function () end })
    s:text()
    local timing = s:result().timing
    -- The wait before the second attempt is random, and at most half a second.
    assert.is_true(timing.first_token >= 3 and timing.first_token <= 3.5)
    assert.is_true(math.abs(timing.total - timing.first_token - 4) < 1e-6)
  end)

  it("never say that the first token came after the whole", function ()
    local client = pipe.client { body = wire.closing("x", "x") }
    local s, time = client:generate_stream "x", 0
    client.shared.now = function ()
      time = time + 1
      return time
    end
    s:text()
    local timing = s:result().timing
    assert.equal(timing.total, timing.first_token)
  end)

  it("do not move a result that is asked for later", function ()
    local client, network = pipe.client { pieces = { 2, wire.answer() } }
    local s = client:generate_stream "x"
    repeat until not s:next()
    network:advance(50)
    assert.equal(2, s:result().timing.total)
  end)
end)
