-- SPDX-License-Identifier: MIT
local pipe = require "spec.support.pipe_transport"
local throttle = require "predibase.throttle"

describe("the turn of a request", function ()
  local client, network, limits, transport

  before_each(function ()
    client, network = pipe.client()
    transport = client.transport
  end)

  after_each(function () client:close() end)

  local function limit (options)
    limits = throttle.limits(options, network.now)
    return limits
  end

  it("does not exist without limits", function ()
    assert.is_nil(throttle.limits({}, network.now))
    assert.is_nil(throttle.limits({ concurrency = false, rate_limit = false }, network.now,
      throttle.limits({ concurrency = 1 }, network.now)))
  end)

  it("shares the limits of another client unless it has its own", function ()
    local base = throttle.limits({ concurrency = 1, rate_limit = { requests = 1, seconds = 1 } },
      network.now)
    local view = throttle.limits({}, network.now, base)
    assert.equal(base.concurrency, view.concurrency)
    assert.equal(base.rate, view.rate)
    view = throttle.limits({ concurrency = 2, rate_limit = false }, network.now, base)
    assert.not_equal(base.concurrency, view.concurrency)
    assert.is_nil(view.rate)
  end)

  it("comes at once as long as the limits allow it", function ()
    limit { concurrency = 2 }
    local a, b, c = throttle.new(limits, 0), throttle.new(limits, 0), throttle.new(limits, 0)
    assert.is_true(a:ask())
    assert.is_true(a:ask())              -- asking again takes nothing more
    assert.is_true(b:wait(transport))
    assert.is_nil(c:ask())
    local done = a:begin()
    assert.is_nil(c:ask())
    done()
    done()
    assert.is_true(c:ask())
    assert.is_nil(a:ask())
  end)

  it("waits for the rate limit", function ()
    limit { rate_limit = { requests = 1, seconds = 10 } }
    local began = network.clock
    for _ = 1, 3 do
      local one = throttle.new(limits, 0)
      assert.is_true(one:wait(transport))
      one:begin()()
    end
    assert.equal(began + 20, network.clock)
  end)

  it("gives up at the deadline, and gives its place in the line back", function ()
    limit { rate_limit = { requests = 1, seconds = 10 } }
    assert.is_true(throttle.new(limits, 0):ask())
    local late = throttle.new(limits, 0)
    local ok, failure = late:wait(transport, network.clock + 4)
    assert.is_nil(ok)
    assert.equal("timeout", failure.kind)
    assert.equal("total", failure.phase)
    assert.is_false(failure.sent)
    assert.is_truthy(failure.message:find("rate_limit", 1, true))
    assert.equal(0, limits.rate:size())
    assert.is_true(late:wait(transport, network.clock + 100))
  end)

  it("waits for its own delay before it enters the line", function ()
    limit { rate_limit = { requests = 1, seconds = 10 } }
    local again, other = throttle.new(limits, 0), throttle.new(limits, 0)
    assert.is_true(again:ask())
    again:begin()()
    again:renew(30)
    assert.equal(network.clock + 30, select(2, again:ask()))
    assert.is_true(other:wait(transport))
    assert.is_true(again:wait(transport))
    assert.equal(1030, network.clock)
  end)

  it("of another attempt comes before those of other calls", function ()
    limit { concurrency = 1 }
    local a, b = throttle.new(limits, 0), throttle.new(limits, 0)
    assert.is_true(a:ask())
    local done = a:begin()
    assert.is_nil(b:ask())
    done()
    a:renew(0)
    assert.is_true(a:ask())
    assert.is_nil(b:ask())
  end)

  it("ends the wait of another coroutine when it is left", function ()
    limit { concurrency = 1 }
    local holder, waiting = throttle.new(limits, 0), throttle.new(limits, 0)
    assert.is_true(holder:ask())
    local loop, resumed = client.transport.loop, nil
    loop.suspend = function () coroutine.yield() end
    loop.resume = function (_, co) resumed = co end
    local outcome
    local co = coroutine.create(function () outcome = { waiting:wait(transport) } end)
    assert(coroutine.resume(co))
    assert.equal(1, limits.concurrency:size())
    waiting:leave()
    assert.equal(co, resumed)
    assert(coroutine.resume(co))
    assert.is_nil(outcome[1])
    assert.equal("cancelled", outcome[2].kind)
    assert.equal(0, limits.concurrency:size())
    assert.is_true(holder:ask())
  end)

  it("is woken when a place is given back, in the order of coming", function ()
    limit { concurrency = 1 }
    local holder = throttle.new(limits, 0)
    assert.is_true(holder:ask())
    local loop, resumed, order, suspended = client.transport.loop, {}, {}, {}
    loop.suspend = function ()
      suspended[coroutine.running()] = true
      coroutine.yield()
    end
    loop.resume = function (_, co)
      if suspended[co] then resumed[#resumed + 1] = co end
      suspended[co] = nil
    end
    local done = holder:begin()
    local turns = {}
    for i = 1, 3 do
      turns[i] = throttle.new(limits, 0)
      assert(coroutine.resume(coroutine.create(function ()
        assert(turns[i]:wait(transport))
        order[#order + 1] = i
        turns[i]:begin()()
      end)))
    end
    done()
    while resumed[1] do assert(coroutine.resume(table.remove(resumed, 1))) end
    assert.same({ 1, 2, 3 }, order)
    assert.equal(0, limits.concurrency:size())
  end)

  it("goes to the next one when a waiting coroutine is gone", function ()
    limit { concurrency = 1 }
    local holder = throttle.new(limits, 0)
    assert.is_true(holder:ask())
    local loop = client.transport.loop
    loop.suspend = function (_, group)
      if group.fault then return group.fault end
      coroutine.yield()
      return group.fault
    end
    loop.resume = function () end
    local dead, next_one = throttle.new(limits, 0), throttle.new(limits, 0)
    -- An error that ends the wait, as that of a cancelled task, and kills the coroutine.
    local co = coroutine.create(function () dead:wait(transport) end)
    assert(coroutine.resume(co))
    dead.group.fault = "cancelled"
    assert.is_nil(next_one:ask())
    assert.is_false((coroutine.resume(co)))
    assert.equal(1, limits.concurrency:size())
    holder:begin()()
    assert.is_true(next_one:ask())
  end)

  it("fails when its client is closed", function ()
    limit { concurrency = 1 }
    assert.is_true(throttle.new(limits, 0):ask())
    client:close()
    local ok, failure = throttle.new(limits, 0):wait(transport)
    assert.is_nil(ok)
    assert.equal("cancelled", failure.kind)
  end)

  it("counts the tokens of an answer when they are known", function ()
    limit { rate_limit = { requests = 100, seconds = 10, tokens = 100 } }
    local a, b = throttle.new(limits, 0), throttle.new(limits, 0)
    assert.is_true(a:ask())
    a:begin()()
    a:used { prompt_tokens = 90, completion_tokens = 20 }
    a:used { total_tokens = 5000 }       -- only once
    assert.equal(network.clock + 10, select(2, b:ask()))
    a:used(nil)
  end)

  it("of one stream cannot be waited for twice", function ()
    limit { concurrency = 1 }
    local holder, waiting = throttle.new(limits, 0), throttle.new(limits, 0)
    assert.is_true(holder:ask())
    client.transport.loop.suspend = function () coroutine.yield() end
    assert(coroutine.resume(coroutine.create(function () waiting:wait(transport) end)))
    local ok, err = pcall(waiting.wait, waiting, transport)
    assert.is_false(ok)
    assert.is_truthy(tostring(err):find("another coroutine is already waiting", 1, true))
  end)
end)
