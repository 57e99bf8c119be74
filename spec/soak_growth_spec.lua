-- SPDX-License-Identifier: MIT
-- once: the module under test only computes
-- `make soak` fails when memory or descriptors grow steadily, and only then.
local growth = require "spec.soak.growth"
local random = require "spec.support.random"

local function series (n, f)
  local samples = {}
  for i = 1, n do samples[i] = f(i) end
  return samples
end

describe("The rule for growth", function ()
  local rng

  before_each(function () rng = random.new(77) end)

  it("accepts a level with noise, and single jumps", function ()
    for seed = 1, 200 do
      rng = random.new(seed)
      local noisy = series(30, function () return 30000 + rng:int(0, 8000) end)
      noisy[rng:int(1, 30)] = 90000
      assert.is_nil(growth.steady(noisy, 0))
    end
  end)

  it("accepts caches that fill at the beginning", function ()
    assert.is_nil(growth.steady(series(40, function (i)
      return 30000 + 20000 * math.min(1, i / 10)
    end), 0))
  end)

  it("accepts growth that comes back", function ()
    assert.is_nil(growth.steady(series(30, function (i) return 30000 + i % 6 * 5000 end), 0))
  end)

  it("accepts growth below the slack", function ()
    local rising = series(30, function (i) return 1000 + 10 * i end)
    assert.is_nil(growth.steady(rising, 500))
    assert.is_string(growth.steady(rising, 0))
  end)

  it("finds a leak under noise", function ()
    for _, length in ipairs { 12, 30, 360 } do
      local leak = series(length, function (i)
        return 30000 + 30000 * i / length + rng:int(0, 1500)
      end)
      assert.is_string(growth.steady(leak, 2048))
    end
  end)

  it("needs samples enough to judge", function ()
    assert.has_error(function () growth.steady(series(11, function () return 1 end), 0) end)
  end)
end)
