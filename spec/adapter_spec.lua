-- SPDX-License-Identifier: MIT
--- A client bound to an adapter, over a network without a network.
local json = require "predibase.json"
local calling_line = require "spec.support.blame"
local pipe = require "spec.support.pipe_transport"
local predibase = require "predibase"

local template = predibase.template

local JSON = { ["content-type"] = "application/json" }

local function event (text, generated)
  return ('data:{"token":{"id":5,"text":"%s","logprob":-0.5,"special":false},'
    .. '"generated_text":%s,"details":null}\n\n'):format(text, generated or "null")
end

--- Answers every route.
local function answer (log)
  if log.url:find "/generate_stream$" then
    return { pieces = { event "a", event(" b", '"a b"') } }
  end
  return { headers = JSON, body = '{"generated_text":"a b"}' }
end

describe("an adapter", function ()
  local client, network
  local instruct = assert(template.new "### {instruction}")

  local function open (options, replies)
    client, network = pipe.client(replies or answer, options)
    client.shared.random = function () return 0.5 end
    return client
  end

  local function sent (n)
    return assert(json.decode(network.requests[n or #network.requests].body))
  end

  after_each(function ()
    assert.equal(0, client.transport:size())
    if not client.closed then client:close() end
  end)

  it("renders its template and calls with its id, its source and its defaults", function ()
    open { defaults = { max_new_tokens = 7, temperature = 0.5 } }
    local view = client:adapter("my-repo/3", { template = instruct, adapter_source = "hub",
      defaults = { max_new_tokens = 9 } })
    assert.equal("a b", tostring(assert(view:generate { instruction = "Sing." })))
    assert.same({ inputs = "### Sing.", parameters = { adapter_id = "my-repo/3",
      adapter_source = "hub", api_token = "", max_new_tokens = 9, temperature = 0.5 } }, sent())
    assert(view:generate({ instruction = "Sing." }, { max_new_tokens = 2, seed = 4 }))
    assert.equal(2, sent().parameters.max_new_tokens)
    assert.equal(4, sent().parameters.seed)
    assert.equal("### Sing.", view:render { instruction = "Sing." })
  end)

  it("streams", function ()
    open()
    local view = client:adapter("my-repo/3", { template = instruct })
    local texts = {}
    for token in view:generate_stream { instruction = "Sing." } do
      texts[#texts + 1] = token.text
    end
    assert.same({ "a", " b" }, texts)
    assert.equal("my-repo/3", sent().parameters.adapter_id)
    assert.equal("pbase", sent().parameters.adapter_source)
  end)

  it("gives what is wrong with the values as the error of the call", function ()
    open()
    local view = client:adapter("my-repo/3", { template = instruct })
    local result, err = view:generate { instuction = "Sing." }
    assert.is_nil(result)
    assert.equal("template", err.kind)
    assert.is_truthy(err.message:find('did you mean "instruction"', 1, true))
    local stream = view:generate_stream {}
    result, err = stream:next()
    assert.is_nil(result)
    assert.equal("template", err.kind)
    assert.equal(0, #network.requests)
  end)

  it("tells on_token of its defaults of streams, where there are tokens", function ()
    open()
    local seen = 0
    local view = client:adapter("my-repo/3", { defaults = {
      on_token = function () seen = seen + 1 end } })
    assert(view:generate "x")
    assert.equal(2, #view:generate_many { "x", "y" }:results())
    assert.equal("a b", view:generate_stream "x":text())
    assert.equal(2, seen)
  end)

  it("ignores on_token of its defaults where there are no tokens", function ()
    open()
    local view = client:adapter("my-repo/3", { defaults = { on_token = "no function" } })
    assert(view:generate "x")
    assert.equal(2, #view:generate_many { "x", "y" }:results())
    local _, err = view:generate_stream "x":next()
    assert.equal("config", err.kind)
    assert.is_truthy(err.message:find("on_token", 1, true))
  end)

  it("takes a prompt as it is where it has no template", function ()
    open()
    local view = client:adapter "my-repo/3"
    assert(view:generate "{braces}")
    assert.equal("{braces}", sent().inputs)
    assert.equal("{braces}", view:render "{braces}")
    local results = view:generate_many { "a", { prompt = "b", seed = 1 } }:results()
    assert.equal(2, #results)
  end)

  it("takes messages where its template is a chat format, and stops where answers end", function ()
    open()
    local format = assert(template.chat "mistral-v0.3")
    local view = client:adapter("my-repo/3", { template = format })
    assert(view:generate { { role = "user", content = "Hi" } })
    assert.equal("[INST] Hi[/INST]", sent().inputs)
    assert.same({ "</s>" }, sent().parameters.stop)
    local result, err = view:generate { { role = "user", content = "Hi</s>" } }
    assert.is_nil(result)
    assert.equal("template", err.kind)
    view = client:adapter("my-repo/3", { template = format, defaults = { stop = { "\n" } },
      special_tokens_in_text = "neutralise" })
    assert(view:generate { { role = "user", content = "Hi</s>" } })
    assert.equal("[INST] Hi< /s>[/INST]", sent().inputs)
    assert.same({ "\n" }, sent().parameters.stop)
  end)

  it("generates for many; one whose values do not fit stops no other", function ()
    open()
    local view = client:adapter("my-repo/3", { template = instruct })
    local results, errors = view:generate_many({
      { instruction = "a" }, { instuction = "b" }, { instruction = "c" },
    }, { concurrency = 2 }):results()
    assert.equal("a b", tostring(results[1]))
    assert.equal("template", errors[2].kind)
    assert.equal("a b", tostring(results[3]))
    local rows, row = { { instruction = "a" }, 7, { instruction = "c" } }, 0
    local seen = {}
    for index, result, err in view:generate_many(function ()
      row = row + 1
      return rows[row]
    end) do seen[index] = result and tostring(result) or err.kind end
    assert.same({ "a b", "validation", "a b" }, seen)
    assert.equal("### a", assert(json.decode(network.requests[1].body)).inputs)
  end)

  it("takes an adapter away that the client's defaults name", function ()
    open { defaults = { merged_adapters = { ids = { "a/1", "b/1" }, weights = { 1, 1 } } } }
    assert(client:adapter("my-repo/3"):generate "x")
    assert.is_nil(sent().parameters.merged_adapters)
    assert.equal("my-repo/3", sent().parameters.adapter_id)
  end)

  it("gives bad values as errors", function ()
    open()
    for _, view in ipairs { client:adapter "", client:adapter "a\nb",
      client:adapter("a/1", { adapter_source = "moon" }),
      client:adapter("a/1", { defaults = { temperature = -1 } }) }
    do
      local result, err = view:generate "x"
      if result then
        assert.equal("", view.id)        -- the base model
      else
        assert.equal("validation", err.kind)
      end
    end
  end)

  it("closes without the client", function ()
    open()
    local view = client:adapter("my-repo/3", { template = instruct })
    view:close()
    view:close()
    calling_line(function () view:generate { instruction = "x" } end)
    assert.is_truthy(client:generate "x")
    assert.is_truthy(tostring(view):find("my-repo/3, closed", 1, true))
  end)

  it("raises with the line of the caller when its client is closed", function ()
    open()
    local bare = client:adapter "my-repo/3"
    local view = client:adapter("my-repo/3", { template = instruct })
    client:close()
    for _, call in ipairs {
      function () view:generate { instruction = "x" } end,
      function () view:generate_stream { instruction = "x" } end,
      function () view:generate_many { { instruction = "x" } } end,
      function () bare:generate_many { "x" } end,
      function () bare:generate_many(function () return nil end) end,
    } do
      assert.is_truthy(calling_line(call):find("on a closed client", 1, true))
    end
  end)

  it("shows no token to those who walk over it", function ()
    open()
    local view = client:adapter("my-repo/3", { defaults = { api_token = "hf_SECRET" } })
    local function walk (value, seen)
      assert.is_true(value ~= "hf_SECRET")
      if type(value) ~= "table" or seen[value] then return end
      seen[value] = true
      for key, inner in pairs(value) do walk(key, seen) walk(inner, seen) end
    end
    walk(view, { [client] = true })
    assert(view:generate "x")
    assert.equal("hf_SECRET", sent().parameters.api_token)
  end)

  it("asks for chat completions, which the server renders", function ()
    local body = json.encode { choices = json.array { { index = 0, finish_reason = "stop",
      message = { role = "assistant", content = '{"a":1}' } } } }
    open({}, function () return { headers = JSON, body = body } end)
    local view = client:adapter("my-repo/3", { template = assert(template.chat "chatml"),
      defaults = { max_new_tokens = 7, do_sample = true } })
    local messages = { { role = "user", content = "x" } }
    assert.equal('{"a":1}', tostring(assert(view:chat_completion(messages))))
    assert.same({ model = "my-repo/3", adapter_source = "pbase", max_tokens = 7,
      messages = messages }, sent())
    assert.same({ a = 1 }, (assert(view:chat_completion_json(messages, { max_tokens = 8 }))))
    assert.equal(8, sent().max_tokens)
    assert.equal("json_object", sent().response_format.type)
    local stream = view:chat_completion_stream(messages, { temperature = 0 })
    local _, err = stream:next()
    assert.equal("protocol", err.kind)         -- the reply is no stream
    assert.equal("my-repo/3", sent().model)
    assert.is_true(sent().stream)
    for _, name in ipairs { "model", "adapter_id", "merged_adapters" } do
      assert.error_matches(function () view:chat_completion(messages, { [name] = "x" }) end,
        name .. " cannot be set here")
    end
  end)

  it("takes options for each entry of a batch beside its values", function ()
    open()
    local view = client:adapter("my-repo/3", { template = instruct })
    local results = view:generate_many({ { values = { instruction = "a" }, seed = 7 },
      { instruction = "b" } }, { concurrency = 1 }):results()
    assert.equal(2, #results)
    assert.equal(7, sent(1).parameters.seed)
    assert.is_truthy(sent(1).inputs:find("a", 1, true))
    assert.is_nil(sent(2).parameters.seed)
    assert.error_matches(function ()
      view:generate_many { { values = { instruction = "a" }, adapter_id = "b/1" } }
    end, "always uses")
    assert.error_matches(function ()
      client:adapter("a/1"):generate_many { { prompt = "a", adapter_id = "b/1" } }
    end, "always uses")
  end)

  it("raises with the line of the caller where the program is wrong", function ()
    open()
    local view = client:adapter("my-repo/3", { template = instruct })
    local bare = client:adapter "my-repo/3"
    local chat = client:adapter("my-repo/3", { template = assert(template.chat "chatml") })
    for i, case in ipairs {
      { function () client:adapter() end, "id as a string" },
      { function () client:adapter("a/1", 3) end, "a table" },
      { function () client:adapter("a/1", { templat = instruct }) end, 'did you mean "template"' },
      { function () client:adapter("a/1", { template = "x {y}" }) end, "template must be" },
      { function () client:adapter("a/1", { defaults = 3 }) end, "defaults must be" },
      { function () client:adapter("a/1", { defaults = { max_token = 3 } }) end, "unknown option" },
      { function () client:adapter("a/1", { defaults = { adapter_id = "b/1" } }) end, "a/1" },
      { function () view:generate "text" end, "values of its template" },
      { function () view:generate_stream "text" end, "values of its template" },
      { function () view:generate_many { "text" } end, "values of its template" },
      { function () view:generate_many "text" end, "an array" },
      { function () chat:generate "text" end, "messages" },
      { function () bare:generate {} end, "has no template" },
      { function () view:generate({ instruction = "x" }, 3) end, "a table" },
      { function () view:generate({ instruction = "x" }, { sede = 3 }) end, 'mean "seed"' },
      { function () view:generate({}, { sede = 3 }) end, 'mean "seed"' },
      { function () view:generate_stream({}, { sede = 3 }) end, 'mean "seed"' },
      { function () view:generate({ instruction = "x" }, { adapter_id = "b" }) end, "always uses" },
      { function () view:generate({ instruction = "x" }, { timeout = { x = 1 } }) end, "timeout" },
      { function () view:generate_many({}, { concurrency = 0 }) end, "concurrency" },
      { function () view:chat_session { adapter_id = "b/1" } end, "always uses" },
      { function () view.generate({}, {}) end, "colon" },
    } do
      local message = calling_line(case[1])
      assert.is_truthy(message:find(case[2], 1, true), i .. ": " .. message)
    end
    client:close()
    calling_line(function () view:generate { instruction = "x" } end)
    calling_line(function () client:adapter "my-repo/3" end)
  end)
end)
