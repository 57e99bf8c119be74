-- SPDX-License-Identifier: MIT
--- Batches whose server is down, whose neighbours fail, and whose client is closed while they wait,
-- over a network without a network.
local calling_line = require "spec.support.blame"
local pipe = require "spec.support.pipe_transport"

local JSON = { ["content-type"] = "application/json" }

local function prompt_of (log)
  return log.body:match('"inputs":"(.-)"')
end

local function answer (log)
  return { headers = JSON, before = 1,
    body = ('{"generated_text":"re %s"}'):format(prompt_of(log)) }
end

local function generation_error ()
  return { status = 424, headers = JSON, before = 1,
    body = '{"error":"Request failed during generation: boom","error_type":"generation"}' }
end

local function numbered (n)
  local list = {}
  for i = 1, n do list[i] = "p" .. i end
  return list
end

local function open (replies)
  local client, network = pipe.client(replies)
  client.shared.random = function () return 0.5 end
  return client, network
end

describe("a batch whose server is down", function ()
  local DOWN = {
    ["refuses connections"] = function ()
      return { failure = { kind = "connection", phase = "connect", sent = false,
        message = "Connection refused" } }
    end,
    ["has a gateway that answers 502"] = function ()
      return { status = 502, headers = {}, body = "" }
    end,
    ["has a gateway that answers 503"] = function ()
      return { status = 503, headers = {}, body = "no healthy upstream" }
    end,
  }
  for name, reply in pairs(DOWN) do
    it("ends soon when it " .. name, function ()
      local client, network = open(reply)
      local results, errs = client:generate_many(numbered(500)):results()
      assert.equal(500, #results)
      for i = 1, 500 do assert.is_false(results[i]) end
      -- One growing wait of at most 8 s is shared: not one for each prompt.
      assert.is_true(network.clock - 1000 < 60, network.clock - 1000)
      assert.is_true(#network.requests < 150, #network.requests)
      assert.is_truthy(errs[500].message:find("not sent: the server failed several times in a row",
        1, true), errs[500].message)
      assert.equal(errs[1].kind, errs[500].kind)
      client:close()
    end)
  end

  it("is not down because of one prompt that it cannot bear", function ()
    for _, status in ipairs { 502, 503 } do
      local client = open(function (log)
        if prompt_of(log) == "p2" then return { status = status, headers = {}, body = "" } end
        return answer(log)
      end)
      local results, errs = client:generate_many(numbered(9), { concurrency = 1 }):results()
      assert.is_false(results[2])
      assert.equal(status, errs[2].status)
      for i = 3, 9 do assert.equal("re p" .. i, tostring(results[i])) end
      client:close()
    end
  end)

  it("is waited for as long as max_retries says", function ()
    local rounds = 0
    local client = open(function (log)
      rounds = rounds + 1
      if rounds <= 8 then return { status = 502, headers = {}, body = "" } end
      return answer(log)
    end)
    local _, errs = client:generate_many(numbered(5),
      { concurrency = 1, max_retries = 10 }):results()
    assert.same({}, errs)
    client:close()
  end)

  it("goes on when it comes back", function ()
    local failures = 0
    local client, network = open(function (log)
      if failures < 8 then
        failures = failures + 1
        return { failure = { kind = "connection", phase = "connect", sent = false,
          message = "Connection refused" } }
      end
      return answer(log)
    end)
    local results, errs = client:generate_many(numbered(20), { concurrency = 4 }):results()
    assert.same({}, errs)
    assert.equal("re p20", tostring(results[20]))
    -- Twice four failed, then all went on together.
    assert.equal(28, #network.requests)
    client:close()
  end)
end)

describe("a prompt that failed with generation", function ()
  it("is sent once more, alone, after the last one began", function ()
    local last, tries = 0, {}
    local client, network
    client, network = open(function (log)
      local prompt = prompt_of(log)
      tries[prompt] = (tries[prompt] or 0) + 1
      if prompt == "p30" then last = #network.requests end
      local fails = prompt == "p2" or prompt == "p3"
      if fails and tries[prompt] == 1 then return generation_error() end
      return answer(log)
    end)
    local told = {}
    local results, errs = client:generate_many(numbered(30), { concurrency = 8,
      on_retry = function (info) told[#told + 1] = info.error.kind end }):results()
    assert.same({}, errs)
    for i = 1, 30 do assert.equal("re p" .. i, tostring(results[i])) end
    assert.equal(2, results[2].attempts)
    assert.equal(1, results[4].attempts)
    assert.same({ "generation", "generation" }, told)
    local again = {}
    for i = last + 1, #network.requests do again[#again + 1] = network.requests[i] end
    assert.equal(2, #again)
    assert.is_true(again[2].sent_at >= again[1].sent_at + 1, "they were sent together")
    client:close()
  end)

  it("has its error when it fails again, and nothing else is tried", function ()
    local client, network = open(function (log)
      return prompt_of(log) == "p1" and generation_error() or answer(log)
    end)
    local results, errs = client:generate_many(numbered(3)):results()
    assert.is_false(results[1])
    assert.equal("generation", errs[1].kind)
    assert.equal(2, errs[1].attempts)
    assert.equal(4, #network.requests)
    client:close()
  end)

  it("has its error at once with retry_generation = false", function ()
    local client, network = open(generation_error)
    local _, errs = client:generate_many(numbered(3), { retry_generation = false }):results()
    assert.equal(3, #network.requests)
    assert.equal(1, errs[3].attempts)
    client:close()
  end)

  it("is one of at most 1,000 that are kept", function ()
    local client, network = open(generation_error)
    local _, errs = client:generate_many(numbered(1100), { concurrency = 100 }):results()
    assert.equal(2100, #network.requests)
    assert.equal(2, errs[1000].attempts)
    assert.equal(1, errs[1100].attempts)
    client:close()
  end)

  it("begins its time anew", function ()
    local client = open(function (log)
      return prompt_of(log) == "p1" and generation_error() or answer(log)
    end)
    local _, errs = client:generate_many(numbered(10),
      { concurrency = 1, timeout = { total = 3 } }):results()
    assert.equal("generation", errs[1].kind)
    assert.equal(2, errs[1].attempts)
    client:close()
  end)

  it("needs a boolean for retry_generation", function ()
    local client = open()
    local message = calling_line(function ()
      local many = client:generate_many({ "x" }, { retry_generation = 1 })
      return many
    end)
    assert.is_truthy(message:find("takes a boolean for retry_generation, got the number 1", 1,
      true), message)
    client:close()
  end)
end)

describe("a batch whose results were interrupted", function ()
  it("begins no further prompt", function ()
    local client, network = open(answer)
    local many = client:generate_many(numbered(10), { concurrency = 2 })
    local suspend = client.transport.loop.suspend
    client.transport.loop.suspend = function () return "interrupted" end
    assert.same({ false, "interrupted" }, { pcall(many.results, many) })
    client.transport.loop.suspend = suspend
    local before = #network.requests
    local results, errs = many:results()
    assert.equal(before, #network.requests)
    assert.is_false(results[1])
    assert.equal("cancelled", errs[1].kind)
    client:close()
  end)

  it("can be read by a coroutine after the main program left it by an error", function ()
    local client = open(answer)
    local fails = true
    local many = client:generate_many({ "a", "b" }, { concurrency = 1, on_request = function ()
      if fails then error("mine", 0) end
    end })
    assert.same({ false, "mine" }, { pcall(many.next, many) })
    fails = false
    local index = coroutine.wrap(function () return (many:next()) end)()
    assert.equal(1, index)
    client:close()
  end)
end)

describe("a client that is closed", function ()
  it("ends a batch that waits for the end of a pause", function ()
    local async = require "predibase.async"
    local client = open(function ()
      return { status = 429, headers = { ["retry-after"] = "30" }, body = "" }
    end)
    local outcomes, batch = {}, client:generate_many { "a", "b" }
    async.run(function ()
      local reader = async.spawn(function ()
        local _, errs = batch:results()
        for i, err in pairs(errs) do outcomes[i] = err.kind end
      end)
      while batch.jobs.limiter.pause.till < client.shared.now() do async.sleep(0) end
      async.sleep(0)
      client:close()
      reader:await()
    end)
    assert.same({ "cancelled", "cancelled" }, outcomes)
  end)
end)
