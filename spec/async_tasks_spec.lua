-- SPDX-License-Identifier: MIT
--- Tasks without a network: their order, times, errors and ends.

local async = require "predibase.async"
local closes_by_itself = require "spec.support.closing"
local curl = require "predibase.curl"
local errors = require "predibase.errors"
local heap = require "predibase.heap"

describe("async.run", function ()
  it("passes arguments and results, including nils", function ()
    local function count (...) return select("#", ...), ... end
    assert.same({ 3, nil, 2, nil, n = 4 },
      (function (...) return { n = select("#", ...), ... } end)(async.run(count, nil, 2, nil)))
  end)

  it("ends when all tasks have ended", function ()
    local ended = 0
    assert.equal("first", async.run(function ()
      for i = 1, 3 do
        async.spawn(function ()
          async.sleep(0.002 * i)
          ended = ended + 1
          async.spawn(function () ended = ended + 10 end)
        end)
      end
      return "first"
    end))
    assert.equal(33, ended)
  end)

  it("cancels the others when its function fails", function ()
    local status = {}
    local ok, err = pcall(async.run, function ()
      status[1] = async.spawn(async.sleep, 3600)
      status[2] = async.spawn(function () return status[1]:await() end)
      async.sleep(0)
      error({ "mine" }, 0)
    end)
    assert.is_false(ok)
    assert.same({ "mine" }, err)
    assert.equal("cancelled", status[1]:status())
    assert.equal("cancelled", status[2]:status())
  end)

  it("raises at the end the error of a task for which no other task waited", function ()
    local went_on = false
    local ok, err = pcall(async.run, function ()
      async.spawn(function () error "lost?" end)
      async.sleep(0.002)
      went_on = true
    end)
    assert.is_false(ok)
    assert.is_true(went_on)
    assert.is_truthy(err:find("lost?", 1, true))
    assert.equal("seen", async.run(function ()
      local task = async.spawn(function () error "looked at" end)
      async.sleep(0)
      async.sleep(0)
      assert.equal("failed", task:status())
      assert.is_false((task:join()))
      return "seen"
    end))
  end)

  it("cannot be nested", function ()
    assert.is_false(async.run(function () return (pcall(async.run, print)) end))
    assert.has_error(function () async.run(1) end, "async.run takes a function, got a number")
    local task = async.run(function () return async.spawn(function () return 1 end) end)
    assert.equal("predibase.task (done)", tostring(task))
    assert.equal(1, task:await())
    assert.is_false(task:cancel())
  end)

  it("raises when all tasks wait for each other", function ()
    local ok, err = pcall(async.run, function ()
      local a, b
      a = async.spawn(function () return b:await() end)
      b = async.spawn(function () return a:await() end)
      return a:await()
    end)
    assert.is_false(ok)
    assert.equal("predibase.async: deadlock: every task waits for another task", err)
    assert.equal(1, async.run(function () return 1 end))
    ok, err = pcall(async.run, function ()
      local me
      me = async.spawn(function () return me:await() end)
      me:await()
    end)
    assert.is_false(ok)
    assert.is_truthy(err:find("a task cannot wait for itself", 1, true))
  end)

  it("works again after an interruption", function ()
    local wait, raised = curl.wait, nil
    curl.wait = function ()
      curl.wait = wait
      raised = true
      error("interrupted!", 0)
    end
    local sleeper
    local ok, err = pcall(async.run, function ()
      sleeper = async.spawn(async.sleep, 3600)
      sleeper:await()
    end)
    assert.same({ true, false, "interrupted!" }, { raised, ok, err })
    assert.equal("cancelled", sleeper:status())
    assert.equal(7, async.run(function () async.sleep(0.001) return 7 end))
  end)

  it("works again after a second interruption while it ends the tasks", function ()
    local new = errors.new
    errors.new = function ()
      errors.new = new
      error("once more", 0)
    end
    local ok, err = pcall(async.run, function ()
      async.spawn(async.sleep, 3600)
      async.sleep(0)
      error("the first", 0)
    end)
    errors.new = new
    assert.is_false(ok)
    assert.equal("once more", err)
    assert.equal(7, async.run(function () async.sleep(0.001) return 7 end))
  end)

  it("works again after an interruption at any instruction of its start", function ()
    for at = 1, 100 do
      local co = coroutine.create(function ()
        debug.sethook(function ()
          debug.sethook()
          error("interrupted!", 0)
        end, "", at)
        async.run(function () for _ = 1, 100 do async.sleep(0) end end)
      end)
      coroutine.resume(co)
      debug.sethook()
      assert.equal(7, async.run(function () async.sleep(0) return 7 end))
    end
  end)
end)

