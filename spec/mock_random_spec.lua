-- SPDX-License-Identifier: MIT

local random = require "predibase.mock.random"

describe("predibase.mock.random", function()
  it("gives the same numbers for the same seed on every Lua", function()
    local next_number = random.new("42")
    local expected = { 0.60961436955477, 0.5242770795184, 0.71203729249905 }
    for _, number in ipairs(expected) do
      assert.is_true(math.abs(next_number() - number) < 1e-13)
    end
  end)

  it("gives other numbers for the neighbouring seed and for the largest one", function()
    local a, b = random.new("1"), random.new("2")
    local c, d = random.new("18446744073709551615"), random.new("18446744073709551614")
    assert.is_true(math.abs(a() - b()) > 1e-6)
    assert.is_true(math.abs(c() - d()) > 1e-6)
  end)

  it("stays inside [0, 1) and is spread evenly", function()
    local next_number, bins = random.new("7"), {}
    for i = 0, 9 do bins[i] = 0 end
    for _ = 1, 20000 do
      local x = next_number()
      assert.is_true(x >= 0 and x < 1)
      bins[math.floor(x * 10)] = bins[math.floor(x * 10)] + 1
    end
    for i = 0, 9 do assert.is_true(bins[i] > 1800 and bins[i] < 2200) end
  end)

  it("knows which decimal texts are a u64", function()
    assert.is_true(random.is_u64("0"))
    assert.is_true(random.is_u64("18446744073709551615"))
    assert.is_false(random.is_u64("18446744073709551616"))
    assert.is_false(random.is_u64("99999999999999999999999"))
  end)

  it("writes two 32-bit halves as decimal text", function()
    assert.are.equal("0", random.decimal(0, 0))
    assert.are.equal("4294967295", random.decimal(0, 4294967295))
    assert.are.equal("4294967296", random.decimal(1, 0))
    assert.are.equal("18446744073709551615", random.decimal(4294967295, 4294967295))
  end)

  it("draws seeds that are a u64 themselves", function()
    local next_number = random.new("5")
    for _ = 1, 50 do
      local seed = random.seed(next_number)
      assert.is_truthy(seed:find("^%d+$"))
      assert.is_true(random.is_u64(seed))
    end
  end)
end)
