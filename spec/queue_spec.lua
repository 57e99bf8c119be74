-- SPDX-License-Identifier: MIT
local queue = require "predibase.queue"

describe("a queue", function ()
  it("returns values in the order in which they were added", function ()
    local q = queue.new()
    assert.is_nil(q:pop())
    q:push "a"
    q:push(false)
    assert.equal(2, q:size())
    assert.equal("a", q:pop())
    q:push "c"
    assert.is_false(q:pop())
    assert.equal("c", q:pop())
    assert.is_nil(q:pop())
    assert.equal(0, q:size())
  end)

  it("keeps no reference to removed values", function ()
    local q = queue.new()
    for i = 1, 1000 do q:push { i } end
    for _ = 1, 1000 do q:pop() end
    for key in pairs(q) do assert.is_string(key) end
    assert.equal(0, q:size())
  end)
end)
