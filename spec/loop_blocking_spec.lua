-- SPDX-License-Identifier: MIT
local blocking = require "predibase.loop.blocking"
local pipe = require "spec.support.pipe_transport"
local wire = require "spec.support.wire"

describe("the blocking loop", function ()
  it("waits by calling step without a time limit", function ()
    local loop, waits = blocking.new(), {}
    loop:watch(nil, function () return nil end, function (seconds)
      waits[#waits + 1] = seconds == nil and "without limit" or seconds
    end)
    assert.is_nil(loop:suspend())
    assert.same({ "without limit" }, waits)
  end)

  it("returns the error that ends a step early instead of raising it", function ()
    local loop, why = blocking.new(), { "interrupted" }
    loop:watch(nil, nil, function () error(why, 0) end)
    assert.equal(why, loop:suspend())
  end)

  it("does nothing in resume", function ()
    local loop = blocking.new()
    loop:resume(true)
    loop:resume(coroutine.create(function () error "never" end))
    assert.is_function(loop.resume)
  end)

  it("is one per client", function ()
    local a, b, steps = blocking.new(), blocking.new(), {}
    a:watch(nil, nil, function () steps[#steps + 1] = "a" end)
    b:watch(nil, nil, function () steps[#steps + 1] = "b" end)
    a:suspend()
    b:suspend()
    assert.same({ "a", "b" }, steps)
  end)

  it("lets an interrupted wait be continued", function ()
    local client, network = pipe.client { pieces = { wire.token " The", 1, wire.token " sky", 1,
      wire.closing(".", " The sky.") } }
    local s = client:generate_stream "x"
    s:next()
    -- Like a signal handler that raises an error while the program waits.
    local step, raised = client.transport.loop.step, false
    client.transport.loop.step = function (seconds)
      if not raised then
        raised = true
        error("interrupted!", 0)
      end
      return step(seconds)
    end
    local ok, message = pcall(s.next, s)
    assert.is_false(ok)
    assert.equal("interrupted!", message)
    assert.equal(" sky", s:next().text)
    assert.equal(" The sky.", s:text())
    assert.is_false(network.requests[1].aborted)
  end)

  it("closes the connection of an interrupted call that cannot be continued", function ()
    local client, network = pipe.client { pieces = { "{", 5, "}" } }
    client.transport.loop.suspend = function () return "interrupted!" end
    local ok, message = pcall(client.generate, client, "x")
    assert.is_false(ok)
    assert.equal("interrupted!", message)
    assert.is_true(network.requests[1].aborted)
    assert.equal(0, client.transport:size())
  end)

  it("serves streams that are read alternately", function ()
    local client = pipe.client { pieces = { wire.token " The", 1, wire.token " sky", 1,
      wire.closing(".", " The sky.") } }
    local a, b, texts = client:generate_stream "x", client:generate_stream "y", {}
    for _ = 1, 3 do
      texts[#texts + 1] = a:next().text
      texts[#texts + 1] = b:next().text
    end
    assert.same({ " The", " The", " sky", " sky", ".", "." }, texts)
    assert.same({}, { a:next() })
    assert.same({}, { b:next() })
  end)

  it("serves streams in coroutines that never yield to each other", function ()
    local client = pipe.client { pieces = { 1, wire.answer() } }
    local texts = {}
    for i = 1, 3 do
      local co = coroutine.create(function () texts[i] = client:generate_stream "x":text() end)
      assert.is_true(coroutine.resume(co))
      assert.equal("dead", coroutine.status(co))
    end
    assert.same({ " The sky is blue.", " The sky is blue.", " The sky is blue." }, texts)
  end)
end)
