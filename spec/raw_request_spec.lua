-- SPDX-License-Identifier: MIT
--- Requests to any path of a server.
local calling_line = require "spec.support.blame"
local json = require "predibase.json"
local pipe = require "spec.support.pipe_transport"
local predibase = require "predibase"
local wire = require "spec.support.wire"

local JSON = { ["content-type"] = "application/json; charset=utf-8" }

local client, network

local function open (replies, options)
  client, network = pipe.client(replies, options)
  client.shared.random = function () return 0.5 end
  return client
end

local function close ()
  if not client then return end
  assert.equal(0, client.transport:size())
  client:close()
  client = nil
end

local function answer (body, status)
  return { status = status or 200, headers = JSON, body = body }
end

local function header (name, i)
  for _, line in ipairs(network.requests[i or 1].headers) do
    local key, value = line:match "^([^:]+): (.*)$"
    if key == name then return value end
  end
  return nil
end

describe("client:request", function ()
  after_each(close)

  it("gets a path below the URL of the client, and decodes JSON", function ()
    open(answer '{"data":[{"id":"x"}]}', { base_url = "http://127.0.0.1:8080/a/b" })
    local result = assert(client:request("GET", "/v1/models?limit=5&after=%2F"))
    assert.equal(200, result.status)
    assert.equal('{"data":[{"id":"x"}]}', result.body)
    assert.same({ data = { { id = "x" } } }, result.json)
    assert.equal(JSON["content-type"], result.headers["content-type"])
    assert.is_string(result.request_id)
    assert.is_number(result.timing.total)
    assert.equal(1, result.attempts)
    local sent = network.requests[1]
    assert.equal("GET", sent.method)
    assert.equal("http://127.0.0.1:8080/a/b/v1/models?limit=5&after=%2F", sent.url)
    assert.is_nil(sent.body)
    assert.is_nil(header "content-type")
    assert.equal("*/*", header "accept")
    assert.is_truthy(header("authorization"):find "^Bearer ")
  end)

  it("sends a table as JSON, and a string as it is", function ()
    open(answer "null")
    local body = { inputs = "x", list = json.array {} }
    local result = assert(client:request("POST", "/generate", body))
    assert.equal(json.null, result.json)
    assert.equal('{"inputs":"x","list":[]}', network.requests[1].body)
    assert.equal("application/json", header "content-type")
    assert(client:request("PUT", "/files/a%20b", "\0\255", { content_type = "image/png",
      accept = "application/xml", headers = { ["X-Team"] = "blue" } }))
    assert.equal("\0\255", network.requests[2].body)
    assert.equal("image/png", header("content-type", 2))
    assert.equal("application/xml", header("accept", 2))
    assert.equal("blue", header("X-Team", 2))
    assert(client:request("DELETE", "/files/1"))
    assert.equal("DELETE", network.requests[3].method)
    assert.is_nil(header("content-type", 3))
  end)

  it("returns bodies that are not JSON as bytes", function ()
    open { status = 201, headers = { ["content-type"] = "image/png" }, body = "\137PNG\0" }
    local result = assert(client:request("POST", "/x", ""))
    assert.equal("\137PNG\0", result.body)
    assert.is_nil(result.json)
    assert.equal(201, result.status)
    close()
    open { status = 204, headers = JSON, body = "" }
    result = assert(client:request("DELETE", "/x"))
    assert.equal("", result.body)
    assert.is_nil(result.json)
  end)

  it("returns an error for every status except 2xx, and for JSON that is none", function ()
    for _, case in ipairs { { answer("{}", 404), "not_found" }, { answer '{"a":', "protocol" },
      { { status = 307, headers = { location = "http://other.example/" }, body = "" }, "protocol" },
      { answer('{"error":"x","error_type":"validation"}', 422), "validation" } } do
      open(case[1])
      local result, err = client:request("GET", "/x")
      assert.is_nil(result)
      assert.equal(case[2], err.kind)
      close()
    end
    open { status = 200, headers = { ["content-type"] = "application/json" }, body = '{"a":',
      ending = "cut" }
    local _, err = client:request("GET", "/x", nil, { max_retries = 0 })
    assert.equal("connection", err.kind)
  end)

  it("repeats what may be repeated", function ()
    local function tried (method, options)
      open(answer("", 503))
      local result, err = client:request(method, "/x", nil, options)
      assert.is_nil(result)
      assert.equal("server", err.kind)
      local count = #network.requests
      close()
      return count
    end
    for _, method in ipairs { "GET", "PUT", "DELETE", "OPTIONS" } do
      assert.equal(3, tried(method), method)
    end
    for _, method in ipairs { "POST", "PATCH" } do
      assert.equal(1, tried(method), method)
      assert.equal(2, tried(method, { max_retries = 1 }), method)
      assert.equal(1, tried(method, { max_retries = json.null }), method)
    end
  end)

  it("has the hooks and clocks of a call, and shows no token", function ()
    local shown
    open(answer('{"error":"no pb_SENTINEL_999"}', 500), { api_token = "pb_SENTINEL_999" })
    local _, err = client:request("GET", "/x", nil, { max_retries = 0,
      on_request = function (request) shown = request end })
    assert.equal("Bearer [redacted]", shown.headers.authorization)
    assert.is_nil(tostring(err):find("SENTINEL", 1, true))
    assert.is_nil(err.body:find("SENTINEL", 1, true))
    close()
    open { headers = JSON, before = 100, body = "{}" }
    _, err = client:request("GET", "/x", nil, { timeout = 2 })
    assert.equal("timeout", err.kind)
  end)

  it("refuses a body over 2 MiB before it is sent", function ()
    open(answer "{}")
    local result, err = client:request("POST", "/x", ("x"):rep(2097153))
    assert.is_nil(result)
    assert.equal("too_large", err.kind)
    assert.equal(0, #network.requests)
  end)
end)

describe("The path of client:request", function ()
  after_each(close)

  it("stays below the URL of the client", function ()
    open(answer "{}")
    for _, path in ipairs {
      "", "info", "//evil.example/x", "/a//b", "http://evil.example/", "@evil.example/x",
      "/..", "/../x", "/a/../../x", "/a/..", "/./x", "/a/.", "/%2e%2e/x", "/%2E./x", "/.%2e",
      "/a%2f..%2fb", "/%252e%252e/x", "/%25252e%25252e/x", "/..;a=1/x", "/a/%2e%2e;/x",
      "/%2fhost/x", "/a%2f/b", "/..%3f/x", "/..%23", "/%c0%ae%c0%ae/x",
      "/a\\b", "/a%5cb", "/a%5C..%5Cb", "\\\\evil.example", "/a#b", "/a?b#c",
      "/a\0b", "/a\r\nX: y", "/a%0d%0aX", "/a%00", "/a b", "/é", "/a?q=é", "/a?q=a b", "/%", "/%2",
      "/%zz", "/a?%", "/a<b>", "/{a}", "/a|b", "/a?q=\1", "/" .. ("x"):rep(7000),
    } do
      local result, err = client:request("GET", path)
      assert.is_nil(result, path)
      assert.equal("validation", err.kind, path)
      assert.is_truthy(err.message:find("`path` ", 1, true), err.message)
    end
    assert.equal(0, #network.requests)
  end)

  it("may have any other form", function ()
    open(answer "{}")
    for _, path in ipairs { "/", "/a", "/a/", "/a.b/..c/d..", "/a?x=//..//y&z=%2e%2e", "/a?b?c",
      "/v2/repos/a%2Fb", "/a;v=1/b", "/~x/(1)/:y@z", "/a%20b", "/...", "/a?" } do
      assert(client:request("GET", path))
      assert.equal(network.url .. path, network.requests[#network.requests].url)
    end
  end)
end)

describe("A stream of client:request", function ()
  after_each(close)

  local EVENTS = wire.token "Hi" .. wire.KEEP_ALIVE .. "event: x\nid: 3\ndata: a\ndata: b\n\n"
    .. 'data: {"error":"kept"}\n\n' .. wire.token "!" .. "data: [DONE]\n\n"

  local WANTED = {
    wire.token("Hi"):match "^data: (.-)\n", "a\nb", '{"error":"kept"}',
    wire.token("!"):match "^data: (.-)\n", "[DONE]",
  }

  local function read (stream)
    local texts = {}
    for event in stream do texts[#texts + 1] = event.text end
    return texts
  end

  it("has the data of every event as it was sent", function ()
    open { body = EVENTS }
    local stream = client:request("POST", "/generate_stream", { inputs = "x" }, { stream = true })
    assert.same(WANTED, read(stream))
    assert.equal("text/event-stream", header "accept")
    local result = assert(stream:result())
    assert.equal(200, result.status)
    assert.equal(table.concat(WANTED), result.text)
    assert.is_string(result.request_id)
  end)

  it("is the same however its bytes come, by next and by poll", function ()
    for cut = 1, #EVENTS - 1, 7 do
      open { pieces = { EVENTS:sub(1, cut), 0.5, EVENTS:sub(cut + 1) } }
      assert.same(WANTED, read((client:request("GET", "/x", nil, { stream = true }))))
      local stream, texts = client:request("GET", "/x", nil, { stream = true }), {}
      while true do
        local event, err = stream:poll()
        if event then texts[#texts + 1] = event.text
        elseif err == "pending" then network:sleep() else break end
      end
      assert.same(WANTED, texts)
      close()
    end
  end)

  it("keeps a last event whose blank line is missing", function ()
    open { body = "data: 1\n\ndata: [DONE]\n" }
    assert.same({ "1", "[DONE]" }, read((client:request("GET", "/x", nil, { stream = true }))))
  end)

  it("fails when the connection is lost, with the text so far", function ()
    for _, ending in ipairs { "cut", "reset" } do
      open { body = "data: 1\n\ndata: 2\n\n", ending = ending }
      local stream = client:request("GET", "/x", nil, { stream = true })
      assert.equal("1", stream:next().text)
      assert.equal("2", stream:next().text)
      local event, err = stream:next()
      assert.is_nil(event)
      assert.equal("connection", err.kind)
      assert.equal("12", err.partial_text)
      close()
    end
  end)

  it("fails when the answer is no stream", function ()
    for _, case in ipairs {
      { answer('{"error":"x","error_type":"validation"}', 422), "validation" },
      { answer '{"generated_text":"x"}', "protocol" }, { answer("", 404), "not_found" } } do
      open(case[1])
      local event, err = client:request("GET", "/x", nil, { stream = true }):next()
      assert.is_nil(event)
      assert.equal(case[2], err.kind)
      close()
    end
  end)

  it("fails at its first event when the request was refused", function ()
    open { body = "" }
    for _, case in ipairs { { "GET", "/.." }, { "POST", "/x", { print } },
      { "POST", "/x", ("x"):rep(2097153) } } do
      local stream = client:request(case[1], case[2], case[3], { stream = true })
      local event, err = stream:next()
      assert.is_nil(event)
      assert.is_true(predibase.is_error(err))
      assert.equal("", err.partial_text)
    end
    assert.equal(0, #network.requests)
  end)

  it("may be closed before its end", function ()
    open { body = "data: 1\n\n", ending = "open" }
    local stream = client:request("GET", "/x", nil, { stream = true })
    assert.equal("1", stream:next().text)
    stream:close()
    assert.is_true(network.requests[1].closed)
  end)
end)

describe("Mistakes of a program that calls client:request", function ()
  after_each(close)

  it("raise with the line of the caller", function ()
    open(answer "{}")
    for _, case in ipairs {
      { "takes one of the methods", 5, "/x" }, { "takes one of the methods", "get", "/x" },
      { "takes one of the methods", "HEAD", "/x" }, { "takes a path as a string", "GET" },
      { "takes a body as a table", "POST", "/x", 5 }, { "has no body", "GET", "/x", "a" },
      { "takes its options as a table", "GET", "/x", nil, 5 },
      { 'did you mean "stream"', "GET", "/x", nil, { streams = true } },
      { 'unknown option "on_token"', "GET", "/x", nil, { on_token = print } },
    } do
      local text = calling_line(function ()
        client:request(case[2], case[3], case[4], case[5])
      end)
      assert.is_truthy(text:find(case[1], 1, true), text)
    end
    calling_line(function () client.request({}, "GET", "/x") end)
    client:close()
    calling_line(function () client:request("GET", "/x") end)
  end)

  it("are returned when only a value is bad", function ()
    open(answer "{}")
    for _, case in ipairs {
      { "`stream` must be a boolean", { stream = "yes" } },
      { "`accept` must be a content type", { accept = "a\nb" } },
      { "`content_type` must be a content type", { content_type = "" } },
      { "timeout", { timeout = -1 } }, { "x-team", { headers = { ["x-team"] = "a\n" } } },
    } do
      local result, err = client:request("GET", "/x", nil, case[2])
      assert.is_nil(result)
      assert.is_truthy(err.message:find(case[1], 1, true), err.message)
    end
    local result, err = client:request("POST", "/x", { 0 / 0 })
    assert.is_nil(result)
    assert.equal("validation", err.kind)
    assert.equal(0, #network.requests)
  end)
end)
