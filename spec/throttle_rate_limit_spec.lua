-- SPDX-License-Identifier: MIT
local rate_limit = require "predibase.throttle.rate_limit"
local random = require "predibase.random"

describe("a rate limit", function ()
  it("allows as many requests in any period as it says", function ()
    local limit = rate_limit.new { requests = 2, seconds = 1 }
    assert.is_table(limit:take(0, 10))
    assert.is_table(limit:take(0, 10.5))
    local taken, at = limit:take(0, 10.75)
    assert.is_nil(taken)
    assert.equal(11, at)
    assert.is_table(limit:take(0, 11))
    assert.equal(11.5, select(2, limit:take(0, 11.25)))
  end)

  it("holds in every period, also between two full seconds", function ()
    local draw = random.new(7)
    local limit, sent, now = rate_limit.new { requests = 3, seconds = 2 }, {}, 0
    for _ = 1, 500 do
      local taken, at = limit:take(0, now)
      if taken then sent[#sent + 1] = now
      elseif draw() < 0.5 then now = at end
      now = now + draw() * 0.5
    end
    assert.is_true(#sent > 100)
    for i = 4, #sent do assert.is_true(sent[i] - sent[i - 3] >= 2) end
  end)

  it("counts the tokens that are known, and corrects them", function ()
    local limit = rate_limit.new { requests = 100, seconds = 10, tokens = 100 }
    local first = limit:take(60, 0)
    local second = limit:take(30, 1)
    assert.equal(10, select(2, limit:take(20, 2)))
    assert.is_true(limit:correct(first, 20, 3))
    assert.is_table(limit:take(20, 3))
    -- Tokens beyond the expected ones count from the moment when they are known.
    assert.is_false(limit:correct(second, 70, 4))
    assert.equal(11, select(2, limit:take(20, 10.5)))
    assert.is_table(limit:take(20, 11))
  end)

  it("counts unknown tokens as 0, and waits once the limit is used up", function ()
    local limit = rate_limit.new { requests = 100, seconds = 10, tokens = 100 }
    local first = limit:take(0, 0)
    assert.is_table(limit:take(0, 0))
    assert.is_false(limit:correct(first, 100, 2))
    assert.equal(12, select(2, limit:take(0, 3)))
    assert.is_table(limit:take(0, 12))
  end)

  it("allows a request that needs more than the limit when nothing else counts", function ()
    local limit = rate_limit.new { requests = 100, seconds = 10, tokens = 100 }
    limit:take(1, 0)
    assert.equal(10, select(2, limit:take(500, 1)))
    assert.is_table(limit:take(500, 10))
    assert.equal(20, select(2, limit:take(1, 11)))
  end)

  it("does not give tokens back that are not counted any more", function ()
    local limit = rate_limit.new { requests = 100, seconds = 10, tokens = 100 }
    local first = limit:take(60, 0)
    limit:take(60, 10)
    assert.is_false(limit:correct(first, 10, 11))
    assert.equal(20, select(2, limit:take(60, 11)))
  end)

  it("takes the later of both limits", function ()
    local limit = rate_limit.new { requests = 1, seconds = 10, tokens = 100 }
    limit:correct(limit:take(50, 0), 100, 3)
    assert.equal(13, select(2, limit:take(60, 4)))
    assert.equal(10, select(2, limit:take(50, 4)))
  end)

  it("keeps no times where it has no limit of requests", function ()
    local limit = rate_limit.new { seconds = 1, tokens = 10 }
    for i = 1, 100 do limit:correct(assert(limit:take(0, i)), 10, i) end
    assert.same({}, limit.times)
    assert.equal(101, select(2, limit:take(0, 100.5)))
  end)

  it("keeps no tokens where it has no limit of tokens", function ()
    local limit = rate_limit.new { requests = 1000, seconds = 1 }
    for i = 1, 5000 do limit:correct(assert(limit:take(5, i * 0.01)), 7, i * 0.01) end
    assert.same({}, limit.entries)
    assert.is_true(#limit.times <= 1000)
  end)
end)
