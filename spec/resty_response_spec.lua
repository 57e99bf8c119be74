-- SPDX-License-Identifier: MIT
--- How the transport inside nginx parses whole responses: the end of a body, its events, its
-- limits.
local http1 = require "predibase.transport.resty.http1"

local function new (more)
  local limits = { events = true, max_event = 1000, max_body = 1000 }
  for name, value in pairs(more or {}) do limits[name] = value end
  return http1.new_response(limits)
end

local function head (...)
  return table.concat({ "HTTP/1.1 200 OK", ... }, "\r\n") .. "\r\n\r\n"
end

local JSON, EVENTS = "content-type: application/json", "content-type: text/event-stream"
local CHUNKED = "transfer-encoding: chunked"

--- Feeds bytes and, with `ended`, the end of the connection. Returns the outcome.
local function read (bytes, more, ended)
  local r = new(more)
  local ok, failure = r:feed(bytes)
  if ok and ended then ok = r:finish() end
  return { ok = ok, kind = failure and failure.kind, done = r.done, keep = r.keep,
    body = r:body(), response = r, message = failure and failure.message }
end

describe("a response", function ()
  it("ends with its Content-Length, and its connection can be used again", function ()
    local got = read(head(JSON, "content-length: 5") .. "hello")
    assert.same({ true, true, "hello" }, { got.done, got.keep, got.body })
    got = read(head(JSON, "content-length: 5") .. "hell")
    assert.same({ false, "hell" }, { got.done, got.body })
    assert.is_true(got.response:feed "o")
    assert.same({ true, true, "hello" }, { got.response.done, got.response.keep,
      got.response:body() })
  end)

  it("ends with its head if there is no body", function ()
    for _, bytes in ipairs { "HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 304 Not Modified\r\n\r\n",
      head "content-length: 0" } do
      local got = read(bytes)
      assert.same({ true, true, "" }, { got.done, got.keep, got.body })
    end
  end)

  it("ends with its connection if its head does not tell where it ends", function ()
    local got = read(head(JSON) .. "hello")
    assert.is_false(got.done)
    got = read(head(JSON) .. "hello", nil, true)
    assert.same({ true, true, false, "hello" }, { got.ok, got.done, got.keep, got.body })
  end)

  it("is incomplete if its connection ends before its body is complete", function ()
    assert.is_false(read(head(JSON, "content-length: 9") .. "hello", nil, true).ok)
    assert.is_false(read(head(JSON, CHUNKED) .. "5\r\nhello\r\n", nil, true).ok)
    assert.is_false(read("HTTP/1.1 200 OK\r\n", nil, true).ok)
    assert.is_false(read("", nil, true).ok)
  end)

  it("is an error by its status, also if it is incomplete", function ()
    local lost = "HTTP/1.1 503 No\r\ncontent-length: 99\r\n\r\nsorry"
    local got = read(lost, nil, true)
    assert.same({ true, true, false, "sorry" }, { got.ok, got.done, got.keep, got.body })
    got = read("HTTP/1.1 503 No\r\ntransfer-encoding: chunked\r\n\r\n5\r\nsorry\r\nzz\r\n")
    assert.same({ true, true, false, "sorry" }, { got.ok, got.done, got.keep, got.body })
  end)

  it("keeps its connection only if both sides agree on it", function ()
    local function keep (bytes) return read(bytes).keep end
    assert.is_true(keep(head("content-length: 0", "connection: keep-alive")))
    assert.is_false(keep(head("content-length: 0", "Connection: Upgrade, Close")))
    assert.is_false(keep "HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n")
    assert.is_true(keep "HTTP/1.0 200 OK\r\ncontent-length: 0\r\nconnection: keep-alive\r\n\r\n")
    assert.is_false(keep(head "content-length: 0" .. "x"))
    assert.is_false(keep(head(CHUNKED) .. "0\r\n\r\nHTTP/1.1 200 OK\r\n"))
  end)

  it("prefers chunks to a Content-Length, and then closes its connection", function ()
    local got = read(head(JSON, "content-length: 2", CHUNKED) .. "5\r\nhello\r\n0\r\n\r\n")
    assert.same({ true, false, "hello" }, { got.done, got.keep, got.body })
  end)

  for what, line in pairs {
    ["two Content-Lengths"] = "content-length: 5\r\ncontent-length: 6",
    ["two Content-Lengths in one line"] = "content-length: 5, 6",
    ["a negative Content-Length"] = "content-length: -5",
    ["an empty Content-Length"] = "content-length:",
    ["a Content-Length in hexadecimal"] = "content-length: 0x5",
    ["a Content-Length with a fraction"] = "content-length: 5.0",
    ["a Content-Length that is too large"] = "content-length: 1" .. ("0"):rep(23),
    ["a transfer coding that was not requested"] = "transfer-encoding: gzip, chunked",
    ["chunks in chunks"] = "transfer-encoding: chunked\r\ntransfer-encoding: chunked",
    ["an unknown transfer coding"] = "transfer-encoding: xchunked",
  } do
    it("is refused with " .. what, function ()
      assert.equal("protocol", read(head(JSON, line) .. "hello").kind)
    end)
  end

  it("may have two equal Content-Lengths", function ()
    assert.is_true(read(head("content-length: 05", "content-length: 5") .. "hello").done)
  end)

  it("is refused if it is compressed, unless it is an error response", function ()
    local got = read(head(JSON, "content-encoding: gzip", "content-length: 5") .. "hello")
    assert.same({ "protocol", "the response is compressed although that was not asked for" },
      { got.kind, got.message })
    assert.is_true(read("HTTP/1.1 502 Bad\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\nxx")
      .done)
    assert.is_true(read(head("content-encoding: Identity", "content-length: 2") .. "xx").done)
  end)

  it("is an event stream by its type and status, if events were requested", function ()
    local function streaming (type, more, status)
      local bytes = ("HTTP/1.1 %d X\r\ncontent-type: %s\r\n\r\n"):format(status or 200, type)
      return read(bytes, more).response.streaming
    end
    assert.is_true(streaming "text/event-stream")
    assert.is_true(streaming "Text/Event-Stream; charset=utf-8")
    assert.is_true(streaming "text/event-stream ;x")
    assert.is_false(streaming "text/event-streams")
    assert.is_false(streaming "application/json")
    assert.is_false(streaming("text/event-stream", { events = false }))
    assert.is_false(streaming("text/event-stream", nil, 500))
  end)

  it("returns its events in slices of any size", function ()
    local bytes = head(EVENTS, CHUNKED) .. "9\r\ndata: one\r\n2\r\n\n\n\r\nb\r\ndata: two\n\n\r\n"
      .. "0\r\n\r\n"
    for cut = 1, #bytes do
      local r = new()
      assert.is_true(r:feed(bytes:sub(1, cut)))
      if cut < #bytes then assert.is_true(r:feed(bytes:sub(cut + 1))) end
      assert.same({ true, true, true, 2 }, { r.done, r.keep, r.streaming, r:count() })
      assert.equal("one", r.parser:next())
      assert.equal("two", r.parser:next())
    end
  end)

  it("is limited in its events, its body and its error text", function ()
    local long = ("a"):rep(1001)
    assert.equal("too_large", read(head(EVENTS) .. "data: " .. long).kind)
    assert.equal("too_large", read(head(JSON) .. long, { events = false }).kind)
    assert.is_nil(read(head(JSON) .. long:sub(2), { events = false }, true).kind)
    local page = ("b"):rep(http1.MAX_ERROR_BODY)
    local got = read("HTTP/1.1 500 X\r\n\r\n" .. page .. "c")
    assert.same({ true, true, false, #page }, { got.ok, got.done, got.keep, #got.body })
  end)

  it("drops its events once it is discarded, and still finds its end", function ()
    local r = new()
    assert.is_true(r:feed(head(EVENTS, CHUNKED) .. "9\r\ndata: one\r\n"))
    r:discard()
    assert.is_true(r:feed("9\r\ndata: two\r\n"))
    assert.equal(0, r:count())
    assert.is_true(r:feed "0\r\n\r\n")
    assert.same({ true, true }, { r.done, r.keep })
  end)
end)
