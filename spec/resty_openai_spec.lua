-- SPDX-License-Identifier: MIT
-- only: luajit
--- Streams, whole answers and errors in the format of OpenAI's API, through a real nginx.

if not rawget(_G, "jit") then return end

local gateway = require "spec.support.gateway"
local json = require "predibase.json"
local server = require "spec.support.server"

local HEAD = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"

local LOCATION = [[
  location = /openai {
    content_by_lua_block {
      local options = loadstring("return " .. ngx.unescape_uri(ngx.var.arg_options or "{}"))()
      local parameters = loadstring("return " .. ngx.unescape_uri(ngx.var.arg_call or "{}"))()
      options.format = options.format or "openai"
      note(resty.relay(client:generate_stream("Hello", parameters), options))
    }
  }
  location = /chat {
    content_by_lua_block {
      local messages = { { role = "user", content = "Hello" } }
      local made = require "predibase".new { base_url = client.cfg.url, server = "openai",
        api_token = false }
      local format = ngx.var.arg_format
      if format then
        note(resty.relay(made:chat_completion_stream(messages), { format = format,
          include_usage = format == "openai" or nil }))
      else
        ngx.print(require "predibase.resty.openai_answers".whole(
          assert(made:chat_completion(messages)), { model = "m" }))
      end
    }
  }
  location = /read {
    content_by_lua_block {
      local format = require "predibase.template".chat "qwen-3"
      resty.relay(client:generate_stream "Hello", { format = "openai", reader = format:reader {
        tools = { { name = "f", parameters = { type = "object", properties = {} } } } } })
    }
  }
  location = /whole {
    content_by_lua_block {
      local answers = require "predibase.resty.openai_answers"
      local options = loadstring("return " .. ngx.unescape_uri(ngx.var.arg_options or "{}"))()
      local result, err = client:generate("Hello", { details = true })
      if not result then return resty.refuse(err, { format = "openai" }) end
      ngx.print(answers.whole(result, options))
    }
  }
]]

