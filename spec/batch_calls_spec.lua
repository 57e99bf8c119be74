-- SPDX-License-Identifier: MIT
--- Batches of calls of any kind, which a bulk run reads: they stop, wait for a limited time, and
-- find how many requests the server bears. Over a simulated network, whose clock only waits
-- advance.
local batches = require "predibase.batch"
local call = require "predibase.call"
local generate = require "predibase.generate"
local limiters = require "predibase.batch.limiter"
local pipe = require "spec.support.pipe_transport"

local JSON = { ["content-type"] = "application/json" }

local function prompt_of (log) return log.body:match('"inputs":"(.-)"') end

local function answer (log, seconds)
  return { headers = JSON, before = seconds or 1,
    body = ('{"generated_text":"re %s"}'):format(prompt_of(log)) }
end

local REFUSED = { failure = { kind = "connection", phase = "connect", sent = false,
  message = "Connection refused" } }

describe("a batch of calls", function ()
  local client, network

  after_each(function ()
    assert.equal(0, client.transport:size())
    client:close()
  end)

  --- Makes a batch of `count` prompts.
  local function open (count, replies, fields, options, rate_limit)
    client, network = pipe.client(replies or answer, { max_retries = 3, rate_limit = rate_limit })
    client.shared.random = function () return 0.5 end
    local n = 0
    fields = fields or {}
    fields.next = fields.next or function ()
      n = n + 1
      if n <= count then return "p" .. n end
    end
    fields.prepare = fields.prepare or function (prompt)
      return call.prepare(client.shared, client.plan(generate.ROUTE, options), prompt)
    end
    fields.most = fields.most or 4
    return batches.of_calls(client, fields)
  end

  local function gather (batch)
    local found, failed = {}, {}
    for index, result, err in batch do
      found[index], failed[index] = result and tostring(result), err
    end
    return found, failed
  end

  it("returns the outcome of each entry", function ()
    local found, failed = gather(open(20))
    assert.equal(20, #found)
    assert.equal("re p20", found[20])
    assert.same({}, failed)
  end)

  it("fails an entry whose call cannot be prepared, and no other", function ()
    local batch
    batch = open(3, nil, { prepare = function (prompt)
      if prompt == "p2" then return nil, { kind = "validation", message = "no" } end
      return call.prepare(client.shared, client.plan(generate.ROUTE), prompt)
    end })
    local found, failed = gather(batch)
    assert.same({ "re p1", nil, "re p3" }, found)
    assert.equal("no", failed[2].message)
  end)

  it("waits no longer than it was told", function ()
    local batch = open(1, function (log) return answer(log, 10) end)
    assert.is_false((batch:next(3)))
    assert.equal(1003, network.clock)
    assert.is_false((batch:next(0)))
    assert.equal(1003, network.clock)
    assert.equal(1, (batch:next(30)))
    assert.equal(1010, network.clock)
    assert.is_nil((batch:next(1)))
  end)

  it("takes no entry while it may not, and ends when nothing is under way", function ()
    local may = true
    local batch = open(10, nil, { most = 2, may_take = function () return may end })
    assert.is_truthy(batch:next())
    may = false
    local _, result = batch:next()
    assert.equal("re p2", tostring(result))
    while batch:next() do end
    assert.is_true(#network.requests <= 4)
    may = true
    assert.is_truthy(batch:next())
    batch:close()
  end)

  it("stops: what is under way ends, what waits is dropped", function ()
    local batch = open(50, function (log)
      return prompt_of(log) == "p1" and { status = 500, headers = JSON, body = "{}" } or answer(log)
    end)
    assert.is_truthy(batch:next())        -- the first one waits for its second attempt
    batch:stop()
    local open_now = batch:level()
    local count = 0
    for _ in batch do count = count + 1 end
    assert.is_true(count <= 4 and count >= open_now)
    assert.is_true(#network.requests <= 8)
  end)

  it("stops: a failure under way is not sent again", function ()
    local batch = open(4, function (log)
      local n = tonumber(prompt_of(log):match "%d+")
      return n == 4 and { status = 500, before = 5, headers = JSON, body = "{}" } or answer(log)
    end)
    batch:next()
    batch:stop()
    local _, failed = gather(batch)
    assert.equal("server", failed[4].kind)
    assert.equal(4, #network.requests)
  end)

  it("tells its level, which grows from the start to the most", function ()
    local batch = open(200, nil, { most = 8, limiter = { start = 2, adaptive = true } })
    batch:next()
    local _, limit = batch:level()
    assert.is_true(limit >= 2 and limit < 4)
    while batch:next() do end
    _, limit = batch:level()
    assert.equal(8, limit)
    local most, at_once = 0, {}
    for _, log in ipairs(network.requests) do
      at_once[log.sent_at] = (at_once[log.sent_at] or 0) + 1
      most = math.max(most, at_once[log.sent_at])
    end
    assert.is_true(most <= 8)
    assert.is_true((at_once[1000] or 0) <= 2)
  end)

  it("waits for a server that is down for less than its patience", function ()
    local back = 1300
    local batch = open(40, function (log)
      if network.clock < back then return REFUSED end
      return answer(log)
    end, { limiter = { patience = 600 } })
    local found, failed = gather(batch)
    assert.equal(40, #found)
    assert.same({}, failed)
    assert.is_true(network.clock >= back and network.clock < back + 60)
  end)

  it("counts no time in which a row waits for its turn", function ()
    local failing, requests = { p2 = true, p3 = true }, 0
    local batch = open(7, function (log)
      requests = requests + 1
      local prompt = prompt_of(log)
      if failing[prompt] then
        failing[prompt] = nil
        return { status = 500, headers = JSON, body = '{"error":"no","error_type":"x"}' }
      end
      return answer(log)
    end, nil, { timeout = { total = 5 } }, { requests = 2, seconds = 60 })
    local count = 0
    for _, result, err in batch do
      assert.is_nil(err)
      assert.is_true(result.timing.total < 4, result.timing.total)
      count = count + 1
    end
    assert.equal(7, count)
    assert.equal(9, requests)
    assert.is_true(network.clock >= 1240, network.clock)
  end)

  it("halts when the server was down for longer", function ()
    local batch = open(40, REFUSED, { limiter = { patience = 600 } })
    local _, _, err = batch:next()
    assert.equal("connection", err.kind)
    assert.is_true(network.clock >= 1600 and network.clock < 1700)
    local why = batch:halted()
    assert.equal("the server has not answered for 600 seconds: 127.0.0.1:8080: Connection refused",
      why.message)
    batch:stop()
    while batch:next() do end
  end)

  it("waits for a server that refuses all requests, and halts in the end", function ()
    local refusal = { status = 429, headers = JSON, body = '{"error":"slow down"}' }
    local batch = open(40, function (log)
      if network.clock < 1400 then return refusal end
      return answer(log)
    end, { limiter = { patience = 600 } })
    local found, failed = gather(batch)
    assert.equal(40, #found)
    assert.same({}, failed)
    client:close()
    batch = open(40, refusal, { limiter = { patience = 600 } })
    batch:next()
    assert.is_truthy(batch:halted().message:find "has not answered for 600 seconds")
    batch:close()
  end)
end)

describe("an adaptive limiter", function ()
  local function new (most)
    return limiters.new { most = most, adaptive = true, pause = limiters.new_pause(),
      now = function () return 1 end, random = function () return 0.5 end }
  end

  local function answers (limiter, count, ms)
    for _ = 1, count do
      limiter:answered(limiter:ticket(), { ["x-queue-time"] = tostring(ms) })
    end
  end

  it("halves when requests wait longer than before inside the server", function ()
    local limiter = new(16)
    answers(limiter, 16, 150)
    assert.equal(16, limiter.limit)
    answers(limiter, 16, 250)
    assert.equal(16, limiter.limit)
    answers(limiter, 16, 400)
    assert.equal(8, limiter.limit)
  end)

  it("halves when its own requests let the queue grow slowly", function ()
    local limiter, highest = new(256), 0
    limiter.limit = 16
    -- A server that answers ten requests at the same time, each in 40 ms.
    for _ = 1, 20000 do
      answers(limiter, 1, math.max(0, (math.floor(limiter.limit) - 10) * 4))
      highest = math.max(highest, limiter.limit)
    end
    assert.is_true(highest > 30 and highest < 80, highest)
    assert.is_true(limiter.limit > 15)
  end)

  it("takes short waits for no sign, and needs a whole round", function ()
    local limiter = new(16)
    answers(limiter, 160, 0)
    answers(limiter, 160, 190)
    assert.equal(16, limiter.limit)
    answers(limiter, 15, 5000)
    assert.equal(16, limiter.limit)
    answers(limiter, 1, 5000)
    assert.equal(8, limiter.limit)
  end)

  it("does not halve again for requests that were sent before", function ()
    local limiter = new(16)
    local before = limiter:ticket()
    answers(limiter, 16, 0)
    answers(limiter, 16, 900)
    assert.equal(8, limiter.limit)
    for _ = 1, 40 do limiter:answered(before, { ["x-queue-time"] = "900" }) end
    assert.equal(8, limiter.limit)
  end)

  it("gets used to a queue that stays", function ()
    local limiter = new(16)
    answers(limiter, 16, 100)
    for _ = 1, 2000 do answers(limiter, 1, 600) end
    local settled = limiter.limit
    for _ = 1, 200 do answers(limiter, 1, 600) end
    assert.is_true(limiter.limit >= settled)
  end)

  it("ignores servers that do not tell", function ()
    local limiter = new(16)
    for _ = 1, 100 do limiter:answered(limiter:ticket(), {}) end
    limiter:answered(limiter:ticket(), { ["x-queue-time"] = "soon" })
    assert.equal(16, limiter.limit)
  end)
end)
