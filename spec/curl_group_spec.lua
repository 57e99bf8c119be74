-- SPDX-License-Identifier: MIT
--- Groups of exchanges for which one reader waits together, over a simulated network.
local pipe = require "spec.support.pipe_transport"

describe("a group of exchanges", function ()
  local client, network, transport, group

  before_each(function ()
    client, network = pipe.client(function (log)
      return { before = tonumber(log.body), body = "x" }
    end)
    transport = client.transport
    group = transport:group()
  end)
  after_each(function ()
    group:close()
    assert.equal(0, transport:size())
    client:close()
  end)

  local function open (seconds, delay)
    local exchange = assert(transport:open({ url = "http://127.0.0.1:8080/x", method = "POST",
      headers = {}, body = tostring(seconds) }, { timeout = {}, delay = delay }))
    group:add(exchange)
    return exchange
  end

  it("returns them in the order in which they end, each once", function ()
    local names = { [open(3)] = "third", [open(1)] = "first", [open(1, 1)] = "second" }
    local order = {}
    for i = 1, 3 do
      local exchange = group:next()
      order[i] = names[exchange]
      assert.equal("x", (exchange:body()))
      exchange:release()
    end
    assert.same({ "first", "second", "third" }, order)
    assert.equal(1003, network.clock)
    assert.is_nil(next(transport.members))
  end)

  it("stops waiting at a time, and can wait again", function ()
    local exchange = open(5)
    assert.is_nil(group:next(1002))
    assert.equal(1002, network.clock)
    assert.is_nil(group:next(1001))
    assert.equal(1002, network.clock)
    assert.equal(exchange, group:next(1010))
    assert.equal(1005, network.clock)
    exchange:close()
  end)

  it("includes the time that it waits for in the timeout of its loop", function ()
    open(5)
    local timeout = transport.loop.timeout
    group:next(1001)
    assert.equal(4, timeout())
    transport.timers:push(1002, {})
    assert.equal(1, timeout())
    network.clock = 1003
    assert.equal(0, timeout())
  end)

  it("returns one that other code has closed", function ()
    local exchange = open(1)
    exchange:close()
    assert.equal(exchange, group:next())
  end)

  it("returns all of them when the client is closed", function ()
    local a, b = open(5), open(6)
    client:close()
    local found = { [group:next()] = true, [group:next()] = true }
    assert.is_true(found[a] and found[b])
    assert.equal("cancelled", select(2, a:body()).kind)
  end)

  it("returns all of them when the pool cannot wait any more", function ()
    local a, b = open(5), open(6)
    transport.pool.step = function () return nil, "no more" end
    for _ = 1, 2 do
      local exchange = group:next()
      assert.is_true(exchange == a or exchange == b)
      local _, failure = exchange:body()
      assert.same({ "connection", "wait", "no more" },
        { failure.kind, failure.phase, failure.message })
    end
    transport.pool.step = nil
    a:close()
    b:close()
  end)

  it("closes its members, and then returns nothing", function ()
    open(5)
    local ended = open(0)
    assert.equal(ended, group:next())
    ended:release()
    group:close()
    group:close()
    assert.is_nil(group:next())
    assert.equal(0, transport:size())
    assert.is_true(network.requests[1].aborted)
  end)

  it("is collected with its exchanges when the program drops it", function ()
    open(5)
    group:next(1001)
    local weak = setmetatable({ group }, { __mode = "v" })
    group = transport:group()
    collectgarbage()
    collectgarbage()
    assert.is_nil(weak[1])
    assert.is_nil(next(transport.members))
    transport.pool:close()
    transport.pool.close = function () end
  end)
end)
