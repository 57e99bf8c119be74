-- SPDX-License-Identifier: MIT
-- long: thousands of calls
-- once: the behaviour under test is that of libcurl and the C core
-- Trying again: how long is waited, how often, and what comes of half the requests failing.
local faults = require "spec.support.faults"
local lifetime = require "spec.support.lifetime"
local random = require "spec.support.random"
local transport = require "predibase.transport"
local wire = require "spec.support.wire"

-- What a generator that always says 0.01 makes of the first wait, in seconds.
local FIRST, SECOND = 0.005, 0.01

local function refusal (...)
  return { raw = { { send = faults.status("429 Too Many Requests", "slow down",
    "content-type: text/plain", ...) } } }
end

local function success (method)
  return { raw = { { send = faults.sized(method) } } }
end

-- The header lines of a 429, and the seconds that are waited for them.
local WAITS = {
  { "retry-after: 0.02", 0.02 },
  { "Retry-After: 0.050", 0.05 },
  { "retry-after-ms: 20", 0.02 },
  { "x-ratelimit-reset: 0.03", 0.03 },
  { "retry-after: Sun, 06 Nov 1994 08:49:38 GMT\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT", 1 },
  { "retry-after: Sunday, 06-Nov-94 08:49:38 GMT\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT", 1 },
  { "retry-after: Sun Nov  6 08:49:38 1994\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT", 1 },
  { "retry-after: 5\r\nretry-after-ms: 20", 0.02 },
  { "retry-after: 0.02\r\nretry-after: 0.02", 0.02 },
  { "retry-after:", FIRST },
  { "retry-after: 0", FIRST },
  { "retry-after: -1", FIRST },
  { "retry-after: nan", FIRST },
  { "retry-after: inf", FIRST },
  { "retry-after: 1e9", FIRST },
  { "retry-after: soon", FIRST },
  { "retry-after: 99999999999999999999999999", FIRST },
  { "retry-after: Sun, 06 Nov 1994 08:49:37 GMT\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT", FIRST },
  { "retry-after: Sun, 99 Nov 1994 08:49:37 GMT", FIRST },
  { "retry-after: soon\r\nx-ratelimit-reset: 0.02", 0.02 },
}

