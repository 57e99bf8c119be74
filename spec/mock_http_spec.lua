-- SPDX-License-Identifier: MIT

local http = require "predibase.mock.http"

local function request (text)
  return http.parse(text)
end

local function refused (text)
  local result, status = http.parse(text)
  assert.is_nil(result)
  return status
end

describe("predibase.mock.http", function ()
  it("parses a request head and returns its length", function ()
    local head = "POST /generate?x=1 HTTP/1.1\r\nHost: h\r\nContent-Length: 12\r\n"
      .. "X-A:  b c \r\n\r\n"
    local result, taken = request(head .. "body")
    assert.equal(#head, taken)
    assert.equal("POST", result.method)
    assert.equal("/generate?x=1", result.target)
    assert.equal("/generate", result.path)
    assert.equal("x=1", result.query)
    assert.equal("1.1", result.version)
    assert.equal(12, result.body)
    assert.equal("b c", result.headers["x-a"])
    assert.is_true(result.keep_alive)
  end)

  it("returns nothing for an incomplete head", function ()
    local head = "GET / HTTP/1.1\r\nhost: h\r\n\r\n"
    for cut = 0, #head - 1 do
      local result, status = http.parse(head:sub(1, cut))
      assert.is_nil(result)
      assert.is_nil(status)
    end
    assert.is_truthy(request(head))
  end)

  it("accepts bare line feeds, empty lines in front, and targets with a host", function ()
    assert.is_truthy(request("GET / HTTP/1.1\nhost: h\n\n"))
    local result, taken = request("\r\n\r\nGET / HTTP/1.1\r\n\r\n")
    assert.equal("/", result.path)
    assert.equal(22, taken)
    assert.equal("/a", request("GET http://h:1/a HTTP/1.1\r\n\r\n").path)
    assert.equal("/", request("GET http://h HTTP/1.1\r\n\r\n").path)
  end)

  it("joins headers that come twice", function ()
    local result = request("GET / HTTP/1.1\r\na: 1\r\nA: 2\r\n\r\n")
    assert.equal("1, 2", result.headers.a)
  end)

  it("tells when a connection is to be closed", function ()
    assert.is_false(request("GET / HTTP/1.1\r\nConnection: close\r\n\r\n").keep_alive)
    assert.is_false(request("GET / HTTP/1.0\r\n\r\n").keep_alive)
    assert.is_true(request("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").keep_alive)
  end)

  it("tells how the body is delimited", function ()
    assert.equal(0, request("GET / HTTP/1.1\r\n\r\n").body)
    assert.equal("chunked",
      request("POST / HTTP/1.1\r\ntransfer-encoding: Chunked\r\ncontent-length: 3\r\n\r\n").body)
    assert.equal(7, request("POST / HTTP/1.1\r\ncontent-length: 7, 7\r\n\r\n").body)
  end)

  it("refuses what cannot be understood", function ()
    assert.equal(400, refused("GET / HTTP/2.0\r\n\r\n"))
    assert.equal(400, refused("GET /\r\n\r\n"))
    assert.equal(400, refused("\22\3\1\2"))
    assert.equal(400, refused("GET / HTTP/1.1\r\nno colon\r\n\r\n"))
    assert.equal(400, refused("GET / HTTP/1.1\r\na: b\r\n folded\r\n\r\n"))
    assert.equal(400, refused("GET / HTTP/1.1\r\na : b\r\n\r\n"))
    assert.equal(400, refused("POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\n"))
    assert.equal(400, refused("POST / HTTP/1.1\r\ncontent-length: 1, 2\r\n\r\n"))
    assert.equal(400, refused("POST / HTTP/1.1\r\ncontent-length: 9999999999999999\r\n\r\n"))
    assert.equal(400, refused("POST / HTTP/1.1\r\ntransfer-encoding: gzip\r\n\r\n"))
    assert.equal(431, refused("GET /" .. ("a"):rep(http.MAX_HEAD)))
  end)

  it("writes heads and chunks byte for byte", function ()
    assert.equal("HTTP/1.1 424 Failed Dependency\r\na: b\r\nc: d\r\n\r\n",
      http.head(424, { { "a", "b" }, { "c", "d" } }))
    assert.equal("HTTP/1.1 299 \r\n\r\n", http.head(299, {}))
    assert.equal("3\r\n:\n\n\r\n", http.chunk(":\n\n"))
    assert.equal("0\r\n\r\n", http.chunk(""))
    assert.equal("1F\r\n" .. ("x"):rep(31) .. "\r\n", http.chunk(("x"):rep(31)))
  end)

  it("writes dates in the form of RFC 9110", function ()
    assert.equal("Sun, 06 Nov 1994 08:49:37 GMT", http.date(784111777))
  end)
end)