describe("a task", function ()
  it("that fails adds its traceback to its error", function ()
    local function deep () error "broken" end
    async.run(function ()
      local task = async.spawn(function () deep() return 1 end)
      local ok, err = task:join()
      assert.is_false(ok)
      assert.is_truthy(err:find("async_tasks_spec.lua:%d+: broken\nstack traceback:\n.*deep"))
      assert.equal(err, task.traceback)
      local mine = errors.new { kind = "generation", message = "no" }
      task = async.spawn(function () error(mine) end)
      ok, err = task:join()
      assert.is_false(ok)
      assert.equal(mine, err)
      assert.is_truthy(err.traceback:find("async_tasks_spec.lua", 1, true))
      local plain = {}
      task = async.spawn(function () error(plain) end)
      assert.equal(plain, select(2, task:join()))
      assert.same({}, plain)
      assert.is_truthy(task.traceback:find("async_tasks_spec.lua", 1, true))
    end)
  end)

  it("closes the closing value of a for loop, also if it fails or is cancelled", function ()
    local count = 0
    local function closed () count = count + 1 end
    local guard = setmetatable({}, { __close = closed })
    local function each (last)
      for i in function (_, i) return i < 2 and i + 1 or nil end, nil, 0, guard do last(i) end
      if not closes_by_itself then closed() end
    end
    async.run(function ()
      local fails = async.spawn(each, function () error "broken" end)
      local waits = async.spawn(each, function () async.sleep(3600) end)
      async.sleep(0)
      waits:cancel()
      assert.is_false((fails:join()))
      assert.is_false((waits:join()))
      assert.equal(closes_by_itself and 2 or 0, count)
    end)
  end)

  it("has its traceback in the errors of await, gather, run and join", function ()
    local function deep_down () error "broken" end
    local function task () deep_down() return 1 end
    local function says (err)
      return err:find("broken\nstack traceback:\n.*deep_down") ~= nil
    end
    async.run(function ()
      local ok, err = async.spawn(function () return async.spawn(task):await() end):join()
      assert.is_false(ok)
      assert.is_true(says(err))
      ok, err = async.spawn(function () return async.gather { task, async.sleep } end):join()
      assert.is_false(ok)
      assert.is_true(says(err))
    end)
    local ok, err = pcall(async.run, function () async.spawn(task) end)
    assert.is_false(ok)
    assert.is_true(says(err))
    ok, err = pcall(async.gather, { task })
    assert.is_false(ok)
    assert.is_true(says(err))
  end)

  it("that fails raises its error in each of the tasks that wait for it", function ()
    async.run(function ()
      local task = async.spawn(function () async.sleep(0.001) error({ "mine" }, 0) end)
      local waiters = {}
      for i = 1, 3 do waiters[i] = async.spawn(function () return task:await() end) end
      for i = 1, 3 do assert.same({ "mine" }, select(2, waiters[i]:join())) end
      assert.same({ "mine" }, select(2, task:join()))
    end)
  end)

  it("returns its results at each await", function ()
    async.run(function ()
      local task = async.spawn(function (...) return select("#", ...), nil, ... end, 1, nil)
      for _ = 1, 2 do
        assert.same({ n = 4, 2, nil, 1, nil },
          (function (...) return { n = select("#", ...), ... } end)(task:await()))
      end
    end)
  end)

  it("that catches its cancellation cannot wait, and counts as cancelled", function ()
    local went_on = false
    async.run(function ()
      local inner = async.spawn(async.sleep, 3600)
      local task = async.spawn(function ()
        inner:join()
        went_on = true
      end)
      async.sleep(0)
      async.sleep(0)
      task:cancel()
      local ok, err = task:join()
      assert.is_false(ok)
      assert.equal("cancelled", err.kind)
      assert.equal("running", inner:status())
      inner:cancel()
      local stubborn = async.spawn(function ()
        coroutine.yield()
        coroutine.yield()
        went_on = true
      end)
      async.sleep(0)
      stubborn:cancel()
      assert.equal("cancelled", select(2, stubborn:join()).kind)
    end)
    assert.is_false(went_on)
  end)

  it("can cancel itself", function ()
    async.run(function ()
      local task
      task = async.spawn(function ()
        task:cancel()
        async.sleep(0)
        error "never"
      end)
      assert.equal("cancelled", select(2, task:join()).kind)
    end)
  end)
end)

