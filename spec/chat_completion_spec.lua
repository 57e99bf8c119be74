-- SPDX-License-Identifier: MIT
--- What `chat_completion` sends, byte for byte, for every option, and what it refuses to send.
local errors = require "predibase.errors"
local json = require "predibase.json"
local pipe = require "spec.support.pipe_transport"
local predibase = require "predibase"
local wire_chat = require "spec.support.wire_chat"

local MESSAGES = { { role = "user", content = "Hi" } }
local SENT = '"messages":[{"role":"user","content":"Hi"}]'
local IN_PARTS = '"messages":[{"role":"user","content":[{"type":"text","text":"Hi"}]}]'

--- Makes a call on a client with these options. Returns the body that was sent, or nil and the
-- error.
local function sent (options, client_options, streamed, messages)
  local reply = streamed and { body = wire_chat.answer() }
    or { body = wire_chat.body { wire_chat.message "x" } }
  if not streamed then reply.headers = { ["content-type"] = "application/json" } end
  local client, network = pipe.client(reply, client_options)
  local result, err
  if streamed then
    result, err = client:chat_completion_stream(messages or MESSAGES, options):text()
  else
    result, err = client:chat_completion(messages or MESSAGES, options)
  end
  client:close()
  if err then
    assert.is_true(errors.is(err))
    assert.equal(0, #network.requests)
    return nil, err
  end
  assert.is_truthy(result)
  assert.equal(1, #network.requests)
  assert.equal(network.url .. "/v1/chat/completions", network.requests[1].url)
  assert.equal("POST", network.requests[1].method)
  return network.requests[1].body
end

local function refused (kind, message, ...)
  local body, err = sent(...)
  assert.is_nil(body)
  assert.equal(kind, err.kind)
  assert.equal("request", err.phase)
  assert.equal(message, err.message)
end

local function invalid (message, ...)
  refused("validation", "Input validation error: " .. message, ...)
end

local OPENAI = { server = "openai" }

describe("a chat completion", function ()
  it("sends the model and the messages", function ()
    assert.equal('{"model":"",' .. SENT .. "}", sent())
    assert.equal('{"model":"",' .. SENT .. "}", sent {})
    assert.equal('{"model":"",' .. SENT .. "}", sent(nil, OPENAI))
  end)

  it("sends a stream's request with stream, and asks others than LoRAX for the counts", function ()
    assert.equal('{"model":"",' .. SENT .. ',"stream":true}', sent(nil, nil, true))
    assert.equal('{"model":"",' .. SENT .. ',"stream":true,"stream_options":'
      .. '{"include_usage":true}}', sent(nil, OPENAI, true))
    assert.equal('{"model":"",' .. SENT .. ',"stream_options":{"include_usage":false},'
      .. '"stream":true}',
      sent({ extra = { stream_options = { include_usage = false } } }, OPENAI, true))
  end)

  it("sends every parameter by its name, in one order", function ()
    local all = {
      adapter_id = "r/1", adapter_source = "hub", api_token = "hf_1", temperature = 0.5,
      top_p = 0.25, n = 1, max_tokens = 5, stop = { "a", "b" }, presence_penalty = 1,
      frequency_penalty = -1, repetition_penalty = 1.5, top_k = 3, ignore_eos_token = true,
      seed = "18446744073709551615", response_format = { type = "json_object" },
      tool_prompt = "T", guideline = "G", extra = { user = "me", a = { 1 } },
    }
    local rest = ',"adapter_source":"hub","api_token":"hf_1","temperature":0.5,"top_p":0.25,'
      .. '"n":1,"max_tokens":5,"stop":["a","b"],"presence_penalty":1,"frequency_penalty":-1,'
      .. '"repetition_penalty":1.5,"top_k":3,"ignore_eos_token":true,"seed":18446744073709551615,'
      .. '"response_format":{"type":"json_object"},"tool_prompt":"T","guideline":"G",'
      .. '"a":[1],"user":"me"'
    assert.equal('{"model":"r/1",' .. SENT .. rest .. "}", sent(all))
    assert.equal('{"model":"r/1",' .. SENT .. rest .. ',"stream":true}', sent(all, nil, true))
    assert.equal('{"model":"r/1",' .. SENT .. rest .. "}", sent(all, OPENAI))
  end)

  it("sends an adapter's source to LoRAX only", function ()
    assert.equal('{"model":"r/1",' .. SENT .. ',"adapter_source":"pbase"}',
      sent { adapter_id = "r/1" })
    assert.equal('{"model":"r/1",' .. SENT .. ',"adapter_source":"hub","api_token":""}',
      sent { adapter_id = "r/1", adapter_source = "hub" })
    assert.equal('{"model":"m",' .. SENT .. "}", sent({ model = "m" }, OPENAI))
    assert.equal('{"model":"",' .. SENT .. "}", sent { model = "" })
  end)

  it("knows other names of parameters", function ()
    for name, written in pairs { model = '{"model":"x",' .. SENT .. ',"adapter_source":"pbase"}',
      adapter_id = '{"model":"x",' .. SENT .. ',"adapter_source":"pbase"}' } do
      assert.equal(written, sent { [name] = "x" })
    end
    for _, name in ipairs { "max_tokens", "max_new_tokens", "max_completion_tokens" } do
      assert.equal('{"model":"",' .. SENT .. ',"max_tokens":7}', sent { [name] = 7 })
    end
    assert.equal('{"model":"",' .. SENT .. ',"stop":["."]}', sent { stop = "." })
    assert.equal('{"model":"",' .. SENT .. ',"repetition_penalty":2}',
      sent { repitition_penalty = 2 })
    invalid("`max_tokens` is given twice, also as `max_new_tokens`",
      { max_tokens = 1, max_new_tokens = 1 })
    local body, err = sent { max_completion_tokens = 1, max_new_tokens = 1 }
    assert.is_nil(body)
    assert.is_truthy(err.message:find "`max_tokens` is given twice, also as `max_")
    invalid("`adapter_id` is given twice, also as `model`", { model = "a", adapter_id = "b" })
  end)

  it("leaves out what is null", function ()
    local nulls = {}
    for name in pairs(require "predibase.chat_completion".parameters.names) do
      nulls[name] = json.null
    end
    assert.equal('{"model":"",' .. SENT .. "}", sent(nulls))
    assert.equal('{"model":"",' .. SENT .. "}", sent(nulls, OPENAI))
  end)

  it("refuses values out of LoRAX's ranges, which other servers may accept", function ()
    for message, options in pairs {
      ["`max_tokens` must be strictly positive"] = { max_tokens = 0 },
      ["`n` must be strictly positive"] = { n = 0 },
      ["`temperature` must be non-negative"] = { temperature = -0.5 },
      ["`top_p` must be > 0.0 and < 1.0"] = { top_p = 0 },
      ["`top_k` must be strictly positive"] = { top_k = 0 },
      ["`presence_penalty` must be >= -2.0 and <= 2.0"] = { presence_penalty = 3 },
      ["`frequency_penalty` must be >= -2.0 and <= 2.0"] = { frequency_penalty = -3 },
      ["`repetition_penalty` must be strictly positive"] = { repetition_penalty = 0 },
      ["`top_k` must be strictly positive "] = { top_k = -1 },
    } do
      invalid((message:gsub(" $", "")), options)
      invalid((message:gsub(" $", "")), options, nil, true)
      assert.is_string(sent(options, OPENAI))
    end
  end)

  it("refuses values that LoRAX would refuse", function ()
    for message, options in pairs {
      ["`max_tokens` must be an integer, got the number 1.5"] = { max_tokens = 1.5 },
      ["`max_tokens` must be an integer <= 2147483647, got the number 2147483648"] =
        { max_tokens = 2147483648 },
      ["`ignore_eos_token` must be a boolean, got the string \"yes\""] =
        { ignore_eos_token = "yes" },
      ["`seed` must be an integer from 0 to 18446744073709551615, got the number -1"] =
        { seed = -1 },
      ["`stop[1]` must not be empty: it would end every answer at its first token"] =
        { stop = "" },
      ["`tool_prompt` must be a string, got the number 1"] = { tool_prompt = 1 },
      ["`guideline` must be a string, got a table"] = { guideline = {} },
      ['`extra.messages` is a field that the method writes itself'] =
        { extra = { messages = {} } },
      ['`extra.stream` is a field that the method writes itself'] = { extra = { stream = true } },
      ["`extra.tools` is a known parameter; write tools = … outside `extra`"] =
        { extra = { tools = {} } },
      ["`extra.model` is a known parameter; write model = … outside `extra`"] =
        { extra = { model = "x" } },
    } do
      invalid(message, options)
      invalid(message, options, OPENAI)
      invalid(message, options, nil, true)
    end
    invalid("`n` must be 1 when streaming", { n = 2 }, nil, true)
    invalid("`n` must be 1 when streaming", { n = 2 }, OPENAI, true)
  end)

  it("refuses several answers where LoRAX could not choose between samples", function ()
    invalid("you must use sampling when `n` is > 1", { n = 2, temperature = 0 })
    invalid("`seed` must not be set when `n` is > 1", { n = 2, seed = 1 })
    assert.is_string(sent({ n = 2, temperature = 0, seed = 1 }, OPENAI))
    assert.is_string(sent { n = 2, temperature = 0.5 })
    assert.is_string(sent { n = 1, temperature = 0, seed = 1 })
  end)

  it("refuses text that is not UTF-8", function ()
    for _, name in ipairs { "tool_prompt", "guideline" } do
      local body, err = sent { [name] = "\255" }
      assert.is_nil(body)
      assert.equal("validation", err.kind)
      assert.is_truthy(err.message:find("`" .. name .. "`", 1, true), err.message)
    end
    invalid("`messages[1].content` must be valid UTF-8, got byte 0xff at position 1", nil, nil,
      false, { { role = "user", content = "\255" } })
  end)

  it("refuses a body that the server would not read", function ()
    local long = { { role = "user", content = ("x"):rep(2097152) } }
    local _, err = sent(nil, nil, false, long)
    assert.equal("too_large", err.kind)
    _, err = sent(nil, nil, true, long)
    assert.equal("too_large", err.kind)
  end)
end)

describe("the defaults of a client", function ()
  it("are sent where the route has them, and left out where not", function ()
    local defaults = { max_new_tokens = 9, temperature = 0.5, details = true, truncate = 5,
      typical_p = 0.5, do_sample = true, watermark = true, best_of = 1, adapter_id = "r/1",
      return_full_text = true, decoder_input_details = false }
    assert.equal('{"model":"r/1",' .. SENT .. ',"adapter_source":"pbase","temperature":0.5,'
      .. '"max_tokens":9}', sent(nil, { defaults = defaults }))
    assert.equal('{"model":"r/1",' .. SENT .. ',"temperature":0.5,"max_tokens":9}',
      sent(nil, { defaults = defaults, server = "openai" }))
  end)

  it("are replaced by what a call gives, under each name", function ()
    local client = { defaults = { max_new_tokens = 9, adapter_id = "r/1", stop = { "a" } } }
    for _, name in ipairs { "max_tokens", "max_new_tokens", "max_completion_tokens" } do
      assert.equal('{"model":"",' .. SENT .. ',"max_tokens":1,"stop":["b"]}',
        sent({ [name] = 1, model = "", stop = "b" }, client))
    end
    assert.equal('{"model":"m",' .. SENT .. ',"adapter_source":"pbase"}', sent({ model = "m",
      max_tokens = json.null, stop = json.null }, client))
  end)

  it("that would change the answer and have no field here are refused", function ()
    local merged = { merged_adapters = { ids = { "a", "b" }, weights = { 1, 1 } } }
    invalid("merged_adapters is a default of this client, but /v1/chat/completions has no such "
      .. "parameter; make a client without it", nil, { defaults = merged })
    invalid("merged_adapters is a default of this client, but /v1/chat/completions has no such "
      .. "parameter; make a client without it", nil, { defaults = merged }, true)
    assert.equal('{"model":"",' .. SENT .. ',"stop":["a"],"response_format":'
      .. '{"type":"json_object"}}',
      sent(nil, { defaults = { stop = { "a" }, response_format = { type = "json_object" } } }))
  end)
end)

describe("response_format", function ()
  local SCHEMA = '{"type":"object","properties":{"b":{"type":"integer"},"a":{"type":"string"}}}'

  local function format (value, client)
    local body = assert(sent({ response_format = value }, client))
    return body:match '"response_format":(.*)}$'
  end

  it("is written as each server reads it", function ()
    local nested = { type = "json_schema", json_schema = { name = "N", schema = SCHEMA } }
    for _, client in ipairs { { server = "lorax" }, OPENAI } do
      assert.equal('{"type":"text"}', format({ type = "text" }, client))
      assert.equal('{"type":"json_object"}', format({ type = "json_object" }, client))
      invalid("`response_format.schema` must not be null; leave it out to allow any JSON object",
        { response_format = { type = "json_object", schema = json.null } }, client)
      assert.is_truthy(format(nested, client):find('"schema":' .. SCHEMA, 1, true))
      assert.is_truthy(format(nested, client):find('^{"type":"json_schema","json_schema":'))
      assert.is_truthy(format({ type = "json_schema", schema = SCHEMA }, client)
        :find('^{"type":"json_schema","json_schema":{"name":"[%w_]+","schema":'))
    end
    assert.equal('{"type":"json_object","schema":' .. SCHEMA .. "}",
      format { type = "json_object", schema = SCHEMA })
    assert.is_truthy(format({ type = "json_object", schema = SCHEMA }, OPENAI)
      :find('^{"type":"json_schema","json_schema":{"name":"[%w_]+","schema":'))
  end)

  it("is checked for LoRAX, unless check_schema is false", function ()
    local bad = { type = "json_schema",
      schema = '{"type":"object","properties":{"a":{"not":{}}}}' }
    local body, err = sent { response_format = bad }
    assert.is_nil(body)
    assert.equal("validation", err.kind)
    assert.is_truthy(err.message:find("properties.a", 1, true), err.message)
    assert.is_string(sent { response_format = bad, check_schema = false })
    assert.is_string(sent({ response_format = bad }, OPENAI))
  end)

  it("is refused together with tools, as the server would", function ()
    for _, value in ipairs { { type = "json_object" },
      { type = "json_schema", schema = SCHEMA } } do
      local options = { tools = wire_chat.tools(), response_format = value }
      refused("tool", "Tool error: Response format and tools are mutually exclusive", options)
      refused("tool", "Tool error: Response format and tools are mutually exclusive", options, nil,
        true)
      assert.is_string(sent(options, OPENAI))
      options.tool_choice = "none"
      assert.is_string(sent(options))
    end
    assert.is_string(sent { tools = wire_chat.tools(), response_format = { type = "text" } })
    assert.is_string(sent { tools = wire_chat.tools(), response_format = json.null })
    refused("tool", "Tool error: Response format and tools are mutually exclusive",
      { tools = wire_chat.tools() }, { defaults = { response_format = { type = "json_object" } } })
  end)
end)

describe("tools", function ()
  local TOOLS = '"tools":[{"type":"function","function":{"name":"weather","parameters":'
    .. '{"properties":{"town":{"type":"string"}},"type":"object"}}},{"type":"function","function":'
    .. '{"name":"time","parameters":{"properties":{},"type":"object"}}}]'

  local function with (choice, client, tools)
    return sent({ tools = tools or wire_chat.tools(), tool_choice = choice }, client)
  end

  it("are sent in OpenAI's form, to LoRAX with contents in parts", function ()
    assert.equal('{"model":"",' .. IN_PARTS .. "," .. TOOLS .. "}", with())
    assert.equal('{"model":"",' .. SENT .. "," .. TOOLS .. "}", with(nil, OPENAI))
    assert.equal('{"model":"",' .. IN_PARTS .. "," .. TOOLS .. ',"stream":true}',
      sent({ tools = wire_chat.tools() }, nil, true))
  end)

  it("are chosen as LoRAX understands it", function ()
    local plain = '{"model":"",' .. IN_PARTS .. "," .. TOOLS
    for _, choice in ipairs { "auto", json.null } do assert.equal(plain .. "}", with(choice)) end
    assert.equal(plain .. ',"tool_choice":"time"}', with "time")
    assert.equal(plain .. ',"tool_choice":"time"}',
      with { type = "function", ["function"] = { name = "time" } })
    assert.equal(plain .. ',"tool_choice":"time"}', with(json.object { { "type", "function" },
      { "function", json.object { { "name", "time" } } } }))
    assert.equal('{"model":"",' .. SENT .. "}", with "none")
    local one = { wire_chat.tools()[2] }
    assert.equal('{"model":"",' .. IN_PARTS .. ',"tools":[{"type":"function","function":{"name":'
      .. '"time","parameters":{"properties":{},"type":"object"}}}],"tool_choice":"time"}',
      with("required", nil, one))
    invalid('`tool_choice` "required" with several tools: LoRAX can force one tool by its name '
      .. "only; name it, or give one tool", { tools = wire_chat.tools(), tool_choice = "required" })
  end)

  it("are chosen as other servers understand it", function ()
    local plain = '{"model":"",' .. SENT .. "," .. TOOLS
    assert.equal(plain .. "}", with(json.null, OPENAI))
    for _, choice in ipairs { "auto", "none", "required" } do
      assert.equal(plain .. ',"tool_choice":"' .. choice .. '"}', with(choice, OPENAI))
    end
    local named = plain .. ',"tool_choice":{"type":"function","function":{"name":"time"}}}'
    assert.equal(named, with("time", OPENAI))
    assert.equal(named, with({ type = "function", ["function"] = { name = "time" } }, OPENAI))
  end)

  it("are refused with another choice", function ()
    local wanted = '`tool_choice` must be "auto", "none", "required", the name of a tool, or '
      .. '{ type = "function", ["function"] = { name = … } }, got '
    for _, client in ipairs { { server = "lorax" }, OPENAI } do
      invalid(wanted .. "the number 5", { tools = wire_chat.tools(), tool_choice = 5 }, client)
      for _, choice in ipairs { {}, { type = "function" }, { ["function"] = { name = "time" } },
        { type = "function", ["function"] = { name = 5 } }, { Function = { name = "time" } } } do
        invalid(wanted .. "a table", { tools = wire_chat.tools(), tool_choice = choice }, client)
      end
      refused("tool", "Tool error: Tool with name clock not found",
        { tools = wire_chat.tools(), tool_choice = "clock" }, client)
      refused("tool", "Tool error: Tool with name clock not found", { tools = wire_chat.tools(),
        tool_choice = { type = "function", ["function"] = { name = "clock" } } }, client)
    end
  end)

  it("may be none", function ()
    for _, tools in ipairs { {}, json.null, json.array {} } do
      for _, choice in ipairs { json.null, "auto", "none" } do
        assert.equal('{"model":"",' .. SENT .. "}", sent { tools = tools, tool_choice = choice })
        assert.equal('{"model":"",' .. SENT .. "}",
          sent({ tools = tools, tool_choice = choice }, OPENAI))
      end
      invalid("`tool_choice` needs `tools`", { tools = tools, tool_choice = "time" })
    end
    invalid("`tool_choice` needs `tools`", { tool_choice = "required" })
    invalid("`tools` must be an array of tools, got the string \"x\"", { tools = "x" })
  end)

  it("with schemas that break LoRAX are refused, with the path", function ()
    local bad = { { name = "f", parameters = { type = "object",
      properties = { a = { ["not"] = {} } } } } }
    local body, err = sent { tools = bad }
    assert.is_nil(body)
    assert.equal("validation", err.kind)
    assert.is_truthy(err.message:find("tools[1].parameters.properties.a", 1, true), err.message)
    assert.is_string(sent { tools = bad, check_schema = false })
    assert.is_string(sent({ tools = bad }, OPENAI))
  end)

  it("raise for a field that does not exist", function ()
    local ok, err = pcall(sent, { tools = { { name = "f", parameter = {} } } })
    assert.is_false(ok)
    assert.is_truthy(err:find('unknown field of tools[1] "parameter"; did you mean "parameters"?',
      1, true), err)
  end)

  it("leave the caller's tables as they are", function ()
    local tools = wire_chat.tools()
    with("required", nil, { tools[1] })
    assert.same(wire_chat.tools(), tools)
    local options = { tools = tools, tool_choice = "time", max_new_tokens = 5 }
    sent(options)
    assert.same({ tools = wire_chat.tools(), tool_choice = "time", max_new_tokens = 5 }, options)
  end)
end)

describe("the answer", function ()
  local function client_of (body, options)
    return pipe.client({ headers = { ["content-type"] = "application/json" }, body = body },
      options)
  end

  local CALLS = '{"role":"assistant","tool_calls":[{"id":"0","type":"function","function":'
    .. '{"description":null,"name":"weather","arguments":"{\\"town\\":\\"Oslo\\",\\"day\\":null}"}}'
    .. "]}"

  it("has a message to append to the messages", function ()
    local client, network = client_of(wire_chat.body { wire_chat.message "Hello" })
    local messages = { MESSAGES[1] }
    local result = assert(client:chat_completion(messages))
    assert.same({ role = "assistant", content = "Hello" }, result.message)
    messages[2], messages[3] = result.message, { role = "user", content = "Again" }
    assert(client:chat_completion(messages))
    assert.equal('{"model":"","messages":[{"role":"user","content":"Hi"},{"role":"assistant",'
      .. '"content":"Hello"},{"role":"user","content":"Again"}]}', network.requests[2].body)
    client:close()
  end)

  it("has calls with decoded arguments, and ids that are not repeated", function ()
    local client, network = client_of(wire_chat.body { CALLS })
    local options = { tools = wire_chat.tools() }
    local one = assert(client:chat_completion(MESSAGES, options))
    local two = assert(client:chat_completion(MESSAGES, options))
    local call = one.tool_calls[1]
    assert.equal("weather", call.name)
    assert.same({ town = "Oslo" }, call.arguments)
    assert.equal('{"town":"Oslo","day":null}', call.raw_arguments)
    assert.is_truthy(call.id:find "^call_%w+")
    assert.are_not.equal(call.id, two.tool_calls[1].id)
    assert.equal("", one.text)
    assert.equal("", tostring(one))
    assert.is_nil(one.message.content)
    assert.equal(call.id, one.message.tool_calls[1].id)
    assert(client:chat_completion({ MESSAGES[1], one.message,
      { role = "tool", tool_call_id = call.id, content = "rain" } }, options))
    assert.is_truthy(network.requests[3].body:find(json.text('{"function":{"_name":"weather",'
      .. '"town":"Oslo","day":null}}'), 1, true))
    assert.is_truthy(network.requests[3].body:find('"Result of weather:\\nrain"', 1, true))
    client:close()
  end)

  it("has no arguments where their text is no object", function ()
    for text, arguments in pairs { ["[1]"] = false, ["5"] = false, ["{"] = false, ["nope"] = false,
      [""] = {}, [" "] = {}, ["{}"] = {}, ['{"a":[null,1]}'] = { a = { json.null, 1 } } } do
      local client = client_of(wire_chat.body { '{"role":"assistant","tool_calls":[{"id":"x",'
        .. '"function":{"name":"f","arguments":' .. json.text(text) .. "}}]}" }, OPENAI)
      local result = assert(client:chat_completion(MESSAGES))
      assert.same(arguments or nil, result.tool_calls[1].arguments, text)
      assert.equal(text, result.tool_calls[1].raw_arguments)
      assert.equal(text:find "%S" and text or "{}",
        result.message.tool_calls[1]["function"].arguments)
      client:close()
    end
  end)

  it("has its calls in each choice", function ()
    local client = client_of(wire_chat.body { CALLS, CALLS })
    local result = assert(client:chat_completion(MESSAGES, { tools = wire_chat.tools(), n = 2 }))
    assert.equal(2, #result.choices)
    assert.are_not.equal(result.choices[1].tool_calls[1].id, result.choices[2].tool_calls[1].id)
    assert.equal(result.tool_calls, result.choices[1].tool_calls)
    assert.equal("tool_calls", result.choices[2].finish_reason)
    client:close()
  end)

  it("ends before its calls where client_stop ends its text", function ()
    local client = client_of(wire_chat.body { '{"role":"assistant","content":"ab END",'
      .. '"tool_calls":[{"id":"x","function":{"name":"f","arguments":"{}"}}]}' }, OPENAI)
    local result = assert(client:chat_completion(MESSAGES, { client_stop = "END" }))
    assert.equal("ab ", result.text)
    assert.is_nil(result.tool_calls)
    assert.same({ role = "assistant", content = "ab " }, result.message)
    assert.equal("stop_sequence", result.finish_reason)
    client:close()
  end)

  it("of a stream is the same, with the calls in the last delta", function ()
    local client = pipe.client { body = wire_chat.delta '{\\"function\\":{\\"_name\\":\\"time\\"}}'
      .. wire_chat.stop() .. wire_chat.DONE }
    local stream = client:chat_completion_stream(MESSAGES, { tools = wire_chat.tools() })
    local deltas = {}
    for delta in stream do deltas[#deltas + 1] = delta end
    local result = assert(stream:result())
    assert.equal(2, #deltas)
    assert.is_nil(deltas[1].tool_calls)
    assert.equal(result.tool_calls, deltas[2].tool_calls)
    assert.equal("tool_calls", deltas[2].finish_reason)
    assert.same({}, result.tool_calls[1].arguments)
    assert.equal("", stream:text())
    assert.equal(result.tool_calls[1].id, result.message.tool_calls[1].id)
    client:close()
  end)

  it("has the ids of its request and of the trace, and times", function ()
    local client, network = pipe.client { headers = { ["content-type"] = "application/json",
      ["x-b3-traceid"] = "abc", ["x-total-time"] = "7", ["x-model-id"] = "m" },
      body = wire_chat.body { wire_chat.message "Hello" } }
    local result = assert(client:chat_completion(MESSAGES, { adapter_id = "r/1" }))
    assert.equal("abc", result.trace_id)
    assert.equal("x-request-id: " .. result.request_id, network.requests[1].headers[1])
    assert.equal(0.007, result.timing.total_server)
    assert.equal("r/1", result.adapter_id)
    assert.equal("m", result.model_id)
    client:close()
  end)
end)

describe("a whole answer of a wrong type", function ()
  local CASES = {
    ["choices is not an array"] = { "{}", '{"choices":5}', '{"choices":null}' },
    ["choices is empty"] = { '{"choices":[]}' },
    ["choices[1] is not an object"] = { '{"choices":[5]}', '{"choices":[null]}' },
    ["choices[1].message is not an object"] = { '{"choices":[{}]}',
      '{"choices":[{"message":null,"finish_reason":"stop"}]}', '{"choices":[{"text":"x"}]}',
      '{"choices":[{"delta":{"content":"x"},"finish_reason":"stop"}]}' },
    ["choices[1].message.content is not a string"] = {
      '{"choices":[{"message":{"content":5}}]}', '{"choices":[{"message":{"content":[]}}]}' },
    ["choices[1].message.reasoning_content is not a string"] = {
      '{"choices":[{"message":{"content":"","reasoning_content":5}}]}' },
    ["choices[1].message.reasoning is not a string"] = {
      '{"choices":[{"message":{"content":"","reasoning":{}}}]}' },
    ["choices[1].message.tool_calls is not an array"] = {
      '{"choices":[{"message":{"content":"","tool_calls":5}}]}' },
    ["choices[1].message.tool_calls[1].function is not an object"] = {
      '{"choices":[{"message":{"tool_calls":[{}]}}]}' },
    ["choices[1].finish_reason is not a string"] = {
      '{"choices":[{"message":{"content":""},"finish_reason":5}]}' },
    ["choices[1].message has neither content nor tool_calls"] = {
      '{"choices":[{"message":{},"finish_reason":"stop"}]}',
      '{"choices":[{"message":{"tool_calls":[]},"finish_reason":"stop"}]}',
      '{"choices":[{"message":{"content":null}}]}' },
    ["choices[2].message is not an object"] = {
      '{"choices":[{"message":{"content":"x"}},{"message":5}]}' },
    ["usage is not an object"] = { '{"choices":[{"message":{"content":"x"}}],"usage":5}' },
    ["usage.prompt_tokens is not a number of tokens"] = {
      '{"choices":[{"message":{"content":"x"}}],"usage":{"prompt_tokens":-1}}' },
  }

  for message, bodies in pairs(CASES) do
    it("is refused: " .. message, function ()
      for _, server in ipairs { "lorax", "openai" } do
        for _, text in ipairs(bodies) do
          local client = pipe.client({ headers = { ["content-type"] = "application/json" },
            body = text }, { server = server })
          local result, err = client:chat_completion(MESSAGES)
          assert.is_nil(result, text)
          assert.equal("protocol", err.kind)
          assert.equal("in the answer, " .. message, err.message)
          client:close()
        end
      end
    end)
  end

  it("is an answer where nothing is missing but words", function ()
    for _, text in ipairs { '{"choices":[{"message":{"content":null},"finish_reason":"stop"}]}',
      '{"choices":[{"message":{"content":"","tool_calls":null},"finish_reason":null}]}',
      '{"choices":[{"message":{"reasoning":"R"},"finish_reason":"length"}],"usage":null}' } do
      local client = pipe.client({ headers = { ["content-type"] = "application/json" },
        body = text }, OPENAI)
      assert.equal("", assert(client:chat_completion(MESSAGES)).text)
      client:close()
    end
  end)
end)

describe("chat_completion_many", function ()
  it("answers each conversation, with options of its own", function ()
    local client, network = pipe.client { headers = { ["content-type"] = "application/json" },
      body = wire_chat.body { wire_chat.message "x" } }
    local results, failures = client:chat_completion_many({ MESSAGES,
      { messages = MESSAGES, seed = 5 }, { { role = "model", content = "" } } },
      { max_tokens = 3, concurrency = 1 }):results()
    assert.equal("x", results[1].text)
    assert.equal("x", results[2].text)
    assert.is_false(results[3])
    assert.equal("validation", failures[3].kind)
    assert.equal(2, #network.requests)
    assert.equal('{"model":"",' .. SENT .. ',"max_tokens":3,"seed":5}', network.requests[2].body)
    client:close()
  end)
end)

describe("the module predibase", function ()
  it("has the functions of its client", function ()
    for _, name in ipairs { "chat_completion", "chat_completion_stream", "chat_completion_many",
      "completion", "completion_stream" } do
      assert.is_function(predibase[name], name)
    end
  end)
end)
