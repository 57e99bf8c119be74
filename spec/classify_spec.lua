-- SPDX-License-Identifier: MIT
--- Classification of texts: entities as LoRAX finds them, labels as the managed service gives them,
--- and how a client finds out which of the two its server does.
local answers = dofile "spec/fixtures/answers.lua"
local calling_line = require "spec.support.blame"
local json = require "predibase.json"
local pipe = require "spec.support.pipe_transport"
local predibase = require "predibase"
local vectors = require "spec.support.vectors"

local client, network
local reply = vectors.reply

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

local NO_ROUTE = { status = 404, headers = {}, body = "" }

--- Answers as LoRAX does: the first three bytes are an entity.
local function lorax (log)
  local body = assert(json.decode(log.body))
  local function entities (text)
    if #text < 3 then return "[]" end
    return ('[{"entity_group":"X","score":0.5,"word":"%s","start":0,"end":3}]'):format(
      text:sub(1, 3))
  end
  if body.inputs == nil then return recorded "classify-managed-shape" end
  if log.url:find "/classify$" then return reply(entities(body.inputs)) end
  local list = {}
  for i, text in ipairs(body.inputs) do list[i] = entities(text) end
  return reply("[" .. table.concat(list, ",") .. "]")
end

--- Answers as the managed service does, the last text first.
local function managed (log)
  if log.url:find "/classify_batch$" then return NO_ROUTE end
  local body = assert(json.decode(log.body))
  if type(body.input) ~= "table" or not body.model then
    return reply('{"detail":[{"loc":["body","input"],"msg":"field required"}]}', 422)
  end
  local list = {}
  for i, text in ipairs(body.input) do
    table.insert(list, 1, ('{"index":%d,"label":"%s","probs":[0.25,0.75],"num_classes":2}'):format(
      i - 1, text))
  end
  return reply(('{"id":"x","object":"list","created":1,"model":"m","data":[%s],"usage":'
    .. '{"prompt_tokens":4,"total_tokens":4}}'):format(table.concat(list, ",")))
end

local function label (text) return { label = text, probs = { 0.25, 0.75 }, num_classes = 2 } end

local function entity (text)
  return { { entity_group = "X", score = 0.5, word = text, first = 1, last = 3 } }
end