describe("A wait that the server asks for", function ()
  local rig = faults.rig()
  setup(function () rig:start() end)
  teardown(function () rig:stop() end)

  for i, case in ipairs(WAITS) do
    local lines, seconds = case[1], case[2]
    local ways = faults.ways {}
    local way = ways[i % #ways + 1]
    it(("is %g s for %q (%s)"):format(seconds, lines:gsub("\r\n", ", "), way.name), function ()
      local delays = {}
      local found = rig:run({
        script = { refusal(lines), success(way.method) },
        options = { max_retries = 2, timeout = { total = 60 }, on_retry = function (info)
          delays[#delays + 1] = info.delay
          assert.equal("rate_limited", info.error.kind)
        end },
        expect = { text = faults.TEXT, attempts = 2, requests = 2 },
      }, way)
      assert.equal(1, #delays)
      assert.is_true(math.abs(delays[1] - seconds) < 1e-9, tostring(delays[1]))
      -- and it was really waited for
      assert.is_true(found.result.timing.total >= seconds - 0.001)   -- clocks of milliseconds
    end)
  end

  for _, way in ipairs(faults.ways {}) do
    it(("is not begun when it would not end in time (%s)"):format(way.name), function ()
      rig:run({ script = refusal "retry-after: 30", options = { max_retries = 2, timeout = 20 },
        expect = { kind = "rate_limited", attempts = 1, requests = 1, retry_after = 30,
          retryable = true } }, way)
    end)

    it(("is not begun when it exceeds the longest wait (%s)"):format(way.name), function ()
      rig:run({ script = refusal "retry-after: 3600",
        options = { max_retries = 2, timeout = 1e6 },
        expect = { kind = "rate_limited", attempts = 1, requests = 1, retry_after = 3600 } }, way)
    end)

    it(("is not begun after the last retry has failed (%s)"):format(way.name), function ()
      rig:run({ script = refusal "retry-after-ms: 5", options = { max_retries = 3 },
        expect = { kind = "rate_limited", attempts = 4, requests = 4, status = 429,
          message = "^slow down$" } }, way)
    end)
  end

  for _, way in ipairs(faults.ways { patient = true }) do
    it(("leaves the total time what it is (%s)"):format(way.name), function ()
      local found = rig:run({
        script = { refusal "retry-after: 0.1", { raw = { { hold = true } } } },
        options = { max_retries = 5, timeout = 1.5 },
        expect = { kind = "timeout", phase = "total", attempts = 2, requests = 2 },
      }, way)
      assert.is_false(found.err.retryable)
    end)
  end

  it("grows from one try to the next where the server asks for none", function ()
    local delays = {}
    rig:run({ script = refusal(), options = { max_retries = 2, on_retry = function (info)
      delays[#delays + 1] = info.delay
    end }, expect = { kind = "rate_limited", attempts = 3 } }, faults.ways({})[1])
    assert.same({ FIRST, SECOND }, delays)
  end)
end)

describe("When every other request fails", function ()
  -- FAULT_CALLS: how many calls are made in all (tools/faults.sh). The server gets its orders for
  -- some of them at a time.
  local PART = 500
  local PARTS = math.ceil((tonumber(os.getenv "FAULT_CALLS") or 1500) / 3 / PART)

  -- What may be left of three thousand calls: traces of LuaJIT's compiler and the like, which are
  -- about 20 bytes a call, but not an object of each.
  local MAX_GROWTH = 256                    -- KiB
  local rig = faults.rig(900)
  setup(function () rig:start() end)
  teardown(function () rig:stop() end)

  -- All that is tried again, in the shape of either endpoint.
  local function failures (method)
    return {
      { raw = { { close = true } } },
      { raw = { { reset = true } } },
      { raw = { { send = "HTTP/1.1 200 OK\r\nconte" }, { close = true } } },
      { raw = { { send = faults.head(method, "content-length: 900") }, { close = true } } },
      { raw = { { send = faults.status("503 Service Unavailable", "no healthy upstream",
        "retry-after-ms: 1") } } },
      { raw = { { send = faults.status("500 Internal Server Error",
        wire.error_json("Incomplete generation", "incomplete_generation")) } } },
      { raw = { { send = faults.status("429 Too Many Requests",
        wire.error_json("Model is overloaded", "overloaded")) } } },
      { raw = { { send = faults.sized(method, wire.error("Model is overloaded",
        "overloaded")) } } },
    }
  end

  --- What the server does with one request after the other, and what must come of the calls.
  -- A request that finds a kept connection broken is sent once more by libcurl itself, which would
  -- make the count uncertain: every answer here ends its connection.
  local function plan (method, seed)
    local rng, script, attempts = random.new(seed), {}, {}
    local bad = failures(method)
    local good = { raw = { { send = faults.sized(method, nil, "connection: close") },
      { close = true } } }
    for call = 1, PART do
      for try = 1, 3 do
        local fails = rng:int(0, 1) == 1
        if fails then
          local failure = rng:pick(bad).raw
          local raw = {}
          for i, action in ipairs(failure) do raw[i] = action end
          if not raw[#raw].close and not raw[#raw].reset then raw[#raw + 1] = { close = true } end
          script[#script + 1] = { raw = raw }
        else
          script[#script + 1] = good
          attempts[call] = try
          break
        end
      end
    end
    return script, attempts
  end

  --- Makes the calls of a plan; returns how many succeeded.
  local function make_calls (client, way, attempts)
    local good = 0
    for call = 1, PART do
      local found = faults.call(client, way, { max_retries = 2 })
      if attempts[call] then
        good = good + 1
        faults.check(found, { text = faults.TEXT, attempts = attempts[call] }, way)
      else
        faults.check(found, { any = true }, way)
        assert.is_nil(found.result)
        assert.equal(3, found.err.attempts)
        assert.is_true(found.err.retryable)
      end
    end
    return good
  end

  for i, way in ipairs(faults.ways {}) do
    it(("all calls come out as the seed says, and leave nothing (%s)"):format(way.name), function ()
      local files = lifetime.files()
      local client = faults.client(rig.url)
      client.shared.random = function () return 0.001 end
      local good, memory = 0, nil
      for part = 1, PARTS do
        local script, attempts = plan(way.method, 1000 * i + part)
        rig.server:script(faults.PATHS[way.method], script)
        local before = rig:requests()
        good = good + make_calls(client, way, attempts)
        assert.equal(#script, rig:requests() - before)
        faults.check_idle(client)
        lifetime.collect()
        memory = memory or collectgarbage "count"       -- with what the first calls load
      end
      -- Seven of eight calls have a try that succeeds.
      local rate = good / (PARTS * PART)
      assert.is_true(rate > 0.82 and rate < 0.93, tostring(rate))
      assert.is_true(collectgarbage "count" - memory < MAX_GROWTH, "memory grew")
      rig:check_recovery(client, way)
      if not transport.in_nginx() then assert.equal(files, lifetime.files()) end
    end)
  end
end)
