-- SPDX-License-Identifier: MIT
--- The exchange of predibase.curl: its request, head, events, body, limits, timeouts and its end.

local curl = require "predibase.curl"
local pools = require "spec.support.pools"

local finish, last_request = pools.finish, pools.last_request

local since_7_80 = require "spec.support.libcurl".KEEPS_CONNECTIONS and it or pending

describe("an exchange of predibase.curl", function ()
  local s, pool

  setup(pools.start)
  teardown(pools.stop)
  before_each(function () s, pool = pools.open() end)
  after_each(function () pools.close(pool) end)

  local function open (path, more)
    return assert(pool:open(pools.request(path, more)))
  end

  --- Opens an exchange whose response is these bytes, followed by the end of the connection.
  local function answered (bytes, more)
    s:script("/raw", { raw = bytes })
    return open("/raw", more)
  end

  local OK = "HTTP/1.1 200 OK\r\n"
  local STREAM = OK .. "content-type: text/event-stream\r\n\r\n"

  describe("sends", function ()
    it("a GET without a body and without headers that were not given", function ()
      finish(open "/generate")
      local entry = last_request()
      assert.equal("GET", entry.method)
      assert.equal("", entry.body)
      for _, name in ipairs { "expect", "cookie", "authorization", "user-agent",
          "accept-encoding" } do
        assert.is_nil(entry.headers[name])
      end
    end)

    it("a POST with every byte of its body", function ()
      local body = "\0\r\n\255{}\0" .. ("x"):rep(2000000)
      finish(open("/generate", { body = body, headers = { "content-type: text/plain" } }))
      local entry = last_request()
      assert.equal("POST", entry.method)
      assert.is_true(entry.body == body)
      assert.is_nil(entry.headers.expect)
    end)

    it("any method and any headers", function ()
      finish(open("/generate", { method = "PUT", body = "x",
        headers = { "X-One: a: b", "x-empty;", "content-type: x/y" } }))
      local entry = last_request()
      assert.same({ "PUT", "a: b", "", "x/y" }, { entry.method, entry.headers["x-one"],
        entry.headers["x-empty"], entry.headers["content-type"] })
    end)

    it("only http and https", function ()
      for _, url in ipairs { "file:///etc/hostname", "ftp://127.0.0.1/", "gopher://127.0.0.1/",
          "", "http://", "no url" } do
        local x = assert(pool:open { url = url, proxy = "" })
        local _, state = finish(x)
        assert.equal("failed", state)
        local kind, _, _, sent = x:failure()
        assert.is_true(kind == "protocol" or kind == "connection")
        assert.is_false(sent)
        assert.equal("", x:body())
      end
    end)
  end)

  describe("reads a head", function ()
    since_7_80("when it has arrived, with names in lower case", function ()
      local x = answered(OK .. "X-Mixed-Case:  v \r\nEmpty:\r\n\r\n")
      assert.same({ n = 1 }, { n = select("#", x:head()) })
      assert.is_nil((x:head()))
      assert.same({ n = 1 }, { n = select("#", x:status()) })
      assert.is_nil((x:status()))
      finish(x)
      assert.same({ 200, false }, { x:status() })
      local status, headers, streaming = x:head()
      assert.same({ 200, { ["x-mixed-case"] = "v", empty = "" }, false },
        { status, headers, streaming })
    end)

    it("joins repeated fields", function ()
      local x = answered(OK .. "a: 1\r\nb: x\r\nA: 2\r\na: 3\r\n\r\n")
      finish(x)
      assert.same({ a = "1, 2, 3", b = "x" }, (select(2, x:head())))
    end)

    it("ignores interim responses and trailers", function ()
      local x = answered("HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" .. OK
        .. "transfer-encoding: chunked\r\na: 1\r\n\r\n2\r\nhi\r\n0\r\nlate: 1\r\n\r\n")
      assert.equal("done", select(2, finish(x)))
      assert.same({ a = "1", ["transfer-encoding"] = "chunked" }, (select(2, x:head())))
      assert.equal("hi", x:body())
    end)

    it("with many or large fields, up to a limit", function ()
      local x = answered(OK .. "a: " .. ("v"):rep(20000) .. "\r\n\r\n")
      finish(x)
      assert.equal(20000, #select(2, x:head()).a)
      for _, fields in ipairs { ("a: b\r\n"):rep(129), "a: " .. ("v"):rep(33000) .. "\r\n" } do
        x = answered(OK .. fields .. "\r\n")
        assert.equal("failed", select(2, finish(x)))
        local kind, phase, text, sent = x:failure()
        assert.same({ "protocol", "head", true }, { kind, phase, sent })
        assert.matches("larger than 32 KiB", text, 1, true)
      end
    end)
  end)

  describe("parses events", function ()
    it("only of a successful event stream, and only if requested", function ()
      for head, streaming in pairs {
        [STREAM] = true,
        [OK .. "Content-Type: TEXT/Event-Stream; charset=utf-8\r\n\r\n"] = true,
        [OK .. "content-type: text/event-stream-x\r\n\r\n"] = false,
        [OK .. "content-type: text/plain\r\n\r\n"] = false,
        [OK .. "\r\n"] = false,
        ["HTTP/1.1 500 x\r\ncontent-type: text/event-stream\r\n\r\n"] = false,
      } do
        local x = answered(head .. "data: a\n\ndata: b\n\n", { events = true })
        local events = finish(x)
        assert.same(streaming and { "a", "b" } or {}, events)
        assert.equal(streaming, select(3, x:head()))
        assert.equal(streaming, select(2, x:status()))
        assert.equal(streaming and "" or "data: a\n\ndata: b\n\n", x:body())
      end
      local x = answered(STREAM .. "data: a\n\n")
      assert.same({}, (finish(x)))
      assert.equal("data: a\n\n", x:body())
    end)

    it("and returns one that was incomplete at the end", function ()
      local x = answered(STREAM .. "data: a\n\ndata: b\ndata: c", { events = true })
      assert.same({ "a" }, (finish(x)))
      assert.equal("b\nc", x:rest())
      x = answered(STREAM .. "data: a\n\n", { events = true })
      assert.same({ "a" }, (finish(x)))
      assert.is_nil(x:rest())
    end)

    it("up to max_event, and returns those before a larger one", function ()
      local x = answered(STREAM .. "data: a\n\ndata: 0123456789x\n\n", { events = true,
        max_event = 10 })
      local events, state = finish(x)
      assert.same({ { "a" }, "failed" }, { events, state })
      local kind, phase, text = x:failure()
      assert.same({ "too_large", "body" }, { kind, phase })
      assert.matches("max_event_bytes", text, 1, true)
    end)
  end)

  describe("keeps a body", function ()
    it("up to max_body", function ()
      local x = answered(OK .. "\r\n0123456789", { max_body = 10 })
      assert.equal("done", select(2, finish(x)))
      assert.equal("0123456789", x:body())
      x = answered(OK .. "\r\n0123456789x", { max_body = 10 })
      assert.equal("failed", select(2, finish(x)))
      assert.equal("too_large", (x:failure()))
    end)

    it("of an error response up to 64 KiB, and does not wait for more", function ()
      s:script("/raw", { raw = { { send = "HTTP/1.1 500 x\r\n\r\n" .. ("e"):rep(70000) },
        { hold = true } } })
      local x = open "/raw"
      assert.equal("done", select(2, finish(x)))
      assert.equal(65536, #x:body())
      assert.equal(500, (x:head()))
    end)

    it("only when it is not compressed", function ()
      local x = answered(OK .. "content-encoding: gzip\r\n\r\n\31\139")
      assert.equal("failed", select(2, finish(x)))
      local kind, phase, text = x:failure()
      assert.same({ "protocol", "body" }, { kind, phase })
      assert.matches("compressed", text, 1, true)
      x = answered(OK .. "content-encoding: identity\r\n\r\nx")
      finish(x)
      assert.equal("x", x:body())
    end)
  end)

  describe("with timeouts", function ()
    it("starts no earlier than its delay", function ()
      local before, requests = curl.now(), #s:log()
      local x = open("/generate", { delay = 0.05 })
      assert.equal("done", select(2, finish(x)))
      assert.is_true(curl.now() >= before + 0.05)
      assert.equal(requests + 1, #s:log())
    end)

    it("fails at a deadline in the past, or before its delay is over", function ()
      local before = s:connections().accepted
      for _, spec in ipairs { { deadline = curl.now() - 5 }, { deadline = 0 }, { deadline = -1 },
          { deadline = curl.now() + 0.02, delay = 3600 } } do
        local x = open("/hang/generate_stream", spec)
        assert.equal("failed", select(2, finish(x)))
        local kind, phase, text, sent = x:failure()
        assert.same({ "timeout", "total", "the call did not end in time" }, { kind, phase, text })
        assert.is_false(sent)
        x:close()
      end
      assert.equal(before, s:connections().accepted)
    end)
  end)

  describe("that lingers", function ()
    since_7_80("has moved when its body ended, and keeps the connection", function ()
      local before = s:connections().accepted
      for _ = 1, 3 do
        local x = open("/generate_stream", { events = true, body = '{"inputs":"x"}',
          headers = { "content-type: application/json" } })
        repeat until pool:step(nil, {}) > 0
        x:linger(60)
        local moved, n = {}, 0
        while x:next() == nil and select(2, x:next()) == "pending" do
          n = pool:step(nil, moved)
        end
        assert.is_true(n == 0 or moved[1] == x:id())
        assert.same({ {}, "done" }, { finish(x) })
        x:close()
      end
      assert.equal(before + 1, s:connections().accepted)
    end)

    it("fails when its time is over, and accepts a later call of linger", function ()
      local x = open("/hang/generate_stream", { events = true, body = '{"inputs":"x"}',
        headers = { "content-type: application/json" } })
      repeat until pool:step(nil, {}) > 0
      x:linger(3600)
      x:linger(0.02)
      assert.equal("failed", select(2, finish(x)))
      assert.same({ "timeout", "total" }, { (x:failure()), (select(2, x:failure())) })
      x:linger(1)
      assert.error_matches(function () x:linger(-1) end, "bad field 'seconds'", 1, true)
      assert.error_matches(function () x:linger "x" end, "number expected", 1, true)
    end)
  end)
end)
