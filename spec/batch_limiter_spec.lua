-- SPDX-License-Identifier: MIT
local errors = require "predibase.errors"
local limiters = require "predibase.batch.limiter"

describe("the limiter of a batch", function ()
  local clock, pause

  before_each(function () clock, pause = 100, limiters.new_pause() end)

  local function new (most)
    return limiters.new { most = most, pause = pause, now = function () return clock end,
      random = function () return 0.5 end }
  end

  local function refusal (after)
    return errors.new { kind = "rate_limited", status = 429, message = "no", retry_after = after }
  end

  it("allows as many requests at once as the batch", function ()
    local limiter = new(2)
    assert.is_true(limiter:may_begin(0))
    assert.is_true(limiter:may_begin(1))
    assert.is_false(limiter:may_begin(2))
    assert.is_nil(limiter:paused_until())
  end)

  it("pauses as long as the server says, and halves the number of requests", function ()
    local limiter = new(8)
    assert.equal(5, limiter:refused(limiter:ticket(), refusal(5), 2))
    assert.is_false(limiter:may_begin(0))
    assert.equal(105, limiter:paused_until())
    clock = 105
    assert.is_nil(limiter:paused_until())
    assert.is_true(limiter:may_begin(3))
    assert.is_false(limiter:may_begin(4))
  end)

  it("halves once for all requests sent before the pause, and takes the longest pause", function ()
    local limiter, tickets = new(8), {}
    for i = 1, 8 do tickets[i] = limiter:ticket() end
    for i = 1, 7 do limiter:refused(tickets[i], refusal(5), 2) end
    limiter:refused(tickets[8], refusal(9), 2)
    assert.equal(4, limiter.limit)
    assert.equal(109, limiter:paused_until())
    clock = 110
    limiter:refused(limiter:ticket(), refusal(1), 2)
    assert.equal(2, limiter.limit)
    assert.equal(111, limiter:paused_until())
  end)

  it("pauses longer with each refusal where the server names no time", function ()
    local limiter = new(8)
    for _, seconds in ipairs { 0.25, 0.5, 1, 2 } do
      assert.equal(seconds, limiter:refused(limiter:ticket(), refusal(), 10))
      limiter:refused(limiter:ticket() - 1, refusal(), 10)     -- another one of the same round
      assert.equal(clock + seconds, limiter:paused_until())
      clock = clock + seconds
    end
    limiter:answered(limiter:ticket())
    assert.equal(0.25, limiter:refused(limiter:ticket(), refusal(), 10))
  end)

  it("allows one more request for as many answers as there are requests", function ()
    local limiter = new(4)
    limiter:refused(limiter:ticket(), refusal(1), 2)
    assert.equal(2, limiter.limit)
    limiter:answered(0)              -- of a request that was sent before
    assert.equal(2, limiter.limit)
    for _ = 1, 3 do limiter:answered(limiter:ticket()) end
    assert.equal(3, math.floor(limiter.limit))
    for _ = 1, 100 do limiter:answered(limiter:ticket()) end
    assert.equal(4, limiter.limit)
  end)

  it("gives up a request only when it was alone and there was no answer in between", function ()
    local limiter = new(4)
    for _ = 1, 2 do assert.is_truthy(limiter:refused(limiter:ticket(), refusal(1), 2)) end
    assert.equal(1, limiter.limit)
    for _ = 1, 2 do assert.is_truthy(limiter:refused(limiter:ticket(), refusal(1), 2)) end
    limiter:answered(limiter:ticket())
    limiter:refused(limiter:ticket(), refusal(1), 2)
    assert.equal(1, limiter.limit)
    for _ = 1, 2 do assert.is_truthy(limiter:refused(limiter:ticket(), refusal(1), 2)) end
    assert.is_nil(limiter:refused(limiter:ticket(), refusal(1), 2))
    assert.is_nil(limiter:refused(limiter:ticket(), refusal(1), 2))
    limiter:answered(limiter:ticket())
    assert.is_truthy(limiter:refused(limiter:ticket(), refusal(1), 2))
  end)

  it("gives up at once for max_retries = 0, but pauses all the same", function ()
    local limiter = new(4)
    assert.is_nil(limiter:refused(limiter:ticket(), refusal(7), 0))
    assert.equal(107, limiter:paused_until())
  end)

  it("gives up when the server asks for more than an hour", function ()
    local limiter = new(4)
    assert.equal(3600, limiter:refused(limiter:ticket(), refusal(3600), 2))
    assert.is_nil(limiter.too_long)
    assert.is_nil(limiter:refused(limiter:ticket(), refusal(3601), 2))
    assert.equal(3601, limiter.too_long)
  end)

  it("pauses before a refusal when an answer was the last of its window", function ()
    local limiter = new(4)
    limiter:answered(limiter:ticket(),
      { ["x-ratelimit-remaining"] = "1", ["x-ratelimit-reset"] = "9" })
    assert.is_nil(limiter:paused_until())
    limiter:answered(limiter:ticket(),
      { ["x-ratelimit-remaining"] = "0", ["x-ratelimit-reset"] = "9" })
    assert.equal(109, limiter:paused_until())
    assert.equal(4, limiter.limit)
    clock = 200
    limiter:answered(limiter:ticket(),
      { ["x-ratelimit-remaining"] = "0", ["x-ratelimit-reset"] = "86400" })
    assert.is_nil(limiter:paused_until())
  end)

  it("pauses every batch of the client", function ()
    local one, other = new(4), new(4)
    one:refused(one:ticket(), refusal(3), 2)
    assert.is_false(other:may_begin(0))
    assert.equal(4, other.limit)
  end)

  it("takes errors that ask for fewer requests for refusals, and no others", function ()
    local function is (fields)
      fields.message = "x"
      return limiters.is_refusal(errors.new(fields))
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
