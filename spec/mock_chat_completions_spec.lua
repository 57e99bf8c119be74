-- SPDX-License-Identifier: MIT
-- once: the stand-in server runs as a process of its own

local json = require "predibase.mock.router_json"
local raw = require "spec.support.raw_client"
local server = require "spec.support.server"

local TOOLS = [[ [{"type":"function","function":{"name":"get_weather",
  "description":"Weather of a town","parameters":{"type":"object","properties":{
  "location":{"type":"string"},"days":{"type":"integer","minimum":1}},"required":["location"]}}},
  {"type":"function","function":{"name":"add","description":"Adds numbers","parameters":{
  "type":"object","properties":{"a":{"type":"number"},"b":{"type":"number"}}}}}] ]]

local function user (text)
  return ('{"role":"user","content":%s}'):format(json.string(text))
end

local function ask (to, messages, more)
  local body = ('{"model":"","messages":[%s]%s}'):format(messages, more and "," .. more or "")
  return raw.ask(to, "/v1/chat/completions", body)
end

local function first (answer)
  assert.equal(200, answer.status, answer.body)
  return json.plain((json.read(answer.body))).choices[1]
end

local function call_of (answer)
  local call = first(answer).message.tool_calls[1]["function"]
  return call.name, json.plain((json.read(call.arguments)))
end

describe("predibase.mock.chat_completions", function ()
  after_each(server.stop)

  it("answers the user's last question", function ()
    local choice = first(ask(server.listen(), user "What is the capital of France?",
      '"temperature":0'))
    assert.equal(" The capital of France is Paris.", choice.message.content)
    assert.equal("stop", choice.finish_reason)
  end)

  it("calls the tool that the question is about, with arguments from the question", function ()
    local s = server.listen()
    local name, arguments = call_of(ask(s,
      user "What is the weather in San Francisco for 3 days?", '"tools":' .. TOOLS))
    assert.equal("get_weather", name)
    assert.same({ location = "San Francisco", days = 3 }, arguments)
    name, arguments = call_of(ask(s, user "Add the numbers 12.5 and -2", '"tools":' .. TOOLS))
    assert.equal("add", name)
    assert.same({ a = 12.5, b = -2 }, arguments)
    name, arguments = call_of(ask(s, user "In 3 days: add numbers such as 4 and 5",
      '"tools":' .. TOOLS))
    assert.equal("add", name)
    assert.same({ a = 4, b = 5 }, arguments)
  end)

  it("answers with a text when no tool fits the question", function ()
    local choice = first(ask(server.listen(), user "What is the capital of France?",
      '"temperature":0,"tools":' .. TOOLS))
    assert.equal("The capital of France is Paris.", choice.message.content)
  end)

  it("answers with the results of tools, or calls the next one", function ()
    local s = server.listen()
    local messages = user "What is the weather in Oslo?"
      .. [[,{"role":"assistant","content":"{\"function\":{\"_name\":\"get_weather\"}}"},]]
      .. user "get_weather returned: 12 degrees"
    assert.equal("Here is the answer. get_weather returned: 12 degrees",
      first(ask(s, messages, '"tools":' .. TOOLS)).message.content)
    messages = messages:gsub("in Oslo", "in Oslo? Add the numbers 1 and 2")
    assert.equal("add", (call_of(ask(s, messages, '"tools":' .. TOOLS))))
  end)

  it("streams the JSON of a call as content", function ()
    local answer = ask(server.listen(), user "weather in Oslo?", '"stream":true,"tools":' .. TOOLS)
    local parts = {}
    for data in answer.body:gmatch("data: ({[^\n]*)\n") do
      local delta = json.plain((json.read(data))).choices[1].delta
      parts[#parts + 1] = delta.content
    end
    assert.equal('{"function":{"_name":"get_weather","location":"Oslo","days":',
      table.concat(parts):sub(1, 60))
    assert.is_truthy(answer.body:find("data: [DONE]\n\n", 1, true))
  end)

  it("leaves out the closing event, [DONE] or both", function ()
    local s = server.listen()
    local function ending (faults)
      faults.answer = { "a" }
      s:script("*", faults)
      local body = ask(s, user "Hi", '"stream":true').body
      local finished = body:find('"finish_reason":"stop"', 1, true)
      return finished ~= nil, body:find("[DONE]", 1, true) ~= nil
    end
    assert.same({ true, true }, { ending {} })
    assert.same({ false, false }, { ending { final = false } })
    assert.same({ true, false }, { ending { done = false } })
    assert.same({ false, true }, { ending { final = false, done = true } })
  end)

  it("cuts a call with max_tokens, which is an error outside a stream", function ()
    local answer = ask(server.listen(), user "weather in Oslo?",
      '"max_tokens":5,"tools":' .. TOOLS)
    assert.equal(422, answer.status)
    assert.is_truthy(answer.body:find('^{"error":"Tool error: Failed to parse generated text: '
      .. 'EOF while parsing'))
  end)

  it("satisfies the schema of a response_format in each of its forms", function ()
    local s = server.listen()
    for _, format in ipairs { '{"type":"json_object","schema":%s}',
        '{"type":"json_schema","json_schema":{"name":"x","schema":%s}}' } do
      local content = first(ask(s, user "Hi", '"response_format":' .. format:format(
        [[{"type":"object","properties":{"z":{"type":"integer"},"a":{"type":"string"}}}]])))
        .message.content
      assert.same({ "z", "a" }, json.read(content).keys)
    end
    local content = first(ask(s, user "Hi", '"response_format":{"type":"json_object"}'))
      .message.content
    assert.is_true(json.read(content).object)
    assert.equal("{", content:sub(1, 1))
  end)

  it("shows the tools to the model only when the content is an array of parts", function ()
    local s = server.listen()
    local more = '"max_tokens":99,"tool_choice":"none","tools":' .. TOOLS
    local function prompt_tokens (messages)
      return json.plain((json.read(ask(s, messages, more).body))).usage.prompt_tokens
    end
    local plain = prompt_tokens(user "Hi")
    local parts = prompt_tokens '{"role":"user","content":[{"type":"text","text":"Hi"}]}'
    assert.is_true(plain < 25)
    assert.is_true(parts > 100 and parts < 500)
  end)
end)
