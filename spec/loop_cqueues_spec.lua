-- SPDX-License-Identifier: MIT
-- long: waits for timers of libcurl
--- Streams in a controller of cqueues, next to a timer of the program.

local cqueues = require "cqueues"
local lifetime = require "spec.support.lifetime"
local loops = require "predibase.loop.cqueues"
local server = require "spec.support.server"

describe("the loop of cqueues", function ()
  local s, client, cq

  setup(function () s = lifetime.serve() end)
  teardown(function () server.stop() end)
  before_each(function () cq = cqueues.new() end)
  after_each(function ()
    client:close()
    assert.is_true(lifetime.quiet(s))
  end)

  local function new(path, options)
    options = options or {}
    options.loop = options.loop or loops.new()
    client = lifetime.client(s, path, options)
    return client
  end

  --- Runs the controller until all of its coroutines have ended.
  local function run()
    cq:wrap(function ()
      for _ = 1, 2000 do
        if cq:count() == 1 then return end
        cqueues.sleep(0.01)
      end
      error "this takes too long"
    end)
    assert(cq:loop())
    assert.equal(0, cq:count())
  end

  --- Reads with next, because a coroutine of Lua 5.1 cannot yield in a for loop.
  local function read(stream)
    local token, err
    repeat token, err = stream:next() until not token
    return err
  end

  it("runs 100 streams beside a timer", function ()
    new()
    local texts, ticks, ended = {}, 0, 0
    for i = 1, 100 do
      cq:wrap(function ()
        texts[i] = client:generate_stream "x":text()
        ended = ended + 1
      end)
    end
    cq:wrap(function ()
      while ended < 100 do
        cqueues.sleep(0.001)
        ticks = ticks + 1
      end
    end)
    run()
    for i = 1, 100 do assert.equal(lifetime.TEXT, texts[i]) end
    assert.is_true(ticks > 0)
  end)

  it("lets a timer tick while 100 streams wait, without being polled", function ()
    new("/hang", { timeout = { token = 3600, idle = 3600 } })
    local streams, kinds, steps, ticks, polled = {}, {}, 0, 0, nil
    for i = 1, 100 do
      streams[i] = client:generate_stream "x"
      cq:wrap(function () kinds[i] = read(streams[i]).kind end)
    end
    cq:wrap(function ()
      local waiting
      repeat
        cqueues.sleep(0.001)
        waiting = 0
        for i = 1, 100 do if streams[i].count == 2 then waiting = waiting + 1 end end
        -- Wait until libcurl's own timers have expired too.
      until waiting == 100 and (client.transport.loop.timeout() or math.huge) > 2
      local step = client.transport.loop.step
      client.transport.loop.step = function (seconds)
        steps = steps + 1
        return step(seconds)
      end
      for _ = 1, 50 do
        cqueues.sleep(0.001)
        ticks = ticks + 1
      end
      polled = steps
      for i = 1, 100 do streams[i]:close() end
    end)
    run()
    assert.equal(50, ticks)
    assert.is_true(polled < 10, polled)     -- libcurl may have a timer of its own
    for i = 1, 100 do assert.equal("cancelled", kinds[i]) end
  end)

  it("continues in another controller when one was dropped", function ()
    new "/hang"
    for _, collects in ipairs { false, true } do
      local abandoned, other = cqueues.new(), nil
      local stream = client:generate_stream "x"
      abandoned:wrap(function () read(stream) end)
      repeat assert(abandoned:step(0.01)) until stream.count == 2
      assert.is_true(abandoned:count() > 0)
      if collects then
        assert.is_truthy(abandoned)
        abandoned = nil -- luacheck: ignore 311
        lifetime.collect()
      end
      cq = cqueues.new()
      cq:wrap(function () other = tostring(client:generate "x") end)
      run()
      assert.equal(lifetime.TEXT, other)
      stream:close()
    end
  end)

  it("leaves no coroutine behind while no call waits", function ()
    new()
    for _ = 1, 2 do
      local text
      cq:wrap(function () text = tostring(client:generate "x") end)
      run()
      assert.equal(lifetime.TEXT, text)
    end
  end)

  it("blocks outside of a controller, and in coroutines that the program made itself", function ()
    new()
    assert.equal(lifetime.TEXT, tostring(client:generate "x"))
    local text
    cq:wrap(function ()
      assert(coroutine.resume(coroutine.create(function ()
        text = client:generate_stream "x":text()
      end)))
    end)
    run()
    assert.equal(lifetime.TEXT, text)
  end)

  it("wakes waiting calls when their client is closed, and releases the descriptor", function ()
    local first = new "/hang"
    local kinds = {}
    for i = 1, 3 do
      cq:wrap(function () kinds[i] = read(first:generate_stream "x").kind end)
    end
    cq:wrap(function ()
      while first.transport:size() < 3 do cqueues.sleep(0.001) end
      cqueues.sleep(0.01)
      first:close()
      new()                   -- may get the same descriptor
      kinds[4] = tostring(client:generate "x")
    end)
    run()
    assert.same({ "cancelled", "cancelled", "cancelled", lifetime.TEXT }, kinds)
  end)

  it("notices a timeout that expires earlier than the one it waits for", function ()
    local mute = new("/mute", { timeout = { first_token = 3600, idle = 3600, connect = 3600 } })
    local order = {}
    cq:wrap(function ()
      local stream = mute:generate("x", { timeout = 0.2 })
      order[#order + 1] = "later"
      return stream
    end)
    cq:wrap(function ()
      while mute.transport:size() < 1 do cqueues.sleep(0.001) end
      local _, err = mute:generate("x", { timeout = 0.02 })
      order[#order + 1] = err.kind
    end)
    run()
    assert.same({ "timeout", "later" }, order)
  end)

  it("retries like the blocking loop", function ()
    s:script("/again/generate", { overload = 1, answer = lifetime.ANSWER })
    new("/again", { max_retries = 2 })
    local text
    cq:wrap(function () text = tostring(client:generate "x") end)
    run()
    assert.equal(lifetime.TEXT, text)
  end)

  it("is one per client", function ()
    local loop = loops.new()
    local other = new(nil, { loop = loop })
    other:generate "x"
    new(nil, { loop = loop })
    assert.has_error(function () client:generate "x" end,
      "predibase.loop.cqueues: each client needs its own loop object")
    other:close()
  end)
end)
