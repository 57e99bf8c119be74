-- SPDX-License-Identifier: MIT
--- Retries of a stream, on a simulated clock that only waits advance.
local pipe = require "spec.support.pipe_transport"
local wire = require "spec.support.wire"

local REFUSED = { failure = { kind = "connection", phase = "connect", sent = false,
  message = "Connection refused" } }

local function event (message, error_type)
  return { body = wire.error(message, error_type) }
end

local answer = { body = wire.answer() }

describe("retries of a stream", function ()
  local function attempts (first, options)
    local client, network = pipe.client({ first, answer }, options)
    local s = client:generate_stream "x"
    local text, err = s:text()
    return #network.requests, text, err, s
  end

  local again = {
    ["a refused connection"] = REFUSED,
    ["a connection lost before the head"] = { failure = { kind = "connection", phase = "head",
      sent = true, message = "Empty reply from server" } },
    ["a connection lost before the first token"] = { body = wire.KEEP_ALIVE, ending = "reset" },
    ["a timeout while connecting"] = { connecting = true },
    ["status 408"] = { status = 408, headers = {} },
    ["status 409"] = { status = 409, headers = {} },
    ["status 425"] = { status = 425, headers = {} },
    ["status 429"] = { status = 429, headers = {} },
    ["status 500"] = { status = 500, headers = {} },
    ["status 502"] = { status = 502, headers = {} },
    ["status 503"] = { status = 503, headers = {} },
    ["status 504"] = { status = 504, headers = {} },
    ["a first event 'overloaded'"] = event("Model is overloaded", "overloaded"),
    ["a first event 'incomplete_generation'"] = event("Incomplete generation",
      "incomplete_generation"),
    ["the end of the stream before the first token"] = { body = wire.KEEP_ALIVE },
  }
  for name, reply in pairs(again) do
    it("follow " .. name, function ()
      local n, text, err, s = attempts(reply)
      assert.is_nil(err)
      assert.equal(" The sky is blue.", text)
      assert.equal(2, n)
      assert.equal(2, s:result().attempts)
    end)
  end

  local never = {
    ["status 400"] = { status = 400, headers = {} },
    ["status 401"] = { status = 401, headers = {} },
    ["status 403"] = { status = 403, headers = {} },
    ["status 404"] = { status = 404, headers = {} },
    ["status 422"] = { status = 422, headers = {} },
    ["status 424"] = { status = 424, headers = {} },
    ["status 501"] = { status = 501, headers = {} },
    ["status 505"] = { status = 505, headers = {} },
    ["a redirect"] = { status = 307, headers = { location = "https://elsewhere.example/" } },
    ["a login page"] = { headers = { ["content-type"] = "text/html" }, body = "<html>" },
    ["a first event 'validation'"] = event("Input validation error: x", "validation"),
    ["a first event 'generation'"] = event("Request failed during generation: x", "generation"),
    ["a first event that is no JSON"] = { body = "data: what?\n\n" },
    ["a failure of TLS"] = { failure = { kind = "tls", phase = "tls", message = "expired" } },
    ["a server that says nothing"] = { before = 1e6 },
    ["status 429 with a wait of an hour"] = { status = 429,
      headers = { ["retry-after"] = "3600" } },
  }
  for name, reply in pairs(never) do
    it("do not follow " .. name, function ()
      local n, text, err = attempts(reply)
      assert.is_nil(text)
      assert.equal(1, n)
      assert.equal(1, err.attempts)
    end)
  end

  it("never follow a token, whatever breaks after it", function ()
    for _, rest in ipairs { wire.error("Model is overloaded", "overloaded"),
      wire.error("Incomplete generation", "incomplete_generation"), "" } do
      for _, ending in ipairs { "end", "cut", "reset" } do
        local n, text, err = attempts { body = wire.token " The" .. rest, ending = ending }
        assert.is_nil(text)
        assert.equal(1, n)
        assert.equal(1, err.tokens)
        assert.equal(" The", err.partial_text)
      end
    end
  end)

  it("never follow a special token either, which was handed out like any other", function ()
    local n, _, err = attempts { body = wire.token("<s>", { special = true }), ending = "cut" }
    assert.equal(1, n)
    assert.equal(1, err.tokens)
    assert.equal("", err.partial_text)
  end)

  it("are as many as max_retries of the call says, else the client's", function ()
    local client, network = pipe.client(REFUSED, { max_retries = 4 })
    local _, err = client:generate_stream "x":next()
    assert.same({ 5, 5 }, { #network.requests, err.attempts })
    client, network = pipe.client(REFUSED)
    _, err = client:generate_stream "x":next()
    assert.same({ 3, 3 }, { #network.requests, err.attempts })
    client, network = pipe.client(REFUSED, { max_retries = 4 })
    _, err = client:generate_stream("x", { max_retries = 0 }):next()
    assert.same({ 1, 1 }, { #network.requests, err.attempts })
  end)

  it("send the same request again, with the same id", function ()
    local client, network = pipe.client({ REFUSED, REFUSED, answer })
    client:generate_stream("x", { seed = 1 }):text()
    assert.equal(3, #network.requests)
    for i = 2, 3 do
      assert.equal(network.requests[1].body, network.requests[i].body)
      assert.same(network.requests[1].headers, network.requests[i].headers)
    end
    local ids = {}
    for _, line in ipairs(network.requests[1].headers) do
      ids[#ids + 1] = line:match "^x%-request%-id: (%x+)$"
    end
    assert.equal(1, #ids)
  end)

  it("leave the connection of a refusal to the next attempt", function ()
    local client, network = pipe.client {
      { pieces = { wire.error("Model is overloaded", "overloaded"), 0.01 } }, answer }
    assert.equal(" The sky is blue.", client:generate_stream "x":text())
    assert.is_true(network.requests[1].released)
    assert.is_true(not network.requests[1].aborted)
  end)

  it("wait longer and longer, at random, without delaying other streams", function ()
    local longest = { 0, 0, 0 }
    for _ = 1, 50 do
      local client, network = pipe.client(REFUSED, { max_retries = 3 })
      client:generate_stream "x":next()
      for i = 1, 3 do
        local delay = network.requests[i + 1].sent_at - network.requests[i].sent_at
        assert.is_true(delay >= 0 and delay <= 0.5 * 2 ^ (i - 1))
        longest[i] = math.max(longest[i], delay)
      end
    end
    assert.is_true(longest[2] > 0.5 and longest[3] > 1)
  end)

  it("wait as long as the server asks", function ()
    local client, network = pipe.client { { status = 429, headers = { ["retry-after"] = "7" } },
      answer }
    assert.equal(" The sky is blue.", client:generate_stream "x":text())
    assert.equal(1007, network.requests[2].sent_at)
  end)

  it("wait with poll as well, which says pending meanwhile", function ()
    local client, network = pipe.client { { status = 503, headers = { ["retry-after"] = "7" } },
      answer }
    local s, pending, tokens = client:generate_stream "x", 0, 0
    repeat
      local token, err = s:poll()
      if err == "pending" then
        pending = pending + 1
        network:advance(0.5)
      elseif token then
        tokens = tokens + 1
      end
    until not token and err ~= "pending"
    assert.equal(5, tokens)
    assert.is_true(pending >= 14)
    assert.is_true(network.requests[2].sent_at >= 1007)
  end)

  it("that would not end in time are not begun", function ()
    local client, network = pipe.client { { status = 503, headers = { ["retry-after"] = "20" } },
      answer }
    local _, err = client:generate_stream("x", { timeout = 10 }):next()
    assert.equal("server", err.kind)
    assert.equal(503, err.status)
    assert.equal(20, err.retry_after)
    assert.equal(1, #network.requests)
    assert.equal(1000, network.clock)
  end)

  it("stay inside the time for the whole call", function ()
    local client, network = pipe.client({ { status = 503, headers = { ["retry-after"] = "4" },
      before = 3 } }, { max_retries = 50 })
    local _, err = client:generate_stream("x", { timeout = 30 }):next()
    -- The fifth attempt is sent after 28 s, and cut short.
    assert.equal("timeout", err.kind)
    assert.equal("total", err.phase)
    assert.equal(1030, network.clock)
    assert.equal(5, err.attempts)
    assert.equal(5, #network.requests)
  end)
end)
