-- SPDX-License-Identifier: MIT
-- once: the stand-in server runs as a process of its own

local raw = require "spec.support.raw_client"
local server = require "spec.support.server"
local uv = require "luv"

local BODY = '{"inputs":"What is the capital of France?","parameters":{%s}}'
local PARIS = '{"generated_text":" The capital of France is Paris."}'

describe("predibase.mock.connection", function ()
  after_each(server.stop)

  it("keeps a connection alive over many requests, streams among them", function ()
    local s = server.listen()
    local client = raw.connect(s)
    for _ = 1, 5 do
      client:post("/generate", BODY:format(""))
      assert.equal(PARIS, client:answer().body)
      client:post("/generate_stream", BODY:format('"max_new_tokens":2'))
      assert.equal(2, #client:answer().chunks)
    end
    assert.equal(1, s:connections().accepted)
    client:close()
  end)

  it("answers pipelined requests in order", function ()
    local client = raw.connect(server.listen())
    local bytes = {}
    for i = 1, 20 do
      bytes[i] = raw.request("/generate", BODY:format('"max_new_tokens":' .. i))
    end
    client:send(table.concat(bytes))
    local length = 0
    for _ = 1, 20 do
      local body = client:answer().body
      assert.is_true(#body >= length)
      length = #body
    end
    client:close()
  end)

  it("reads a request that arrives byte by byte", function ()
    local client = raw.connect(server.listen())
    local bytes = raw.request("/generate", BODY:format(""))
    for i = 1, #bytes do
      client:send(bytes:sub(i, i))
      uv.run("nowait")
    end
    assert.equal(PARIS, client:answer().body)
    client:close()
  end)

  it("reads chunked bodies with extensions and trailers", function ()
    local s = server.listen()
    local client = raw.connect(s)
    local body = BODY:format("")
    client:send("POST /generate HTTP/1.1\r\ncontent-type: application/json\r\n"
      .. "transfer-encoding: chunked\r\n\r\n")
    for i = 1, #body, 7 do
      local piece = body:sub(i, i + 6)
      client:send(("%x;name=value\r\n%s\r\n"):format(#piece, piece))
    end
    client:send("0\r\nx-trailer: 1\r\n\r\n")
    assert.equal(PARIS, client:answer().body)
    assert.equal(body, s:log()[1].body)
    client:post("/generate", body)
    assert.equal(PARIS, client:answer().body)
    client:close()
  end)

  it("refuses a chunked body that is broken or too large", function ()
    local s = server.listen()
    local head = "POST /generate HTTP/1.1\r\ncontent-type: application/json\r\n"
      .. "transfer-encoding: chunked\r\n\r\n"
    local client = raw.connect(s):send(head .. "zz\r\n")
    assert.equal(400, client:answer().status)
    client:close()
    client = raw.connect(s):send(head .. "7FFFFFFF\r\n")
    assert.equal(413, client:answer().status)
    client:close()
  end)

  it("answers Expect: 100-continue before it reads the body", function ()
    local client = raw.connect(server.listen())
    local head, body = raw.request("/generate", BODY:format(""), "expect: 100-continue\r\n")
      :match("^(.-\r\n\r\n)(.*)$")
    client:send(head)
    assert.equal("HTTP/1.1 100 Continue\r\n\r\n", client:answer().head .. "\r\n")
    client:send(body)
    assert.equal(PARIS, client:answer().body)
    client:close()
  end)

  it("closes after the answer when the request says so", function ()
    local client = raw.connect(server.listen())
    client:post("/generate", BODY:format(""), "connection: close\r\n")
    local answer = client:answer()
    assert.equal("close", answer.headers.connection)
    assert.is_true(client:wait())
    client:close()
  end)

  it("ends a stream to an HTTP/1.0 client with the connection", function ()
    local client = raw.connect(server.listen())
    local body = BODY:format('"max_new_tokens":2')
    client:send(("POST /generate_stream HTTP/1.0\r\ncontent-type: application/json\r\n"
      .. "content-length: %d\r\n\r\n%s"):format(#body, body))
    assert.is_true(client:wait())
    assert.is_truthy(client.received:find("^HTTP/1%.0 200 OK\r\n"))
    assert.is_nil(client.received:find("transfer-encoding", 1, true))
    assert.is_truthy(client.received:find('\r\n\r\ndata: {.*"details":null}\n\n$'))
    client:close()
  end)

  it("refuses bytes that are not HTTP and closes", function ()
    local client = raw.connect(server.listen()):send("\22\3\1\0\1\0\0")
    assert.equal(400, client:answer().status)
    assert.is_true(client:wait())
    client:close()
  end)

  it("sends no body to HEAD", function ()
    local client = raw.connect(server.listen())
    client:send("HEAD /info HTTP/1.1\r\n\r\n")
    client:wait("\r\n\r\n")
    assert.is_truthy(client.received:find("content%-length: %d%d+\r\n"))
    assert.is_truthy(client.received:find("\r\n\r\n$"))
    client:close()
  end)

  it("serves two hundred connections at once", function ()
    local s = server.listen()
    local clients = {}
    for i = 1, 200 do
      clients[i] = raw.connect(s):post("/~delay=0.005/generate_stream",
        BODY:format('"max_new_tokens":8'))
    end
    assert.equal(200, s:connections().open)
    for i = 1, 200 do assert.equal(8, #clients[i]:answer().chunks) end
    for i = 1, 200 do clients[i]:close() end
    assert.equal(200, s:connections().accepted)
    assert.equal(200 * 8, (function ()
      local sum = 0
      for _, entry in ipairs(s:log()) do sum = sum + entry.tokens end
      return sum
    end)())
  end)

  it("stops generating at once when the client goes away", function ()
    local s = server.listen()
    local client = raw.connect(s)
    client:post("/~delay=0.01/generate_stream", BODY:format('"ignore_eos_token":true'))
    client:wait("data: ")
    client:close()
    assert.is_true(server.run_until(function () return s:connections().open == 0 end))
    local entry = s:log()[1]
    assert.equal("client", entry.closed_by)
    assert.is_false(entry.complete)
    local tokens = entry.tokens
    assert.is_true(tokens < 2000)
    server.run_until(function () return false end, 0.05)
    assert.equal(tokens, entry.tokens)
    assert.equal(0, s:connections().active)
  end)

  it("stops a whole answer too when the client goes away", function ()
    local s = server.listen()
    local client = raw.connect(s)
    client:post("/~delay=0.01/generate", BODY:format('"ignore_eos_token":true'))
    assert.is_true(server.run_until(function () return s:connections().active == 1 end))
    client:close()
    assert.is_true(server.run_until(function () return s:connections().open == 0 end))
    assert.equal("client", s:log()[1].closed_by)
  end)

  it("waits for a client that reads slowly, so that memory does not fill up", function ()
    -- 64 MiB, more than the system holds for a connection
    local answer = {}
    for i = 1, 256 do answer[i] = ("x"):rep(256 * 1024) end
    local s = server.listen { script = { ["/generate_stream"] = { answer = answer } } }
    local client = raw.connect(s)
    uv.read_stop(client.socket)
    client:post("/generate_stream", BODY:format('"ignore_eos_token":true'))
    local function tokens () return s:log()[1] and s:log()[1].tokens or 0 end
    assert.is_true(server.run_until(function () return tokens() > 0 end))
    local before
    assert.is_true(server.run_until(function ()
      local stuck = before == tokens()
      before = tokens()
      server.run_until(function () return false end, 0.2)
      return stuck and before == tokens()
    end, 60))
    assert.is_true(before < 256)
    client:close()
  end)
end)
