-- SPDX-License-Identifier: MIT
-- once: the stand-in server runs as a process of its own

local raw = require "spec.support.raw_client"
local server = require "spec.support.server"
local uv = require "luv"

local BODY = '{"inputs":"Tell me a story","parameters":{%s}}'

local function seconds ()
  return uv.hrtime() / 1e9
end

-- Sends one request and waits for the end of the connection or of the answer.
local function open (to, path, parameters)
  return raw.connect(to):post(path, BODY:format(parameters or '"max_new_tokens":6'))
end

local function count (text, what)
  local _, n = text:gsub(what, "")
  return n
end

describe("predibase.mock.answers", function ()
  after_each(server.stop)

  it("waits between tokens with delay, and before the first with first_delay", function ()
    local s = server.listen()
    local began = seconds()
    local client = open(s, "/~delay=0.05;first_delay=0.1/generate_stream")
    assert.equal(6, #client:answer().chunks)
    assert.is_true(seconds() - began > 0.33)
    client:close()
  end)

  it("sends the head before the first token, and waits before it with head_delay", function ()
    local client = open(server.listen(), "/~first_delay=30/generate_stream")
    assert.is_truthy(client:wait("\r\n\r\n"))
    assert.is_nil(client.received:find("data:", 1, true))
    client:close()
    client = open(server.listen(), "/~head_delay=30/generate_stream")
    client:wait("never", 0.1)
    assert.equal("", client.received)
    client:close()
  end)

  it("ends with an error event after n tokens", function ()
    local s = server.listen()
    local client = open(s, "/~error_after=3/generate_stream")
    local answer = client:answer()
    assert.equal(4, #answer.chunks)
    assert.equal('data: {"error":"Request failed during generation: Server error: a fault was '
      .. 'asked for","error_type":"generation"}\n\n', answer.chunks[4])
    client:close()
    client = open(s, "/~error_after=0;error_type=incomplete_generation/generate_stream")
    assert.equal('data: {"error":"Incomplete generation","error_type":"incomplete_generation"}'
      .. "\n\n", client:answer().body)
    client:close()
  end)

  it("answers with the error outside a stream", function ()
    local s = server.listen { script = {
      ["/generate"] = { error_after = 2, error = "boom", error_type = "overloaded" },
    } }
    local client = open(s, "/generate")
    local answer = client:answer()
    assert.equal(429, answer.status)
    assert.equal('{"error":"boom","error_type":"overloaded"}', answer.body)
    assert.equal(2, s:log()[1].tokens)
    client:close()
  end)

  it("cuts a stream after n tokens without ending it", function ()
    local s = server.listen()
    local client = open(s, "/~cut_after=2/generate_stream")
    assert.is_true(client:wait())
    assert.is_nil(client.failure)
    assert.equal(2, count(client.received, "data: "))
    assert.is_nil(client.received:find("\r\n0\r\n", 1, true))
    client:close()
    assert.equal("server", s:log()[1].closed_by)
    assert.is_false(s:log()[1].complete)
  end)

  it("cuts a whole answer in the middle of its body", function ()
    local client = open(server.listen(), "/~cut_after=2/generate")
    assert.is_true(client:wait())
    local length = tonumber(client.received:match("content%-length: (%d+)"))
    local body = client.received:match("\r\n\r\n(.*)$")
    assert.is_true(#body > 0 and #body < length)
    client:close()
  end)

  it("resets the connection after n tokens", function ()
    local client = open(server.listen(), "/~reset_after=2/generate_stream")
    server.run_until(function () return client.failure or client.ended end)
    assert.equal("ECONNRESET", client.failure:match("^%u+"))
    assert.equal(2, count(client.received, "data: "))
    client:close()
  end)

  it("sends only comments after n tokens with silent_after", function ()
    local s = server.listen()
    local client = open(s, "/~silent_after=1;keepalive_interval=0.03/generate_stream")
    assert.is_true(server.run_until(function ()
      return count(client.received, "3\r\n:\n\n\r\n") >= 3
    end))
    assert.equal(1, count(client.received, "data: "))
    client:close()
  end)

  it("sends no comments with a keepalive_interval of 0", function ()
    local client = open(server.listen { keepalive_interval = 0.02 },
      "/~silent_after=0;keepalive_interval=0/generate_stream")
    client:wait(":\n\n", 0.2)
    assert.is_truthy(client.received:find("\r\n\r\n$"))
    client:close()
  end)

  it("sends comments of three bytes while it waits for a token, and none otherwise", function ()
    local s = server.listen { keepalive_interval = 0.04 }
    local client = open(s, "/~first_delay=0.1/generate_stream")
    local answer = client:answer()
    assert.equal(":\n\n", answer.chunks[1])
    assert.equal(":\n\n", answer.chunks[2])
    assert.equal(6, count(answer.body, "data: "))
    assert.equal(0, count(answer.chunks[#answer.chunks], "^:"))
    client:close()
    client = open(s, "/generate_stream")
    assert.equal(0, count(client:answer().body, ":\n\n"))
    client:close()
  end)

  it("refuses the first k requests as overloaded", function ()
    local s = server.listen { script = { ["/generate"] = { overload = 2 } } }
    local statuses = {}
    for i = 1, 4 do
      local client = open(s, "/generate")
      statuses[i] = client:answer().status
      client:close()
    end
    assert.same({ 429, 429, 200, 200 }, statuses)
    local client = open(s, "/~overload=1/generate_stream")
    assert.equal('data: {"error":"Model is overloaded","error_type":"overloaded"}\n\n',
      client:answer().body)
    client:close()
    client = open(s, "/~overload=1/generate_stream")
    assert.equal(6, #client:answer().chunks)
    client:close()
  end)

  it("answers with any status, body, content type and headers", function ()
    local s = server.listen { script = { ["/generate"] = { status = 503, body = "<h1>no</h1>",
      content_type = "text/html", headers = { ["retry-after"] = 7, ["x-b3-traceid"] = "abc" } } } }
    local client = open(s, "/generate")
    local answer = client:answer()
    assert.equal(503, answer.status)
    assert.equal("<h1>no</h1>", answer.body)
    assert.equal("text/html", answer.headers["content-type"])
    assert.equal("7", answer.headers["retry-after"])
    assert.equal("abc", answer.headers["x-b3-traceid"])
    client:post("/~status=504/generate_stream", BODY:format(""))
    answer = client:answer()
    assert.equal(504, answer.status)
    assert.is_nil(answer.headers["content-type"])
    client:close()
  end)

  it("sends any bytes instead of an answer", function ()
    local s = server.listen { script = { ["*"] = { raw = "SSH-2.0-x\r\n" } } }
    local client = open(s, "/anything")
    assert.is_true(client:wait())
    assert.equal("SSH-2.0-x\r\n", client.received)
    client:close()
  end)

  it("performs a list of actions instead of an answer", function ()
    local s = server.listen()
    s:script("/generate", { raw = { { send = "HTTP/1.1 200 OK\r\n" }, { sleep = 0.05 },
      { send = "content-length: 5\r\n\r\nab" }, { reset = true } } })
    local client = open(s, "/generate")
    server.run_until(function () return client.failure end)
    assert.equal("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab", client.received)
    assert.is_true(#client.reads >= 2)
    client:close()
    s:script("/generate", { raw = { { send = "x" }, { hold = true } } })
    client = open(s, "/generate")
    assert.is_true(client:wait(1) ~= false)
    assert.is_falsy(client:wait(nil, 0.1))
    client:close()
  end)

  it("writes every byte of an answer in slices of n", function ()
    local s = server.listen()
    local whole = open(s, "/generate_stream")
    local expected = whole:answer().body
    whole:close()
    local client = open(s, "/~slice=1/generate_stream")
    assert.equal(expected, client:answer().body)
    client:close()
  end)

  it("leaves out the closing event with final=false", function ()
    local client = open(server.listen(), "/~final=false/generate_stream")
    local answer = client:answer()
    assert.equal(6, #answer.chunks)
    assert.equal(6, count(answer.body, '"generated_text":null'))
    client:close()
  end)

  it("keeps the body open after the closing event with hold", function ()
    local client = open(server.listen(), "/~hold=30/generate_stream")
    assert.is_truthy(client:wait('"generated_text":" '))
    assert.is_nil(raw.parse(client.received))
    client:close()
  end)

  it("generates a scripted answer", function ()
    local s = server.listen { script = { ["/generate_stream"] = { answer = { "a", "", "🙂" } } } }
    local client = open(s, "/generate_stream", "")
    local answer = client:answer()
    assert.equal(4, #answer.chunks)
    assert.is_truthy(answer.chunks[4]:find('"text":"</s>"', 1, true))
    assert.is_truthy(answer.chunks[4]:find('"generated_text":"a🙂"', 1, true))
    client:close()
  end)

  it("uses a script for the requests whose body contains its text", function ()
    local s = server.listen()
    s:script("/generate", { { when = "story", answer = { "a" } }, { answer = { "b" } },
      { when = "poem", status = 500 }, { answer = { "c" } } })
    local client, bodies = raw.connect(s), {}
    for i, inputs in ipairs { "x", "a story", "a poem", "y", "z" } do
      client:post("/generate", ('{"inputs":"%s"}'):format(inputs))
      bodies[i] = client:answer().body
    end
    assert.same({ '{"generated_text":"b"}', '{"generated_text":"a"}', "",
      '{"generated_text":"c"}', '{"generated_text":"c"}' }, bodies)
    client:close()
  end)

  it("uses an array of scripts for one request after the other", function ()
    local s = server.listen()
    s:script("/generate", { { status = 500 }, { status = 502 }, {} })
    local client = raw.connect(s)
    for _, status in ipairs { 500, 502, 200, 200 } do
      client:post("/generate", BODY:format(""))
      assert.equal(status, client:answer().status)
    end
    s:script("/generate", nil)
    client:post("/generate", BODY:format(""))
    assert.equal(200, client:answer().status)
    client:close()
  end)

  it("fails every request under way with batch_error_after", function ()
    local s = server.listen()
    local neighbour = open(s, "/~delay=0.01/generate_stream", '"ignore_eos_token":true')
    assert.is_truthy(neighbour:wait("data: "))
    local client = open(s, "/~batch_error_after=2/generate")
    local answer = client:answer()
    assert.equal(424, answer.status)
    assert.is_truthy(answer.body:find("Server error: a fault was asked for", 1, true))
    local body = neighbour:answer().body
    assert.is_truthy(body:find('data: {"error":"Request failed during generation: Server error: '
      .. 'a fault was asked for","error_type":"generation"}\n\n$'))
    neighbour:close()
    client:post("/generate", BODY:format('"max_new_tokens":1'))
    assert.equal(200, client:answer().status)
    client:close()
  end)

  it("closes all connections and its socket with crash_after", function ()
    local s = server.listen()
    local neighbour = open(s, "/~delay=0.01/generate_stream", '"ignore_eos_token":true')
    assert.is_truthy(neighbour:wait("data: "))
    local client = open(s, "/~crash_after=2/generate_stream")
    for _, one in ipairs { neighbour, client } do
      assert.is_true(one:wait())
      assert.is_nil(one.received:find("\r\n0\r\n", 1, true))
      one:close()
    end
    for _, entry in ipairs(s:log()) do assert.equal("server", entry.closed_by) end
    assert.has_error(function () raw.connect(s) end)
  end)

  it("answers 400 with the nearest name for a fault that does not exist", function ()
    local client = open(server.listen(), "/~cut_aftr=2/generate")
    local answer = client:answer()
    assert.equal(400, answer.status)
    assert.equal('unknown fault "cut_aftr"; did you mean "cut_after"?', answer.body)
    client:close()
  end)
end)
