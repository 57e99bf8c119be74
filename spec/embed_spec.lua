-- SPDX-License-Identifier: MIT
--- Vectors of texts: what is sent, and how the answers of LoRAX and OpenAI are read.
local answers = dofile "spec/fixtures/answers.lua"
local calling_line = require "spec.support.blame"
local json = require "predibase.json"
local pipe = require "spec.support.pipe_transport"
local predibase = require "predibase"
local vectors = require "spec.support.vectors"

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

local function recorded (name)
  local fixture = assert(answers[name], name)
  return { status = fixture.status, headers = { ["content-type"] = fixture.type },
    body = fixture.body }
end

local function bodies ()
  local list = {}
  for i, log in ipairs(network.requests) do list[i] = log.body end
  return list
end

local function refused (kind, text, ...)
  local found, err = client:embed(...)
  assert.is_nil(found)
  assert.equal(kind, err.kind)
  assert.is_truthy(err.message:find(text, 1, true), err.message)
  return err
end

describe("client:embed", function ()
  after_each(close)

  it("returns the vector of a text, by /embed", function ()
    open(recorded "embed")
    local vector, about = assert(client:embed "Hello world")
    assert.same({ 0.25, -0.5, 0.1, 3.6666667 }, vector)
    assert.equal(answers.embed.sent, network.requests[1].body)
    assert.is_truthy(network.requests[1].url:find "/embed$")
    assert.same({}, about.usage)
    assert.is_number(about.timing.total)
    assert.is_string(about.request_id)
    assert.same({ about.request_id }, about.request_ids)
    assert.equal(1, about.requests)
    assert.equal(1, about.attempts)
    assert.equal(200, about.status)
    assert.is_nil(about.values)
  end)

  it("returns the vectors of an array in its order, by /v1/embeddings", function ()
    open(recorded "embeddings-array")
    local list, about = assert(client:embed { "Hello", "world" })
    assert.same({ { 0.25, -0.5, 0.1, 1.6666666 }, { 0.25, -0.5, 0.1, 1.6666666 } }, list)
    assert.equal('{"input":["Hello","world"],"model":""}', network.requests[1].body)
    assert.is_truthy(network.requests[1].url:find "/v1/embeddings$")
    assert.equal(1, about.requests)
  end)

  it("returns an array also for an array of one text", function ()
    open(vectors.lorax)
    assert.same({ { 1, 97.5 } }, client:embed { "a" })
    assert.is_truthy(network.requests[1].url:find "/embed$")
  end)

  it("sends nothing for an empty array", function ()
    open(vectors.lorax)
    local list, about = assert(client:embed {})
    assert.same({}, list)
    assert.same({}, about.usage)
    assert.equal(0, about.requests)
    assert.equal(0, #network.requests)
  end)

  it("embeds an empty text, and any UTF-8", function ()
    open(vectors.lorax)
    assert.same({ 0, 0.5 }, client:embed "")
    local texts = { "é😀", 'a "%s" \\ \n </s>', "" }
    assert.equal(3, #client:embed(texts))
    assert.same(texts, json.decode(network.requests[2].body).input)
  end)

  it("sorts OpenAI's answer by its indices and counts its tokens", function ()
    open(vectors.openai, { server = "openai" })
    local list, about = assert(client:embed({ "a", "bc", "def" }, { model = "m" }))
    assert.same({ { 1, 97.5 }, { 2, 98.5 }, { 3, 100.5 } }, list)
    assert.same({ prompt_tokens = 3, total_tokens = 3 }, about.usage)
    assert.equal("m-1", about.model_id)
    assert.equal('{"input":["a","bc","def"],"model":"m"}', network.requests[1].body)
    assert.same({ 1, 97.5 }, client:embed "a")
    assert.equal('{"input":["a"],"model":""}', network.requests[2].body)
    assert.is_truthy(network.requests[2].url:find "/v1/embeddings$")
  end)

  it("sends the fields of extra", function ()
    open(vectors.openai, { server = "openai" })
    assert(client:embed("a", { extra = { dimensions = 2 } }))
    close()
    local sent = network.requests[1].body
    assert.equal('{"input":["a"],"model":"","dimensions":2}', sent)
    open(vectors.lorax)
    assert(client:embed("a", { extra = { pooling = "cls" } }))
    assert.equal('{"inputs":"a","parameters":{"pooling":"cls"}}', network.requests[1].body)
  end)

  it("retries, with the hooks of the call", function ()
    open { recorded "overloaded-embed", recorded "embed" }
    local seen = {}
    local function note (name) return function () seen[#seen + 1] = name end end
    local _, about = assert(client:embed("Hello world", { on_request = note "request",
      on_response = note "response", on_retry = note "retry" }))
    assert.same({ "request", "response", "retry", "request", "response" }, seen)
    assert.equal(2, about.attempts)
  end)

  it("returns the errors of the server", function ()
    for name, kind in pairs {
      ["embed-error"] = "generation", ["embed-adapter-missing"] = "generation",
      ["embed-too-long"] = "validation", ["embed-missing"] = "validation",
      ["embeddings-empty-array"] = "server", ["embed-get"] = "not_found",
      ["shard-gone-embed"] = "server",
    } do
      open(recorded(name))
      local vector, err = client:embed("x", { max_retries = 0 })
      assert.is_nil(vector)
      assert.equal(kind, err.kind, name)
      close()
    end
  end)

  it("respects the clocks of the call", function ()
    open { headers = { ["content-type"] = "application/json" }, before = 100, body = "{}" }
    local vector, err = client:embed("x", { timeout = 2 })
    assert.is_nil(vector)
    assert.equal("timeout", err.kind)
    assert.equal("total", err.phase)
  end)
end)

describe("The adapter of client:embed", function ()
  after_each(close)

  local TOKEN = "pb_SENTINEL_12345"

  it("is sent in the parameters, with the client's token for Predibase's own adapters", function ()
    open(vectors.lorax, { api_token = TOKEN, allow_plain_http = true })
    local _, about = assert(client:embed("a", { adapter_id = "r/1" }))
    assert(client:embed({ "a", "b" }, { adapter_id = "r/1" }))
    assert(client:embed("a", { adapter_id = "r/1", adapter_source = "PBASE" }))
    assert.same({
      '{"inputs":"a","parameters":{"adapter_id":"r/1","adapter_source":"pbase","api_token":"'
        .. TOKEN .. '"}}',
      '{"input":["a","b"],"model":"r/1","parameters":{"adapter_id":"r/1",'
        .. '"adapter_source":"pbase","api_token":"' .. TOKEN .. '"}}',
      '{"inputs":"a","parameters":{"adapter_id":"r/1","adapter_source":"PBASE","api_token":"'
        .. TOKEN .. '"}}',
    }, bodies())
    assert.equal("r/1", about.adapter_id)
  end)

  it("gets the token of a function, which is asked for each attempt", function ()
    local n = 0
    open({ { status = 503, headers = {} }, vectors.lorax }, { api_token = function ()
      n = n + 1
      return TOKEN .. n
    end, allow_plain_http = true })
    assert(client:embed("a", { adapter_id = "r/1" }))
    local all = bodies()
    for i = 1, 2 do
      assert.equal('{"inputs":"a","parameters":{"adapter_id":"r/1","adapter_source":"pbase",'
        .. '"api_token":"' .. TOKEN .. i .. '"}}', all[i])
    end
    assert(client:embed({ "a", "b" }, { adapter_id = "r/1", adapter_source = "hub" }))
    assert.is_nil(bodies()[3]:find(TOKEN, 1, true))
    assert(client:embed "a")
    assert.equal('{"inputs":"a"}', bodies()[4])
  end)

  it("gets no token of Predibase when it comes from another source", function ()
    open(vectors.lorax, { api_token = TOKEN, allow_plain_http = true })
    for _, source in ipairs { "hub", "HUB", "local", "s3" } do
      assert(client:embed("a", { adapter_id = "r/1", adapter_source = source }))
    end
    assert(client:embed("a", { merged_adapters = { ids = { "r/1" }, weights = { 1 } } }))
    for _, body in ipairs(bodies()) do assert.is_nil(body:find(TOKEN, 1, true), body) end
    assert.is_truthy(bodies()[1]:find('"api_token":""', 1, true))
    assert.is_truthy(bodies()[2]:find('"api_token":""', 1, true))
  end)

  it("gets the token of the call rather than the client's", function ()
    open(vectors.lorax, { api_token = TOKEN, allow_plain_http = true })
    assert(client:embed("a", { adapter_id = "r/1", api_token = "pb_other_one" }))
    assert(client:embed("a", { adapter_id = "r/1", api_token = "" }))
    assert.is_truthy(bodies()[1]:find('"api_token":"pb_other_one"', 1, true))
    assert.is_truthy(bodies()[2]:find('"api_token":""', 1, true))
    assert.is_nil(table.concat(bodies()):find(TOKEN, 1, true))
  end)

  it("keeps its token out of errors, and off unprotected networks", function ()
    open(vectors.reply('{"error":"bad token hf_SECRET_1234","error_type":"generation"}', 424))
    local err = refused("generation", "[redacted]", "a",
      { adapter_id = "r/1", api_token = "hf_SECRET_1234" })
    assert.is_nil(tostring(err):find("hf_SECRET", 1, true))
    assert.is_nil(err.body:find("hf_SECRET", 1, true))
    close()
    open(vectors.lorax, { base_url = "http://gpu.example:1", api_token = false })
    refused("config", "unencrypted", "a", { adapter_id = "r/1", api_token = "hf_SECRET_1234" })
    assert.equal(0, #network.requests)
  end)

  it("may be merged of several, one text in each request", function ()
    open(vectors.lorax)
    local merged = { ids = { "a/1", "b/1" }, weights = { 1, 1 } }
    assert.same({ { 1, 97.5 }, { 2, 98.5 } },
      client:embed({ "a", "bc" }, { merged_adapters = merged }))
    assert.same({ '{"inputs":"a","parameters":{"merged_adapters":{"ids":["a/1","b/1"],'
      .. '"weights":[1,1]}}}', '{"inputs":"bc","parameters":{"merged_adapters":{"ids":["a/1",'
      .. '"b/1"],"weights":[1,1]}}}' }, bodies())
    refused("validation", "at most one of `adapter_id`", "a",
      { adapter_id = "r/1", merged_adapters = merged })
  end)

  it("may be a default of the client, whose other defaults are left out", function ()
    open(vectors.lorax, { defaults = { adapter_id = "d/1", adapter_source = "local",
      max_new_tokens = 5, stop = { "x" }, response_format = { type = "text" } } })
    assert(client:embed "a")
    assert(client:embed("a", { adapter_id = "" }))
    assert(client:embed("a", { merged_adapters = { ids = { "r/1" }, weights = { 1 } } }))
    assert.same({ '{"inputs":"a","parameters":{"adapter_id":"d/1","adapter_source":"local"}}',
      '{"inputs":"a","parameters":{"adapter_id":"","adapter_source":"local"}}',
      '{"inputs":"a","parameters":{"adapter_source":"local","merged_adapters":{"ids":["r/1"],'
      .. '"weights":[1]}}}' }, bodies())
  end)

  it("cannot be merged where the server has the API of OpenAI", function ()
    local merged = { ids = { "a/1" }, weights = { 1 } }
    open(vectors.openai, { server = "openai", defaults = { merged_adapters = merged } })
    refused("validation", "merged_adapters", "a")
    assert(client:embed("a", { model = "m" }))
    refused("validation", "merged_adapters", "a", { merged_adapters = merged })
    assert.equal(1, #network.requests)
  end)

  it("is that of an adapter object", function ()
    open(vectors.lorax, { defaults = { merged_adapters = { ids = { "x/1" }, weights = { 1 } } } })
    local adapter = client:adapter("r/1", { adapter_source = "local",
      defaults = { max_new_tokens = 5, timeout = 9 } })
    assert.same({ 1, 97.5 }, adapter:embed "a")
    assert.same({ { 1, 97.5 } }, adapter:embed({ "a" }, { batch_size = 1 }))
    assert.equal('{"inputs":"a","parameters":{"adapter_id":"r/1","adapter_source":"local"}}',
      network.requests[1].body)
    assert.is_truthy(calling_line(function () adapter:embed("a", { adapter_id = "x" }) end)
      :find("cannot be set here", 1, true))
    assert.is_truthy(calling_line(function () adapter:embed(5) end):find("adapter:embed", 1, true))
  end)
end)

describe("An answer to client:embed", function ()
  after_each(close)

  local ONE = {
    { "", "unexpected answer" }, { "[]", "unexpected answer" }, { "null", "unexpected answer" },
    { "{}", "embeddings is not an array" }, { '{"embeddings":3}', "embeddings is not an array" },
    { '{"embeddings":{"a":1}}', "embeddings is not an array" },
    { '{"embeddings":[]}', "embeddings has 0 vectors for 1 texts" },
    { '{"embeddings":["1"]}', "embeddings[1] is not a number" },
    { '{"embeddings":[1,null,3]}', "embeddings[2] is null" },
    { '{"embeddings":[1,1e999]}', "embeddings[2] is not a number" },
    { '{"embeddings":[1,[2]]}', "embeddings[2] is not a number" },
    { '{"embeddings":[[1,2]]}', "embeddings[1].index is not an integer" },
    { '{"data":[1]', "unexpected answer" },
  }

  it("with a wrong shape is an error of kind protocol with the place", function ()
    for _, case in ipairs(ONE) do
      open { headers = { ["content-type"] = "application/json", ["content-length"] =
        tostring(#case[1]) }, body = case[1] }
      refused("protocol", case[2], "x")
      close()
    end
  end)

  it("with NaN, as LoRAX writes it, is an error of kind protocol", function ()
    open(recorded "embed-values")
    refused("protocol", "embeddings[6] is null", "x")
  end)

  local function list (entries) return ('{"embeddings":[%s]}'):format(entries) end

  it("to several texts needs each index once", function ()
    for entries, text in pairs {
      ['{"index":0,"embedding":[1]}'] = "embeddings has 1 vectors for 2 texts",
      ['{"index":0,"embedding":[1]},{"index":0,"embedding":[2]}'] =
        "embeddings[2].index is 0 again",
      ['{"index":0,"embedding":[1]},{"index":2,"embedding":[2]}'] = "from 0 to 1",
      ['{"index":-1,"embedding":[1]},{"index":0,"embedding":[2]}'] = "embeddings[1].index",
      ['{"index":0.5,"embedding":[1]},{"index":1,"embedding":[2]}'] = "embeddings[1].index",
      ['{"embedding":[1]},{"index":1,"embedding":[2]}'] = "embeddings[1].index",
      ['{"index":"0","embedding":[1]},{"index":1,"embedding":[2]}'] = "embeddings[1].index",
      ['{"index":0},{"index":1,"embedding":[2]}'] = "embeddings[1].embedding is not an array",
      ['{"index":0,"embedding":"AAAA"},{"index":1,"embedding":[2]}'] = "is not an array",
      ['{"index":0,"embedding":[]},{"index":1,"embedding":[2]}'] =
        "embeddings[1].embedding is empty",
      ['{"index":0,"embedding":[1]},{"index":1,"embedding":[null]}'] =
        "embeddings[2].embedding[1] is null",
      ['{"index":0,"embedding":[1]},{"index":1,"embedding":[2,3]}'] =
        "the vector of text 2 has 2 numbers, that of text 1 has 1",
      ["1,2"] = "embeddings[1] is not an object",
    } do
      open(vectors.reply(list(entries)))
      refused("protocol", text, { "a", "b" })
      close()
    end
  end)

  it("with a wrong usage is an error of kind protocol", function ()
    open(vectors.reply '{"data":[{"index":0,"embedding":[1]}],"usage":{"prompt_tokens":"1"}}')
    refused("protocol", "usage.prompt_tokens", "a")
  end)

  it("that was damaged anywhere never raises, and never has a wrong number of vectors", function ()
    for _, name in ipairs { "embed", "embeddings-array", "embed-values", "embeddings-adapter" } do
      local body = answers[name].body
      for at = 1, #body do
        for _, byte in ipairs { "", "9", '"', "]", "null", "\255" } do
          open(vectors.reply(body:sub(1, at - 1) .. byte .. body:sub(at + 1)))
          local found, err = client:embed({ "a", "b" }, { max_retries = 0 })
          if found then
            assert.equal(2, #found)
            assert.equal(#found[1], #found[2])
          else
            assert.is_true(predibase.is_error(err))
          end
          close()
        end
      end
    end
  end)
end)

describe("Mistakes of a program that calls client:embed", function ()
  after_each(close)

  it("raise with the line of the caller", function ()
    open(vectors.lorax)
    for _, case in ipairs {
      { "takes a text or an array of texts, got nil" },
      { "takes a text or an array of texts, got the number 3", 3 },
      { "text 2 for client:embed must be a string, got the number 3", { "a", 3 } },
      { "the array of texts for client:embed has the key", { text = "a" } },
      { "has no value at position 1", { [2] = "a" } },
      { "client:embed takes its options as a table", "a", 5 },
      { 'did you mean "batch_size"', "a", { batchsize = 1 } },
      { "takes a batch_size from 1 to 2048, got the number 0", "a", { batch_size = 0 } },
      { "takes a batch_size from 1 to 2048, got the string", "a", { batch_size = "x" } },
      { "takes a concurrency from 1 to 1000", "a", { concurrency = 1001 } },
      { 'unknown option "max_new_tokens"', "a", { max_new_tokens = 1 } },
      { 'unknown option "on_token"', "a", { on_token = print } },
      { "merge_strategy", "a", { merged_adapters = { merge_strateggy = "x" } } },
    } do
      local text = calling_line(function () client:embed(case[2], case[3]) end)
      assert.is_truthy(text:find(case[1], 1, true), text)
    end
    calling_line(function () client.embed({}, "x") end)
    assert.equal(0, #network.requests)
    client:close()
    calling_line(function () client:embed "x" end)
  end)

  it("are refused before anything is sent when only a value is bad", function ()
    open(vectors.lorax)
    refused("validation", "`input[2]` must be valid UTF-8", { "a", "\255" })
    refused("validation", "`inputs` must be valid UTF-8", "\255")
    refused("validation", "`adapter_source` must be one of", "a", { adapter_source = "hubb" })
    refused("validation", "control characters", "a", { adapter_id = "a\n" })
    refused("config", "timeout", "a", { timeout = -1 })
    refused("validation", "`extra.adapter_id` is a known parameter", {},
      { extra = { adapter_id = "x" } })
    assert.equal(0, #network.requests)
  end)
end)
