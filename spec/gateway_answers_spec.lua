-- SPDX-License-Identifier: MIT
--- What gateways in front of a model answer in its place, over a network without a network.
local pipe = require "spec.support.pipe_transport"

local TOKEN = 'data:{"token":{"id":5,"text":" w","logprob":-0.5,"special":false},'
  .. '"generated_text":null,"details":null}\n\n'

local function open (replies, options)
  local client, network = pipe.client(replies, options)
  client.shared.random = function () return 0 end
  return client, network
end

local function ask (client, method)
  if method == "generate" then return select(2, client:generate "x") end
  return select(2, client:generate_stream("x"):text())
end

for _, method in ipairs { "generate", "generate_stream" } do
  describe("a gateway, for " .. method .. ",", function ()
    it("that ends a request after seconds is not asked again, and the error says why", function ()
      for seconds, waits in pairs { [1] = "1.0 s", [15] = "15.0 s" } do
        local client, network = open { status = 504, headers = { ["content-type"] = "text/plain" },
          before = seconds, body = "upstream request timeout" }
        local err = ask(client, method)
        assert.equal(1, #network.requests)
        assert.same({ "server", 504, false, 1 },
          { err.kind, err.status, err.retryable, err.attempts })
        assert.is_truthy(err.message:find("^upstream request timeout; the time limit of a gateway"))
        for _, text in ipairs { waits, "generate_stream", "max_new_tokens" } do
          assert.is_truthy(err.message:find(text, 1, true), err.message)
        end
        client:close()
      end
    end)

    it("that finds no server at once is asked again", function ()
      local client, network = open { status = 504, headers = {}, before = 0.9, body = "" }
      local err = ask(client, method)
      assert.equal(3, #network.requests)
      assert.is_true(err.retryable)
      assert.is_nil(err.message:find("gateway", 1, true))
      client:close()
    end)

    it("whose rate limit refuses has limited the rate, whatever the status is", function ()
      for _, status in ipairs { 429, 503 } do
        local client, network = open({ status = status, body = "local_rate_limited",
          headers = { ["x-envoy-ratelimited"] = "true" } }, { cold_start = 60 })
        local err = ask(client, method)
        assert.same({ "rate_limited", true, 3 }, { err.kind, err.retryable, #network.requests })
        client:close()
      end
    end)

    it("whose circuit breaker opened is overloaded", function ()
      local client, network = open { status = 503, body = "upstream connect error",
        headers = { ["x-envoy-overloaded"] = "true" } }
      local err = ask(client, method)
      assert.equal("overloaded", err.kind)
      assert.equal(3, #network.requests)
      client:close()
    end)
  end)
end

describe("a stream that is cut", function ()
  for _, ending in ipairs { "cut", "reset" } do
    it("has the same message however it was, here by a " .. ending, function ()
      local client, network = open { pieces = { TOKEN, 2, TOKEN, TOKEN, 1.5 }, ending = ending }
      local text, err = client:generate_stream("x"):text()
      assert.is_nil(text)
      assert.equal(1, #network.requests)
      assert.same({ "connection", "body", 3, " w w w" },
        { err.kind, err.phase, err.tokens, err.partial_text })
      assert.equal("127.0.0.1:8080: the server, or a gateway in front of it, ended the stream "
        .. "after 3.5 s and 3 tokens, before the model had finished; a time limit of the gateway "
        .. "or a restart may be the reason", err.message)
      client:close()
    end)
  end

  it("counts the seconds of the last try, and one token as one", function ()
    local client = open { { pieces = {}, ending = "cut", before = 9 },
      { pieces = { 1, TOKEN }, ending = "cut" } }
    local _, err = client:generate_stream("x"):text()
    assert.equal(2, err.attempts)
    assert.is_truthy(err.message:find("after 1.0 s and 1 token,", 1, true), err.message)
    client:close()
  end)
end)

describe("a whole answer that is cut", function ()
  for ending, reason in pairs {
    cut = "transfer closed with outstanding read data remaining",
    reset = "Recv failure: Connection reset by peer",
  } do
    it("says who ended it, when and how, here by a " .. ending, function ()
      local client, network = open { pieces = { '{"generated_', 2 }, ending = ending,
        headers = { ["content-type"] = "application/json" } }
      local result, err = client:generate "x"
      assert.is_nil(result)
      assert.equal(3, #network.requests)
      assert.same({ "connection", "body", true }, { err.kind, err.phase, err.retryable })
      assert.equal("127.0.0.1:8080: the server, or a gateway in front of it, ended the response "
        .. "after 2.0 s, before it was complete (" .. reason .. ")", err.message)
      client:close()
    end)
  end
end)

describe("an answer whose text was cut inside a character", function ()
  local JSON = { ["content-type"] = "application/json", ["x-generated-tokens"] = "5",
    ["x-prompt-tokens"] = "0", ["x-total-tokens"] = "5" }

  it("says that its text is incomplete", function ()
    local client = open { headers = JSON, body = '{"generated_text":""}' }
    local result = assert(client:generate "x")
    assert.equal("", result.generated_text)
    assert.is_true(result.text_incomplete)
    client:close()
  end)

  it("says nothing of it with a text, after one token, or with details", function ()
    local replies = {
      { headers = JSON, body = '{"generated_text":"a"}' },
      { headers = { ["content-type"] = "application/json", ["x-generated-tokens"] = "1" },
        body = '{"generated_text":""}' },
      { headers = JSON, body = '{"generated_text":"","details":{"finish_reason":"length",'
        .. '"prompt_tokens":3,"generated_tokens":2,"seed":null,"prefill":[],"tokens":['
        .. '{"id":1,"text":"</s>","logprob":-1,"special":true},'
        .. '{"id":1,"text":"</s>","logprob":-1,"special":true}]}}' },
    }
    local client = open(replies)
    for _ = 1, #replies do assert.is_nil(assert(client:generate "x").text_incomplete) end
    client:close()
  end)

  it("leaves out a number of prompt tokens that the server does not know", function ()
    local client = open { headers = JSON, body = '{"generated_text":"a"}' }
    assert.same({ completion_tokens = 5 }, client:generate("x").usage)
    client:close()
  end)
end)
