-- SPDX-License-Identifier: MIT
-- once: the stand-in server runs as a process of its own
--- Rows of OpenAI's batch form, sent to the stand-in server and read from its answers.
local dialects = require "predibase.bulk.dialects"
local errors = require "predibase.errors"
local json = require "predibase.json"
local pipe = require "spec.support.pipe_transport"
local predibase = require "predibase"
local server = require "spec.support.server"

local CHAT = '{"model":"","messages":[{"role":"user","content":"Hi"}],"max_tokens":3}'
local COMPLETION = '{"model": "", "prompt": "One two", "max_tokens": 4}'
local EMBEDDINGS = '{"model":"","input":["red car","blue car","tea"]}'

local function row_of (url, body)
  local line = '{"custom_id":"r","method":"POST","url":"' .. url .. '","body":' .. body .. "}"
  return assert(json.decode(line)), { line = 2, number = 1, raw = line }
end

--- Makes the call of a row and waits for its outcome.
local function ask (client, url, body, options)
  local dialect = assert(dialects.new(client, { dialect = "openai", options = options }))
  local entry = assert(dialect:prepare(row_of(url, body)))
  return assert(dialect:call(entry)):run()
end

local function each_server (check)
  for _, kind in ipairs { "lorax", "openai" } do
    local running = server.spawn { server = kind }
    local client = assert(predibase.new { base_url = running.url, server = kind,
      api_token = "pb_0123456789", max_retries = 0 })
    check(client, running, kind)
    client:close()
  end
end

