-- SPDX-License-Identifier: MIT
--- Messages in every form, as they go to LoRAX and to servers with OpenAI's API, and every mistake
-- in them.
local image = require "predibase.image"
local json = require "predibase.json"
local wire_messages = require "predibase.wire_messages"

local function lorax (list, in_parts)
  return assert(wire_messages.write(list, "lorax", in_parts))
end

local function openai (list)
  return assert(wire_messages.write(list, "openai"))
end

local function refused (message, list)
  for _, server in ipairs { "lorax", "openai" } do
    local text, problem = wire_messages.write(list, server)
    assert.is_nil(text)
    assert.equal(message, problem)
  end
end

local function raised (message, list)
  local ok, problem = pcall(wire_messages.write, list, "lorax")
  assert.is_false(ok)
  assert.is_truthy(problem:find(message, 1, true), problem)
end

local function call (id, name, arguments)
  return { id = id, type = "function", ["function"] = { name = name, arguments = arguments } }
end

--- A question, a call and its result.
local function history (arguments, result)
  return {
    { role = "user", content = "Weather?" },
    { role = "assistant", tool_calls = { call("call_a", "weather", arguments) } },
    { role = "tool", tool_call_id = "call_a", content = result or "rain" },
  }
end

describe("messages", function ()
  it("have roles, contents and names", function ()
    local list = {
      { role = "system", content = "Be \"brief\".\n" },
      { role = "user", content = "Hi", name = "Al" },
      { role = "assistant", content = "" }, { role = "developer", content = "é\0" },
    }
    local text = '[{"role":"system","content":"Be \\"brief\\".\\n"},{"role":"user","content":"Hi",'
      .. '"name":"Al"},{"role":"assistant","content":""},'
      .. '{"role":"developer","content":"é\\u0000"}]'
    assert.equal(text, openai(list))
    assert.equal((text:gsub("developer", "system")), lorax(list))
  end)

  it("may have contents in parts", function ()
    local list = { { role = "user", content = { "What", { type = "text", text = "is this?" },
      { type = "image_url", image_url = { url = "https://x/a.png" } },
      { type = "image_url", image_url = "data:image/png;base64,AA==" },
      { type = "image_url", image_url = { url = "http://x/b", detail = "low" } } } } }
    local text = '[{"role":"user","content":[{"type":"text","text":"What"},{"type":"text",'
      .. '"text":"is this?"},{"type":"image_url","image_url":{"url":"https://x/a.png"}},'
      .. '{"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}},'
      .. '{"type":"image_url","image_url":{"url":"http://x/b","detail":"low"}}]}]'
    assert.equal(text, lorax(list))
    assert.equal(text, lorax(list, true))
    assert.equal(text, openai(list))
  end)

  it("may have an image as their content, or among its parts", function ()
    local png = assert(image.new { bytes = "x", type = "image/png" })
    local part = '{"type":"image_url","image_url":{"url":"data:image/png;base64,eA=="}}'
    assert.equal('[{"role":"user","content":[' .. part .. "]}]",
      lorax { { role = "user", content = png } })
    assert.equal('[{"role":"user","content":[' .. part .. ',{"type":"text","text":"?"}]}]',
      openai { { role = "user", content = { png, "?" } } })
  end)

  it("have their strings in parts when tools are sent to LoRAX", function ()
    assert.equal('[{"role":"system","content":[{"type":"text","text":"S"}]},'
      .. '{"role":"user","content":[{"type":"text","text":""}]}]',
      lorax({ { role = "system", content = "S" }, { role = "user", content = "" } }, true))
  end)

  it("may come from an ordered JSON text, and with null for missing fields", function ()
    local ordered = require "predibase.template".ordered
    local list = ordered.decode '[{"content":"Hi","role":"user","name":null,"tool_calls":null}]'
    assert.equal('[{"role":"user","content":"Hi"}]', lorax(list))
    assert.equal('[{"role":"user","content":"Hi"}]',
      openai { { role = "user", content = "Hi", tool_calls = json.null, name = json.null } })
  end)

  it("are not changed", function ()
    local list = history('{"town":"Oslo"}')
    list[1].content = { "Weather?" }
    lorax(list, true)
    openai(list)
    local same = history('{"town":"Oslo"}')
    same[1].content = { "Weather?" }
    assert.same(same, list)
  end)

  it("may have the fields of answers, which are not sent", function ()
    local list = { { role = "assistant", content = "Hi", reasoning = "r", reasoning_content = "r",
      refusal = json.null, annotations = {} } }
    assert.equal('[{"role":"assistant","content":"Hi"}]', lorax(list))
    assert.equal('[{"role":"assistant","content":"Hi"}]', openai(list))
  end)
end)

