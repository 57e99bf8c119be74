-- SPDX-License-Identifier: MIT
local concurrency = require "predibase.throttle.concurrency"

describe("a limit of requests at the same time", function ()
  it("has as many places as it says", function ()
    local limit = concurrency.new(2)
    local a, b = limit:take(0, 1), limit:take(0, 1)
    assert.is_nil(limit:take(0, 1))
    limit:give_back(a)
    limit:give_back(a)
    assert.is_table(limit:take(0, 1))
    assert.is_nil(limit:take(0, 1))
    assert.is_table(b)
  end)

  it("takes back the places of requests that were dropped", function ()
    local limit = concurrency.new(2)
    local kept = limit:take(0, 1)
    limit:take(0, 1)
    collectgarbage()
    local second = limit:take(0, 1)
    assert.is_table(second)
    assert.is_nil(limit:take(0, 1))
    assert.is_table(kept)
  end)

  it("collects the garbage when nothing else happens, less and less often", function ()
    local collected = {}
    local now = 0
    local limit = concurrency.new(1, function () collected[#collected + 1] = now end)
    local place = limit:take(0, now)
    for i = 0, 200 do
      now = i
      limit:take(0, now)
    end
    assert.same({ 1, 3, 7, 15, 31, 63, 123, 183 }, collected)
    limit:give_back(place)
    place, now = limit:take(0, 300), 300
    assert.is_table(place)
    limit:take(0, 301)
    assert.equal(8, #collected)
    now = 302
    limit:take(0, 302)
    assert.equal(9, #collected)
  end)
end)
