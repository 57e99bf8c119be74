-- SPDX-License-Identifier: MIT
-- once: the stand-in server runs as a process of its own
-- More is checked by spec/python/clients.py, with the Python package openai.

local json = require "predibase.mock.router_json"
local raw = require "spec.support.raw_client"
local server = require "spec.support.server"

local function value_of (text)
  return json.plain((json.read(text)))
end

local function listen (script)
  return server.listen { server = "openai", script = script and { ["*"] = script } }
end

local function ask (to, path, body)
  local answer = raw.ask(to, "/v1/" .. path, body)
  answer.value = value_of(answer.body)
  return answer
end

local function chat (to, more)
  return ask(to, "chat/completions", '{"model":"m","messages":[{"role":"user","content":"Hi"}]'
    .. (more and "," .. more or "") .. "}")
end

-- Returns the chunks of a stream, without the last event, which must be `[DONE]`.
local function chunks (answer)
  local list = {}
  for data in answer.body:gmatch("data: ([^\n]*)\n\n") do
    list[#list + 1] = data == "[DONE]" and data or value_of(data)
  end
  assert.equal("[DONE]", table.remove(list))
  return list
end

describe("predibase.mock.openai_routes", function ()
  after_each(server.stop)

  it("sends a script's reasoning and text, whole and in pieces", function ()
    local s = listen { reasoning = { "Hm", "m." }, answer = { "Yes", "!" } }
    local message = chat(s).value.choices[1].message
    assert.same({ role = "assistant", content = "Yes!", reasoning_content = "Hmm." }, message)
    local deltas = {}
    for _, chunk in ipairs(chunks(chat(s, '"stream":true'))) do
      deltas[#deltas + 1] = chunk.choices[1].delta
    end
    assert.same({ { role = "assistant", content = "" }, { reasoning_content = "Hm" },
      { reasoning_content = "m." }, { content = "Yes" }, { content = "!" }, {} }, deltas)
  end)

  it("sends a script's calls by index, with the arguments in the given pieces", function ()
    local s = listen { tool_calls = { { name = "a", arguments = { '{"x"', ":1}" }, id = "c1" },
      { name = "b", arguments = "{}" } } }
    local choice = chat(s).value.choices[1]
    assert.is_nil(choice.message.content)
    assert.equal("tool_calls", choice.finish_reason)
    assert.same({ id = "c1", type = "function", ["function"] = { name = "a",
      arguments = '{"x":1}' } }, choice.message.tool_calls[1])
    local pieces, finish = {}, nil
    for _, chunk in ipairs(chunks(chat(s, '"stream":true'))) do
      finish = chunk.choices[1].finish_reason or finish
      for _, call in ipairs(chunk.choices[1].delta.tool_calls or {}) do
        pieces[#pieces + 1] = call.index .. (call.id and " new " or " ")
          .. call["function"].arguments
      end
    end
    assert.equal("tool_calls", finish)
    assert.equal('0 new {"x"', pieces[1])
    assert.equal("0 :1}", pieces[2])
    assert.equal("1 new {", pieces[3])
  end)

  it("sends the numbers of tokens in a chunk without choices when asked", function ()
    local s = listen { answer = { "a", "b" } }
    local list = chunks(chat(s, '"stream":true,"stream_options":{"include_usage":true}'))
    assert.same({}, list[#list].choices)
    assert.equal(3, list[#list].usage.completion_tokens)
    assert.equal("stop", list[#list - 1].choices[1].finish_reason)
    list = chunks(chat(s, '"stream":true'))
    assert.is_nil(list[#list].usage)
  end)

  it("does not return stop sequences, also when they come in several tokens", function ()
    local s = listen { answer = { "one", " tw", "o", " three" } }
    assert.equal("one", chat(s, '"stop":" two"').value.choices[1].message.content)
    local texts = {}
    for _, chunk in ipairs(chunks(chat(s, '"stream":true,"stop":[" two"]'))) do
      texts[#texts + 1] = chunk.choices[1].delta.content
    end
    assert.equal("one", table.concat(texts))
    texts = {}
    for _, chunk in ipairs(chunks(chat(s, '"stream":true,"stop":[" tx"]'))) do
      texts[#texts + 1] = chunk.choices[1].delta.content
    end
    assert.equal("one two three", table.concat(texts))
  end)

  it("answers with OpenAI's errors, also to streams", function ()
    local s = listen()
    local cases = {
      { 400, "invalid_request_error", chat(s, '"temperature":-1') },
      { 400, "invalid_request_error", chat(s, '"temperature":-1,"stream":true') },
      { 400, "invalid_request_error", chat(s, '"n":2,"stream":true') },
      { 400, "invalid_request_error", ask(s, "chat/completions", "{") },
      { 400, "invalid_request_error", ask(s, "embeddings", '{"model":"m","input":[]}') },
      { 404, "invalid_request_error", ask(s, "chat/completions",
        '{"model":"missing","messages":[]}') },
      { 404, "invalid_request_error", ask(s, "nothing", "{}") },
      { 405, "invalid_request_error", ask(s, "models", "{}") },
    }
    s:script("*", { overload = 1 })
    cases[#cases + 1] = { 429, "rate_limit_error", chat(s) }
    s:script("*", { error_after = 1, error = "boom" })
    cases[#cases + 1] = { 500, "server_error", chat(s) }
    for i, case in ipairs(cases) do
      assert.equal(case[1], case[3].status, i)
      assert.equal(case[2], case[3].value.error.type)
      assert.equal("string", type(case[3].value.error.message))
      assert.is_nil(case[3].headers.vary)
    end
    local body = chat(s, '"stream":true').body
    assert.is_truthy(body:find('data: {"error":{"message":"boom","type":"server_error"', 1, true))
    assert.is_nil(body:find("[DONE]", 1, true))
  end)

  it("writes vectors as numbers or as base64", function ()
    local s = listen { embedding = { 1, -0.5, 0, 3.25 } }
    local body = '{"model":"m","input":["a","b"],"encoding_format":"%s"}'
    local answer = ask(s, "embeddings", body:format "float").value
    assert.equal("list", answer.object)
    assert.same({ object = "embedding", index = 1, embedding = { 1, -0.5, 0, 3.25 } },
      answer.data[2])
    answer = ask(s, "embeddings", body:format "base64").value
    assert.equal("AACAPwAAAL8AAAAAAABQQA==", answer.data[1].embedding)
  end)

  it("has no routes of LoRAX", function ()
    local answer = raw.ask(listen(), "/generate", '{"inputs":"x"}')
    assert.equal(404, answer.status)
  end)
end)
