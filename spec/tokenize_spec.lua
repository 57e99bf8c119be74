-- SPDX-License-Identifier: MIT
--- Tokenizes texts with the stand-in server, and with servers that send other responses.
local json = require "predibase.json"
local calling_line = require "spec.support.blame"
local pipe = require "spec.support.pipe_transport"
local predibase = require "predibase"
local server = require "spec.support.server"

local JSON = { ["content-type"] = "application/json" }

local function reply (body, status)
  return { status = status or 200, headers = JSON, body = body }
end

describe("client:tokenize", function ()
  local client, network

  local function open (replies, options)
    client, network = pipe.client(replies, options)
    client.shared.random = function () return 0.5 end
    return client
  end

  after_each(function ()
    if not client then return end
    assert.equal(0, client.transport:size())
    client:close()
    client = nil
  end)

  it("returns the tokens with their positions", function ()
    open(reply('[{"id":1,"text":"<s>","start":0,"stop":0},'
      .. '{"id":643,"text":"▁é","start":0,"stop":1}]'))
    local tokens = assert(client:tokenize "é")
    assert.same({ { id = 1, text = "<s>", start = 0, stop = 0 },
      { id = 643, text = "▁é", start = 0, stop = 1 } }, tokens)
    assert.equal("POST", network.requests[1].method)
    assert.is_truthy(network.requests[1].url:find "/tokenize$")
    assert.equal('{"inputs":"é","add_special_tokens":true}', network.requests[1].body)
  end)

  it("sends any text, and whether the server adds special tokens", function ()
    open(reply "[]")
    local text = 'a "%s" %d \\ \n </s> 🙂'
    assert.same({}, client:tokenize(text, { add_special_tokens = false }))
    local body = assert(json.decode(network.requests[1].body))
    assert.same({ inputs = text, add_special_tokens = false }, body)
    assert.same({}, client:tokenize "")
  end)

  it("sends none of the client's parameters", function ()
    open(reply "[]", { defaults = { max_new_tokens = 5, adapter_id = "a/1" } })
    assert(client:tokenize "x")
    assert.equal('{"inputs":"x","add_special_tokens":true}', network.requests[1].body)
  end)

  it("returns an error of kind not_found without a tokenizer or without the route", function ()
    open { reply('{"error":"No fast tokenizer or tokenizer.json for this model",'
      .. '"error_type":"no fast tokenizer"}', 404), { status = 404, headers = {}, body = "" } }
    local tokens, err = client:tokenize "x"
    assert.is_nil(tokens)
    assert.equal("not_found", err.kind)
    assert.is_truthy(err.message:find("No fast tokenizer", 1, true))
    tokens, err = client:tokenize "x"
    assert.is_nil(tokens)
    assert.equal("not_found", err.kind)
  end)

  it("retries, with the hooks of the call", function ()
    open { reply('{"error":"x","error_type":"overloaded"}', 503), reply "[]" }
    local seen = {}
    local function note (name) return function () seen[#seen + 1] = name end end
    assert(client:tokenize("x", { on_request = note "request", on_response = note "response",
      on_retry = note "retry" }))
    assert.same({ "request", "response", "retry", "request", "response" }, seen)
  end)

  it("respects the clocks of the call", function ()
    open { headers = JSON, before = 100, body = "[]" }
    local tokens, err = client:tokenize("x", { timeout = 2 })
    assert.is_nil(tokens)
    assert.equal("timeout", err.kind)
    assert.equal("total", err.phase)
  end)

  it("refuses responses that are not tokens", function ()
    for _, body in ipairs { "", "{}", "3", "null", '"x"', "[1]", "[null]", '[{"id":1}]',
      '[{"id":1.5,"text":"x"}]', '[{"id":"1","text":"x"}]', '{"generated_text":"x"}' }
    do
      open(reply(body))
      local tokens, err = client:tokenize "x"
      assert.is_nil(tokens, body)
      assert.equal("protocol", err.kind, body)
      client:close()
    end
    open(reply '[{"id":1,"text":"x","start":null}]')
    assert.same({ { id = 1, text = "x" } }, client:tokenize "x")
  end)

  it("refuses bad values before a request is sent", function ()
    open(reply "[]")
    for _, case in ipairs {
      { "\255" }, { "x", { add_special_tokens = "yes" } }, { "x", { timeout = -1 } },
      { ("x"):rep(2097153) },
    } do
      local tokens, err = client:tokenize(case[1], case[2])
      assert.is_nil(tokens)
      assert.is_true(predibase.is_error(err))
    end
    assert.equal(0, #network.requests)
  end)

  it("raises for mistakes of the program, with the line of the caller", function ()
    open(reply "[]")
    assert.is_truthy(calling_line(function () client:tokenize(3) end):find("number 3", 1, true))
    assert.is_truthy(calling_line(function () client:tokenize("x", 3) end):find("a table", 1, true))
    assert.is_truthy(calling_line(function ()
      client:tokenize("x", { add_special_token = true })
    end):find('did you mean "add_special_tokens"', 1, true))
    calling_line(function () client:tokenize("x", { timeout = { conect = 1 } }) end)
    calling_line(function () client:tokenize("x", { max_new_tokens = 1 }) end)
    calling_line(function () client.tokenize({}, "x") end)
    client:close()
    calling_line(function () client:tokenize "x" end)
  end)
end)

describe("the stand-in's tokenizer", function ()
  after_each(server.stop)

  it("returns as many tokens as the server counts for the prompt", function ()
    local running = server.spawn()
    local client = assert(predibase.new { base_url = running.url, api_token = false })
    local result = assert(client:generate("Where is the sea?", { max_new_tokens = 1 }))
    assert.equal(result.usage.prompt_tokens, #assert(client:tokenize "Where is the sea?"))
    client:close()
  end)
end)
