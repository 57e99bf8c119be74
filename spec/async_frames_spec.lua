-- SPDX-License-Identifier: MIT
--- Tasks that a program makes outside of `async.run`, for example one that draws frames.

local async = require "predibase.async"
local lifetime = require "spec.support.lifetime"
local predibase = require "predibase"
local server = require "spec.support.server"

describe("a task outside of async.run", function ()
  local s

  setup(function () s = lifetime.serve() end)
  teardown(function () server.stop() end)

  it("goes on at each update, and tells when it has ended", function ()
    local client = lifetime.client(s)
    local task = async.spawn(function (prompt)
      return tostring(assert(client:generate(prompt)))
    end, "Name a fruit.")
    assert.equal("running", task:status())
    repeat
      predibase.update()
      async.sleep(0.001)
    until task:status() ~= "running"
    assert.equal("done", task:status())
    assert.equal(lifetime.TEXT, task:await())
    client:close()
    assert.is_true(lifetime.quiet(s))
  end)

  it("may wait, sleep and make tasks", function ()
    local order = {}
    local task = async.spawn(function ()
      local values = async.gather {
        function () async.sleep(0.01) order[#order + 1] = "slow" return 1 end,
        function () order[#order + 1] = "fast" return 2 end,
      }
      return values[1] + values[2]
    end)
    assert.equal(3, task:await())
    assert.same({ "fast", "slow" }, order)
  end)

  it("keeps its error, which await raises and join returns", function ()
    local task = async.spawn(function () error("wrong", 0) end)
    predibase.update()
    assert.equal("failed", task:status())
    assert.matches("^wrong", select(2, pcall(task.await, task)))
    local ok, err = task:join()
    assert.is_false(ok)
    assert.matches("^wrong", err)
  end)

  it("goes on while async.run runs, which does not wait for it", function ()
    local seen = 0
    local task = async.spawn(function ()
      while true do
        seen = seen + 1
        async.sleep(0.001)
      end
    end)
    async.run(function () async.sleep(0.02) end)
    assert.is_true(seen > 1)
    assert.equal("running", task:status())
    assert.is_true(task:cancel())
    predibase.update()
    assert.equal("cancelled", task:status())
  end)

  it("goes on after a run that failed", function ()
    local task = async.spawn(function ()
      async.sleep(0.01)
      return "here"
    end)
    predibase.update()
    assert.matches("^run", select(2, pcall(async.run, function () error("run", 0) end)))
    assert.equal("here", task:await())
  end)

  it("does not hold up the wait for another task", function ()
    local slow = async.spawn(function () async.sleep(30) end)
    assert.equal("here", async.spawn(function () return "here" end):await())
    assert.equal("running", slow:status())
    slow:cancel()
    predibase.update()
    assert.equal("cancelled", slow:status())
  end)

  it("does not run when predibase.update() is called inside another task", function ()
    local order = {}
    local first = async.spawn(function ()
      predibase.update()
      order[#order + 1] = "first"
    end)
    local second = async.spawn(function () order[#order + 1] = "second" end)
    first:await()
    second:await()
    assert.same({ "first", "second" }, order)
  end)

  it("can be cancelled before it starts", function ()
    local ran = false
    local task = async.spawn(function () ran = true end)
    assert.is_true(task:cancel())
    assert.is_false(task:cancel())
    predibase.update()
    assert.equal("cancelled", task:status())
    assert.is_false(ran)
    assert.equal("cancelled", select(2, task:join()).kind)
  end)

  it("that waits for nothing is told as a deadlock to who waits for it", function ()
    local a, b
    a = async.spawn(function () b:await() end)
    b = async.spawn(function () a:await() end)
    assert.matches("deadlock", select(2, pcall(a.await, a)))
    a:cancel()
    assert.is_false((b:join()))
  end)

  it("of a run waits for one outside, and one outside for one of a run", function ()
    local outside = async.spawn(function ()
      async.sleep(0.01)
      return "out"
    end)
    local seen = async.run(function ()
      local inside = async.spawn(function ()
        async.sleep(0.01)
        return "in"
      end)
      local other = async.spawn(function () return outside:await() end)
      return inside:await() .. other:await()
    end)
    assert.equal("inout", seen)
    local task, result
    async.run(function ()
      local inside = async.spawn(function () async.sleep(60) end)
      task = async.spawn(function () result = { inside:join() } end)
      async.sleep(0)
      inside:cancel()
    end)
    assert.is_not_nil(task)
    assert.is_false(result[1])
  end)

  it("closes its connections when it is cancelled", function ()
    local client = lifetime.client(s, "/hang")
    local stream = client:generate_stream "x"
    local count = 0
    local task = async.spawn(function ()
      while stream:next() do count = count + 1 end
    end)
    while count < 2 do
      predibase.update()
      async.sleep(0.001)
    end
    task:cancel()
    predibase.update()
    assert.equal("cancelled", task:status())
    assert.equal(0, client.transport:size())
    client:close()
  end)

  it("may close its own client", function ()
    local client = lifetime.client(s, "/hang")
    local task = async.spawn(function ()
      local stream = client:generate_stream "x"
      stream:next()
      stream:next()
      client:close()
      return select(2, stream:next()).kind
    end)
    assert.equal("cancelled", task:await())
  end)

  it("cannot call async.run", function ()
    local task = async.spawn(function () return pcall(async.run, print) end)
    assert.is_false((task:await()))
  end)
end)
