-- SPDX-License-Identifier: MIT
local spendings = require "predibase.bulk.spending"

describe("the spending of a bulk run", function ()
  it("has no limit and no cost unless told", function ()
    local spending = spendings.new {}
    for _ = 1, 10 do spending:add(1000, 1000) end
    assert.is_nil(spending:exceeded(100))
    assert.is_nil(spending:cost())
    assert.is_false(spending:is_uncounted())
    assert.equal(10000, spending.tokens_in)
    assert.equal(10000, spending.tokens_out)
  end)

  it("costs what a million tokens cost", function ()
    local spending = spendings.new { price_in = 0.5, price_out = 2 }
    spending:add(1e6, 250000)
    assert.equal(1, spending:cost())
    spending = spendings.new { price_out = 4 }
    spending:add(1e6, 500000)
    assert.equal(2, spending:cost())
  end)

  it("counts rows under way as the mean of those that have ended", function ()
    local spending = spendings.new { max_tokens = 100 }
    assert.is_nil(spending:exceeded(0))        -- nothing is known yet
    assert.equal("max_tokens", spending:exceeded(1))
    spending:add(5, 5)
    spending:add(15, 15)                       -- 40 tokens, 20 for a row
    assert.is_nil(spending:exceeded(0))
    assert.is_nil(spending:exceeded(2))        -- 40 + 3 * 20
    assert.equal("max_tokens", spending:exceeded(3))
    spending:add(30, 10)
    assert.is_nil(spending:exceeded(-1))
    assert.equal("max_tokens", spending:exceeded(0))
  end)

  it("takes one row first, whose tokens tell what the others need", function ()
    assert.is_nil(spendings.new({}):exceeded(50))
    local spending = spendings.new { max_cost = 1, price_in = 1 }
    assert.is_nil(spending:exceeded(0))
    assert.equal("max_cost", spending:exceeded(1))
    spending:add(10, 10)
    assert.is_nil(spending:exceeded(50))
  end)

  it("is over when the limit is reached exactly", function ()
    local spending = spendings.new { max_tokens = 10 }
    spending:add(5, 5)
    assert.equal("max_tokens", spending:exceeded(0))
    spending = spendings.new { max_cost = 0, price_in = 1 }
    assert.equal("max_cost", spending:exceeded(0))
  end)

  it("keeps the limit of the cost", function ()
    local spending = spendings.new { max_cost = 1, price_in = 10, price_out = 10 }
    spending:add(20000, 10000)
    assert.is_nil(spending:exceeded(1))
    assert.equal("max_cost", spending:exceeded(3))
  end)

  it("cannot keep a limit when the server does not count", function ()
    local spending = spendings.new { max_tokens = 10 }
    assert.is_false(spending:is_uncounted())
    spending:add(nil, 3)
    assert.is_false(spending:is_uncounted())
    spending:add(nil, nil)
    assert.is_true(spending:is_uncounted())
    local free = spendings.new {}
    free:add(nil, nil)
    assert.is_false(free:is_uncounted())
  end)
end)
