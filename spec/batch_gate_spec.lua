-- SPDX-License-Identifier: MIT
local errors = require "predibase.errors"
local gates = require "predibase.batch.gate"

describe("the gate of a batch", function ()
  local clock, pause

  before_each(function () clock, pause = 100, gates.pause() end)

  local function new(most)
    return gates.new { most = most, pause = pause, now = function () return clock end,
      random = function () return 0.5 end }
  end

  local function refusal(after)
    return errors.new { kind = "rate_limited", status = 429, message = "no", retry_after = after }
  end

  it("lets so many begin and no more", function ()
    local gate = new(2)
    assert.is_true(gate:free(0))
    assert.is_true(gate:free(1))
    assert.is_false(gate:free(2))
    assert.is_nil(gate:closed())
  end)

  it("closes for the time that the server names, and for half as many", function ()
    local gate = new(8)
    assert.equal(5, gate:refused(gate:ticket(), refusal(5), 2))
    assert.is_false(gate:free(0))
    assert.equal(105, gate:closed())
    clock = 105
    assert.is_nil(gate:closed())
    assert.is_true(gate:free(3))
    assert.is_false(gate:free(4))
  end)

  it("halves once for all that were sent before it closed, and waits for the longest", function ()
    local gate, tickets = new(8), {}
    for i = 1, 8 do tickets[i] = gate:ticket() end
    for i = 1, 7 do gate:refused(tickets[i], refusal(5), 2) end
    gate:refused(tickets[8], refusal(9), 2)
    assert.equal(4, gate.limit)
    assert.equal(109, gate:closed())
    clock = 110
    gate:refused(gate:ticket(), refusal(1), 2)
    assert.equal(2, gate.limit)
    assert.equal(111, gate:closed())
  end)

  it("waits longer from refusal to refusal where the server names no time", function ()
    local gate = new(8)
    for _, seconds in ipairs { 0.25, 0.5, 1, 2 } do
      assert.equal(seconds, gate:refused(gate:ticket(), refusal(), 10))
      gate:refused(gate:ticket() - 1, refusal(), 10)     -- another one of the same round
      assert.equal(clock + seconds, gate:closed())
      clock = clock + seconds
    end
    gate:answered(gate:ticket())
    assert.equal(0.25, gate:refused(gate:ticket(), refusal(), 10))
  end)

  it("lets one more begin for as many answers as there are at once", function ()
    local gate = new(4)
    gate:refused(gate:ticket(), refusal(1), 2)
    assert.equal(2, gate.limit)
    gate:answered(0)              -- of a request that was sent before
    assert.equal(2, gate.limit)
    for _ = 1, 3 do gate:answered(gate:ticket()) end
    assert.equal(3, math.floor(gate.limit))
    for _ = 1, 100 do gate:answered(gate:ticket()) end
    assert.equal(4, gate.limit)
  end)

  it("gives up a request only when it was alone and nobody was answered meanwhile", function ()
    local gate = new(4)
    for _ = 1, 2 do assert.is_truthy(gate:refused(gate:ticket(), refusal(1), 2)) end
    assert.equal(1, gate.limit)
    for _ = 1, 2 do assert.is_truthy(gate:refused(gate:ticket(), refusal(1), 2)) end
    gate:answered(gate:ticket())
    gate:refused(gate:ticket(), refusal(1), 2)
    assert.equal(1, gate.limit)
    for _ = 1, 2 do assert.is_truthy(gate:refused(gate:ticket(), refusal(1), 2)) end
    assert.is_nil(gate:refused(gate:ticket(), refusal(1), 2))
    assert.is_nil(gate:refused(gate:ticket(), refusal(1), 2))
    gate:answered(gate:ticket())
    assert.is_truthy(gate:refused(gate:ticket(), refusal(1), 2))
  end)

  it("tries nothing again for max_retries = 0, but closes all the same", function ()
    local gate = new(4)
    assert.is_nil(gate:refused(gate:ticket(), refusal(7), 0))
    assert.equal(107, gate:closed())
  end)

  it("shuts when the server asks for more than an hour", function ()
    local gate = new(4)
    assert.equal(3600, gate:refused(gate:ticket(), refusal(3600), 2))
    assert.is_nil(gate.shut)
    assert.is_nil(gate:refused(gate:ticket(), refusal(3601), 2))
    assert.equal(3601, gate.shut)
  end)

  it("closes before it is refused when an answer was the last of its window", function ()
    local gate = new(4)
    gate:answered(gate:ticket(), { ["x-ratelimit-remaining"] = "1", ["x-ratelimit-reset"] = "9" })
    assert.is_nil(gate:closed())
    gate:answered(gate:ticket(), { ["x-ratelimit-remaining"] = "0", ["x-ratelimit-reset"] = "9" })
    assert.equal(109, gate:closed())
    assert.equal(4, gate.limit)
    clock = 200
    gate:answered(gate:ticket(),
      { ["x-ratelimit-remaining"] = "0", ["x-ratelimit-reset"] = "86400" })
    assert.is_nil(gate:closed())
  end)

  it("closes for every batch of the client", function ()
    local one, other = new(4), new(4)
    one:refused(one:ticket(), refusal(3), 2)
    assert.is_false(other:free(0))
    assert.equal(4, other.limit)
  end)

  it("takes for a refusal what asks for fewer requests, and nothing else", function ()
    local function is(fields)
      fields.message = "x"
      return gates.refuses(errors.new(fields))
    end
    assert.is_true(is { kind = "rate_limited", status = 429 })
    assert.is_true(is { kind = "overloaded", status = 429 })
    assert.is_true(is { kind = "overloaded", status = 200 })
    assert.is_true(is { kind = "server", status = 503, retryable = true })
    assert.is_true(is { kind = "server", status = 502, retryable = true, retry_after = 2 })
    assert.is_false(is { kind = "server", status = 502, retryable = true })
    assert.is_false(is { kind = "server", status = 501, retry_after = 2 })
    assert.is_false(is { kind = "validation", status = 422 })
    assert.is_false(is { kind = "connection" })
  end)
end)
