-- SPDX-License-Identifier: MIT
--- How the transport inside nginx parses response heads, in slices of any size (RFC 9112 sections 2
-- to 5).
local http1 = require "predibase.transport.resty.http1"

--- Feeds slices. Returns the head, and the position of the body in the last slice or what was
-- wrong.
local function read (slices)
  local h = http1.new_head()
  for i, bytes in ipairs(slices) do
    local at, problem = h:feed(bytes)
    if at or problem then
      assert.equal(#slices, i, "it did not wait for the last slice")
      return h, at, problem
    end
  end
  return h
end

local function refused (bytes)
  local _, at, problem = read { bytes }
  assert.is_nil(at)
  assert.is_string(problem, ("%q"):format(bytes))
  return problem
end

local PLAIN = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nX-A:  b c \t\r\nx-empty:\r\n\r\n"

describe("the head of a response", function ()
  it("has a status, a version, and fields by their lower-case names", function ()
    local h, at = read { PLAIN .. "body" }
    assert.equal(#PLAIN + 1, at)
    assert.equal(200, h.status)
    assert.equal(1, h.minor)
    assert.same({ ["content-type"] = "text/html", ["x-a"] = "b c", ["x-empty"] = "" }, h.headers)
  end)

  it("is the same cut in two at every place, and byte by byte", function ()
    local whole = read { PLAIN }
    for cut = 1, #PLAIN - 1 do
      local h, at = read { PLAIN:sub(1, cut), PLAIN:sub(cut + 1) }
      assert.equal(#PLAIN - cut + 1, at)
      assert.same(whole, h)
    end
    local bytes = {}
    for byte in PLAIN:gmatch "." do bytes[#bytes + 1] = byte end
    local h, at = read(bytes)
    assert.equal(2, at)
    assert.same(whole, h)
  end)

  it("may have lines that end in LF alone, and a status without a reason", function ()
    local h, at = read { "HTTP/1.0 404\na: b\n\n" }
    assert.equal(20, at)
    assert.same({ 404, 0, { a = "b" } }, { h.status, h.minor, h.headers })
  end)

  it("joins the values of a repeated field", function ()
    local h = read { "HTTP/1.1 200 OK\r\nA: 1\r\nb: x\r\na: 2\r\n\r\n" }
    assert.same({ a = "1, 2", b = "x" }, h.headers)
    assert.is_false(h.doubtful)
  end)

  it("keeps equal values once, and tells if the field determines the end of the body", function ()
    local h = read { "HTTP/1.1 429 No\r\nRetry-After: 7\r\nretry-after: 7\r\n\r\n" }
    assert.same({ ["retry-after"] = "7" }, h.headers)
    assert.is_false(h.doubtful)
    for _, line in ipairs { "content-length: 5\r\n", "transfer-encoding: chunked\r\n" } do
      h = read { "HTTP/1.1 200 OK\r\n" .. line .. line .. "\r\n" }
      local name, value = line:match "^(.-): (.-)\r"
      assert.same({ [name] = value }, h.headers)
      assert.is_true(h.doubtful)
      assert.is_false(read { "HTTP/1.1 200 OK\r\n" .. line .. "\r\n" }.doubtful)
    end
  end)

  it("may follow any number of interim heads", function ()
    local h, at = read { "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
      .. "HTTP/1.1 200 OK\r\na: b\r\n\r\n" }
    assert.is_number(at)
    assert.same({ 200, { a = "b" } }, { h.status, h.headers })
  end)

  it("skips a folded line, unless it belongs to a field that frames the body", function ()
    local h = read { "HTTP/1.1 200 OK\r\na: b\r\n  folded\r\n\r\n" }
    assert.same({ a = "b" }, h.headers)
    for _, name in ipairs { "Content-Length", "transfer-encoding", "Connection" } do
      assert.is_truthy(refused("HTTP/1.1 200 OK\r\n" .. name .. ": 5\r\n 0\r\n\r\n")
        :find("folded", 1, true))
    end
  end)

  for what, bytes in pairs {
    ["a banner of another protocol"] = "SSH-2.0-OpenSSH_9.2\r\n",
    ["a body without a head"] = "<html>",
    ["bytes of TLS"] = "\21\3\1\0\2\2\40",
    ["a wrong first byte"] = "h",
    ["another version"] = "HTTP/2 200 OK\r\n",
    ["a version without a number"] = "HTTP/1.x 200 OK\r\n",
    ["a status of two digits"] = "HTTP/1.1 20 OK\r\n",
    ["a status of four digits"] = "HTTP/1.1 2000 OK\r\n",
    ["a status below 100"] = "HTTP/1.1 099 OK\r\n",
    ["an empty line before it"] = "\r\nHTTP/1.1 200 OK\r\n\r\n",
    ["a switch of the protocol"] = "HTTP/1.1 101 Switching Protocols\r\n",
    ["a line without a colon"] = "HTTP/1.1 200 OK\r\nnothing\r\n",
    ["a field without a name"] = "HTTP/1.1 200 OK\r\n: x\r\n",
    ["a blank before the colon"] = "HTTP/1.1 200 OK\r\nContent-Length : 5\r\n",
    ["a NUL"] = "HTTP/1.1 200 OK\r\na: b\0c\r\n",
    ["a CR inside a line"] = "HTTP/1.1 200 OK\r\na: b\rcontent-length: 5\r\n",
    ["a CR inside the status line"] = "HTTP/1.1 200\rOK\r\n",
  } do
    it("is refused with " .. what, function () refused(bytes) end)
  end

  it("quotes what was received instead of HTTP, without control characters", function ()
    assert.equal('the server does not speak HTTP/1.1: its answer begins with "SSH-2.0?"',
      refused "SSH-2.0\27")
  end)

  it("is limited in its fields, its bytes and its interim responses", function ()
    local function many (count, size)
      return "HTTP/1.1 200 OK\r\n" .. ("a: " .. ("b"):rep(size) .. "\r\n"):rep(count) .. "\r\n"
    end
    assert.is_number(select(2, read { many(http1.MAX_FIELDS, 10) }))
    assert.equal(http1.TOO_LARGE, refused(many(http1.MAX_FIELDS + 1, 10)))
    assert.equal(http1.TOO_LARGE, refused(many(20, 2000)))
    assert.equal(http1.TOO_LARGE, refused("HTTP/1.1 200 OK\r\n" .. ("a"):rep(40000)))
    assert.is_truthy(refused(("HTTP/1.1 103 Early Hints\r\na: b\r\n\r\n"):rep(20000))
      :find("interim", 1, true))
  end)
end)
