-- SPDX-License-Identifier: MIT
--- The routes without generated text over real connections, against the stand-in server.
local json = require "predibase.json"
local predibase = require "predibase"
local server = require "spec.support.server"

describe("the stand-in server", function ()
  local running, client

  local function open (options, of_server)
    running = server.spawn(of_server)
    local all = { base_url = running.url, api_token = false }
    for name, value in pairs(options or {}) do all[name] = value end
    client = assert(predibase.new(all))
  end

  after_each(function ()
    assert.equal(0, client.transport:size())
    client:close()
    server.stop()
  end)

  it("gives similar vectors to similar texts, one by one and in a list", function ()
    open()
    local texts = {}
    for i = 1, 50 do texts[i] = "The sea is " .. i .. " metres deep." end
    texts[26] = "My car needs new tyres."
    local vectors, about = assert(client:embed(texts, { batch_size = 8, concurrency = 3 }))
    assert.equal(50, #vectors)
    assert.equal(7, about.requests)
    for _, i in ipairs { 1, 9, 26, 50 } do assert.same(vectors[i], (client:embed(texts[i]))) end
    local question = assert(client:embed "Which tyres does an automobile need?")
    local best, found = -2, nil
    for i, vector in ipairs(vectors) do
      local similarity = predibase.similarity(question, vector)
      if similarity > best then best, found = similarity, i end
    end
    assert.equal(26, found)
  end)

  it("merges adapters, and fails with those that it does not have", function ()
    open()
    local merged = { ids = { "a/1", "b/1" }, weights = { 1, 1 } }
    local vectors = assert(client:embed({ "a", "b" }, { merged_adapters = merged,
      adapter_source = "local" }))
    assert.equal(2, #vectors)
    local none, err = client:embed({ "a", "b" }, { adapter_id = "missing/1",
      adapter_source = "local" })
    assert.is_nil(none)
    assert.equal("generation", err.kind)
  end)

  it("has the form of OpenAI where that is asked for", function ()
    open({ server = "openai" }, { server = "openai" })
    local vectors, about = assert(client:embed({ "a b", "c" }, { model = "m", batch_size = 1 }))
    assert.equal(2, #vectors)
    assert.is_true(about.usage.prompt_tokens > 0)
  end)

  it("finds entities whose positions are right for string.sub", function ()
    open()
    local text = "Zoë Müller, I live in Köln near the Rhine. 😀 Ada is in London."
    local entities = assert(client:classify(text))
    assert.is_true(#entities >= 3)
    for _, entity in ipairs(entities) do
      assert.equal(entity.word, text:sub(entity.first, entity.last):lower())
    end
    local list = {}
    for i = 1, 40 do list[i] = i % 2 == 0 and "Nothing here." or "I live in Paris" end
    local results = assert(client:classify(list, { batch_size = 4 }))
    assert.equal(40, #results)
    assert.equal("LOC", results[39][1].entity_group)
    assert.same({}, results[40])
  end)

  it("labels texts as the managed service does", function ()
    open(nil, { classify = "managed" })
    local results = assert(client:classify({ "I love it, thank you", "an awful day" },
      { batch_size = 1 }))
    assert.equal("positive", results[1].label)
    assert.equal("negative", results[2].label)
    assert.equal(3, results[1].num_classes)
    assert.equal("positive", assert(client:classify "I love it").label)
  end)

  it("tells about itself", function ()
    open()
    assert.equal("predibase/stand-in", assert(client:info()).model_id)
    assert.is_true(client:health())
    assert(client:embed "a")             -- so that something is counted
    local metrics = assert(client:metrics())
    assert.equal("counter", metrics.lorax_request_count.type)
    assert.is_truthy(assert(client:metrics { text = true }):find("# TYPE lorax_", 1, true))
  end)

  it("answers requests to any path, whole and as events", function ()
    open()
    local answer = assert(client:request("POST", "/generate", { inputs = "The sea" }))
    assert.is_string(answer.json.generated_text)
    local body = { inputs = "The sea", parameters = { max_new_tokens = 6 } }
    local texts = {}
    local stream = client:request("POST", "/generate_stream", body, { stream = true })
    for event in stream do texts[#texts + 1] = event.text end
    assert.equal(6, #texts)
    for _, text in ipairs(texts) do assert.is_string(assert(json.decode(text)).token.text) end
    assert.equal(table.concat(texts), assert(stream:result()).text)
    stream = client:request("POST", "/generate_stream", body, { stream = true })
    local count = 0
    while true do
      local event, err = stream:poll()
      if event then count = count + 1 elseif err ~= "pending" then break end
    end
    assert.equal(6, count)
    stream = client:request("POST", "/generate_stream", body, { stream = true })
    assert(stream:next())
    stream:close()
    local none, err = client:request("DELETE", "/info")
    assert.is_nil(none)
    assert.equal(405, err.status)
  end)

  it("refuses what it refuses in text", function ()
    open()
    for path, status in pairs { ["/nope"] = 404, ["/embed"] = 405 } do
      local none, err = client:request("GET", path)
      assert.is_nil(none)
      assert.equal(status, err.status)
      assert.equal("not_found", err.kind)
    end
  end)
end)