describe("async.gather", function ()
  it("returns an empty result for an empty list, and accepts only a table", function ()
    assert.same({ n = 0 }, async.gather {})
    assert.has_error(function () async.gather() end, "async.gather takes a table, got a nil")
    local ran = false
    local ok, err = pcall(async.run, function ()
      async.gather { function () ran = true end, 7 }
    end)
    assert.is_false(ok)
    assert.is_truthy(err:find("takes functions and tasks, number 2 is a number", 1, true))
    assert.is_false(ran)
  end)

  it("accepts tasks, including ended ones", function ()
    async.run(function ()
      local ended = async.spawn(function () return "ended" end)
      async.sleep(0)
      local slow = async.spawn(function () async.sleep(0.002) return "slow", "second" end)
      local results, seconds = async.gather { slow, ended, function () return "new" end, slow }
      assert.same({ "slow", "ended", "new", "slow", n = 4 }, results)
      assert.equal("second", seconds[1])
      assert.is_nil(seconds[2])
    end)
  end)

  it("cancels the others when one fails, and raises its error when all have ended", function ()
    local sleeper, cleaned
    local ok, err = pcall(async.run, function ()
      sleeper = async.spawn(async.sleep, 3600)
      local group = async.spawn(function ()
        return async.gather { sleeper, function () async.sleep(0.001) error({ "first" }, 0) end }
      end)
      local _, why = group:join()
      cleaned = sleeper:status()
      error(why, 0)
    end)
    assert.is_false(ok)
    assert.same({ "first" }, err)
    assert.equal("cancelled", cleaned)
  end)

  it("is cancelled together with all tasks that it waits for", function ()
    async.run(function ()
      local sleeper = async.spawn(async.sleep, 3600)
      local group = async.spawn(function () return async.gather { sleeper } end)
      async.sleep(0.001)
      group:cancel()
      assert.equal("cancelled", select(2, group:join()).kind)
      assert.equal("cancelled", select(2, sleeper:join()).kind)
    end)
  end)
end)

describe("async.sleep", function ()
  it("wakes in the order of the times", function ()
    local order, now = {}, curl.now
    finally(function () curl.now = now end)
    local begun = now()
    curl.now = function () return begun end      -- all begin to sleep at the same time
    async.run(function ()
      for _, ms in ipairs { 12, 3, 9, 6, 0 } do
        async.spawn(function ()
          async.sleep(ms / 1000)
          order[#order + 1] = ms
        end)
      end
      async.sleep(0)
      curl.now = now
    end)
    assert.same({ 0, 3, 6, 9, 12 }, order)
  end)

  it("lets other tasks run", function ()
    local order = {}
    local function turns (name)
      return function ()
        for _ = 1, 3 do
          order[#order + 1] = name
          async.sleep(0)
        end
      end
    end
    async.gather { turns "a", turns "b" }
    assert.equal("ababab", table.concat(order))
  end)

  it("sleeps at least as long as it was asked to, also outside of run", function ()
    local now = curl.now
    local began = now()
    async.sleep(0.005)
    async.run(async.sleep, 0.005)
    assert.is_true(now() - began >= 0.0099)
    assert.has_error(function () async.sleep "1" end,
      "async.sleep takes a number of seconds, got 1")
  end)
end)

describe("the heap of times", function ()
  it("returns all entries in order, without the removed ones", function ()
    local h, seed, expected = heap.new(), 1, {}
    for i = 1, 500 do
      seed = (seed * 16807) % 2147483647
      local entry = h:push(seed % 100, i)
      if i % 3 == 0 then entry.value = nil else expected[#expected + 1] = seed % 100 end
    end
    table.sort(expected)
    local at, got = 0, {}
    while at do
      local time = at
      local left = h:due(function () return time end, function () got[#got + 1] = time end)
      at = left and at + left
    end
    assert.same(expected, got)
    assert.equal(0, #h)
  end)

  it("loses no entry when its callback calls it again", function ()
    local h, got = heap.new(), {}
    for at = 1, 4 do h:push(at, at) end
    h:push(10, 10)
    local function now () return 5 end
    local function tell (value)
      got[#got + 1] = value
      h:due(now, tell)
    end
    local left = h:due(now, tell)
    assert.equal(5, left)
    assert.same({ 1, 2, 3, 4 }, got)
    assert.equal(1, #h)
  end)
end)
