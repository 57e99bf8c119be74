-- SPDX-License-Identifier: MIT
--- The option `cold_start`, on a simulated clock that only waits advance.
local pipe = require "spec.support.pipe_transport"
local wire = require "spec.support.wire"

local JSON = { ["content-type"] = "application/json" }
local ANSWER = { headers = JSON, body = '{"generated_text":"yes"}' }
local REFUSED = { failure = { kind = "connection", phase = "connect", sent = false,
  message = "Connection refused" } }
local STARTING = { status = 503, headers = { ["content-type"] = "text/plain" },
  body = "no healthy upstream" }

describe("cold_start", function ()
  local client, network, delays

  --- A client whose deployment answers with `first` for some seconds, and then with `later`.
  local function new (first, seconds, options, later)
    delays = {}
    local all = { cold_start = 300, max_retries = 0, on_retry = function (info)
      delays[#delays + 1] = info.delay
    end }
    for name, value in pairs(options or {}) do all[name] = value end
    client, network = pipe.client(function ()
      return network.clock < 1000 + seconds and first or later or ANSWER
    end, all)
  end

  after_each(function () client:close() end)

  for name, reply in pairs {
    ["a refused connection"] = REFUSED,
    ["no healthy upstream"] = STARTING,
    ["a 502 of nginx or Caddy"] = { status = 502, headers = {}, body = "" },
    ["a 504 without a reason"] = { status = 504, headers = {}, body = "" },
    ["the time limit of a gateway"] = { status = 504, headers = {}, body = "", before = 15 },
  } do
    it("waits instead of failing after " .. name, function ()
      new(reply, 120)
      local result = assert(client:generate "x")
      assert.equal("yes", result.text)
      assert.is_true(network.clock >= 1120 and network.clock <= 1120 + 25)
      assert.is_true(#network.requests > 5)
      assert.is_true(#network.requests < 60)
    end)

    it("waits in a stream after " .. name, function ()
      new(reply, 30, nil, { body = wire.answer() })
      assert.equal(" The sky is blue.", client:generate_stream "x":text())
    end)
  end

  it("waits longer each time, up to ten seconds", function ()
    new(STARTING, 120)
    assert(client:generate "x")
    for _, delay in ipairs(delays) do assert.is_true(delay >= 0.5 and delay <= 10) end
    assert.is_true(delays[#delays] > 4.9)
  end)

  it("waits as long as the gateway says", function ()
    new({ status = 503, headers = { ["retry-after"] = "7" }, body = "" }, 20)
    assert(client:generate "x")
    assert.same({ 7, 7, 7 }, delays)
  end)

  it("is bounded by the option, after which the usual retries are left", function ()
    new(STARTING, 1000, { cold_start = 60, max_retries = 1 })
    local _, err = client:generate "x"
    assert.equal("server", err.kind)
    assert.matches("did not start within 60 seconds %(cold_start%)", err.message)
    assert.is_true(network.clock >= 1060 and network.clock < 1062)
  end)

  it("is bounded by total", function ()
    new(STARTING, 1000, { timeout = 20 })
    local _, err = client:generate "x"
    assert.equal("server", err.kind)
    assert.is_true(network.clock <= 1020)
    assert.is_true(network.clock >= 1008)
  end)

  it("keeps the retries for other errors", function ()
    local n = 0
    new(STARTING, 0, { max_retries = 1 })
    network:serve(function ()
      n = n + 1
      return n <= 3 and STARTING or n == 4 and { status = 500, headers = {} } or ANSWER
    end)
    assert.equal(5, assert(client:generate "x").attempts)
  end)

  it("does not apply to a server that is overloaded, or answers in another way", function ()
    for kind, reply in pairs {
      overloaded = { status = 503, headers = { ["x-envoy-overloaded"] = "true" }, body = "" },
      rate_limited = { status = 429, headers = {}, body = "" },
      server = { status = 500, headers = {}, body = "" },
    } do
      new(reply, 1000)
      local _, err = client:generate "x"
      assert.equal(kind, err.kind)
      assert.equal(1, #network.requests)
      client:close()
    end
    new(STARTING, 0)
  end)

  it("is off by default, and can be given to a call", function ()
    new(STARTING, 10, { cold_start = false })
    assert.equal("server", select(2, client:generate "x").kind)
    assert.equal(1, #network.requests)
    assert(client:generate("x", { cold_start = 60 }))
    new(STARTING, 10)
    assert.equal("server", select(2, client:generate("x", { cold_start = false })).kind)
  end)

  it("makes a batch wait as a whole", function ()
    new(STARTING, 50)
    local prompts = {}
    for i = 1, 40 do prompts[i] = "prompt " .. i end
    local results, failed = client:generate_many(prompts, { concurrency = 4 }):results()
    assert.same({}, failed)
    assert.equal("yes", results[40].text)
    assert.is_true(#network.requests < 200)
  end)

  it("makes a batch wait once and not for each prompt", function ()
    new(REFUSED, 100000, { cold_start = 60 })
    local prompts = {}
    for i = 1, 40 do prompts[i] = "prompt " .. i end
    local results, failed = client:generate_many(prompts, { concurrency = 4 }):results()
    assert.is_false(results[1])
    assert.equal("connection", failed[40].kind)
    assert.is_true(network.clock < 1000 + 90)
  end)

  it("never waits in poll", function ()
    new(STARTING, 20, nil, { body = wire.answer() })
    local s = client:generate_stream "x"
    local text = ""
    for _ = 1, 1000 do
      local clock = network.clock
      local token, state = s:poll()
      assert.equal(clock, network.clock)
      if token then text = text .. token.text
      elseif state == "pending" then network:sleep()
      else
        assert.is_nil(state)
        break
      end
    end
    assert.equal(" The sky is blue.", text)
  end)
end)
