-- SPDX-License-Identifier: MIT
--- The option reasoning, on streams, on whole answers, with adapters and in conversations.
local errors = require "predibase.errors"
local json = require "predibase.json"
local pipe = require "spec.support.pipe_transport"
local template = require "predibase.template"
local wire = require "spec.support.wire"

local THINK = { "<think>", "</think>" }

local function quoted (text) return json.text(text):sub(2, -2) end

--- The events of an answer in these tokens; a table is a special token.
local function events (tokens, whole)
  local out, text = {}, {}
  for i, token in ipairs(tokens) do
    local special = type(token) == "table"
    local more = { special = special }
    token = quoted(special and token[1] or token)
    if not special then text[#text + 1] = token end
    out[i] = i < #tokens and wire.token(token, more)
      or wire.closing(token, whole and quoted(whole) or table.concat(text), nil, more)
  end
  return table.concat(out)
end

local function body_of (text, details)
  return { headers = { ["content-type"] = "application/json" }, body =
    ('{"generated_text":"%s"%s}'):format(quoted(text), details and ',"details":' .. details or "") }
end

--- The details of an answer in these tokens.
local function details_of (tokens)
  local list = {}
  for i, token in ipairs(tokens) do
    local special = type(token) == "table"
    list[i] = wire.token_json(quoted(special and token[1] or token), { special = special })
  end
  return wire.details():sub(1, -2) .. ',"tokens":[' .. table.concat(list, ",") .. "]}"
end

local function sent (network, n)
  return assert(json.decode(network.requests[n or #network.requests].body))
end

local function texts_of (stream)
  local pieces = {}
  for piece in stream:texts() do pieces[#pieces + 1] = piece end
  return table.concat(pieces)
end

local function check (result, text, thoughts, raw)
  assert.equal(text, result.text)
  assert.equal(text, tostring(result))
  assert.equal(thoughts, result.reasoning)
  assert.equal(raw, result.generated_text)
end

local ANSWER = "<think>\nHm, \240\159\140\158.\n</think>\n\nYes. \195\169"

describe("reasoning in a stream", function ()
  it("is beside the text, wherever tokens end", function ()
    for size = 1, #ANSWER do
      local tokens = {}
      for i = 1, #ANSWER, size do tokens[#tokens + 1] = ANSWER:sub(i, i + size - 1) end
      -- A token with a part of a character is not JSON.
      local whole = true
      for _, token in ipairs(tokens) do whole = whole and token:find("^[%z\1-\127]*$") end
      if whole or size == #ANSWER then
        local client = pipe.client { body = events(tokens) }
        local stream = client:generate_stream("x", { reasoning = THINK })
        assert.equal("Yes. \195\169", texts_of(stream))
        check(stream:result(), "Yes. \195\169", "Hm, \240\159\140\158.", ANSWER)
        client:close()
      end
    end
    local plain = "<think>\nHm.\n</think>\n\nYes."
    for size = 1, #plain do
      local tokens = {}
      for i = 1, #plain, size do tokens[#tokens + 1] = plain:sub(i, i + size - 1) end
      local client = pipe.client { body = events(tokens) }
      local stream, seen = client:generate_stream("x", { reasoning = THINK }), {}
      for token in stream do seen[#seen + 1] = token.text end
      assert.same(tokens, seen)        -- tokens stay as the server sent them
      assert.equal("Yes.", stream:text())
      check(stream:result(), "Yes.", "Hm.", plain)
      client:close()
    end
  end)

  it("shows nothing of the reasoning", function ()
    local client = pipe.client {
      body = events { "<th", "ink>", "Hm", "</think>", "\n\n", "Yes", "." } }
    local pieces = {}
    for piece in client:generate_stream("x", { reasoning = THINK }):texts() do
      pieces[#pieces + 1] = piece
    end
    assert.same({ "Yes", "." }, pieces)
    client:close()
  end)

  it("finds marks that are special tokens", function ()
    local tokens = { { "[THINK]" }, "Hm", { "[/THINK]" }, "Yes", { "</s>" } }
    local client = pipe.client { body = events(tokens) }
    local stream = client:generate_stream("x", { reasoning = { "[THINK]", "[/THINK]" } })
    assert.equal("Yes", texts_of(stream))
    check(stream:result(), "Yes", "Hm", "HmYes")
    client:close()
  end)

  it("begins inside when the prompt ends with the opening mark", function ()
    for prompt, inside in pairs { ["Q<think>\n"] = true, ["<think>\n\n</think>\n\n"] = false } do
      local client = pipe.client { body = events { "Hm", "</think>", "Yes" } }
      local stream = client:generate_stream(prompt, { reasoning = THINK })
      local expected = inside and "Yes" or "Hm</think>Yes"
      assert.equal(expected, texts_of(stream))
      check(stream:result(), expected, inside and "Hm" or nil, "Hm</think>Yes")
      client:close()
    end
    for _, method in ipairs { "generate_stream", "generate" } do
      local quoting = "Write <think>."
      local client = pipe.client(method == "generate" and body_of(quoting)
        or { body = events { quoting } })
      local made = client[method](client, "<think>\n\n</think>\n\n", { reasoning = THINK })
      assert.equal(quoting, method == "generate" and made.text or made:text())
      client:close()
    end
    local client = pipe.client { body = events { "Hm", "</think>", "Yes" } }
    local stream = client:generate_stream("x",
      { reasoning = { "<think>", "</think>", begins_inside = true } })
    assert.equal("Yes", stream:text())
    client:close()
  end)

  it("goes on to the end when it is not closed", function ()
    local client = pipe.client { body = events { "<think>Hm", "</th" } }
    local stream = client:generate_stream("x", { reasoning = THINK })
    assert.equal("", texts_of(stream))
    check(stream:result(), "", "Hm</th", "<think>Hm</th")
    client:close()
  end)

  it("contains no stop sequences: those end the answer only", function ()
    local client, network = pipe.client {
      body = events { "<think>a\n\nb", "</think>\n\nYes", "\n\nNo" } }
    local stream = client:generate_stream("x", { reasoning = THINK, client_stop = "\n\n" })
    assert.equal("Yes", texts_of(stream))
    local result = stream:result()
    assert.equal("Yes", result.text)
    assert.equal("a\n\nb", result.reasoning)
    assert.equal("stop_sequence", result.finish_reason)
    assert.equal("\n\n", result.stop_sequence)
    client:close()
    client = pipe.client { body = events { "<think>a</think>Yes", "END" } }
    stream = client:generate_stream("x", { reasoning = THINK, stop = "END", trim_stop = true })
    assert.equal("Yes", texts_of(stream))
    check(stream:result(), "Yes", "a", "<think>a</think>YesEND")
    client:close()
    assert.equal(1, #network.requests)
  end)

  it("is in the error of a stream that breaks, beside the text so far", function ()
    local client = pipe.client({ ending = "cut", body = wire.token "<think>Hm"
      .. wire.token "</think>Y" .. wire.token "e<" }, { max_retries = 0 })
    local stream = client:generate_stream("x", { reasoning = THINK })
    local text, err = stream:text()
    assert.is_nil(text)
    assert.is_true(errors.is(err))
    assert.equal("Ye<", err.partial_text)
    assert.equal("Hm", err.partial_reasoning)
    client:close()
  end)

  it("is not separated unless that is asked for", function ()
    for _, option in ipairs { false, json.null } do
      local client = pipe.client { body = events { "<think>Hm</think>", "Yes" } }
      local stream = client:generate_stream("x", { reasoning = option })
      assert.equal("<think>Hm</think>Yes", texts_of(stream))
      check(stream:result(), "<think>Hm</think>Yes", nil, "<think>Hm</think>Yes")
      client:close()
    end
  end)
end)

describe("reasoning in a whole answer", function ()
  it("is beside the text", function ()
    local client = pipe.client(body_of(ANSWER))
    check(assert(client:generate("x", { reasoning = THINK })), "Yes. \195\169",
      "Hm, \240\159\140\158.", ANSWER)
    check(assert(client:generate("x")), ANSWER, nil, ANSWER)
    client:close()
    client = pipe.client(body_of "Hm</think>Yes", { reasoning = THINK })
    check(assert(client:generate "Q<think>\n"), "Yes", "Hm", "Hm</think>Yes")
    check(assert(client:generate("Q<think>\n", { reasoning = false })), "Hm</think>Yes", nil,
      "Hm</think>Yes")
    client:close()
  end)

  it("finds marks that are special tokens, which only the details show", function ()
    local tokens = { { "[THINK]" }, "Hm", { "[/THINK]" }, "Yes", { "</s>" } }
    local client, network = pipe.client(body_of("HmYes", details_of(tokens)))
    check(assert(client:generate("x", { reasoning = { "[THINK]", "[/THINK]" } })), "Yes", "Hm",
      "HmYes")
    assert.is_true(sent(network).parameters.details)
    assert(client:generate("x", { reasoning = { "[THINK]", "[/THINK]" }, details = false }))
    assert.is_false(sent(network).parameters.details)
    assert(client:generate("x", { format = "qwen-3" }))
    assert.is_nil(sent(network).parameters)
    client:close()
  end)

  it("contains no stop sequences", function ()
    local client = pipe.client(body_of "<think>a\n\nb</think>\n\nYes\n\nNo")
    local result = assert(client:generate("x", { reasoning = THINK, client_stop = "\n\n" }))
    check(result, "Yes", "a\n\nb", "<think>a\n\nb</think>\n\nYes\n\nNo")
    assert.equal("stop_sequence", result.finish_reason)
    client:close()
    client = pipe.client(body_of "<think>a END")
    result = assert(client:generate("x", { reasoning = THINK, stop = "END", trim_stop = true }))
    assert.equal("a ", result.reasoning)
    assert.equal("END", result.stop_sequence)
    client:close()
  end)

  it("is separated in the other sequences of best_of, too", function ()
    local sequence = '{"generated_text":"<think>b</think>No","finish_reason":"eos_token",'
      .. '"generated_tokens":3,"prefill":[],"tokens":[]}'
    local details = wire.details():sub(1, -2) .. ',"best_of_sequences":[' .. sequence .. "]}"
    local client = pipe.client(body_of("<think>a</think>Yes", details))
    local result = assert(client:generate("x",
      { reasoning = THINK, best_of = 2, do_sample = true }))
    check(result, "Yes", "a", "<think>a</think>Yes")
    local other = result.details.best_of_sequences[1]
    assert.equal("No", other.text)
    assert.equal("b", other.reasoning)
    assert.equal("<think>b</think>No", other.generated_text)
    client:close()
  end)
end)

describe("the marks", function ()
  local body = body_of "<think>Hm</think>Yes"

  it("are those of the format, which is given or that of the deployment", function ()
    local client = pipe.client(body)
    for _, options in ipairs { { format = "qwen-3" }, { format = "Qwen/Qwen3-8B" },
      { format = template.chat "qwen-3" }, { format = "qwen-3", reasoning = true } } do
      check(assert(client:generate("x", options)), "Yes", "Hm", "<think>Hm</think>Yes")
    end
    for _, options in ipairs {
      { format = "qwen-3", reasoning = false }, { format = "qwen-2.5" } } do
      check(assert(client:generate("x", options)), "<think>Hm</think>Yes", nil,
        "<think>Hm</think>Yes")
    end
    client:close()
  end)

  it("must be known", function ()
    local client, network = pipe.client(body)
    for _, case in ipairs {
      { { reasoning = true }, "config", "give the marks" },
      { { reasoning = true, format = "qwen-2.5" }, "config", "has no marks of reasoning" },
      { { reasoning = true, format = "no-such" }, "template", "no-such" },
      { { reasoning = { "<think>" } }, "config", "the closing mark must be a string" },
      { { reasoning = "yes" }, "config", "reasoning must be a boolean or a table" },
      { { format = 7 }, "config", "format must be a chat format or the name of one" },
      { { reasoning = THINK, return_full_text = true }, "validation", "`return_full_text`" },
    } do
      for _, method in ipairs { "generate", "generate_stream" } do
        local result, err = client[method](client, "x", case[1])
        if method == "generate_stream" then result, err = result:text() end
        assert.is_nil(result)
        assert.equal(case[2], err.kind)
        assert.is_truthy(err.message:find(case[3], 1, true), err.message)
      end
    end
    assert.equal(0, #network.requests)
    client:close()
  end)

  it("give way to return_full_text when only the format asks for them", function ()
    local client = pipe.client(body)
    check(assert(client:generate("x", { format = "qwen-3", return_full_text = true })),
      "<think>Hm</think>Yes", nil, "<think>Hm</think>Yes")
    client:close()
  end)

  it("are no option of calls that generate no text", function ()
    local client = pipe.client(body)
    assert.error_matches(function () client:tokenize("x", { reasoning = THINK }) end,
      'unknown option "reasoning"')
    client:close()
  end)
end)

describe("an adapter with a format that reasons", function ()
  it("separates the reasoning", function ()
    local client = pipe.client(body_of "<think>Hm</think>Yes")
    local view = client:adapter("a/1", { template = template.chat "qwen-3" })
    local messages = { { role = "user", content = "Q" } }
    check(assert(view:generate(messages)), "Yes", "Hm", "<think>Hm</think>Yes")
    check(assert(view:generate(messages, { reasoning = true })), "Yes", "Hm",
      "<think>Hm</think>Yes")
    check(assert(view:generate(messages, { reasoning = false })), "<think>Hm</think>Yes", nil,
      "<think>Hm</think>Yes")
    for _, result in view:generate_many { messages } do
      check(result, "Yes", "Hm", "<think>Hm</think>Yes")
    end
    assert.error_matches(function () view:generate(messages, { format = "llama-3" }) end,
      "format cannot be set here")
    view:close()
    client:close()
  end)
end)

describe("a session with a format that reasons", function ()
  it("keeps only the answers in its history", function ()
    local client, network = pipe.client { body_of "<think>Hm</think>Yes",
      { body = events { "<think>", "Well</think>", "No" } }, body_of "Sure" }
    local session = assert(client:chat_session { format = "qwen-3" })
    check(assert(session:send "One?"), "Yes", "Hm", "<think>Hm</think>Yes")
    local stream = session:stream "Two?"
    assert.equal("No", texts_of(stream))
    assert.equal("Well", stream:result().reasoning)
    assert.same({
      { role = "user", content = "One?" }, { role = "assistant", content = "Yes" },
      { role = "user", content = "Two?" }, { role = "assistant", content = "No" },
    }, session.messages)
    assert(session:send "Three?")
    assert.is_nil(sent(network).inputs:find("Hm", 1, true))
    assert.is_truthy(sent(network).inputs:find("Yes<|im_end|>", 1, true))
    client:close()
  end)

  it("begins inside where the prompt does", function ()
    local client = pipe.client { body = events { "Hm", "\n</think>\n\n", "Yes" } }
    local session = assert(client:chat_session { format = "deepseek-r1" })
    local stream = session:stream "Q"
    assert.equal("Yes", texts_of(stream))
    assert.equal("Hm", stream:result().reasoning)
    assert.equal("Yes", session.messages[2].content)
    client:close()
  end)

  it("has the format of the client by default", function ()
    local client = pipe.client(body_of "<think>Hm</think>Yes", { format = "qwen-3" })
    local session = assert(client:chat_session())
    assert.equal("qwen-3", session.format.name)
    assert.equal("Yes", assert(session:send "Q").text)
    session = assert(client:chat_session { format = "qwen-2.5" })
    assert.equal("<think>Hm</think>Yes", assert(session:send "Q").text)
    client:close()
  end)

  it("takes other marks, which are saved, or none", function ()
    local client = pipe.client(body_of "[T]Hm[/T]Yes")
    local session = assert(client:chat_session {
      format = "qwen-2.5", reasoning = { "[T]", "[/T]" } })
    assert.equal("Yes", assert(session:send "Q").text)
    local again = assert(require "predibase.chat".load(client, assert(session:save())))
    assert.equal("Yes", assert(again:send "Q").text)
    assert.equal("[T]Hm[/T]Yes", assert(again:send("Q", { reasoning = false })).text)
    client:close()
  end)
end)

describe("reasoning in a chat completion", function ()
  local MESSAGES = { { role = "user", content = "Q" } }

  local function chunk (content, reason)
    return wire.event(('{"choices":[{"index":0,"delta":{"content":"%s"},"finish_reason":%s}]}')
      :format(quoted(content), reason and '"' .. reason .. '"' or "null"))
  end

  it("is separated in the deltas of a stream", function ()
    local text = "<think>\nHm.\n</think>\n\nYes."
    for size = 1, #text do
      local list = {}
      for i = 1, #text, size do
        list[#list + 1] = chunk(text:sub(i, i + size - 1), i + size > #text and "stop" or nil)
      end
      local client = pipe.client { body = table.concat(list) .. wire.event "[DONE]" }
      local stream = client:chat_completion_stream(MESSAGES, { reasoning = THINK })
      local answer, thoughts = "", ""
      for delta in stream do
        answer, thoughts = answer .. delta.text, thoughts .. (delta.reasoning or "")
      end
      assert.equal("Yes.", answer)
      assert.equal("Hm.", thoughts)
      local result = stream:result()
      assert.equal("Yes.", result.text)
      assert.equal("Hm.", result.reasoning)
      assert.equal("Yes.", result.message.content)
      client:close()
      client = pipe.client { body = table.concat(list) .. wire.event "[DONE]" }
      assert.equal("Yes.", texts_of(client:chat_completion_stream(MESSAGES, { reasoning = THINK })))
      client:close()
    end
  end)

  it("is given out with the last delta when it was held back", function ()
    local client = pipe.client {
      body = chunk "Yes <th" .. chunk("in", "stop") .. wire.event "[DONE]" }
    local stream = client:chat_completion_stream(MESSAGES, { reasoning = THINK })
    assert.equal("Yes <thin", texts_of(stream))
    assert.equal("Yes <thin", stream:result().text)
    client:close()
  end)

  it("is separated in a whole answer", function ()
    local function answer (message)
      return { headers = { ["content-type"] = "application/json" },
        body = '{"choices":[{"message":' .. message .. ',"finish_reason":"stop"}]}' }
    end
    local client = pipe.client(answer '{"role":"assistant","content":"<think>Hm</think>Yes"}')
    local result = assert(client:chat_completion(MESSAGES, { reasoning = THINK }))
    assert.equal("Yes", result.text)
    assert.equal("Hm", result.reasoning)
    assert.equal("Yes", result.message.content)
    assert.equal("<think>Hm</think>Yes", assert(client:chat_completion(MESSAGES)).text)
    client:close()
    client = pipe.client(answer '{"role":"assistant","content":"Hm</think>Yes"}')
    result = assert(client:chat_completion(MESSAGES, { format = "deepseek-r1" }))
    assert.equal("Yes", result.text)
    assert.equal("Hm", result.reasoning)
    client:close()
  end)

  it("is separated in completions", function ()
    local client = pipe.client { headers = { ["content-type"] = "application/json" },
      body = '{"choices":[{"text":"Hm</think>Yes","finish_reason":"stop"}]}' }
    local result = assert(client:completion("Q<think>", { reasoning = THINK }))
    assert.equal("Yes", result.text)
    assert.equal("Hm", result.reasoning)
    client:close()
    client = pipe.client { body = wire.event '{"choices":[{"text":"Hm</think>Y"}]}'
      .. wire.event '{"choices":[{"text":"es","finish_reason":"stop"}]}' .. wire.event "[DONE]" }
    local stream = client:completion_stream("Q<think>", { reasoning = THINK })
    assert.equal("Yes", texts_of(stream))
    assert.equal("Hm", stream:result().reasoning)
    client:close()
  end)
end)
