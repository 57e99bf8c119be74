-- SPDX-License-Identifier: MIT
--- Batches with the stand-in server, in every loop.

local async = require "predibase.async"
local cqueues = require "cqueues"
local lifetime = require "spec.support.lifetime"
local server = require "spec.support.server"
local uv = require "luv"

local N = 40

-- Lua 5.1 cannot yield inside `for … in`.
local yields_anywhere = _VERSION ~= "Lua 5.1" or rawget(_G, "jit") ~= nil
local only_there = yields_anywhere and it or pending

describe("a batch", function ()
  local s, client

  setup(function () s = lifetime.serve() end)
  teardown(function () server.stop() end)
  after_each(function ()
    client:close()
    uv.run "nowait"
    assert.is_true(lifetime.quiet(s))
  end)

  local function new (path, options)
    client = lifetime.client(s, path, options)
    return client
  end

  local function many (options)
    local list = {}
    for i = 1, N do list[i] = "prompt " .. i end
    return client:generate_many(list, options)
  end

  local function check (results, errs)
    assert.same({}, errs)
    assert.equal(N, #results)
    for i = 1, N do assert.equal(lifetime.TEXT, tostring(results[i])) end
  end

  --- Runs a function in a coroutine, and luv's loop until the function has ended.
  local function in_luv (f)
    local ended
    coroutine.wrap(function ()
      f()
      ended = true
    end)()
    assert.is_nil(ended)
    local timer = uv.new_timer()
    uv.timer_start(timer, 5, 5, function () end)
    assert.is_true(server.run_until(function () return ended end, 20))
    uv.close(timer)
  end

  it("blocks without a loop, and uses as many connections as its concurrency", function ()
    new()
    check(many({ concurrency = 4 }):results())
    assert.is_true(s:connections().accepted >= 4)
    for index, result, err in many() do
      assert.is_true(index <= N)
      assert.is_nil(err)
      assert.equal(lifetime.TEXT, tostring(result))
    end
  end)

  it("lets other tasks run", function ()
    new()
    local ticks, results = 0, nil
    async.run(function ()
      local ticker = async.spawn(function ()
        while true do
          async.sleep(0)
          ticks = ticks + 1
        end
      end)
      local two = async.gather {
        function () return { many({ concurrency = 3 }):results() } end,
        function () return { many():results() } end,
      }
      results = two
      ticker:cancel()
    end)
    check(results[1][1], results[1][2])
    check(results[2][1], results[2][2])
    assert.is_true(ticks > 0)
  end)

  only_there("is a for loop in a task", function ()
    new()
    local seen = 0
    async.run(function ()
      for _, result in many() do
        assert(result)
        seen = seen + 1
      end
    end)
    assert.equal(N, seen)
  end)

  it("is cancelled with its task", function ()
    new("/mute")
    async.run(function ()
      local task = async.spawn(function () return many({ concurrency = 5 }):results() end)
      while client.transport:size() < 5 do async.sleep(0.001) end
      task:cancel()
      assert.equal("cancelled", select(2, task:join()).kind)
      assert.equal(0, client.transport:size())
    end)
  end)

  it("can be closed by another task, and read by only one", function ()
    new("/mute")
    async.run(function ()
      local batch = many({ concurrency = 5 })
      local task = async.spawn(function () return batch:next() end)
      while client.transport:size() < 5 do async.sleep(0.001) end
      local ok, err = async.spawn(function () return batch:next() end):join()
      assert.is_false(ok)
      assert.is_truthy(err:find("already waiting for this batch", 1, true))
      batch:close()
      local index, _, why = task:await()
      assert.is_nil(index)
      assert.equal("cancelled", why.kind)
    end)
  end)

  it("is woken by its own exchanges only, and by each once", function ()
    new()
    local loop, resumed, results = client.transport.loop, 0, nil
    local suspend = loop.suspend
    loop.suspend = function (self, x)
      resumed = resumed + 1
      return suspend(self, x)
    end
    async.run(function ()
      results = { many():results() }
    end)
    loop.suspend = nil
    check(results[1], results[2])
    assert.is_true(resumed <= N)
  end)

  it("waits in the loop of luv", function ()
    new(nil, { loop = require "predibase.loop.luv".new() })
    local results
    in_luv(function () results = { many():results() } end)
    check(results[1], results[2])
    check(many():results())       -- and in the main program
  end)

  it("waits in a controller of cqueues", function ()
    new(nil, { loop = require "predibase.loop.cqueues".new() })
    local cq, results = cqueues.new(), nil
    cq:wrap(function () results = { many():results() } end)
    assert(cq:loop(20))
    check(results[1], results[2])
  end)

  it("waits for a rate limit in each loop while no request is open", function ()
    for name, go in pairs {
      blocking = function (f) f() end,
      async = function (f) async.run(f) end,
      luv = in_luv,
      cqueues = function (f)
        local cq = cqueues.new()
        cq:wrap(f)
        assert(cq:loop(20))
      end,
    } do
      s:script("/limited/generate", { { status = 429, headers = { ["retry-after-ms"] = "30" } },
        { answer = lifetime.ANSWER } })
      local loop
      if name == "luv" or name == "cqueues" then
        loop = require("predibase.loop." .. name).new()
      end
      new("/limited", { loop = loop, max_retries = 2 })
      local results
      go(function () results = client:generate_many({ "x" }):results() end)
      assert.equal(lifetime.TEXT, tostring(results[1]))
      assert.equal(2, results[1].attempts)
      client:close()
      uv.run "nowait"
    end
  end)

  it("is closed when the program drops it and it is collected", function ()
    new("/mute")
    async.run(function ()
      local task = async.spawn(function ()
        local batch = many({ concurrency = 5 })
        return batch:next()
      end)
      while client.transport:size() < 5 do async.sleep(0.001) end
      task:cancel()
    end)
    lifetime.collect()
    assert.equal(0, client.transport:size())
    assert.is_true(lifetime.has_open(s, 0))
  end)
end)
