-- SPDX-License-Identifier: MIT
--- Batches over a simulated network: order, errors, rate limits, ends. Only waits advance its
-- clock.
local closes_by_itself = require "spec.support.closing"
local pipe = require "spec.support.pipe_transport"
local predibase = require "predibase"

local JSON = { ["content-type"] = "application/json" }

local function prompt_of (log)
  return log.body:match('"inputs":"(.-)"')
end

local function answer (log, seconds)
  return { headers = JSON, before = seconds or 1,
    body = ('{"generated_text":"re %s"}'):format(prompt_of(log)) }
end

local function refusal (headers, status)
  headers["content-type"] = "application/json"
  return { status = status or 429, headers = headers,
    body = '{"error":"Model is overloaded","error_type":"overloaded"}' }
end

--- Most requests that were under way at the same time.
local function most_at_once (network, seconds)
  local most = 0
  for _, log in ipairs(network.requests) do
    local n = 0
    for _, other in ipairs(network.requests) do
      if other.sent_at <= log.sent_at and log.sent_at < other.sent_at + seconds then n = n + 1 end
    end
    most = math.max(most, n)
  end
  return most
end

local function numbered (n)
  local list = {}
  for i = 1, n do list[i] = "p" .. i end
  return list
end

describe("a batch", function ()
  local client, network

  local function open (replies, options)
    client, network = pipe.client(replies or answer, options)
    client.shared.random = function () return 0.5 end
    return client
  end

  after_each(function ()
    assert.equal(0, client.transport:size())
    client:close()
  end)

  it("gives results in the order of the prompts, so many at once", function ()
    open(function (log) return answer(log, prompt_of(log) == "p1" and 10 or 1) end)
    local results, errs = client:generate_many(numbered(100), { concurrency = 8 }):results()
    assert.equal(100, #results)
    for i = 1, 100 do assert.equal("re p" .. i, tostring(results[i])) end
    assert.same({}, errs)
    assert.equal(8, most_at_once(network, 1))
    assert.equal(1014, network.clock)           -- one of the eight is busy for ten seconds
  end)

  it("has 32 at once unless said otherwise, and one for concurrency = 1", function ()
    open()
    client:generate_many(numbered(100)):results()
    assert.equal(32, most_at_once(network, 1))
    open()
    client:generate_many(numbered(3), { concurrency = 1 }):results()
    assert.equal(1, most_at_once(network, 1))
    assert.equal(1003, network.clock)
  end)

  it("hands outcomes out as they finish, through its iterator and next", function ()
    open(function (log) return answer(log, ({ a = 3, b = 1, c = 2 })[prompt_of(log)]) end)
    local order = {}
    for index, result, err in client:generate_many { "a", "b", "c" } do
      assert.is_nil(err)
      order[#order + 1] = index .. " " .. result.generated_text
    end
    assert.same({ "2 re b", "3 re c", "1 re a" }, order)
    local many = client:generate_many { "a", "b" }
    assert.equal(2, (many:next()))
    assert.equal(1, (many:next()))
    assert.is_nil((many:next()))
    assert.is_nil((many:next()))
    assert.equal("predibase.batch (2 taken, 0 open, 2 ended, 0 failed)", tostring(many))
  end)

  it("begins when it is asked for something", function ()
    open()
    local many = client:generate_many { "a" }
    assert.equal(0, #network.requests)
    assert.equal("predibase.batch (0 taken, 0 open, 0 ended, 0 failed)", tostring(many))
    many:close()
  end)

  it("has nothing to do without prompts", function ()
    open()
    local results, errs = client:generate_many({}):results()
    assert.same({}, results)
    assert.same({}, errs)
    assert.is_nil((client:generate_many(function () end):next()))
    assert.equal(0, #network.requests)
  end)

  it("goes on when one fails; each without a result has an error", function ()
    open(function (log)
      if prompt_of(log) == "p2" then
        return { status = 422, headers = JSON,
          body = '{"error":"no","error_type":"validation"}' }
      elseif prompt_of(log) == "p4" then
        return { failure = { kind = "tls", phase = "tls", message = "no" } }
      end
      return answer(log)
    end)
    local list = numbered(6)
    list[3] = ""
    list[5] = { prompt = "p5", temperature = -1 }
    local results, errs = client:generate_many(list):results()
    local texts = {}
    for i, result in ipairs(results) do
      texts[i] = tostring(result)
      assert.equal(result == false, errs[i] ~= nil)
    end
    assert.same({ "re p1", "false", "false", "false", "false", "re p6" }, texts)
    assert.same({ "validation", "validation", "tls", "validation" },
      { errs[2].kind, errs[3].kind, errs[4].kind, errs[5].kind })
  end)

  it("sends each prompt with the common options and its own", function ()
    open(nil, { defaults = { seed = 7 } })
    local results = client:generate_many({
      "a",
      { prompt = "b", max_new_tokens = 9, adapter_id = "x/1", headers = { ["x-mine"] = "b" } },
    }, { max_new_tokens = 5, temperature = 0.5, headers = { ["x-all"] = "yes" } }):results()
    assert.equal("x/1", results[2].adapter_id)
    local bodies, headers = {}, {}
    for i, log in ipairs(network.requests) do
      bodies[i], headers[i] = log.body, table.concat(log.headers, "\n")
    end
    assert.is_truthy(bodies[1]:find('"max_new_tokens":5', 1, true))
    assert.is_truthy(bodies[1]:find('"seed":7', 1, true))
    assert.is_truthy(bodies[2]:find('"max_new_tokens":9', 1, true))
    assert.is_truthy(bodies[2]:find('"temperature":0.5', 1, true))
    assert.is_truthy(bodies[2]:find('"adapter_id":"x/1"', 1, true))
    assert.is_truthy(headers[1]:find("x-all: yes", 1, true))
    assert.is_truthy(headers[2]:find("x-mine: b", 1, true))
    assert.is_nil(headers[2]:find("x-all", 1, true))
  end)

  it("takes prompts from a function, no sooner than it can send them", function ()
    open()
    local given, ahead = 0, 0
    local many = client:generate_many(function ()
      if given == 1000 then return nil end
      given = given + 1
      return "p" .. given
    end, { concurrency = 10 })
    local seen = 0
    for index, result in many do
      seen = seen + 1
      ahead = math.max(ahead, given - seen)
      assert.equal("re p" .. index, result.generated_text)
    end
    assert.equal(1000, seen)
    assert.is_true(ahead <= 20)
  end)

  it("takes a bad entry of a function for an error of its own", function ()
    open()
    local list, at = { 5, "a", { "b" }, { prompt = "c", temperatur = 1 }, {
      prompt = "d", timeout = { conect = 1 } } }, 0
    local results, errs = client:generate_many(function ()
      at = at + 1
      return list[at]
    end):results()
    assert.equal("re a", tostring(results[2]))
    local said = {}
    for i, err in pairs(errs) do
      assert.is_true(predibase.is_error(err))
      assert.equal("validation", err.kind)
      said[i] = err.message
    end
    assert.equal("prompt 1 must be a string or a table { prompt = … }, got the number 5", said[1])
    assert.equal("prompt 3 must have a string in its field prompt, got nil", said[3])
    assert.equal('unknown option "temperatur"; did you mean "temperature"?', said[4])
    assert.is_truthy(said[5]:find("conect", 1, true))
    assert.is_nil(said[5]:find("spec.lua", 1, true))
  end)

  it("raises what a function of prompts raises, and can go on", function ()
    open()
    local given = 0
    local many = client:generate_many(function ()
      given = given + 1
      if given == 2 then error("disk", 0) end
      if given < 4 then return "p" .. given end
    end)
    assert.same({ false, "disk" }, { pcall(many.next, many) })
    local seen = {}
    for _, result in many do seen[#seen + 1] = result.generated_text end
    assert.same({ "re p1", "re p3" }, seen)
  end)

  it("tries again after other failures, in the same slot and by the rules of any call", function ()
    local failures = 0
    open(function (log)
      if prompt_of(log) == "p1" and failures < 2 then
        failures = failures + 1
        return { status = 500, headers = JSON, body = "{}" }
      end
      return answer(log)
    end)
    local retried = {}
    local results = client:generate_many(numbered(2), {
      on_retry = function (info) retried[#retried + 1] = info.delay end,
    }):results()
    assert.equal(3, results[1].attempts)
    assert.equal(1, results[2].attempts)
    assert.same({ 0.25, 0.5 }, retried)
    failures = -1
    local _, errs = client:generate_many({ "p1" }, { max_retries = 1 }):results()
    assert.equal(2, errs[1].attempts)
    assert.equal("server", errs[1].kind)
  end)
end)

describe("a batch under a rate limit", function ()
  local client, network

  --- A server that answers so many requests in each window of so many seconds.
  local function limited (allowed, window, seconds)
    local windows, refused = {}, 0
    client, network = pipe.client(function (log)
      local number = math.floor((network.clock - 1000) / window)
      windows[number] = (windows[number] or 0) + 1
      if windows[number] <= allowed then return answer(log, seconds or 0.25) end
      refused = refused + 1
      local left = (number + 1) * window - (network.clock - 1000)
      return refusal { ["x-ratelimit-reset"] = ("%.3f"):format(left) }
    end)
    client.shared.random = function () return 0.5 end
    return function () return refused, windows end
  end

  after_each(function ()
    assert.equal(0, client.transport:size())
    client:close()
  end)

  it("sends nothing until the reset that one of them was told, then fewer", function ()
    local told
    client, network = pipe.client(function (log)
      if not told then
        told = network.clock
        return refusal { ["retry-after"] = "30" }
      end
      return answer(log)
    end)
    local results, errs = client:generate_many(numbered(40), { concurrency = 8 }):results()
    assert.same({}, errs)
    assert.equal(2, results[1].attempts)
    local after, first = 0, math.huge
    for i, log in ipairs(network.requests) do
      if i > 8 then
        assert.is_true(log.sent_at >= told + 30)
        first = math.min(first, log.sent_at)
      end
    end
    for _, log in ipairs(network.requests) do
      if log.sent_at == first then after = after + 1 end
    end
    assert.equal(4, after)
    assert.equal(41, #network.requests)
  end)

  it("answers all prompts at one request per second, however many are refused", function ()
    local counts = limited(1, 1)
    local results, errs = client:generate_many(numbered(60)):results()
    assert.same({}, errs)
    assert.equal(60, #results)
    -- 32, 16, 8, … at once are too many at first; then one or two are, window after window.
    assert.is_true(counts() <= 2 * 32 + 2 * 60)
    assert.is_true(network.clock <= 1060)        -- and no window is missed
  end)

  it("answers all prompts when answers take longer than windows", function ()
    limited(2, 1, 45)
    local results, errs = client:generate_many(numbered(40)):results()
    assert.same({}, errs)
    assert.equal(40, #results)
  end)

  it("waits before it is refused when the server says that nothing is left", function ()
    local sent = {}
    client, network = pipe.client(function (log)
      sent[#sent + 1] = network.clock - 1000
      local reply = answer(log, 0)
      reply.headers = { ["content-type"] = "application/json",
        ["x-ratelimit-remaining"] = #sent % 2 == 0 and "0" or "1", ["x-ratelimit-reset"] = "60" }
      return reply
    end)
    local results = client:generate_many(numbered(6), { concurrency = 1 }):results()
    assert.equal(6, #results)
    assert.same({ 0, 0, 60, 60, 120, 120 }, sent)
  end)

  it("does not count the refusals of one among several, and no clock runs meanwhile", function ()
    local calls = {}
    client, network = pipe.client(function (log)
      local prompt = prompt_of(log)
      calls[prompt] = (calls[prompt] or 0) + 1
      if prompt == "p1" and calls[prompt] <= 3 then return refusal { ["retry-after"] = "59" } end
      return answer(log)
    end)
    local results, errs = client:generate_many(numbered(30),
      { concurrency = 8, max_retries = 1, timeout = 60 }):results()
    assert.same({}, errs)
    assert.equal(4, results[1].attempts)
    assert.equal(1, results[1].timing.total)
  end)

  it("fails all prompts in time when none is answered", function ()
    client, network = pipe.client(function () return refusal {} end)
    client.shared.random = function () return 0.5 end
    local many = client:generate_many(numbered(10), { concurrency = 4 })
    local results, errs = many:results()
    assert.same({ false, false, false, false, false, false, false, false, false, false }, results)
    for i = 1, 10 do assert.equal("overloaded", errs[i].kind) end
    -- Twice halved, three times alone for the first, once for each of the others.
    assert.is_true(#network.requests <= 4 + 2 + 3 + 9)
  end)

  it("tells hooks of refusals, and how long the pause is", function ()
    local delays, attempts = {}, {}
    client, network = pipe.client {
      refusal { ["retry-after"] = "7" }, answer { body = '"inputs":"x"' },
    }
    client:generate_many({ "x" }, {
      on_retry = function (info) delays[#delays + 1] = info.delay end,
      on_request = function (info) attempts[#attempts + 1] = info.attempt end,
    }):results()
    assert.same({ 7 }, delays)
    assert.same({ 1, 2 }, attempts)
  end)

  it("sends nothing more when the server asks for more than an hour", function ()
    client, network = pipe.client(function ()
      return refusal { ["x-ratelimit-reset"] = "43200" }
    end)
    local taken = 0
    local results, errs = client:generate_many(function ()
      taken = taken + 1
      if taken <= 1000 then return "p" .. taken end
    end, { concurrency = 3 }):results()
    assert.equal(3, #network.requests)
    assert.equal(1000, #results)
    assert.equal("overloaded", errs[1].kind)
    for i = 4, 1000 do
      assert.equal("rate_limited", errs[i].kind)
      assert.equal(43200, errs[i].retry_after)
    end
    assert.is_truthy(errs[4].message:find("pause of 43200 seconds", 1, true))
  end)

  it("pauses for the other batches of the client as well", function ()
    client, network = pipe.client(function (log)
      if prompt_of(log) == "no" and network.clock < 1020 then
        return refusal { ["retry-after"] = "20" }
      end
      return answer(log)
    end)
    local one = client:generate_many({ "a", "no" }, { concurrency = 2 })
    assert.equal(1, (one:next()))
    local other = client:generate_many { "b" }
    assert.equal(1, (other:next()))
    assert.equal(1021, network.clock)
    assert.equal(2, (one:next()))
  end)
end)

describe("the end of a batch", function ()
  local client, network

  before_each(function () client, network = pipe.client(answer) end)
  after_each(function ()
    assert.equal(0, client.transport:size())
    client:close()
  end)

  it("by close ends what is in flight, and begins nothing more", function ()
    local many = client:generate_many(numbered(50), { concurrency = 5 })
    many:next()
    assert.equal(5, (many:level()))
    many:close()
    many:close()
    assert.is_truthy(tostring(many):find(" 0 open,", 1, true))
    assert.equal(0, client.transport:size())
    local index, result, err = many:next()
    assert.is_nil(index)
    assert.is_nil(result)
    assert.equal("cancelled", err.kind)
    assert.equal(err, select(2, pcall(many)))
    assert.is_true(#network.requests <= 9)
  end)

  it("by break closes at once on Lua 5.4 and later, elsewhere by close", function ()
    local many, seen = client:generate_many(numbered(50), { concurrency = 5 }), 0
    for _ in many, nil, nil, many do
      seen = seen + 1
      if seen == 3 then break end
    end
    if closes_by_itself then assert.equal(0, client.transport:size()) end
    many:close()
    assert.equal(3, seen)
  end)

  it("keeps results that came before it was closed", function ()
    local many
    many = client:generate_many(numbered(3), {
      concurrency = 1, on_request = function () if many.jobs.ended == 2 then many:close() end end,
    })
    local results, errs = many:results()
    assert.equal("re p1", tostring(results[1]))
    assert.equal("re p2", tostring(results[2]))
    assert.is_false(results[3])
    assert.equal("cancelled", errs[3].kind)
    assert.equal(results, (many:results()))
  end)

  it("comes for every prompt when the client is closed", function ()
    local many = client:generate_many(numbered(20), { concurrency = 4 })
    local outcomes = { [many:next()] = "done" }
    client:close()
    for index, result, err in many do outcomes[index] = result and "done" or err.kind end
    local cancelled = 0
    for i = 1, 20 do
      if outcomes[i] == "cancelled" then cancelled = cancelled + 1 else
        assert.equal("done", outcomes[i])
      end
    end
    assert.is_true(cancelled >= 16)
  end)

  it("is not reached by results after next, which would lack some", function ()
    local many = client:generate_many(numbered(2))
    many:next()
    assert.has_error(function () many:results() end,
      "batch:results() after batch:next(): some outcomes were returned already")
    many:close()
  end)

  it("of a hook that raises is its error; the others go on", function ()
    local many = client:generate_many({ "a", { prompt = "b", on_response = function ()
      error("mine", 0)
    end }, "c" }, { concurrency = 1 })
    assert.equal(1, (many:next()))
    assert.same({ false, "mine" }, { pcall(many.next, many) })
    local index, result, err = many:next()
    assert.same({ 2, nil, "cancelled", "interrupted" }, { index, result, err.kind, err.phase })
    assert.equal(3, (many:next()))
    assert.is_nil((many:next()))
  end)
end)

describe("generate_many", function ()
  local client

  before_each(function () client = pipe.client(answer) end)
  after_each(function () client:close() end)

  it("raises with the line of the program that is wrong", function ()
    for text, call in pairs {
      ["takes an array of prompts or a function"] =
        function () return (client:generate_many "x") end,
      ["prompt 2 must be a string"] = function () return (client:generate_many { "a", 1 }) end,
      ['unknown option "concurency"; did you mean "concurrency"?'] =
        function () return (client:generate_many({}, { concurency = 2 })) end,
      ["a concurrency from 1 to 1000, got the number 0"] =
        function () return (client:generate_many({}, { concurrency = 0 })) end,
      ["a concurrency from 1 to 1000, got the number 1001"] =
        function () return (client:generate_many({}, { concurrency = 1001 })) end,
      ["does not accept on_token"] =
        function () return (client:generate_many({}, { on_token = print })) end,
      ["conect"] = function () return (client:generate_many({}, { timeout = { conect = 1 } })) end,
      ["takes its options as a table"] = function () return (client:generate_many({}, 5)) end,
      ["must be called with a colon on a client"] =
        function () return (client.generate_many({}, {})) end,
    } do
      local ok, said = pcall(call)
      assert.is_false(ok)
      assert.is_truthy(said:find(text, 1, true), said)
      assert.is_truthy(said:find("^spec/batch_spec.lua:%d+: "), said)
    end
    client:close()
    local ok, said = pcall(function () return (client:generate_many {}) end)
    assert.is_false(ok)
    assert.is_truthy(said:find("client:generate_many on a closed client", 1, true))
  end)

  it("fails as a batch where there is no client", function ()
    local failed = require "predibase.batch".failed(require "predibase.errors".new {
      kind = "config", message = "nothing is set" })
    local results, err = failed:results()
    assert.is_nil(results)
    assert.equal("config", err.kind)
    assert.equal(err, select(3, failed:next()))
    assert.equal(err, select(2, pcall(failed)))
    failed:close()
  end)

  it("gives a batch and what the for loop of Lua 5.4 and later closes", function ()
    local many, state, control, closer = client:generate_many {}
    assert.is_nil(state)
    assert.is_nil(control)
    assert.equal(many, closer)
    for _, method in ipairs { "next", "results", "close" } do
      local ok, said = pcall(many[method], {})
      assert.is_false(ok)
      assert.equal(("batch:%s must be called with a colon on a batch"):format(method),
        (said:gsub("^.-:%d+: ", "")))
    end
  end)
end)