local function last_request (running)
  local log = running:log()
  return log[#log]
end

describe("OpenAI's rows at a server", function ()
  after_each(server.stop)

  it("are answered by chat completions, with the body of the answer", function ()
    each_server(function (client, running)
      local result = assert(ask(client, "/v1/chat/completions", CHAT))
      assert.equal(CHAT, last_request(running).body)
      assert.equal("/v1/chat/completions", last_request(running).path)
      local object = assert(json.decode(result.raw_body))
      assert.equal(object.choices[1].message.content, result.text)
      assert.equal("length", result.finish_reason)
      assert.equal(3, result.usage.completion_tokens)
      assert.equal(200, result.status)
    end)
  end)

  it("are answered by completions", function ()
    each_server(function (client, running)
      local result = assert(ask(client, "https://api.example.com/v1/completions", COMPLETION))
      assert.equal(COMPLETION, last_request(running).body)
      local object = assert(json.decode(result.raw_body))
      assert.equal(object.choices[1].text, result.text)
      assert.equal("length", result.finish_reason)
      assert.equal(4, result.usage.completion_tokens)
      assert.equal(200, result.status)
    end)
  end)

  it("are answered by embeddings", function ()
    local running = server.spawn {}
    local client = assert(predibase.new { base_url = running.url, api_token = false })
    local result = assert(ask(client, "/v1/embeddings", EMBEDDINGS))
    assert.equal(EMBEDDINGS, last_request(running).body)
    assert.equal(3, #result.embeddings)
    assert.is_number(result.embeddings[3][1])
    assert.is_nil(result.embedding)
    assert.is_nil(result.text)
    assert.is_nil(result.values)
    assert.equal(200, result.status)
    assert.equal(3, #json.decode(result.raw_body).embeddings)
    result = assert(ask(client, "/v1/embeddings", '{"model":"","input":"red car"}'))
    assert.is_number(result.embedding[1])
    assert.is_nil(result.embeddings)
    client:close()
  end)

  it("are answered with an adapter of the options", function ()
    local running = server.spawn {}
    local client = assert(predibase.new { base_url = running.url, api_token = "pb_0123456789" })
    local options = { adapter_id = "my-repo/3" }
    local result = assert(ask(client, "/v1/chat/completions", CHAT, options))
    assert.equal("my-repo/3", result.adapter_id)
    assert.equal('{"model":"my-repo/3","messages":[{"role":"user","content":"Hi"}],'
      .. '"max_tokens":3,"adapter_source":"pbase"}', last_request(running).body)
    result = assert(ask(client, "/v1/embeddings", EMBEDDINGS, options))
    assert.equal("my-repo/3", result.adapter_id)
    client:close()
  end)

  it("have the errors of the server", function ()
    local running = server.spawn {}
    local client = assert(predibase.new { base_url = running.url, api_token = false,
      max_retries = 0 })
    local result, err = ask(client, "/v1/chat/completions",
      '{"model":"","messages":[{"role":"user","content":"Hi"}],"temperature":-1}')
    assert.is_nil(result)
    assert.is_true(errors.is(err))
    assert.equal("validation", err.kind)
    assert.equal(422, err.status)
    client:close()
  end)
end)

describe("the answer to a row of OpenAI", function ()
  local client

  local function answered (reply, url, body, options)
    client = pipe.client(reply, options)
    return ask(client, url, body)
  end

  after_each(function ()
    client:close()
  end)

  local JSON = { ["content-type"] = "application/json" }

  it("is an error when it is the page of a proxy", function ()
    for url, body in pairs { ["/v1/chat/completions"] = CHAT, ["/v1/completions"] = COMPLETION,
      ["/v1/embeddings"] = EMBEDDINGS } do
      local result, err = answered({ headers = { ["content-type"] = "text/html" },
        body = "<html><title>Sign in</title></html>" }, url, body)
      assert.is_nil(result)
      assert.equal("protocol", err.kind)
      assert.equal("unexpected answer (status 200, text/html): Sign in", err.message)
      client:close()
    end
  end)

  it("is an error when it has fewer vectors than the row has texts", function ()
    local result, err = answered({ headers = JSON,
      body = '{"data":[{"index":0,"embedding":[1]}]}' }, "/v1/embeddings", EMBEDDINGS)
    assert.is_nil(result)
    assert.equal("in the answer, data has 1 vectors for 3 texts", err.message)
  end)

  it("is one vector for an array of tokens", function ()
    local result = assert(answered({ headers = JSON,
      body = '{"data":[{"index":0,"embedding":[1,2]}],"usage":{"prompt_tokens":3}}' },
      "/v1/embeddings", '{"input":[5,6,7],"model":"m"}'))
    assert.same({ 1, 2 }, result.embedding)
    assert.equal(3, result.usage.prompt_tokens)
  end)

  it("may have its vectors as Base64, which stay as they are", function ()
    local body = '{"data":[{"index":0,"embedding":"AACAPw=="}],"usage":{"prompt_tokens":2}}'
    local row = '{"input":"x","encoding_format":"base64"}'
    local result = assert(answered({ headers = JSON, body = body }, "/v1/embeddings", row))
    assert.equal(body, result.raw_body)
    assert.equal(2, result.usage.prompt_tokens)
    assert.is_nil(result.embedding)
    client:close()
    local err
    result, err = answered({ headers = JSON, body = '{"data":[{"embedding":"AA=="},'
      .. '{"embedding":"AA=="}]}' }, "/v1/embeddings", row)
    assert.is_nil(result)
    assert.equal("in the answer, data is not an array of 1 vectors", err.message)
    client:close()
    result, err = answered({ headers = JSON, body = '{"data":[{"embedding":[1]},'
      .. '{"embedding":"AA=="}]}' }, "/v1/embeddings",
      '{"input":["x","y"],"encoding_format":"base64"}')
    assert.is_nil(result)
    assert.equal("in the answer, data[1].embedding is not a string", err.message)
    client:close()
    -- LoRAX does not know `encoding_format`.
    result = assert(answered({ headers = JSON,
      body = '{"embeddings":[{"index":0,"embedding":[1]}]}' },
      "/v1/embeddings", row))
    assert.same({ 1 }, result.embedding)
  end)

  it("has the token of a function in the body, where LoRAX needs it", function ()
    local network
    client, network = pipe.client({ headers = JSON,
      body = '{"embeddings":[{"index":0,"embedding":[1]}]}' },
      { api_token = function () return "pb_from_function" end })
    local result = assert(ask(client, "/v1/embeddings", '{"model":"m" ,"input":"x"}',
      { adapter_id = "r/1", adapter_source = "pbase" }))
    assert.same({ 1 }, result.embedding)
    assert.equal('{"model":"r/1" ,"input":"x","parameters":{"adapter_id":"r/1",'
      .. '"adapter_source":"pbase","api_token":"pb_from_function"}}', network.requests[1].body)
  end)
end)
