-- SPDX-License-Identifier: MIT
--- Calls that wait for their turn in programs that draw frames, and in the loops of other programs:
-- luv, cqueues, and one that docs/loops.md shows.
local async = require "predibase.async"
local predibase = require "predibase"
local loops = require "spec.support.loops"
local server = require "spec.support.server"
local uv = require "luv"

local QUESTION = "What colour is the sky?"

describe("in frames, limits", function ()
  local client, one

  local function new (options)
    one = server.spawn { delay = 0.01 }
    local all = { base_url = one.url }
    for name, value in pairs(options) do all[name] = value end
    client = assert(predibase.new(all))
  end

  after_each(function ()
    client:close()
    server.stop()
  end)

  --- Draws frames until a condition is true.
  local function draw (condition)
    local ends = uv.hrtime() + 20e9
    while not condition() do
      assert(uv.hrtime() < ends, "this takes too long")
      local began = uv.hrtime()
      predibase.update()
      assert(uv.hrtime() - began < 5e9)
      uv.sleep(1)
    end
  end

  it("make polled streams pending, in the order in which they were polled first", function ()
    new { concurrency = 1, rate_limit = { requests = 1, seconds = 0.05 } }
    local streams, order, began = {}, {}, uv.hrtime()
    for i = 1, 4 do streams[i] = client:generate_stream(QUESTION, { max_new_tokens = 3 }) end
    draw(function ()
      for i = 1, 4 do
        local stream = streams[i]
        local token, state
        if stream then token, state = stream:poll() end
        if token and order[#order] ~= i then order[#order + 1] = i end
        if stream and not token and state ~= "pending" then
          assert.is_nil(state)
          streams[i] = false
        end
      end
      return not (streams[1] or streams[2] or streams[3] or streams[4])
    end)
    assert.same({ 1, 2, 3, 4 }, order)
    assert.is_true(uv.hrtime() - began >= 0.15e9)
  end)

  it("let tasks wait that update drives", function ()
    new { rate_limit = { requests = 1, seconds = 0.1 } }
    local tasks, began = {}, uv.hrtime()
    for i = 1, 3 do
      tasks[i] = async.spawn(function ()
        return client:generate(QUESTION, { max_new_tokens = 2 })
      end)
    end
    draw(function ()
      for _, task in ipairs(tasks) do
        if task:status() == "running" then return false end
      end
      return true
    end)
    for _, task in ipairs(tasks) do assert.equal("done", task:status()) end
    assert.is_true(uv.hrtime() - began >= 0.2e9)
    assert.equal(3, #one:log())
  end)
end)

for _, loop in ipairs(loops.list) do
  describe("in the loop of " .. loop.name .. ", limits", function ()
    local client, one

    local function new (options)
      one = server.spawn { delay = 0.01 }
      local all = { base_url = one.url, loop = loop.new() }
      for name, value in pairs(options) do all[name] = value end
      client = assert(predibase.new(all))
    end

    after_each(function ()
      client:close()
      loop.run(function () return true end)
      server.stop()
    end)

    it("space the calls of coroutines, while the loop does other work", function ()
      new { rate_limit = { requests = 1, seconds = 0.1 } }
      local ended, ticks, began = 0, 0, uv.hrtime()
      for _ = 1, 4 do
        loop.begin(function ()
          assert(client:generate(QUESTION, { max_new_tokens = 2 }))
          ended = ended + 1
        end)
      end
      loop.run(function () return ended == 4 end, function () ticks = ticks + 1 end)
      assert.is_true(uv.hrtime() - began >= 0.3e9)
      assert.is_true(ticks > 10)
    end)

    it("let one coroutine in when another one ends", function ()
      new { concurrency = 1 }
      local came, order = {}, {}      -- a loop may begin coroutines in any order
      for i = 1, 4 do
        loop.begin(function ()
          came[#came + 1] = i
          local s = client:generate_stream(QUESTION, { max_new_tokens = 3 })
          assert(s:next())
          order[#order + 1] = i
          if i % 2 == 0 then s:close() else assert(s:text()) end
        end)
      end
      loop.run(function () return #order == 4 end)
      assert.same(came, order)
    end)

    it("end the wait of a stream that another coroutine closes", function ()
      new { concurrency = 1 }
      local holder = client:generate_stream(QUESTION, { max_new_tokens = 1000,
        ignore_eos_token = true })
      local waiting, err = client:generate_stream(QUESTION), nil
      loop.begin(function () assert(holder:next()) end)
      loop.run(function () return #one:log() == 1 end)
      loop.begin(function () err = select(2, waiting:next()) end)
      loop.begin(function () waiting:close() end)
      loop.run(function () return err ~= nil end)
      assert.equal("cancelled", err.kind)
      holder:close()
      assert.equal(1, #one:log())
    end)

    it("space the prompts of a batch", function ()
      new { rate_limit = { requests = 2, seconds = 0.1 } }
      local results
      local began = uv.hrtime()
      loop.begin(function ()
        results = client:generate_many({ QUESTION, QUESTION, QUESTION, QUESTION, QUESTION },
          { max_new_tokens = 2 }):results()
      end)
      loop.run(function () return results ~= nil end)
      assert.equal(5, #results)
      assert.is_true(uv.hrtime() - began >= 0.2e9)
    end)
  end)
end