describe("calls and results", function ()
  it("keep OpenAI's form for servers with that API", function ()
    assert.equal('[{"role":"user","content":"Weather?"},{"role":"assistant","content":null,'
      .. '"tool_calls":[{"id":"call_a","type":"function","function":{"name":"weather",'
      .. '"arguments":"{\\"town\\":\\"Oslo\\"}"}}]},{"role":"tool","content":"rain",'
      .. '"tool_call_id":"call_a"}]', openai(history '{"town":"Oslo"}'))
  end)

  it("are a text and a user's message for LoRAX", function ()
    assert.equal('[{"role":"user","content":"Weather?"},{"role":"assistant","content":'
      .. '"{\\"function\\":{\\"_name\\":\\"weather\\",\\"town\\":\\"Oslo\\"}}"},'
      .. '{"role":"user","content":"Result of weather:\\nrain"}]',
      lorax(history '{"town":"Oslo"}'))
  end)

  it("are parts for LoRAX when tools are sent", function ()
    assert.equal('[{"role":"user","content":[{"type":"text","text":"Weather?"}]},'
      .. '{"role":"assistant","content":[{"type":"text","text":'
      .. '"{\\"function\\":{\\"_name\\":\\"weather\\"}}"}]},{"role":"user","content":'
      .. '[{"type":"text","text":"Result of weather:\\nrain"}]}]', lorax(history "{}", true))
  end)

  --- The text that LoRAX gets for the call with these arguments.
  local function call_text (arguments)
    return json.decode(lorax(history(arguments)))[2].content
  end

  it("have the text with which the model made the call, whatever its arguments are", function ()
    for arguments, text in pairs {
      ["{}"] = '{"function":{"_name":"weather"}}',
      [""] = '{"function":{"_name":"weather"}}',
      [" { } \n"] = '{"function":{"_name":"weather"}}',
      [' {"a": {"b":"}"} } '] = '{"function":{"_name":"weather","a": {"b":"}"}}}',
      ['{"a":1.0,"b":[1,{}]}'] = '{"function":{"_name":"weather","a":1.0,"b":[1,{}]}}',
      -- Arguments that the model got wrong are shown to it.
      ['{"a":1'] = '{"function":{"_name":"weather","arguments":"{\\"a\\":1"}}',
      ['{"a":1}, {"b":2}'] = '{"function":{"_name":"weather","arguments":"{\\"a\\":1}, '
        .. '{\\"b\\":2}"}}',
      ["[1]"] = '{"function":{"_name":"weather","arguments":"[1]"}}',
    } do
      assert.equal(text, call_text(arguments))
      assert.is_true(json.check(text))
    end
    assert.equal('{"function":{"_name":"weather","town":"Oslo"}}', call_text { town = "Oslo" })
  end)

  it("may have a text before the call", function ()
    local list = history "{}"
    list[2].content = "Let me look."
    assert.equal('Let me look.\n\n{"function":{"_name":"weather"}}',
      json.decode(lorax(list))[2].content)
    assert.equal("Let me look.", json.decode(openai(list))[2].content)
    list[2].content = { "Let me", "look." }
    assert.same({ "Let me", "look.", '{"function":{"_name":"weather"}}' }, (function ()
      local texts = {}
      for i, part in ipairs(json.decode(lorax(list))[2].content) do texts[i] = part.text end
      return texts
    end)())
    list[2].content = ""
    assert.equal('{"function":{"_name":"weather"}}', json.decode(lorax(list))[2].content)
  end)

  it("of several calls become one message of the user, with the user's next message", function ()
    local list = {
      { role = "user", content = "Compare." },
      { role = "assistant", content = "", tool_calls = { call("a", "weather", "{}"),
        call("b", "time", '{"zone":1}') } },
      { role = "tool", tool_call_id = "b", content = "noon" },
      { role = "tool", tool_call_id = "a", content = { "rain", "wind" } },
      { role = "user", content = "Be brief." },
      { role = "user", content = "Please." },
    }
    local sent = json.decode(lorax(list))
    assert.equal(4, #sent)
    assert.equal('{"function":{"_name":"weather"}}\n\n{"function":{"_name":"time","zone":1}}',
      sent[2].content)
    local texts = {}
    for i, part in ipairs(sent[3].content) do texts[i] = part.text end
    assert.same({ "Result of time:\nnoon", "Result of weather:", "rain", "wind", "Be brief." },
      texts)
    assert.equal("Please.", sent[4].content)
    list[4].content = "rain"
    assert.equal("Result of time:\nnoon\n\nResult of weather:\nrain\n\nBe brief.",
      json.decode(lorax(list))[3].content)
    assert.equal(6, #json.decode(openai(list)))
  end)

  it("may use an id again for a later call", function ()
    local list = history "{}"
    for _, message in ipairs(history("{}", "sun")) do list[#list + 1] = message end
    list[5].tool_calls[1]["function"].name = "sky"
    local sent = json.decode(lorax(list))
    assert.equal("Result of weather:\nrain\n\nWeather?", sent[3].content)
    assert.equal("Result of sky:\nsun", sent[5].content)
  end)
end)

describe("a mistake in messages is named with its path:", function ()
  local CASES = {
    { "`messages` must not be empty", {} },
    { "has the key the string", { role = "user", content = "Hi" }, true },
    { "`messages[1]` must be a message such as { role = …, content = … }, got the string \"Hi\"",
      { "Hi" } },
    { "`messages[2].role` must be system, developer, user, assistant or tool, got nil",
      { { role = "user", content = "" }, { content = "Hi" } } },
    { '`messages[1].role` must be system, developer, user, assistant or tool, got the string '
      .. '"model"', { { role = "model", content = "Hi" } } },
    { "`messages[1].content` must be a string or an array of parts, got nil",
      { { role = "user" } } },
    { "`messages[1].content` must be a string or an array of parts, got the number 5",
      { { role = "user", content = 5 } } },
    { '`messages[1].content` must be an array of parts; the table given has the key the string '
      .. '"text"', { { role = "user", content = { text = "Hi" } } } },
    { "`messages[1].content` must be valid UTF-8, got byte 0xff at position 2",
      { { role = "user", content = "a\255" } } },
    { "`messages[1].content[2]` must be a part of a message, got the number 5",
      { { role = "user", content = { "a", 5 } } } },
    { "`messages[1].content[1].text` must be valid UTF-8, got byte 0xc3 at position 1",
      { { role = "user", content = { "\195" } } } },
    { "`messages[1].content[1].text` must be a string, got nil",
      { { role = "user", content = { { type = "text" } } } } },
    { '`messages[1].content[1].type` must be "text" or "image_url", got the string "input_audio"',
      { { role = "user", content = { { type = "input_audio" } } } } },
    { "`messages[1].content[1].image_url` must be a table with url, got nil",
      { { role = "user", content = { { type = "image_url" } } } } },
    { "`messages[1].content[1].image_url.url` must be a string, got nil",
      { { role = "user", content = { { type = "image_url", image_url = {} } } } } },
    { "`messages[1].content[1].image_url.url` must be an http or https URL, or a data:image/ URL, "
      .. 'got the string "cat.png"',
      { { role = "user", content = { { type = "image_url", image_url = "cat.png" } } } } },
    { "`messages[1].name` must be a string, got the number 1",
      { { role = "user", content = "", name = 1 } } },
    { "`messages[1].tool_calls`: only an assistant's message has calls",
      { { role = "user", content = "", tool_calls = {} } } },
    { "`messages[1].tool_calls` must be an array of calls, got the string \"x\"",
      { { role = "assistant", content = "", tool_calls = "x" } } },
    { "`messages[1].tool_calls[1]` must be a table, got the number 1",
      { { role = "assistant", tool_calls = { 1 } } } },
    { "`messages[1].tool_calls[1].function` must be a table, got nil",
      { { role = "assistant", tool_calls = { { id = "a" } } } } },
    { "`messages[1].tool_calls[1].function.name` must be a string, got nil",
      { { role = "assistant", tool_calls = { { id = "a", ["function"] = {} } } } } },
    { "`messages[1].tool_calls[1].function.arguments` must be a string, got nil",
      { { role = "assistant", tool_calls = { call("a", "f") } } } },
    { "`messages[1].tool_calls[1].id` must be a string, got nil",
      { { role = "assistant", tool_calls = { call(nil, "f", "{}") } } } },
    { "`messages[1].content` must be a string or an array of parts, got nil",
      { { role = "assistant", tool_calls = {} } } },
    { "`messages[1].tool_call_id` must be the id of a call in an earlier message, got nil",
      { { role = "tool", content = "x" } } },
    { "`messages[1].tool_call_id` must be the id of a call in an earlier message, got the string "
      .. '"b"', { { role = "tool", content = "x", tool_call_id = "b" } } },
    { "`messages[2].content` must be a string or an array of parts, got a function",
      { { role = "assistant", tool_calls = { call("a", "f", "{}") } },
        { role = "tool", tool_call_id = "a", content = print } } },
  }

  for _, case in ipairs(CASES) do
    it(case[1], function ()
      if case[3] then
        local text, problem = wire_messages.write(case[2], "lorax")
        assert.is_nil(text)
        assert.is_truthy(problem:find(case[1], 1, true), problem)
      else
        refused(case[1], case[2])
      end
    end)
  end

  it("arguments that JSON cannot hold", function ()
    local text, problem = wire_messages.write({ { role = "assistant",
      tool_calls = { call("a", "f", { x = print }) } } }, "openai")
    assert.is_nil(text)
    assert.is_truthy(problem:find("^`messages%[1%].tool_calls%[1%].function.arguments`: "), problem)
  end)

  it("a detail of an image that JSON cannot hold", function ()
    local text, problem = wire_messages.write({ { role = "user", content = { { type = "image_url",
      image_url = { url = "http://x", detail = print } } } } }, "openai")
    assert.is_nil(text)
    assert.is_string(problem)
  end)

  it("a gap between messages", function ()
    local text, problem = wire_messages.write({ { role = "user", content = "" }, nil,
      { role = "user", content = "" } }, "lorax")
    assert.is_nil(text)
    assert.is_truthy(problem:find "^`messages` must be an array; the table given ", problem)
  end)

  it("fields that do not exist raise, with the nearest name", function ()
    raised('unknown field of messages[1] "contents"; did you mean "content"?',
      { { role = "user", contents = "Hi" } })
    raised('unknown field of messages[1].tool_calls[1] "name"',
      { { role = "assistant", tool_calls = { { id = "a", name = "f", ["function"] = {} } } } })
  end)

  it("metatables of the caller are not asked", function ()
    local hostile = setmetatable({}, { __index = function () error "asked" end,
      __len = function () error "asked" end, __pairs = function () error "asked" end })
    for _, list in ipairs { hostile, { hostile }, { { role = "user", content = hostile } },
      { { role = "user", content = { hostile } } } } do
      local text, problem = wire_messages.write(list, "lorax")
      assert.is_string(text or problem)
    end
  end)
end)
