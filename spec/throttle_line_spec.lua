-- SPDX-License-Identifier: MIT
local line = require "predibase.throttle.line"

describe("the line of calls that wait for a limit", function ()
  local clock, free, queue

  before_each(function ()
    clock, free = 100, 0
    queue = line.new({ take = function (_, size, now)
      if free < size then return nil end
      free = free - size
      return { at = now }
    end }, function () return clock end)
  end)

  --- A ticket whose owner waits, and counts how often it is woken.
  local function waiting ()
    local owner = { woken = 0, here = true }
    function owner.wake () owner.woken = owner.woken + 1 end
    function owner.waits () return owner.here end
    return line.ticket(owner, false), owner
  end

  it("lets the first one through at once", function ()
    free = 1
    local ticket = waiting()
    assert.same({ at = 100 }, queue:ask(ticket, 1))
    assert.equal(0, queue:size())
  end)

  it("serves in the order of coming, whoever asks first", function ()
    local a, b = waiting(), waiting()
    assert.is_nil(queue:ask(a, 1))
    assert.is_nil(queue:ask(b, 1))
    free = 2
    local turn, at = queue:ask(b, 1)
    assert.is_nil(turn)
    assert.equal(clock + line.LOOK, at)
    assert.is_table(queue:ask(a, 1))
    assert.is_table(queue:ask(b, 1))
  end)

  it("wakes the next one when a turn is taken, and when the first one leaves", function ()
    local a = waiting()
    local b, of_b = waiting()
    local c, of_c = waiting()
    for _, ticket in ipairs { a, b, c } do queue:ask(ticket, 1) end
    free = 1
    queue:ask(a, 1)
    assert.equal(1, of_b.woken)
    queue:leave(c)
    assert.equal(1, of_b.woken)      -- it was the first before
    c = line.ticket(of_c, false)
    queue:ask(c, 1)
    queue:leave(b)
    queue:leave(b)
    assert.equal(1, of_c.woken)
    assert.equal(1, queue:size())
  end)

  it("passes over those whose coroutine is gone, and lets them in again at the end", function ()
    local a, of_a = waiting()
    local b = waiting()
    queue:ask(a, 1)
    queue:ask(b, 1)
    of_a.here, free = false, 1
    assert.is_table(queue:ask(b, 1))
    free = 1
    assert.is_table(queue:ask(a, 1))
  end)

  it("keeps the place of one that only asks for PATIENCE seconds", function ()
    local a, b = line.ticket({}, false), waiting()
    queue:ask(a, 1)
    queue:ask(b, 1)
    free, clock = 1, clock + line.PATIENCE
    assert.is_nil(queue:ask(b, 1))
    clock = clock + 0.5
    assert.is_table(queue:ask(b, 1))
  end)

  it("passes over tickets that were collected", function ()
    local a, b = waiting(), waiting()
    queue:ask(a, 1)
    queue:ask(b, 1)
    a, free = nil, 1
    collectgarbage()
    collectgarbage()
    assert.is_nil(a)
    assert.equal(1, queue:size())
    assert.is_table(queue:ask(b, 1))
  end)

  it("lets another attempt of the same call in at the front", function ()
    local a, b = waiting(), line.ticket({}, true)
    queue:ask(a, 1)
    queue:ask(b, 1)
    free = 2
    assert.is_nil(queue:ask(a, 1))
    assert.is_table(queue:ask(b, 1))
    assert.is_table(queue:ask(a, 1))
  end)

  it("says when the limit allows the next one", function ()
    queue = line.new({ take = function () return nil, 105 end }, function () return clock end)
    local a, b = waiting(), waiting()
    assert.equal(105, select(2, queue:ask(a, 1)))
    assert.equal(clock + line.LOOK, select(2, queue:ask(b, 1)))
  end)

  it("serves ten thousand in order without searching", function ()
    local tickets, served = {}, {}
    for i = 1, 10000 do
      tickets[i] = waiting()
      queue:ask(tickets[i], 1)
    end
    for i = 1, 10000 do
      free = 1
      served[i] = queue:ask(tickets[i], 1) and i
    end
    assert.equal(10000, #served)
    assert.equal(0, queue:size())
  end)
end)
