-- SPDX-License-Identifier: MIT
-- once: the behaviour under test is that of libcurl and the C core
-- Streams that wait for the connection that another one is opening, and what becomes of them.

local async = require "predibase.async"
local cqueues = require "cqueues"
local cqueues_loop = require "predibase.loop.cqueues"
local https = require "spec.support.https"
local leak = require "spec.support.leak"
local luv_loop = require "predibase.loop.luv"
local stand_in = require "spec.support.server"

describe("A stream that waits for the connection of another", function ()
  local testbed, accidents

  setup(function ()
    testbed = https.new()
    accidents = testbed:peer("tls_server", testbed.ca.file)
  end)

  after_each(function () testbed:close_clients() end)
  teardown(function () testbed:close() end)

  --- Texts and errors of n streams that begin at once; `during` is a task beside them.
  local function at_once (client, n, during)
    local streams, list = {}, {}
    for i = 1, n do
      streams[i] = client:generate_stream "Hello"
      list[i] = function () return streams[i]:text() end
    end
    list[n + 1] = during and function () during(streams) end
    return async.gather(list)
  end

  it("goes its own way when the server turns out to speak HTTP/1.1", function ()
    -- the server shakes hands with four only when all four are there, and answers no head before
    local result = at_once(testbed:client(accidents.port.meeting), 5)
    for i = 1, 5 do assert.equal("one two three", result[i]) end
  end)

  it("is given up after the time to connect, its wait included", function ()
    local before = accidents:count "hello"
    local client = testbed:client(accidents.port.hangs,
      { max_retries = 0, timeout = { connect = 0.2 } })
    local _, errors = at_once(client, 5)
    for i = 1, 5 do
      assert.equal("timeout", errors[i].kind)
      assert.equal("connect", errors[i].phase)
      assert.is_false(errors[i].sent)
      assert.is_true(errors[i].retryable)
      assert.is_truthy(errors[i].message:find("127.0.0.1:" .. accidents.port.hangs, 1, true))
      assert.is_nil(leak.find(errors[i], leak.TOKEN))
    end
    -- those that began a little later may have had their turn for the rest of their time
    accidents:wait_for("hello", before + 1)
  end)

  it("tries itself when that one fails", function ()
    local before = accidents:count "hello"
    local _, errors = at_once(testbed:client(accidents.port.resets, { max_retries = 0 }), 4)
    for i = 1, 4 do
      assert.equal("connection", errors[i].kind)
      assert.equal("tls", errors[i].phase)
    end
    -- On a busy machine the server may only now see connections of the test before.
    local n = accidents:count "hello" - before
    assert.is_true(n >= 4 and n <= 8, n)
  end)

  it("tries itself when that one is closed", function ()
    local before = accidents:count "hello"
    local client = testbed:client(accidents.port["first-hangs"])
    local result, errors = at_once(client, 3, function (streams)
      repeat async.sleep(0.01) until accidents:count "hello" > before
      streams[1]:close()
    end)
    assert.equal("cancelled", errors[1].kind)
    assert.equal("one two three", result[2])
    assert.equal("one two three", result[3])
  end)

  describe("tries itself at once when that one is closed", function ()
    -- No timeout ends before the test does, except libcurl's own of 0.2 s.
    local CLOCKS = { connect = 600, first_token = 600 }
    local LATER = 0.5

    --- Opens a stream whose connection hangs and for which no coroutine waits, and two streams that
    -- coroutines made by `spawn` read.
    local function three (name, loop, spawn)
      local client = testbed:client(accidents.port["first-hangs-" .. name],
        { loop = loop, timeout = CLOCKS })
      local before, first, texts = accidents:count "hello", client:generate_stream "Hello", {}
      assert.equal("pending", select(2, first:poll()))
      for i = 1, 2 do
        spawn(function () texts[i] = client:generate_stream("Hello"):text() end)
      end
      return first, texts, function () return accidents:count "hello" > before end
    end

    local EXPECTED = { "one two three", "one two three" }

    it("beside the coroutines of luv's loop", function ()
      local first, texts, greeted = three("luv", luv_loop.new(),
        function (f) coroutine.wrap(f)() end)
      assert.is_true(stand_in.run_until(greeted, 20))
      stand_in.run_until(function () end, LATER)
      first:close()
      stand_in.run_until(function () return texts[1] and texts[2] end, 20)
      assert.same(EXPECTED, texts)
    end)

    it("beside the coroutines of a controller of cqueues", function ()
      local controller = cqueues.new()
      local first, texts, greeted = three("cqueues", cqueues_loop.new(),
        function (f) controller:wrap(f) end)
      controller:wrap(function ()
        repeat cqueues.sleep(0.01) until greeted()
        cqueues.sleep(LATER)
        first:close()
      end)
      assert(controller:loop(20))
      assert.same(EXPECTED, texts)
    end)
  end)

  it("can be closed, and the others go on", function ()
    local client = testbed:client(accidents.port.whole)
    local result, errors = at_once(client, 4, function (streams) streams[3]:close() end)
    assert.equal("cancelled", errors[3].kind)
    for _, i in ipairs { 1, 2, 4 } do assert.equal("one two three", result[i]) end
  end)

  it("ends with its client", function ()
    local client = testbed:client(accidents.port.hangs)
    local before = accidents:count "hello"
    local _, errors = at_once(client, 3, function ()
      repeat async.sleep(0.01) until accidents:count "hello" > before
      client:close()
    end)
    for i = 1, 3 do assert.equal("cancelled", errors[i].kind) end
  end)

  it("has its clock for the whole call run meanwhile", function ()
    local client = testbed:client(accidents.port.hangs, { timeout = { total = 0.2 } })
    local _, errors = at_once(client, 3)
    for i = 1, 3 do
      assert.equal("timeout", errors[i].kind)
      assert.equal("total", errors[i].phase)
      assert.is_false(errors[i].sent)
    end
  end)
end)
