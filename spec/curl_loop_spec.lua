-- SPDX-License-Identifier: MIT
--- The interface of predibase.curl for event loops: a descriptor that is readable when there is
-- work to do, and the seconds until `step` must run even if the descriptor stays silent.

local curl = require "predibase.curl"
local lifetime = require "spec.support.lifetime"
local pools = require "spec.support.pools"
local uv = require "luv"

local stream = pools.stream

local since_7_80 = require "spec.support.libcurl".KEEPS_CONNECTIONS and it or pending

describe("a pool in a foreign event loop", function ()
  local s, pool

  setup(pools.start)
  teardown(pools.stop)
  before_each(function () s, pool = pools.open() end)
  after_each(function () pools.close(pool) end)

  --- Tells whether the pool's descriptor becomes readable within some seconds (nil: no limit).
  local function readable (seconds)
    local poll, timer = uv.new_poll(pool:fd()), uv.new_timer()
    local result
    uv.poll_start(poll, "r", function (err) result = not err end)
    -- The timer repeats, because a run of the loop calls timers first and waits afterwards.
    if seconds then uv.timer_start(timer, math.ceil(seconds * 1000), 10, function ()
      if result == nil then result = false end
    end) end
    while result == nil do uv.run "once" end
    uv.close(poll)
    uv.close(timer)
    uv.run "nowait"
    return result
  end

  --- Waits as an event loop does: steps only if the descriptor is readable or the time has come.
  local function wait ()
    local seconds = pool:timeout()
    if seconds == 0 or readable(seconds) or seconds then return pool:step(0, {}) end
    error "neither readable nor a time: this would never go on"
  end

  --- Steps until libcurl's own timers have run out.
  local function settle ()
    repeat
      local seconds = pool:timeout()
      if seconds then pool:step(seconds, {}) end
    until not seconds
  end

  it("has nothing to do when it is idle", function ()
    assert.is_number(pool:fd())
    assert.is_nil(pool:timeout())
    assert.is_false(readable(0))
  end)

  it("completes streams with only its descriptor and its timeout", function ()
    local texts = {}
    for _ = 1, 3 do
      local x = stream "/generate_stream"
      local n = 0
      repeat
        local data, state = x:next()
        if data then n = n + 1 end
        if state == "pending" then wait() end
      until state == "done"
      texts[#texts + 1] = n
      x:close()
    end
    assert.same({ 7, 7, 7 }, texts)       -- including the closing event
  end)

  since_7_80("does not use the network between steps", function ()
    local x = stream "/hang/generate_stream"
    local requests = #s:log()
    s:wait(function () return false end, 0.05)
    assert.equal(requests, #s:log())
    x:close()
  end)

  it("is readable from when bytes have arrived until they are read", function ()
    local x = stream "/hang/generate_stream"
    local events = 0
    repeat
      wait()
      while x:next() do events = events + 1 end
    until events == 2
    settle()
    assert.is_nil(pool:timeout())
    assert.is_false(readable(0.02))
    local second = stream "/generate_stream"
    while not second:head() do wait() end
    assert.equal("pending", select(2, x:next()))
    x:close()
    while select(2, second:next()) ~= "done" do
      if select(2, second:next()) == "pending" then wait() end
    end
    settle()
    assert.is_false(readable(0))
    assert.is_nil(pool:timeout())
  end)

  since_7_80("has nothing to do for a connection that is kept for the next request", function ()
    s:script("/close/generate", { status = 200, body = "x" })
    local x = stream("/close/generate", { events = false })
    repeat wait() until select(2, x:next()) == "done"
    x:close()
    settle()
    assert.is_nil(pool:timeout())
    assert.is_false(readable(0))
    assert.is_true(lifetime.has_open(s, 1))
  end)

  it("has a timeout of 0 until it has reported a moved exchange", function ()
    local x = stream("/hang/generate_stream", { deadline = 0 })
    assert.equal(0, pool:timeout())
    assert.equal(1, pool:step(0, {}))
    assert.is_nil(pool:timeout())
    x:close()
  end)

  it("returns the time until the next timeout of an exchange", function ()
    local late = assert(pool:open { url = s.url, delay = 3000 })
    local seconds = pool:timeout()
    assert.is_true(seconds <= 3001 and seconds > 2000)
    local earlier = assert(pool:open { url = s.url, delay = 3000, deadline = curl.now() + 1000 })
    seconds = pool:timeout()
    assert.is_true(seconds < 1001 and seconds > 500)
    earlier:close()
    assert.is_true(pool:timeout() > 2000)
    late:close()
    assert.is_nil(pool:timeout())
  end)

  for clock, wanted in pairs {
    first_event = { phase = "first_token", path = "/mute/generate_stream" },
    event = { phase = "token", path = "/hang/generate_stream" },
    idle = { phase = "idle", path = "/hang/generate_stream" },
  } do
    it("has a timeout while the timeout " .. clock .. " of an exchange runs", function ()
      s:script("/mute/generate_stream", { first_delay = 3600, keepalive_interval = 0 })
      local x = stream(wanted.path, { [clock] = 0.1 })
      local state
      repeat
        wait()
        repeat
          local data
          data, state = x:next()
        until not data
        assert.is_true(state ~= "pending" or pool:timeout() ~= nil)
      until state ~= "pending"
      assert.equal("failed", state)
      local kind, phase, text, sent = x:failure()
      assert.same({ "timeout", wanted.phase, true }, { kind, phase, sent })
      assert.matches("within 0.1 s", text, 1, true)
      x:close()
      settle()
      assert.is_nil(pool:timeout())
    end)
  end
end)