--- Parses the events of a body into an array of decoded chunks; "[DONE]" stays a string.
local function chunks (body)
  local list = {}
  for block in body:gmatch "(.-)\n\n" do
    if block:sub(1, 1) ~= ":" then
      local data = assert(block:match "^data: ([^\n]*)$", block)
      list[#list + 1] = data == "[DONE]" and data or assert(json.decode(data), data)
    end
  end
  return list
end

local function text_of (list)
  local parts = {}
  for _, chunk in ipairs(list) do
    local choice = chunk ~= "[DONE]" and chunk.choices and chunk.choices[1]
    parts[#parts + 1] = choice and (choice.text or choice.delta.content) or nil
  end
  return table.concat(parts)
end

local function reasoning_of (list)
  local parts = {}
  for _, chunk in ipairs(list) do
    parts[#parts + 1] = chunk ~= "[DONE]" and chunk.choices[1].delta.reasoning_content or nil
  end
  return table.concat(parts)
end

local function escaped (text)
  return (text:gsub("[^%w]", function (c) return ("%%%02X"):format(c:byte()) end))
end

describe("predibase.resty in OpenAI's format", function ()
  local model, site

  local function start (script, whole)
    model = server.spawn { script = { ["/generate_stream"] = script, ["/generate"] = whole } }
    site = gateway.start(model, LOCATION)
  end

  local function get (options, call)
    return site:get("/openai?options=" .. escaped(options or "{}") .. "&call="
      .. escaped(call or "{}"))
  end

  after_each(function ()
    gateway.stop()
    server.stop()
  end)

  it("sends chunks of a chat completion up to [DONE]", function ()
    start { answer = { "one", " two", " \240\159\152\128 \"three\"" }, delay = 0.02 }
    local answer = get "{ model = 'my-repo/3', id = 'chatcmpl-7', created = 1760000000 }"
    assert.equal(200, answer.status)
    assert.equal("text/event-stream", answer.headers["content-type"])
    assert.equal('data: {"id":"chatcmpl-7","object":"chat.completion.chunk","created":1760000000,'
      .. '"model":"my-repo/3","choices":[{"index":0,"delta":{"role":"assistant","content":"one"},'
      .. '"logprobs":null,"finish_reason":null}]}', answer.body:match "^[^\n]*")
    local list = chunks(answer.body)
    assert.equal("[DONE]", list[#list])
    assert.equal("one two \240\159\152\128 \"three\"", text_of(list))
    for i = 2, #list - 1 do assert.is_nil(list[i].choices[1].delta.role) end
    local last = list[#list - 1]
    assert.equal("stop", last.choices[1].finish_reason)
    assert.same({}, last.choices[1].delta)
    assert.is_nil(last.usage)
    assert.equal("ended well", site:last_line())
  end)

  it("makes an id of its own, the same in all chunks", function ()
    start { answer = { "one", " two" }, delay = 0.02 }
    local list = chunks(get().body)
    assert.matches("^chatcmpl%-%x+$", list[1].id)
    for i = 2, #list - 1 do assert.equal(list[1].id, list[i].id) end
    assert.is_true(math.abs(list[1].created - os.time()) < 600)
    assert.not_equal(list[1].id, chunks(get().body)[1].id)
  end)

  it("sends the numbers of tokens when they are wanted", function ()
    start { answer = { "one", " two" }, delay = 0.02 }
    local list = chunks(get "{ include_usage = true }".body)
    for i = 1, #list - 2 do
      assert.equal(json.null, list[i].usage)
      assert.equal(1, #list[i].choices)
    end
    local usage = list[#list - 1].usage
    assert.same({}, list[#list - 1].choices)
    assert.equal(3, usage.completion_tokens)
    assert.equal(usage.prompt_tokens + 3, usage.total_tokens)
    assert.is_true(usage.prompt_tokens > 0)
  end)

  it("sends chunks of a completion", function ()
    start { answer = { "one", " two" }, delay = 0.02 }
    local list = chunks(get "{ format = 'openai_completion', include_usage = true }".body)
    assert.equal("text_completion", list[1].object)
    assert.matches("^cmpl%-", list[1].id)
    assert.equal("one", list[1].choices[1].text)
    assert.equal("one two", text_of(list))
    assert.equal("stop", list[#list - 2].choices[1].finish_reason)
    assert.equal(3, list[#list - 1].usage.completion_tokens)
    assert.equal("[DONE]", list[#list])
  end)

  it("maps the reasons for the end", function ()
    for script, reason in pairs {
      [{ answer = { "one", " two", " three" } }] = "length",
      [{ answer = { "one" } }] = "stop",
      [{ raw = HEAD
        .. 'data:{"token":{"id":1,"text":"x","special":false},"generated_text":"x","details":'
        .. '{"finish_reason":"stop_sequence","generated_tokens":1,"prompt_tokens":1}}\n\n',
      }] = "stop",
    } do
      start(script)
      local list = chunks(get("{}", "{ max_new_tokens = 3 }").body)
      assert.equal(reason, list[#list - 1].choices[1].finish_reason)
      gateway.stop()
      server.stop()
    end
  end)

  it("sends the role for an answer without text", function ()
    start { answer = {} }
    local list = chunks(get().body)
    assert.same({ role = "assistant", content = "" }, list[1].choices[1].delta)
    assert.equal("stop", list[2].choices[1].finish_reason)
    assert.equal("[DONE]", list[3])
  end)

  it("leaves out stop sequences, whole or in pieces, in every format", function ()
    start { answer = { "one", " two", "\n", "User", ":" } }
    for _, call in ipairs { "{ stop = { '\\nUser:' }, trim_stop = true }",
      "{ client_stop = '\\nUser:' }" } do
      assert.equal("one two", text_of(chunks(get("{}", call).body)))
      assert.equal("one two", get("{ format = 'text' }", call).body)
    end
    -- What only looked like the beginning of one is sent at the end.
    local body = get("{}", "{ client_stop = ':x' }").body
    assert.equal("one two\nUser:", text_of(chunks(body)))
  end)

  it("never sends half a character", function ()
    start { raw = HEAD
      .. 'data:{"token":{"id":1,"text":"\195","special":false}}\n\n'
      .. 'data:{"token":{"id":1,"text":"\169","special":false}}\n\n'
      .. 'data:{"token":{"id":3,"text":"!\195","special":false},"generated_text":"\195\169!"}\n\n' }
    assert.equal("\195\169!\239\191\189", text_of(chunks(get().body)))
  end)

  it("sends comments while the model is silent", function ()
    start { answer = { "one" }, first_delay = 1 }
    local body = get "{ keep_alive = 0.1 }".body
    assert.matches("^: keep%-alive\n\n", body)
    assert.equal("one", text_of(chunks(body)))
  end)

  it("answers with a status and an error object while nothing was sent", function ()
    for _, case in ipairs {
      { { status = 429, body = "slow down", headers = { ["retry-after"] = "7" } }, 429,
        { message = "too many requests", type = "rate_limit_error", param = json.null,
          code = "rate_limit_exceeded" }, "7" },
      { { overload = 9 }, 503, { message = "the model is busy", type = "server_error",
        param = json.null, code = "overloaded" } },
      { { status = 401, body = "who are you, pb_SENTINEL_7f3a?" }, 502,
        { message = "the model cannot be reached", type = "server_error", param = json.null,
          code = "authentication" } },
      { { status = 422, body = '{"error":"Input validation error: `max_new_tokens` must be '
        .. 'strictly positive","error_type":"validation"}' }, 400,
        { message = "Input validation error: `max_new_tokens` must be strictly positive",
          type = "invalid_request_error", param = "max_tokens", code = json.null } },
      { { status = 422, body = '{"error":"Input validation error: `inputs` must have less than '
        .. '1792 tokens. Given: 2000","error_type":"validation"}' }, 400,
        { message = "Input validation error: `inputs` must have less than 1792 tokens. Given: 2000",
          type = "invalid_request_error", param = json.null, code = "context_length_exceeded" } },
      { { cut_after = 0 }, 502, { message = "the model cannot be reached", type = "server_error",
        param = json.null, code = "connection" } },
    } do
      start(case[1])
      local answer = get()
      assert.equal(case[2], answer.status)
      assert.equal("application/json", answer.headers["content-type"])
      assert.same({ error = case[3] }, json.decode(answer.body))
      assert.equal(case[4], answer.headers["retry-after"])
      gateway.stop()
      server.stop()
    end
  end)

  it("turns a later error into an event, and sends no [DONE]", function ()
    start { answer = { "one", " two", " three" }, error_after = 2, error_type = "generation",
      error = "CUDA out of memory" }
    local answer = get()
    assert.equal(200, answer.status)
    local list = chunks(answer.body)
    assert.equal("one two", text_of(list))
    assert.same({ error = { message = "the answer broke off: CUDA out of memory",
      type = "server_error", param = json.null, code = "generation" } }, list[#list])
  end)

  it("lets the program choose the message of an error", function ()
    start { status = 503, body = "no" }
    local answer = get "{ message = function (err) return err.kind .. ' says \\255' end }"
    assert.equal(502, answer.status)
    assert.equal("server says ?", json.decode(answer.body).error.message)
  end)

  it("encodes whole answers", function ()
    start(nil, { answer = { "one", " two" } })
    local function whole (options)
      return site:get("/whole?options=" .. escaped(options)).body
    end
    local body = whole "{ model = 'm', id = 'x', created = 7 }"
    local usage = body:match '"usage":({.-})'
    assert.equal('{"id":"x","object":"chat.completion","created":7,"model":"m","choices":['
      .. '{"index":0,"message":{"role":"assistant","content":"one two"},'
      .. '"logprobs":null,'
      .. '"finish_reason":"stop"}],"usage":' .. usage .. "}", body)
    assert.equal(3, json.decode(usage).completion_tokens)
    body = whole "{ kind = 'completion', id = 'x', created = 7 }"
    assert.equal('{"id":"x","object":"text_completion","created":7,"model":"","choices":['
      .. '{"index":0,"text":"one two","logprobs":null,"finish_reason":"stop"}],"usage":' .. usage
      .. "}", body)
  end)

  it("encodes embeddings", function ()
    start {}
    local function embeddings (options)
      local text = site:evaluate([[require "predibase.resty.openai_answers".embeddings(
        { { 0.5, -1.25, 3 }, { 1e-3, 2, 4 } }, ]] .. options .. ")")
      return assert(json.decode(text), text)
    end
    local body = embeddings '{ model = "m", usage = { prompt_tokens = 5 } }'
    assert.same({ object = "list", model = "m", usage = { prompt_tokens = 5, total_tokens = 5 },
      data = {
        { object = "embedding", index = 0, embedding = { 0.5, -1.25, 3 } },
        { object = "embedding", index = 1, embedding = { 0.001, 2, 4 } },
      } }, body)
    assert.equal("AAAAPwAAoL8AAEBA", embeddings "{ base64 = true }".data[1].embedding)
    assert.equal("nil\n", site:evaluate('require "predibase.resty.openai_answers".embeddings('
      .. '{ { 0 / 0 } })'))
  end)

  it("encodes tool calls and reasoning that were found in the text", function ()
    start(nil, { answer = { "x" } })
    local body = site:get("/whole?options=" .. escaped [[{ parsed = { text = "", reasoning = "hm",
      tool_calls = { { id = "c1", name = "weather", arguments = { city = "Köln" } },
        { name = "now", arguments = {} } } } }]]).body
    local choice = assert(json.decode(body)).choices[1]
    assert.equal("tool_calls", choice.finish_reason)
    assert.same({ role = "assistant", content = json.null, reasoning_content = "hm", tool_calls = {
      { id = "c1", type = "function", ["function"] = { name = "weather",
        arguments = '{"city":"Köln"}' } },
      { id = "call_2", type = "function", ["function"] = { name = "now", arguments = "{}" } },
    } }, choice.message)
  end)

  it("sends the reasoning that the option `reasoning` of the call separates", function ()
    start { answer = { "<think>", "Sun", " or", " rain?", "</think>", "Sun", "." } }
    local call = "{ reasoning = { '<think>', '</think>' } }"
    local list = chunks(get("{}", call).body)
    assert.equal("Sun or rain?", reasoning_of(list))
    assert.equal("Sun.", text_of(list))
    assert.equal("Sun.", get("{ format = 'text' }", call).body)
    -- An answer that never leaves the reasoning.
    model:script("/generate_stream", { answer = { "<think>", "Sun", " </thi" } })
    list = chunks(get("{}", call).body)
    assert.equal("", text_of(list))
    assert.equal("Sun </thi", reasoning_of(list))
  end)

  it("separates the reasoning and the calls of tools with a reader", function ()
    local function special (text)
      return ('data:{"token":{"id":1,"text":"%s","special":true}}\n\n'):format(text)
    end
    local function plain (text)
      return ('data:{"token":{"id":1,"text":"%s","special":false}}\n\n'):format(text)
    end
    local bodies = { }
    bodies[1] = special "<think>" .. plain "Hm" .. special "</think>" .. plain "Let me"
      .. plain " see.\\n<tool" .. plain '_call>{\\"name\\":\\"f\\",' .. plain '\\"arguments\\":{}}'
      .. plain "</tool_call>"
    bodies[2] = bodies[1]:gsub("data:", ":\n\ndata:")      -- not as plain tokens of one read
    for _, body in ipairs(bodies) do
      start({ raw = HEAD .. body .. 'data:{"token":{"id":2,"text":"<|im_end|>","special":true},'
        .. '"generated_text":"x","details":{"finish_reason":"eos_token","generated_tokens":9,'
        .. '"prompt_tokens":1}}\n\n' }, nil)
      local list = chunks(site:get "/read".body)
      assert.equal("Hm", reasoning_of(list))
      assert.equal("assistant", list[1].choices[1].delta.role)
      assert.equal("Let me see.", text_of(list))
      assert.equal("f", list[#list - 2].choices[1].delta.tool_calls[1]["function"].name)
      assert.equal("{}", list[#list - 2].choices[1].delta.tool_calls[1]["function"].arguments)
      assert.equal("tool_calls", list[#list - 1].choices[1].finish_reason)
      gateway.stop()
      server.stop()
    end
  end)

  local function chat_stream (...)
    local parts = { HEAD }
    for _, data in ipairs { ... } do parts[#parts + 1] = "data: " .. data .. "\n\n" end
    model = server.spawn { script = { ["/v1/chat/completions"] = { raw = table.concat(parts) } } }
    site = gateway.start(model, LOCATION)
  end

  local function delta (text, reason)
    return ('{"choices":[{"index":0,"delta":%s,"finish_reason":%s}]}'):format(text,
      reason or "null")
  end

  it("relays the deltas of a chat, with reasoning, tool calls and usage", function ()
    chat_stream(delta '{"role":"assistant","reasoning_content":"Hm"}', delta '{"content":"Let"}',
      delta '{"content":" me see"}',
      delta ('{"tool_calls":[{"index":0,"id":"c1","type":"function","function":'
        .. '{"name":"weather","arguments":"{\\"city\\":"}}]}'),
      delta '{"tool_calls":[{"index":0,"function":{"arguments":"\\"Rome\\"}"}}]}',
      delta('{}', '"tool_calls"'),
      '{"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":7,"total_tokens":12}}',
      "[DONE]")
    local list = chunks(site:get "/chat?format=openai".body)
    assert.same({ role = "assistant", reasoning_content = "Hm" }, list[1].choices[1].delta)
    assert.equal("Let me see", text_of(list))
    local calls = list[#list - 3].choices[1].delta.tool_calls
    assert.same({ { index = 0, id = "c1", type = "function",
      ["function"] = { name = "weather", arguments = '{"city":"Rome"}' } } }, calls)
    assert.equal("tool_calls", list[#list - 2].choices[1].finish_reason)
    assert.same({ prompt_tokens = 5, completion_tokens = 7, total_tokens = 12 },
      list[#list - 1].usage)
    assert.equal("[DONE]", list[#list])
    assert.equal("ended well", site:last_line())
    -- The formats for text show the text.
    assert.equal("Let me see", site:get "/chat?format=text".body)
  end)

  it("encodes whole chats with several answers", function ()
    model = server.spawn { script = { ["/v1/chat/completions"] = { status = 200,
      content_type = "application/json", body = '{"choices":[{"index":0,"message":{"role":'
      .. '"assistant","content":"one"},"finish_reason":"stop"},{"index":1,"message":{"role":'
      .. '"assistant","content":"two","reasoning_content":"Hm"},"finish_reason":"length"}],'
      .. '"usage":{"prompt_tokens":5,"completion_tokens":7,"total_tokens":12}}' } } }
    site = gateway.start(model, LOCATION)
    local body = assert(json.decode(site:get "/chat".body))
    assert.equal("one", body.choices[1].message.content)
    assert.same({ role = "assistant", content = "two", reasoning_content = "Hm" },
      body.choices[2].message)
    assert.equal(1, body.choices[2].index)
    assert.equal("length", body.choices[2].finish_reason)
    assert.equal(12, body.usage.total_tokens)
  end)

  it("raises for misuse", function ()
    start { answer = "one" }
    for _, case in ipairs {
      { "relay(client:generate_stream 'x', { model = 'm' })",
        'model is for the formats "openai" and "openai_completion"' },
      { "relay(client:generate_stream 'x', { format = 'openai', model = 7 })",
        "model must be a string in UTF%-8, got the number 7" },
      { "relay(client:generate_stream 'x', { format = 'openai', id = '\\255' })", "id must be" },
      { "relay(client:generate_stream 'x', { format = 'openai', created = -1 })",
        "created must be" },
      { "relay(client:generate_stream 'x', { format = 'openai', include_usage = 1 })",
        "include_usage must be a boolean" },
      { "relay(client:generate_stream 'x', { reader = 7 })", "reader must be a reader" },
      { "relay(client:generate_stream 'x', { reader = { feed = refuse }, encode = refuse })",
        "encode and reader cannot be combined" },
      { "refuse('no', { format = 'openai' })", "refuse takes an error object" },
      { "refuse(nil, { fromat = 'openai' })", 'did you mean "format"' },
      { "refuse(nil, { format = 'xml' })", 'format must be "openai"' },
      { "refuse(nil, { message = 'x' })", "message must be a function" },
      { "refuse(nil, 'x')", "refuse takes its options as a table" },
    } do
      assert.matches(case[2], site:evaluate(case[1]))
    end
  end)
end)
