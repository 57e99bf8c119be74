-- SPDX-License-Identifier: MIT
local random = require "predibase.random"

describe("random.of_process", function ()
  it("starts with a new seed in a copy of its process", function ()
    local me, time = 1, 5
    local draw = random.of_process(function () return me end, function () return time end)
    local first = { draw(), draw() }
    me = 2                    -- what a worker of nginx sees after the fork
    local second = { draw(), draw() }
    assert.not_same(first, second)
    me = 1
    draw()
    assert.not_equal(first[2], second[2])
  end)

  it("is a plain generator where there are no copies", function ()
    local draw = random.of_process(nil, function () return 7 end)
    for _ = 1, 100 do
      local number = draw()
      assert.is_true(number >= 0 and number < 1)
    end
  end)
end)

describe("random.new", function ()
  it("returns numbers from 0 up to but not including 1", function ()
    for _, seed in ipairs { 0, 1, -1, 42, 0.5, 2147483646, 2147483647, 1e15, -1e15 } do
      local draw = random.new(seed)
      for _ = 1, 1000 do
        local number = draw()
        assert.is_true(number >= 0 and number < 1)
      end
    end
  end)

  it("returns the same numbers for the same seed, on every Lua", function ()
    local a, b = random.new(42), random.new(42)
    for _ = 1, 100 do assert.equal(a(), b()) end
    -- Park and Miller's sequence from 1: 48271 (thrown away), 182605794, 1291394886, …
    local draw = random.new(0)
    assert.equal(182605794, math.floor(draw() * 2147483646 + 1.5))
    assert.equal(1291394886, math.floor(draw() * 2147483646 + 1.5))
  end)

  it("returns different numbers for similar seeds", function ()
    local seen = {}
    for seed = 1, 100 do
      local number = random.new(seed)()
      assert.is_nil(seen[number])
      seen[number] = true
    end
  end)

  it("distributes numbers evenly enough for jitter", function ()
    local draw, counts = random.new(7), {}
    for _ = 1, 10000 do
      local tenth = math.floor(draw() * 10)
      counts[tenth] = (counts[tenth] or 0) + 1
    end
    for tenth = 0, 9 do assert.is_true(counts[tenth] > 800 and counts[tenth] < 1200) end
  end)

  it("does not use math.random", function ()
    math.randomseed(5)
    local wanted = { math.random(), math.random() }
    math.randomseed(5)
    local draw = random.new(random.seed(1.5))
    draw()
    local first = math.random()
    random.id(draw)
    assert.same(wanted, { first, math.random() })
  end)
end)

describe("random.seed", function ()
  it("is a valid seed for any time of the clock", function ()
    for _, now in ipairs { 0, 0.25, 1e9, 123456.789 } do
      local seed = random.seed(now)
      assert.is_true(seed == seed and math.abs(seed) < 1e16)
      assert.is_number(random.new(seed)())
    end
  end)

  it("accepts an address in any format, or none", function ()
    local real = tostring
    finally(function () rawset(_G, "tostring", real) end)
    for _, text in ipairs { "table: 0x55d0c8e3a2b0", "table: 00A3F2C8", "table: (nil)", "table" } do
      rawset(_G, "tostring", function () return text end)
      local ok, seed = pcall(random.seed, 1.5)
      rawset(_G, "tostring", real)
      assert.is_true(ok, seed)
      assert.is_number(seed)
    end
  end)

  it("differs between two moments of the same second", function ()
    assert.not_equal(random.seed(1.25), random.seed(1.5))
  end)
end)

describe("random.id", function ()
  it("has 24 hexadecimal digits", function ()
    assert.is_truthy(random.id(random.new(1)):find("^" .. ("%x"):rep(24) .. "$"))
    assert.equal(("0"):rep(24), random.id(function () return 0 end))
    assert.equal(("f"):rep(24), random.id(function () return 1 - 2 ^ -30 end))
  end)

  it("is different each time", function ()
    local draw, seen = random.new(3), {}
    for _ = 1, 2000 do
      local id = random.id(draw)
      assert.is_nil(seen[id])
      seen[id] = true
    end
  end)
end)
