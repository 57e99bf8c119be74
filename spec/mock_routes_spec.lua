-- SPDX-License-Identifier: MIT
-- once: the stand-in server runs as a process of its own

local raw = require "spec.support.raw_client"
local server = require "spec.support.server"

local CAPITAL = '{"inputs":"What is the capital of France?","parameters":{%s}}'

local function ask (to, path, parameters, headers)
  return raw.ask(to, path, CAPITAL:format(parameters or ""), headers)
end

local function events (body)
  local list = {}
  for data in body:gmatch("data: ([^\n]*)\n\n") do list[#list + 1] = data end
  return list
end

describe("predibase.mock.routes", function ()
  after_each(server.stop)

  it("refuses with JSON outside a stream and with an event inside one", function ()
    local s = server.listen()
    local message = '{"error":"Input validation error: `temperature` must be non-negative",'
      .. '"error_type":"validation"}'
    local answer = ask(s, "/generate", '"temperature":-1')
    assert.equal(422, answer.status)
    assert.equal("application/json", answer.headers["content-type"])
    assert.equal(message, answer.body)
    answer = ask(s, "/generate_stream", '"temperature":-1')
    assert.equal(200, answer.status)
    assert.equal("data: " .. message .. "\n\n", answer.body)
    answer = ask(s, "/generate_stream", '"best_of":0,"temperature":-1')
    assert.same({ '{"error":"Input validation error: `best_of` != 1 is not supported when '
      .. 'streaming tokens","error_type":"validation"}' }, events(answer.body))
  end)

  it("fails with 424 for an adapter that is missing", function ()
    local answer = ask(server.listen(), "/generate", '"adapter_id":"acme/missing/1"')
    assert.equal(424, answer.status)
    assert.equal([[{"error":"Request failed during generation: Server error: Could not find ]]
      .. [[adapter 'acme/missing/1' in source 'pbase'","error_type":"generation"}]], answer.body)
  end)

  it("breaks all connections on what ends the router", function ()
    local s = server.listen()
    local client = raw.connect(s)
    local neighbour = raw.connect(s):post("/~delay=0.01/generate_stream", CAPITAL:format(""))
    assert.is_truthy(neighbour:wait("data: "))
    client:post("/generate", CAPITAL:format('"adapter_id":"a\\nb"'))
    assert.is_true(client:wait())
    assert.equal("", client.received)
    assert.is_true(neighbour:wait())
    client:close()
    neighbour:close()
    assert.equal("server", s:log()[1].closed_by)
    assert.equal("server", s:log()[2].closed_by)
  end)

  it("refuses what the web framework refuses, as plain text and in its order", function ()
    local s = server.listen()
    local client = raw.connect(s)
    client:send("POST /generate HTTP/1.1\r\ncontent-type: text/plain\r\ncontent-length: 1\r\n\r\n{")
    local answer = client:answer()
    assert.equal(415, answer.status)
    assert.equal("Expected request with `Content-Type: application/json`", answer.body)
    client:post("/generate", "{")
    answer = client:answer()
    assert.equal(400, answer.status)
    assert.equal("text/plain; charset=utf-8", answer.headers["content-type"])
    assert.equal("Failed to parse the request body as JSON: "
      .. "EOF while parsing an object at line 1 column 1", answer.body)
    client:post("/generate_stream", '{"inputs":"x","parameters":{"stop":"x"}}')
    answer = client:answer()
    assert.equal(422, answer.status)
    assert.equal("Failed to deserialize the JSON body into the target type: parameters.stop: "
      .. 'invalid type: string "x", expected a sequence at line 1 column 38', answer.body)
    client:post("/generate", (" "):rep(2097153))
    answer = client:answer()
    assert.equal(413, answer.status)
    assert.equal("Failed to buffer the request body: length limit exceeded", answer.body)
    client:close()
    client = raw.connect(s):send("POST /generate HTTP/1.1\r\ncontent-type: application/json\r\n"
      .. "transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n")
    answer = client:answer()
    assert.equal(400, answer.status)
    assert.equal("Failed to buffer the request body: error reading a body from connection",
      answer.body)
    client:close()
  end)

  it("refuses what the HTTP library refuses without the headers of the framework", function ()
    local s = server.listen()
    local heads = {
      ["GET /info HTTP/1.1\r\nbad\r\n\r\n"] = 400,
      ["GET /info HTTP/1.1\r\n" .. ("a: b\r\n"):rep(101) .. "\r\n"] = 431,
      ["GET /" .. ("x"):rep(65534) .. " HTTP/1.1\r\n\r\n"] = 414,
    }
    for head, status in pairs(heads) do
      local client = raw.connect(s):send(head)
      local answer = client:answer()
      assert.equal(status, answer.status)
      assert.equal("close", answer.headers.connection)
      assert.equal("0", answer.headers["content-length"])
      assert.is_nil(answer.headers.vary)
      client:close()
    end
  end)

  it("answers an unknown path with 404 and a wrong method with 405, both empty", function ()
    local s = server.listen()
    local client = raw.connect(s)
    for _, path in ipairs { "/nope", "/v1/models", "/generate/x", "/deployments" } do
      client:post(path, "{}")
      local answer = client:answer()
      assert.equal(404, answer.status)
      assert.equal("", answer.body)
    end
    client:send("GET /generate HTTP/1.1\r\n\r\n")
    local answer = client:answer()
    assert.equal(405, answer.status)
    assert.equal("POST", answer.headers.allow)
    client:send("PUT /a/b/health HTTP/1.1\r\n\r\n")
    answer = client:answer()
    assert.equal(405, answer.status)
    assert.equal("GET,HEAD", answer.headers.allow)
    client:send("FOO / HTTP/1.1\r\n\r\n")
    answer = client:answer()
    assert.equal(405, answer.status)
    assert.equal("POST,GET,HEAD", answer.headers.allow)
    client:close()
  end)

  it("answers /health, /info and /tokenize", function ()
    local s = server.listen { model_id = "acme/tiny", max_input_length = 100 }
    local client = raw.connect(s)
    for _, path in ipairs { "/", "/health", "/ping", "/x/health" } do
      client:send("GET " .. path .. " HTTP/1.1\r\n\r\n")
      local answer = client:answer()
      assert.equal(200, answer.status)
      assert.equal("", answer.body)
    end
    client:send("GET /info HTTP/1.1\r\n\r\n")
    local info = client:answer().body
    assert.is_truthy(info:find('^{"model_id":"acme/tiny","model_sha":null,"model_dtype":'))
    assert.is_truthy(info:find('"max_input_length":100,"max_total_tokens":2048', 1, true))
    client:post("/tokenize", '{"inputs":"The é🙂"}')
    local tokens = client:answer().body
    assert.is_truthy(tokens:find('^%[{"id":1,"text":"<s>","start":0,"stop":0},'
      .. '{"id":%d+,"text":"The","start":0,"stop":3},'))
    assert.is_truthy(tokens:find('{"id":133,"text":"<0x82>","start":5,"stop":6}]', 1, true))
    client:post("/tokenize", '{"inputs":"The","add_special_tokens":false}')
    assert.is_truthy(client:answer().body:find('^%[{"id":%d+,"text":"The","start":0,"stop":3}%]$'))
    client:close()
  end)

  it("answers OPTIONS on every path", function ()
    local client = raw.connect(server.listen())
    client:send("OPTIONS /generate HTTP/1.1\r\norigin: http://x\r\n\r\n")
    local answer = client:answer()
    assert.equal(200, answer.status)
    assert.equal("GET,POST", answer.headers["access-control-allow-methods"])
    assert.equal("content-type", answer.headers["access-control-allow-headers"])
    assert.equal("POST", answer.headers.allow)
    client:send("OPTIONS /nope HTTP/1.1\r\n\r\n")
    answer = client:answer()
    assert.equal(200, answer.status)
    assert.is_nil(answer.headers.allow)
    client:close()
  end)

  it("asks for the bearer token when one is set", function ()
    local s = server.listen { token = "pb_right" }
    assert.equal(401, ask(s, "/generate").status)
    local answer = ask(s, "/generate", "", "authorization: Bearer pb_wrong\r\n")
    assert.equal(401, answer.status)
    assert.equal("application/json", answer.headers["content-type"])
    assert.is_nil(answer.body:find("pb_", 1, true))
    assert.equal(200, ask(s, "/generate", "", "authorization: Bearer pb_right\r\n").status)
  end)
end)
