-- SPDX-License-Identifier: MIT
--- The reader of chunks: every field of a wrong type is named with its path, and what a server may
-- send without end is limited.
local chat_delta = require "predibase.chat_delta"
local json = require "predibase.json"

local function draw () return 0.5 end

local function reader (context, max_text)
  context = context or { server = "openai" }
  return chat_delta.new(context, { random = draw, max_text = max_text or 1e6 })
end

--- Reads chunks with these JSON texts of choices. Returns the last event and failure.
local function read (list, context)
  local made, ev, failure = reader(context), nil, nil
  for _, data in ipairs(list) do ev, failure = made:decode(data) end
  return ev, failure, made
end

local function chunk (choice, more)
  return '{"choices":[' .. choice .. "]" .. (more or "") .. "}"
end

local function delta (fields, finish)
  return chunk('{"index":0,"delta":' .. fields .. ',"finish_reason":'
    .. (finish and '"' .. finish .. '"' or "null") .. "}")
end

describe("a chunk with a wrong type", function ()
  local CASES = {
    ["choices is not an array"] = { "{}", '{"choices":5}', '{"choices":null}',
      '{"choices":{"a":1}}', '{"text":"x"}' },
    ["choices[1] is not an object"] = { chunk "5", chunk "null", chunk '"x"' },
    ["choices has more than one element"] = { chunk "{},{}" },
    ["choices[1].index is not 0"] = { chunk '{"index":1,"delta":{"content":"x"}}',
      chunk '{"index":"0","delta":{}}', chunk '{"index":-1,"delta":{}}' },
    ["choices[1].delta is not an object"] = { chunk "{}", chunk '{"delta":5}',
      chunk '{"text":"x"}', chunk '{"message":{"content":"x"},"finish_reason":"stop"}' },
    ["choices[1].delta.content is not a string"] = { delta '{"content":5}',
      delta '{"content":[]}', delta('{"content":{}}', "stop") },
    ["choices[1].delta.reasoning_content is not a string"] = { delta '{"reasoning_content":5}' },
    ["choices[1].delta.reasoning is not a string"] = { delta '{"reasoning":{}}' },
    ["choices[1].finish_reason is not a string"] = { chunk '{"delta":{},"finish_reason":5}',
      chunk '{"delta":{"content":"x"},"finish_reason":{}}' },
    ["choices[1].delta.tool_calls is not an array"] = { delta '{"tool_calls":5}',
      delta '{"tool_calls":{"index":0}}' },
    ["choices[1].delta.tool_calls[1] is not an object"] = { delta '{"tool_calls":[5]}',
      delta '{"tool_calls":[null]}' },
    ["choices[1].delta.tool_calls[1].index is not the number of a call"] = {
      delta '{"tool_calls":[{"index":"0"}]}', delta '{"tool_calls":[{"index":-1}]}',
      delta '{"tool_calls":[{"index":0.5}]}', delta '{"tool_calls":[{"index":1000}]}',
      delta '{"tool_calls":[{"index":1e400}]}' },
    ["choices[1].delta.tool_calls[2].id is not a string"] = {
      delta '{"tool_calls":[{"index":0},{"index":1,"id":5}]}' },
    ["choices[1].delta.tool_calls[1].function is not an object"] = {
      delta '{"tool_calls":[{"index":0,"function":5}]}' },
    ["choices[1].delta.tool_calls[1].function.name is not a string"] = {
      delta '{"tool_calls":[{"index":0,"function":{"name":5}}]}' },
    ["choices[1].delta.tool_calls[1].function.arguments is not a string"] = {
      delta '{"tool_calls":[{"index":0,"function":{"arguments":5}}]}' },
    ["the call 3 of a tool has no name"] = {
      delta('{"tool_calls":[{"index":3,"id":"a"}]}', "tool_calls") },
    ["usage is not an object"] = { chunk("", ',"usage":5'),
      chunk('{"delta":{"content":"x"}}', ',"usage":"x"') },
    ["usage.completion_tokens is not a number of tokens"] = {
      chunk("", ',"usage":{"completion_tokens":"5"}') },
  }

  for message, list in pairs(CASES) do
    it("is refused: " .. message, function ()
      for _, data in ipairs(list) do
        local ev, failure = read { data }
        assert.is_nil(ev, data)
        assert.equal("protocol", failure.kind)
        assert.equal("in the event, " .. message, failure.message)
      end
    end)
  end

  it("is refused when it is no JSON object", function ()
    for data, message in pairs { ["5"] = "the event is not a JSON object",
      ['"x"'] = "the event is not a JSON object", ["null"] = "the event is not a JSON object" } do
      local _, failure = read { data }
      assert.same({ kind = "protocol", message = message }, failure)
    end
    for _, data in ipairs { "", " ", "{", "x", "[DONE", "[DONE]x", delta "{}" .. "x" } do
      local ev, failure = read { data }
      assert.is_nil(ev)
      assert.equal("protocol", failure.kind)
      assert.is_truthy(failure.message:find "^the event is not JSON: ", data)
    end
  end)

  it("of completions is refused", function ()
    local context = { server = "lorax", plain = true }
    for _, data in ipairs { chunk "{}", chunk '{"text":5}', chunk '{"delta":{"content":"x"}}',
      chunk '{"delta":{},"finish_reason":"stop"}' } do
      local ev, failure = read({ data }, context)
      assert.is_nil(ev)
      assert.equal("in the event, choices[1].text is not a string", failure.message)
    end
    assert.equal("", read({ chunk '{"text":null,"finish_reason":"stop"}' }, context).token.text)
  end)
end)

