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
    local frames = 0
    repeat
      predibase.update()
      frames = frames + 1
      async.sleep(0.001)
    until task:status() ~= "running"
    assert.equal("done", task:status())
    assert.is_true(frames > 1)
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

  it("cannot call async.run", function ()
    local task = async.spawn(function () return pcall(async.run, print) end)
    assert.is_false((task:await()))
  end)
end)