describe("client:classify with LoRAX", function ()
  after_each(close)

  it("returns the entities of a text with positions for string.sub", function ()
    open(recorded "classify")
    local text = "I live in London."
    local entities, about = assert(client:classify(text))
    assert.same({
      { entity_group = "LOC", score = 0.75, word = "i live ", first = 1, last = 7 },
      { entity_group = "0", score = 0.99, word = "in london", first = 8, last = 16 },
    }, entities)
    for _, found in ipairs(entities) do
      assert.equal(found.word, text:sub(found.first, found.last):lower())
    end
    assert.equal("8", tostring(entities[2].first))
    assert.equal(answers.classify.sent, network.requests[1].body)
    assert.is_truthy(network.requests[1].url:find "/classify$")
    assert.same({}, about.usage)
    assert.equal(1, about.requests)
  end)

  it("reads positions in bytes beside characters of several bytes", function ()
    open(recorded "classify-unicode")
    local text = json.decode(answers["classify-unicode"].sent).inputs
    local entities = assert(client:classify(text))
    assert.equal("é😀", text:sub(entities[1].first, entities[1].last))
    assert.equal("😀 in Köln", text:sub(entities[2].first, entities[2].last):sub(1, 13))
  end)

  it("returns the entities of several texts in their order", function ()
    open(recorded "classify-batch")
    local results = assert(client:classify { "I live in London.", "San Francisco" })
    assert.equal(2, #results)
    assert.equal("i live ", results[1][1].word)
    assert.same({ entity_group = "0", score = 0.99, word = "n francisc", first = 3, last = 12 },
      results[2][2])
    assert.equal(answers["classify-batch"].sent, network.requests[1].body)
    assert.is_truthy(network.requests[1].url:find "/classify_batch$")
  end)

  it("returns an empty array where there is no entity", function ()
    open { recorded "classify-none", recorded "classify-batch-one-empty" }
    assert.same({}, client:classify 'x @@{"labels":["O"]}')
    local results = assert(client:classify { "a b c", "" })
    assert.same({}, results[2])
    assert.equal(2, #results[1])
  end)

  it("sends long lists in parts", function ()
    open(lorax)
    local list, wanted = {}, {}
    for i = 1, 7 do list[i], wanted[i] = "txt" .. i, entity "txt" end
    local results, about = assert(client:classify(list, { batch_size = 2, concurrency = 2 }))
    assert.same(wanted, results)
    assert.equal(4, about.requests)
    assert.same({}, client:classify {})
    assert.equal(4, #network.requests)
  end)

  it("finds no entities with an adapter, and says so", function ()
    open(lorax)
    local results, err = client:classify("abc", { adapter_id = "r/1" })
    assert.is_nil(results)
    assert.equal("validation", err.kind)
    assert.is_truthy(err.message:find("base model", 1, true), err.message)
    assert(client:classify "abc")                  -- now the shape is known
    results, err = client:adapter("r/1"):classify "abc"
    assert.is_nil(results)
    assert.equal("validation", err.kind)
    assert.same(entity "abc", client:classify("abc", { adapter_id = "" }))
    assert.equal(3, #network.requests)
  end)

  it("returns the errors of the server, and does not try the other shape", function ()
    for name, kind in pairs { ["classify-error"] = "generation",
      ["classify-too-long"] = "validation", ["overloaded-classify"] = "overloaded",
      ["classify-batch-empty"] = "server" } do
      open(recorded(name))
      local results, err = client:classify("x", { max_retries = 0 })
      assert.is_nil(results)
      assert.equal(kind, err.kind, name)
      assert.equal(1, #network.requests)
      close()
    end
  end)
end)

describe("client:classify with the managed service", function ()
  after_each(close)

  local TOKEN = "pb_SENTINEL_12345"

  local function deployment (replies, options)
    options = options or {}
    options.tenant_id, options.deployment = "t1", "d1"
    options.api_token = TOKEN
    network = pipe.new(replies)
    options.transport = network
    client = assert(predibase.new(options))
    return client
  end

  it("returns the label of each text, with the client's token for its adapter", function ()
    deployment(managed)
    local result, about = assert(client:classify("good", { adapter_id = "r/1" }))
    assert.same(label "good", result)
    assert.same({ prompt_tokens = 4, total_tokens = 4 }, about.usage)
    assert.equal("r/1", about.adapter_id)
    assert.same({ label "a", label "b" }, client:classify({ "a", "b" }, { model = "r/1" }))
    assert.same(label "x", client:adapter("r/2"):classify "x")
    assert.same(label "y", client:classify "y")
    assert.same({
      '{"input":["good"],"model":"r/1","api_token":"' .. TOKEN .. '"}',
      '{"input":["a","b"],"model":"r/1","api_token":"' .. TOKEN .. '"}',
      '{"input":["x"],"model":"r/2","api_token":"' .. TOKEN .. '"}',
      '{"input":["y"],"model":""}',
    }, bodies())
  end)

  it("sends the token of a function with an adapter, too", function ()
    network = pipe.new(managed)
    client = assert(predibase.new { tenant_id = "t1", deployment = "d1", transport = network,
      api_token = function () return TOKEN end })
    assert.same(label "good", client:classify("good", { adapter_id = "r/1" }))
    assert.same(label "bad", client:classify "bad")
    assert.same({ '{"input":["good"],"model":"r/1","api_token":"' .. TOKEN .. '"}',
      '{"input":["bad"],"model":""}' }, bodies())
  end)

  it("leaves out the client's other defaults, and refuses those that change the answer", function ()
    deployment(managed, { defaults = { adapter_id = "r/1", max_new_tokens = 3 } })
    assert(client:classify("x", { api_token = "" }))
    assert.equal('{"input":["x"],"model":"r/1","api_token":""}', network.requests[1].body)
    close()
    deployment(managed,
      { defaults = { merged_adapters = { ids = { "a/1" }, weights = { 1 } } } })
    local result, err = client:classify "x"
    assert.is_nil(result)
    assert.equal("validation", err.kind)
    assert.equal(0, #network.requests)
  end)

  it("keeps tokens out of errors", function ()
    deployment(reply('{"error":"bad ' .. TOKEN .. ' and hf_SECRET_1234"}', 400))
    local _, err = client:classify("x", { adapter_id = "r/1", api_token = "hf_SECRET_1234" })
    assert.is_nil((tostring(err) .. err.body):find("S[EN]", 1))
  end)
end)

describe("The shape that a server speaks", function ()
  after_each(close)

  it("is found out once", function ()
    open(managed)
    assert.same(label "a", client:classify "a")
    assert.same({ label "a", label "b" }, client:classify { "a", "b" })
    assert.equal(3, #network.requests)
    close()
    open(managed)
    assert.same({ label "a", label "b", label "c" },
      client:classify({ "a", "b", "c" }, { batch_size = 1 }))
    assert.same(label "c", client:classify "c")
    assert.equal(5, #network.requests)         -- the first one is for the other shape
  end)

  it("of one's own server is tried with entities first, unless there is an adapter", function ()
    open(lorax)
    assert.same(entity "abc", client:classify "abc")
    assert.equal(1, #network.requests)
    close()
    open(managed)
    assert.same(label "abc", client:classify("abc", { adapter_id = "r/1", api_token = "" }))
    assert.equal(1, #network.requests)
  end)

  it("of a deployment is tried with labels first", function ()
    network = pipe.new(lorax)
    client = assert(predibase.new { tenant_id = "t", deployment = "d", api_token = "pb_x",
      transport = network })
    assert.same(entity "abc", client:classify "abc")
    assert.same({ entity "abc", {} }, client:classify { "abc", "x" })
    assert.equal(3, #network.requests)
  end)

  it("is found out again when another server has taken the place of the first one", function ()
    local answer = lorax
    open(function (log) return answer(log) end)
    assert.same(entity "abc", client:classify "abc")
    answer = managed
    assert.same({ label "a", label "b" }, client:classify { "a", "b" })
    assert.same(label "c", client:classify "c")
    assert.equal(4, #network.requests)
  end)

  it("has labels where the server has the API of OpenAI", function ()
    open(managed, { server = "openai" })
    assert.same(label "a", client:classify("a", { model = "m" }))
    assert.equal('{"input":["a"],"model":"m"}', network.requests[1].body)
  end)

  it("is unknown where the server has neither, and the error says so", function ()
    open { NO_ROUTE, NO_ROUTE, NO_ROUTE, NO_ROUTE }
    local result, err = client:classify "abc"
    assert.is_nil(result)
    assert.equal("not_found", err.kind)
    assert.equal(2, #network.requests)
    result, err = client:classify("abc", { adapter_id = "r/1" })
    assert.is_nil(result)
    assert.equal("not_found", err.kind)
    assert.equal(3, #network.requests)
  end)

  it("stays unknown after an error that says nothing about it", function ()
    open { reply('{"error":"x","error_type":"overloaded"}', 429), managed }
    local result = client:classify("a", { max_retries = 0 })
    assert.is_nil(result)
    assert.same(label "a", client:classify "a")
  end)
end)

describe("An answer to client:classify", function ()
  after_each(close)

  local GOOD = '{"entity_group":"X","score":1,"word":"w","start":0,"end":2}'

  local function refused (body, text, input, options)
    open(reply(body), options)
    local results, err = client:classify(input)
    assert.is_nil(results, body)
    assert.equal("protocol", err.kind)
    assert.is_truthy(err.message:find(text, 1, true), err.message)
    close()
  end

  it("with wrong entities is an error of kind protocol with the place", function ()
    local function changed (from, to) return "[" .. GOOD .. "," .. GOOD:gsub(from, to) .. "]" end
    for _, case in ipairs {
      { "", "unexpected answer" }, { "{}", "unexpected answer" }, { "null", "unexpected answer" },
      { "[1]", "[1] is not an object" }, { "[null]", "[1] is not an object" },
      { "[[]]", "[1].entity_group" },
      { changed('"X"', "1"), "[2].entity_group is not a string" },
      { changed('"w"', "null"), "[2].word is not a string" },
      { changed(":1,", ":null,"), "[2].score is not a number" },
      { changed('"start":0', '"start":"0"'), "[2].start is not an integer" },
      { changed('"start":0', '"start":-1'), "[2].start lies outside" },
      { changed('"start":0', '"start":0.5'), "[2].start is not an integer" },
      { changed('"end":2', '"end":5'), "[2].end lies outside" },
      { changed('"start":0', '"start":3'), "[2].start lies inside a character" },
      { changed('"end":2', '"end":3'), "[2].end lies inside a character" },
      { changed('"start":0', '"start":4'), "[2].end is before its start" },
    } do refused(case[1], case[2], "abé") end
    open(reply(changed('"end":2', '"end":4')))
    local entities = assert(client:classify "abé")
    assert.equal("abé", ("abé"):sub(entities[2].first, entities[2].last))
  end)

  it("with wrong results for several texts is an error of kind protocol", function ()
    refused("[[]]", "1 results for 2 texts", { "a", "b" })
    refused("[[],[],[]]", "3 results for 2 texts", { "a", "b" })
    refused("[[],3]", "[2] is not an array", { "a", "b" })
  end)

  it("with wrong labels is an error of kind protocol with the place", function ()
    local ONE = '{"index":0,"label":"x","probs":[1],"num_classes":1}'
    for entries, text in pairs {
      ["1"] = "data[1] is not an object",
      [ONE] = "data has 1 results for 2 texts",
      [ONE .. "," .. ONE] = "data[2].index is 0 again",
      [ONE .. "," .. ONE:gsub('"index":0', '"index":2')] = "data[2].index is not an integer from 0",
      [ONE .. "," .. ONE:gsub('"index":0,', "")] = "data[2].index",
      [ONE .. "," .. ONE:gsub('0,"label":"x"', '1,"label":5')] = "data[2].label is not a string",
      [ONE .. "," .. ONE:gsub('0,(.*)%[1%]', '1,%1{"a":1}')] = "data[2].probs is not an array",
      [ONE .. "," .. ONE:gsub('0,(.*)%[1%]', '1,%1[null]')] = "data[2].probs[1] is not a number",
      [ONE .. "," .. ONE:gsub('0,(.*):1}', '1,%1:3}')] = "data[2].num_classes",
    } do
      refused('{"data":[' .. entries .. "]}", text, { "a", "b" }, { server = "openai" })
    end
    refused("{}", "data is not an array", "a", { server = "openai" })
    refused("[]", "unexpected answer", "a", { server = "openai" })
    refused('{"data":[' .. ONE .. '],"usage":3}', "usage is not an object", "a",
      { server = "openai" })
  end)

  it("that was damaged anywhere never raises, and never has positions outside", function ()
    local function damage (name, input)
      local body = answers[name].body
      for at = 1, #body do
        for _, byte in ipairs { "", "9", '"', "]", "\255" } do
          open(reply(body:sub(1, at - 1) .. byte .. body:sub(at + 1)))
          local results, err = client:classify(input)
          assert.is_true(type(results) == "table" or predibase.is_error(err))
          for i, result in ipairs(type(input) == "table" and results or {}) do
            for _, found in ipairs(result) do assert.is_true(found.last <= #input[i]) end
          end
          close()
        end
      end
    end
    damage("classify", "I live in London.")
    damage("classify-batch", { "I live in London.", "San Francisco" })
    damage("classify-unicode", json.decode(answers["classify-unicode"].sent).inputs)
  end)
end)

describe("Mistakes of a program that calls client:classify", function ()
  after_each(close)

  it("raise with the line of the caller", function ()
    open(lorax)
    for _, case in ipairs {
      { "client:classify takes a text or an array of texts, got nil" },
      { "text 1 for client:classify must be a string", { {} } },
      { "client:classify takes its options as a table", "a", 5 },
      { 'unknown option "adapter_source"', "a", { adapter_source = "hub" } },
      { 'unknown option "merged_adapters"', "a", { merged_adapters = {} } },
      { "client:classify takes a batch_size", "a", { batch_size = 0.5 } },
    } do
      local text = calling_line(function () client:classify(case[2], case[3]) end)
      assert.is_truthy(text:find(case[1], 1, true), text)
    end
    calling_line(function () client.classify({}, "x") end)
    local adapter = client:adapter "r/1"
    calling_line(function () adapter:classify("a", { adapter_id = "x" }) end)
    calling_line(function () adapter:classify() end)
    client:close()
    calling_line(function () client:classify "x" end)
  end)

  it("are refused before anything is sent when only a value is bad", function ()
    open(lorax)
    for _, case in ipairs { { "\255" }, { { "a", "\255" } }, { "a", { adapter_id = "\n" } },
      { ("x"):rep(2097153) }, { "a", { timeout = 0 } } } do
      local results, err = client:classify(case[1], case[2])
      assert.is_nil(results)
      assert.is_true(predibase.is_error(err))
    end
    assert.equal(0, #network.requests)
  end)
end)