describe("a reader of chunks", function ()
  it("returns an error that the server reports", function ()
    for data, expected in pairs {
      ['{"error":"E","error_type":"generation"}'] = { error = "E", error_type = "generation" },
      ['{"error":{"message":"E","type":"T","code":500}}'] = { error = "E", error_type = "T" },
      ['{"object":"error","message":"E","type":"T","code":400}'] =
        { error = "E", error_type = "T" },
      ['{"object":"error","message":"E"}'] = { error = "E" },
      ['{"error":"E","choices":[{"delta":{"content":"x"}}]}'] = { error = "E" },
    } do
      assert.same(expected, (read { data }))
    end
  end)

  it("is complete after a finish reason", function ()
    local made = reader()
    assert.is_nil(made:at_end())
    made:decode(delta '{"content":"a"}')
    assert.is_nil(made:at_end())
    made:decode(delta("{}", "stop"))
    assert.same({ generated_text = "", details = { finish_reason = "stop" } }, made:at_end())
  end)

  it("ignores what follows a finish reason, but for the counts", function ()
    local closing = { generated_text = "", details = { finish_reason = "stop" } }
    for _, data in ipairs { "[DONE]", "[DONE] ", "{", "5", '{"error":"E"}', '{"choices":[]}',
      '{"choices":5}' } do
      assert.same(closing, (read { delta("{}", "stop"), data }), data)
    end
    assert.same({}, (read { delta("{}", "stop"), delta '{"content":"x"}' }))
    local ev, _, made = read { delta("{}", "stop"),
      chunk("", ',"usage":{"prompt_tokens":1,"completion_tokens":2}') }
    assert.same(closing, ev)
    assert.same({ prompt_tokens = 1, completion_tokens = 2 }, made.usage)
    local _, failure = read { delta("{}", "stop"), chunk("", ',"usage":5') }
    assert.equal("in the event, usage is not an object", failure.message)
  end)

  it("reports a [DONE] without a finish reason", function ()
    local ev, failure = read { delta '{"content":"a"}', "[DONE]" }
    assert.is_nil(ev)
    assert.equal("incomplete_generation", failure.kind)
  end)

  it("returns no delta where a chunk has nothing", function ()
    for _, data in ipairs { delta '{"role":"assistant"}', delta '{"role":"assistant","content":""}',
      delta '{"content":null,"reasoning_content":""}', chunk '{"delta":null}', chunk "",
      delta '{"tool_calls":[]}', delta '{"tool_calls":null}',
      delta '{"tool_calls":[{"index":0,"id":"a"}]}' } do
      assert.same({}, (read { data }), data)
    end
    -- LoRAX sends an empty text for a token that ends inside a character.
    assert.equal("", read({ delta '{"content":""}' }, { server = "lorax" }).token.text)
  end)

  it("gives each attempt's calls in the order of their numbers", function ()
    local ev = read {
      delta '{"tool_calls":[{"index":2,"id":"c","function":{"name":"h","arguments":"{"}}]}',
      delta('{"tool_calls":[{"index":0,"id":"a","function":{"name":"f"}},'
        .. '{"index":2,"function":{"arguments":"}"}}]}'),
      delta('{"tool_calls":[{"function":{"arguments":" "}}]}', "tool_calls"),
    }
    assert.same({ { id = "a", name = "f", raw_arguments = "", arguments = {} },
      { id = "c", name = "h", raw_arguments = "{} ", arguments = {} } }, ev.token.tool_calls)
  end)

  it("takes a name and an id that are repeated with each piece for the same call", function ()
    local ev = read {
      delta '{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{"}}]}',
      delta('{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"}"}}]}',
        "tool_calls"),
    }
    assert.equal(1, #ev.token.tool_calls)
    assert.equal("{}", ev.token.tool_calls[1].raw_arguments)
  end)

  it("limits the number of calls", function ()
    local made, failure = reader(), nil
    for i = 1, chat_delta.MAX_CALLS + 1 do
      assert.is_nil(failure)
      failure = select(2, made:decode(delta('{"tool_calls":[{"index":0,"id":"' .. i .. '"}]}')))
    end
    assert.equal("in the event, choices[1].delta.tool_calls[1] is one call too many",
      failure.message)
  end)

  it("limits the reasoning, the arguments and the text of forced calls", function ()
    local long = ("x"):rep(60)
    for _, case in ipairs {
      { delta('{"reasoning_content":"' .. long .. '"}') },
      { delta('{"tool_calls":[{"index":0,"function":{"name":"f","arguments":"' .. long
        .. '"}}]}') },
      { delta('{"content":' .. json.text('{"function":{"_name":"f","a":"' .. long) .. "}"),
        { server = "lorax", forced = true } },
    } do
      local made = reader(case[2], 100)
      assert.is_nil(select(2, made:decode(case[1])))
      local ev, failure = made:decode(case[1])
      assert.is_nil(ev)
      assert.equal("too_large", failure.kind)
      assert.is_truthy(failure.message:find "max_response_bytes %(100 bytes%)")
    end
  end)
end)

describe("what LoRAX forces", function ()
  local FORCED = { server = "lorax", forced = true }

  local function content (text, finish)
    return delta('{"role":"assistant","content":' .. json.text(text) .. "}", finish)
  end

  it("is a failure of the tool when it has not that form", function ()
    local ev, failure = read({ content '{"function":{"_name":"no_tool","x":1}}',
      delta("{}", "stop") }, FORCED)
    assert.is_nil(ev)
    assert.equal("tool", failure.kind)
    assert.is_false(failure.retryable)
  end)

  it("is incomplete when it was cut off by something else than max_tokens", function ()
    for _, text in ipairs { '{"function":{"_name":"no_tool","content":"ab',
      '{"function":{"_name":"f","a":' } do
      local ev, failure = read({ content(text), delta("{}", "stop") }, FORCED)
      assert.is_nil(ev)
      assert.equal("incomplete_generation", failure.kind)
      assert.is_false(failure.retryable)
      assert.is_nil(failure.message:find("max_tokens", 1, true))
    end
  end)

  it("says what cut it off", function ()
    for raw, ending in pairs { length = "; raise max_tokens",
      content_filter = "; a sequence of stop ended it" } do
      local _, failure = read({ content('{"function":{"_name":"f","a":', raw) }, FORCED)
      assert.equal("the model's call of f is not complete" .. ending, failure.message)
    end
    local _, failure = read({ content('{"function":{"_name":"no_tool","content":"a',
      "content_filter") }, FORCED)
    assert.equal("the model's answer is not complete; a sequence of stop ended it",
      failure.message)
  end)

  it("may be an answer to a request with tools that has no call at all", function ()
    local made = reader(FORCED)
    assert.equal("Hello", made:decode(content "Hello").token.text)
    assert.equal("stop", made:decode(delta("{}", "stop")).token.finish_reason)
    assert.is_nil(made.tool_calls)
  end)
end)
