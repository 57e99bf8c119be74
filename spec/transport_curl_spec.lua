-- SPDX-License-Identifier: MIT
--- The transport over libcurl: its interface for the other modules, and how it waits with the three
-- functions of any loop.

local coroutines = require "spec.support.coroutines"
local config = require "predibase.config"
local lifetime = require "spec.support.lifetime"
local server = require "spec.support.server"
local curl_transport = require "predibase.transport.curl"

local since_7_80 = require "spec.support.libcurl".KEEPS_CONNECTIONS and it or pending

describe("predibase.transport.curl", function ()
  local s, transport, files

  setup(function () s = lifetime.serve() end)
  teardown(function () server.stop() end)

  before_each(function ()
    lifetime.collect()
    assert.is_true(lifetime.quiet(s))
    files = lifetime.files()
    transport = nil
  end)

  after_each(function ()
    if transport then transport:close() end
    assert.is_true(lifetime.quiet(s))
    assert.equal(files, lifetime.files())
  end)

  local function new (loop, options)
    local all = { base_url = s.url, api_token = false }
    for name, value in pairs(options or {}) do all[name] = value end
    local cfg = assert(config.new(all, function () end))
    transport = curl_transport.new(cfg, loop or require "predibase.loop.blocking".new())
    return transport
  end

  local CLOCKS = { connect = 10, first_token = 60, token = 60, idle = 60 }

  local function open (path, spec)
    local all = { events = true, timeout = CLOCKS }
    for name, value in pairs(spec or {}) do all[name] = value end
    return transport:open({ method = "POST", url = s.url .. path, body = '{"inputs":"x"}',
      headers = { { "content-type", "application/json" }, { "x-empty", "" }, { "x-seen", "yes" } },
    }, all)
  end

  local function drain (x)
    local n = 0
    while true do
      local data, failure = x:next()
      if not data then return n, failure end
      n = n + 1
    end
  end

  since_7_80("returns the events of a stream, and then always nil", function ()
    new()
    local x = open "/generate_stream"
    assert.is_nil(x:head())
    assert.equal(7, (drain(x)))
    for _ = 1, 3 do
      assert.same({}, { x:next() })
      assert.same({}, { x:poll() })
    end
    local status, headers, streaming = x:head()
    assert.same({ 200, "text/event-stream", true },
      { status, headers["content-type"], streaming })
    assert.is_nil(x:rest())
    x:close()
  end)

  for _, how in ipairs { "close", "release" } do
    it("keeps the head of a response after " .. how, function ()
      new()
      local x = open "/generate_stream"
      assert.is_nil((x:status()))
      assert.is_truthy(x:next())
      assert.same({ 200, true }, { x:status() })
      x[how](x)
      local status, headers, streaming = x:head()
      assert.same({ 200, "text/event-stream", true },
        { status, headers["content-type"], streaming })
    end)
  end

  it("has no head when it is closed before the response", function ()
    new()
    local x = open "/generate_stream"
    x:close()
    assert.is_nil((x:status()))
    assert.is_nil((x:head()))
  end)

  it("returns the body of a response that is not a stream", function ()
    new()
    local x = open("/generate", { events = false })
    assert.equal(('{"generated_text":"%s"}'):format(lifetime.TEXT), x:body())
    local status, headers, streaming = x:head()
    assert.same({ 200, "application/json", false },
      { status, headers["content-type"], streaming })
    x:close()
  end)

  it("sends all headers, including empty ones", function ()
    new()
    drain(open "/generate_stream")
    local log = s:log()
    local entry = log[#log]
    assert.same({ "POST", '{"inputs":"x"}', "", "yes" }, { entry.method, entry.body,
      entry.headers["x-empty"], entry.headers["x-seen"] })
    assert.is_nil(entry.headers.expect)
  end)

  it("returns a failure as a table, at every call", function ()
    new()
    for _, how in ipairs { "next", "poll" } do
      local x = open("/hang/generate_stream", { deadline = curl_transport.now() - 1 })
      local data, failure = x[how](x)
      assert.is_nil(data)
      assert.same({ "timeout", "total" }, { failure.kind, failure.phase })
      assert.is_string(failure.message)
      assert.same(failure, select(2, x:next()))
      assert.same(failure, select(2, x:poll()))
      assert.same(failure, select(2, x:body()))
      x:close()
    end
  end)

  it("returns pending and never waits when it is polled", function ()
    new()
    local x = open("/generate_stream", { delay = 3600 })
    for _ = 1, 3 do assert.same({ nil, "pending" }, { x:poll() }) end
    assert.equal(1, transport:size())
    x:close()
  end)

  it("fails with kind cancelled after a close", function ()
    new()
    local x = open "/hang/generate_stream"
    x:next()
    for _ = 1, 3 do x:close() end
    for _, how in ipairs { "next", "poll", "body" } do
      local data, failure = x[how](x)
      assert.is_nil(data)
      assert.equal("cancelled", failure.kind)
    end
    assert.is_nil(x:rest())
    assert.equal(200, (x:head()) or 200)
    x:release()
    local other = open "/hang/generate_stream"
    other:next()
    for _ = 1, 3 do transport:close() end
    assert.equal("cancelled", select(2, drain(other)).kind)
    local none, failure = open "/generate_stream"
    assert.is_nil(none)
    assert.equal("cancelled", failure.kind)
  end)

  it("creates its pool at the first use", function ()
    new()
    assert.equal(0, transport:size())
    assert.equal(files, lifetime.files())
    transport:close()
    assert.equal(0, transport:size())
  end)

  it("returns a failure for a request that libcurl refuses", function ()
    new()
    local x, failure = open("/" .. ("x"):rep(8000001))
    assert.is_nil(x)
    assert.same({ "connection", "libcurl refused the URL" }, { failure.kind, failure.message })
    assert.equal(0, transport:size())
  end)

  describe("a connection", function ()
    local function accepted () return s:connections().accepted end

    since_7_80("serves calls that follow each other", function ()
      new()
      local before = accepted()
      for _ = 1, 5 do
        local x = open "/generate_stream"
        drain(x)
        x:release()
        x = open("/generate", { events = false })
        x:body()
        x:release()
      end
      assert.equal(before + 1, accepted())
      assert.equal(0, transport:size())
    end)

    since_7_80("serves the next call although the end of the last was not read", function ()
      new()
      -- On a busy machine the end may arrive later than the transport waits for it. The connection
      -- is then closed, which is right, too, so several attempts are made.
      local used
      for _ = 1, 10 do
        local before = accepted()
        for _ = 1, 5 do
          local x = open "/generate_stream"
          for _ = 1, 6 do assert.is_table(x:next()) end
          assert.is_string(x:next())
          x:release()
          assert.equal(0, transport:size())
          assert.equal("cancelled", select(2, x:next()).kind)
          -- the end of the body has not arrived, and the next call is made after it has
          while next(transport.lingering) do transport.step(nil) end
        end
        used = accepted() - before
        if used <= 1 then break end
      end
      assert.is_true(used <= 1)
      assert.equal(0, transport.pool:size())
    end)

    it("is not kept for the end of a response that does not arrive", function ()
      new()
      local x = open "/hang/generate_stream"
      x:next()
      x:release()
      assert.equal(0, transport:size())
      while next(transport.lingering) do transport.step(nil) end
      assert.equal(0, transport.pool:size())
      assert.is_true(lifetime.quiet(s))
    end)

    it("that was closed during a response is not used again", function ()
      new()
      local before = accepted()
      local x = open "/hang/generate_stream"
      x:next()
      x:close()
      assert.equal(7, (drain(open "/generate_stream")))
      assert.equal(before + 2, accepted())
    end)
  end)

  describe("waiting", function ()
    --- Makes a loop that counts its calls.
    local function counting ()
      local loop = coroutines.new()
      local calls = { watch = 0, suspend = 0, resume = 0 }
      for name in pairs(calls) do
        local original = loop[name]
        loop[name] = function (...)
          calls[name] = calls[name] + 1
          return original(...)
        end
      end
      return loop, calls
    end

    since_7_80("calls watch of the loop once", function ()
      local loop, calls = counting()
      local seen
      local watch = loop.watch
      function loop.watch (...)
        seen = { select(2, ...) }
        return watch(...)
      end
      new(loop)
      assert.equal(0, calls.watch)
      loop:run(function () drain(open "/generate_stream") drain(open "/generate_stream") end)
      assert.equal(1, calls.watch)
      assert.equal(transport.pool:fd(), seen[1])
      assert.is_true(seen[2]() == nil or seen[2]() >= 0)
      assert.is_true(calls.suspend > 0)
    end)

    since_7_80("tolerates a loop that still calls it after a close", function ()
      local loop, seen = coroutines.new(), nil
      function loop.watch (_, ...) seen = { ... } end
      new(loop)
      local x = open "/hang/generate_stream"
      assert.is_number(seen[2]())
      transport:close()
      assert.is_nil(seen[2]())
      for _ = 1, 3 do assert.is_nil(seen[3](0)) end
      assert.equal("cancelled", select(2, x:next()).kind)
    end)

    since_7_80("resumes only those whose exchange moved", function ()
      local loop, calls = counting()
      new(loop)
      loop:run(function ()
        local mute = coroutine.create(function ()
          local x = open("/hang/generate_stream", { delay = 3600 })
          drain(x)
        end)
        assert(coroutine.resume(mute))
        local before = calls.resume
        local x = open "/generate_stream"
        drain(x)
        assert.is_true(calls.resume > before)
        assert.equal("suspended", coroutine.status(mute))
        for _, co in ipairs(loop.ready) do assert.is_true(co ~= mute) end
      end)
    end)

    since_7_80("for a stream that another coroutine waits for is an error", function ()
      local loop = coroutines.new()
      new(loop)
      local n, message
      local x = open "/generate_stream"
      loop:run(function () n = drain(x) end, function ()
        message = select(2, pcall(x.next, x))
      end)
      assert.equal(7, n)
      assert.matches("^spec/transport_curl_spec%.lua:%d+: another coroutine is already waiting for "
        .. "this stream$", message)
    end)

    for _, how in ipairs { "exchange", "transport" } do
      it("ends when another closes the " .. how, function ()
        local loop = coroutines.new()
        new(loop)
        local x = open "/hang/generate_stream"
        local n, failure
        loop:run(function () n, failure = drain(x) end, function ()
          while not x.waiter or not x:head() do loop:pause() transport.step(0) end
          if how == "exchange" then x:close() else transport:close() end
        end)
        assert.is_true(n <= 2)
        assert.equal("cancelled", failure.kind)
        assert.is_nil(x.waiter)
      end)
    end

    since_7_80("ends with an error of the loop, and can be repeated", function ()
      local loop = coroutines.new()
      new(loop)
      local x = open "/generate_stream"
      local co = coroutine.create(function () x:next() end)
      assert(coroutine.resume(co))
      local cause = {}
      local ok, err = coroutine.resume(co, cause)
      assert.is_false(ok)
      assert.equal(cause, err)
      local n
      loop:run(function () n = drain(x) end)
      assert.equal(7, n)
    end)

    it("continues after spurious wake-ups", function ()
      local loop = coroutines.new()
      new(loop)
      local x = open "/generate_stream"
      local n
      local co = coroutine.create(function () n = drain(x) end)
      repeat
        assert(coroutine.resume(co))
        transport.step(0.01)
      until coroutine.status(co) == "dead"
      assert.equal(7, n)
    end)

    for _, loop_name in ipairs { "blocking", "coroutines" } do
      since_7_80("ends for all coroutines when the pool fails: " .. loop_name, function ()
        local loop = loop_name == "coroutines" and coroutines.new() or nil
        new(loop)
        local x = open "/hang/generate_stream"
        local pool = transport.pool
        -- a pool that reports that the system refuses to wait
        transport.pool = setmetatable({ step = function () return nil, "the system said no" end },
          { __index = function (_, name)
            return function (_, ...) return pool[name](pool, ...) end
          end })
        local data, failure
        local function read () data, failure = x:next() end
        if loop then loop:run(read) else read() end
        assert.is_nil(data)
        assert.same({ kind = "connection", phase = "wait", message = "the system said no" },
          failure)
        assert.same(failure, select(2, x:next()))
        transport.pool = pool
        x:close()
      end)
    end
  end)
end)
