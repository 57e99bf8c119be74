-- SPDX-License-Identifier: MIT
--- One predibase.update() per frame, and streams that are polled.

local lifetime = require "spec.support.lifetime"
local predibase = require "predibase"
local server = require "spec.support.server"

describe("predibase.update", function ()
  local s, client, steps

  setup(function () s = lifetime.serve() end)
  teardown(function () server.stop() end)
  after_each(function ()
    client:close()
    predibase.update()        -- a closed client is none of its business
    assert.is_true(lifetime.quiet(s))
  end)

  --- Makes a client whose steps are counted.
  local function new (path)
    client = lifetime.client(s, path)
    client:generate_stream "x":poll()
    steps = 0
    local step = client.transport.step
    local function counting (seconds)
      steps = steps + 1
      assert.equal(0, seconds)
      return step(seconds)
    end
    client.transport.step, client.transport.loop.step = counting, counting
  end

  --- Returns all tokens of a stream that have arrived.
  local function drain (stream, texts)
    while true do
      local token, why = stream:poll()
      if not token then return why end
      if not token.special then texts[#texts + 1] = token.text end
    end
  end

  local function streams (n)
    local list, texts = {}, {}
    for i = 1, n do list[i], texts[i] = client:generate_stream "x", {} end
    return list, texts
  end

  it("drives all streams with one step per frame", function ()
    new()
    local list, texts = streams(20)
    local open, frames = 20, 0
    while open > 0 do
      frames = frames + 1
      local before = steps
      predibase.update()
      assert.equal(before + 1, steps)
      local ended = 0
      for i = 1, 20 do
        if list[i] then
          local why = drain(list[i], texts[i])
          if why ~= "pending" then
            assert.is_nil(why)
            list[i], ended = nil, ended + 1
          end
        end
      end
      open = open - ended
      -- The first frame opens connections, and each ended stream may take a step to release its
      -- connection. No other step may run.
      assert.is_true(frames == 1 or steps - before <= 1 + ended)
      assert.is_true(frames < 1000000)
    end
    for i = 1, 20 do assert.equal(lifetime.TEXT, table.concat(texts[i])) end
  end)

  it("drives streams that are not polled", function ()
    new "/slow"
    local list, texts = streams(1)
    assert.equal("pending", drain(list[1], texts[1]))
    while not list[1].exchange.raw:head() do predibase.update() end
    assert.equal(0, #texts[1])
    while drain(list[1], texts[1]) do predibase.update() end
    assert.equal(lifetime.TEXT, table.concat(texts[1]))
  end)

  it("is not needed: polling works without it, also after it is not called any more", function ()
    new()
    predibase.update()
    local list, texts = streams(1)
    while drain(list[1], texts[1]) do assert.is_true(steps < 1000000) end
    assert.equal(lifetime.TEXT, table.concat(texts[1]))
  end)

  it("does nothing if no client is in use", function ()
    client = lifetime.client(s)
    assert.equal(0, select("#", predibase.update()))
    client:close()
    assert.equal(0, select("#", predibase.update()))
  end)
end)
