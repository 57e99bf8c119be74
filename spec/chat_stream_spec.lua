-- SPDX-License-Identifier: MIT
--- Streams of deltas: how they are read, closed, retried and limited, on a simulated clock that
--- only waits advance.
local coroutines = require "spec.support.coroutines"
local pipe = require "spec.support.pipe_transport"
local wire = require "spec.support.wire"
local wire_chat = require "spec.support.wire_chat"
local count_of = require "predibase.stream".count

local MESSAGES = { { role = "user", content = "Hi" } }
local OPENAI = { server = "openai" }

local delta, vllm_text = wire_chat.delta, wire_chat.vllm_text

--- The two calls that make streams of deltas, each with a slow answer.
local CALLS = {
  {
    name = "chat_completion_stream", input = MESSAGES,
    pieces = { delta " The", 1, delta " sky", 1, wire_chat.stop(), wire_chat.DONE },
  },
  {
    name = "completion_stream", input = "Hi",
    pieces = { wire_chat.text_chunk " The", 1, wire_chat.text_chunk " sky", 1,
      wire_chat.text_chunk("", "stop", wire_chat.usage(2, 3)), wire_chat.DONE },
  },
}

for _, call in ipairs(CALLS) do
  describe(call.name, function ()
    local function start (reply, client_options, options)
      local client, network = pipe.client(reply or { pieces = call.pieces }, client_options)
      return client[call.name](client, call.input, options), network, client
    end

    it("is sent when it is read", function ()
      local stream, network = start()
      assert.equal(0, #network.requests)
      assert.equal(" The", stream:next().text)
      assert.equal(1, #network.requests)
      stream:close()
    end)

    it("never waits in poll", function ()
      local stream, network = start()
      local texts, pending = {}, 0
      while true do
        local before = network.clock
        local token, err = stream:poll()
        assert.equal(before, network.clock)
        if token then
          texts[#texts + 1] = token.text
        elseif err == "pending" then
          pending = pending + 1
          network:sleep()
        else
          assert.is_nil(err)
          break
        end
      end
      assert.same({ " The", " sky", "" }, texts)
      assert.is_true(pending >= 2)
      assert.equal(" The sky", stream:result().text)
    end)

    it("gives its result only at its end", function ()
      local stream = start()
      assert(stream:next())
      local ok, problem = pcall(stream.result, stream)
      assert.is_false(ok)
      assert.is_truthy(problem:find("stream:result() before the end of the stream", 1, true))
      assert.equal(" The sky", stream:text())
      assert.equal(stream:result(), stream:result())
    end)

    it("ends the request when it is closed", function ()
      local stream, network = start()
      assert.equal(" The", stream:next().text)
      stream:close()
      stream:close()
      local none, err = stream:next()
      assert.is_nil(none)
      assert.equal("cancelled", err.kind)
      assert.equal(" The", err.partial_text)
      assert.equal(1, err.tokens)
      assert.is_true(network.requests[1].aborted)
    end)

    it("is read in several coroutines at once", function ()
      local loop = coroutines.new()
      local _, network, client = start(nil, { loop = loop })
      local seen, texts = {}, {}
      local function reader (number)
        return function ()
          local stream = client[call.name](client, call.input)
          texts[number] = ""
          local token
          repeat
            token = stream:next()
            seen[#seen + 1] = number
            texts[number] = texts[number] .. (token and token.text or "")
          until not token
        end
      end
      loop:run(reader(1), reader(2))
      assert.same({ " The sky", " The sky" }, texts)
      assert.is_nil(table.concat(seen):find "^11")
      assert.equal(1002, network.clock)
    end)

    it("is closed by another coroutine", function ()
      local loop = coroutines.new()
      local stream = start({ pieces = { call.pieces[1], 3600 } }, { loop = loop,
        timeout = { token = 7200, idle = 7200 } })
      local err
      loop:run(function ()
        assert(stream:next())
        err = select(2, stream:next())
      end, function ()
        repeat loop:pause() until count_of(stream) == 1
        stream:close()
      end)
      assert.equal("cancelled", err.kind)
      assert.equal(" The", err.partial_text)
    end)

    it("gives each delta to on_token", function ()
      local seen, events = {}, {}
      local stream = start(nil, nil, {
        on_token = function (token) seen[#seen + 1] = token end,
        on_request = function () events[#events + 1] = "request" end,
        on_response = function (info) events[#events + 1] = info.status end,
      })
      local read = {}
      for token in stream do read[#read + 1] = token end
      assert.same(read, seen)
      assert.equal(3, #seen)
      for i = 1, 3 do assert.equal(read[i], seen[i]) end
      assert.same({ "request", 200 }, events)
    end)

    it("goes on after an on_token that raises", function ()
      local stream = start(nil, nil, { on_token = function (token)
        if token.text == " The" then error("mine", 0) end
      end })
      assert.same({ false, "mine" }, { pcall(stream.next, stream) })
      assert.equal(" The sky", stream:text())
    end)

    it("has the clocks of every stream, and counts deltas", function ()
      local pieces = { call.pieces[1], call.pieces[3] }
      for i = 3, 42 do pieces[i] = i % 2 == 1 and 15 or wire.KEEP_ALIVE end
      local stream, network = start({ pieces = pieces, ending = "open" }, { max_retries = 0 },
        { timeout = { token = 100 } })
      local text, err = stream:text()
      assert.is_nil(text)
      assert.equal("timeout", err.kind)
      assert.equal("token", err.phase)
      assert.equal(" The sky", err.partial_text)
      assert.equal(2, err.tokens)
      assert.equal(1100, network.clock)
      stream = start({ pieces = { 200 } }, { max_retries = 0 }, { timeout = { first_token = 50 } })
      err = select(2, stream:text())
      assert.equal("first_token", err.phase)
      assert.equal("", err.partial_text)
      assert.equal(0, err.tokens)
      stream = start(nil, { max_retries = 0 }, { timeout = 1.5 })
      err = select(2, stream:text())
      assert.equal("total", err.phase)
      assert.equal(2, err.tokens)
    end)

    it("has times and a rate", function ()
      local stream = start()
      assert(stream:text())
      local result = stream:result()
      assert.equal(0, result.timing.first_token)
      assert.equal(2, result.timing.total)
      assert.equal((result.usage.completion_tokens - 1) / 2, result.tokens_per_second)
    end)

    it("is retried before its first delta, and not after it", function ()
      local refused = { body = wire.error("Model is overloaded", "overloaded") }
      local retries = 0
      local stream, network = start({ refused, { pieces = call.pieces } }, { max_retries = 1 },
        { on_retry = function () retries = retries + 1 end })
      assert.equal(" The sky", stream:text())
      assert.equal(2, #network.requests)
      assert.equal(1, retries)
      assert.equal(2, stream:result().attempts)
      stream, network = start({ { body = call.pieces[1], ending = "reset" }, refused },
        { max_retries = 3 })
      local err = select(2, stream:text())
      assert.equal("connection", err.kind)
      assert.equal(1, err.tokens)
      assert.equal(1, #network.requests)
    end)

    it("fails when its text is too large", function ()
      local pieces = {}
      for i = 1, 40 do pieces[i] = (call.pieces[1]:gsub(" The", ("x"):rep(100))) end
      local stream = start({ pieces = pieces }, { max_response_bytes = 2048 })
      local text, err = stream:text()
      assert.is_nil(text)
      assert.equal("too_large", err.kind)
      assert.equal(("x"):rep(2000), err.partial_text)
      assert.equal(20, err.tokens)
    end)

    it("fails when an event is too large", function ()
      local stream = start({ body = (call.pieces[1]:gsub(" The", ("x"):rep(5000))) },
        { max_event_bytes = 4096 })
      local text, err = stream:text()
      assert.is_nil(text)
      assert.equal("too_large", err.kind)
    end)

    it("keeps a stop sequence out of texts, wherever the deltas cut it", function ()
      for cut = 1, 3 do
        local stop = "END!"
        local chunk_of = call.name == "completion_stream" and wire_chat.text_chunk or delta
        local stream, network = start({ pieces = { chunk_of "ab", chunk_of(stop:sub(1, cut)), 1,
          chunk_of(stop:sub(cut + 1) .. "cd"), 1, chunk_of "ef", 3600 } }, nil,
          { client_stop = stop })
        local texts = {}
        for text in stream:texts() do texts[#texts + 1] = text end
        assert.same({ "ab" }, texts)
        local result = stream:result()
        assert.equal("ab", result.text)
        assert.equal("stop_sequence", result.finish_reason)
        assert.equal("END!", result.stop_sequence)
        assert.is_nil(result.raw_finish_reason)
        assert.is_true(network.requests[1].aborted)
      end
    end)

    it("never shows the API token", function ()
      local stream = start { status = 200, body = wire.error("no pb_SENTINEL_7f3a", "generation") }
      local err = select(2, stream:text())
      assert.equal("no [redacted]", err.message)
    end)

    it("fails at its first next when its options are refused", function ()
      local stream, network = start(nil, nil, { temperature = -1 })
      local none, err = stream:next()
      assert.is_nil(none)
      assert.equal("validation", err.kind)
      assert.equal("", err.partial_text)
      assert.equal(0, err.tokens)
      assert.equal(0, #network.requests)
    end)
  end)
end

describe("a stream of deltas", function ()
  it("is retried after chunks that gave no delta", function ()
    local client, network = pipe.client({ { body = wire_chat.vllm_role(), ending = "reset" },
      { body = wire_chat.vllm_role() .. vllm_text("x", "stop") .. wire_chat.DONE } },
      { server = "openai", max_retries = 1 })
    assert.equal("x", client:chat_completion_stream(MESSAGES):text())
    assert.equal(2, #network.requests)
  end)

  it("is not retried after a delta without a text", function ()
    for _, first in ipairs { wire_chat.delta "",
      wire_chat.chunk '{"role":"assistant","reasoning_content":"R"}' } do
      local client, network = pipe.client({ { body = first, ending = "reset" },
        { body = wire_chat.answer() } }, { max_retries = 1 })
      local _, err = client:chat_completion_stream(MESSAGES):text()
      assert.equal("connection", err.kind)
      assert.equal(1, err.tokens)
      assert.equal(1, #network.requests)
    end
  end)

  it("waits for the counts of a server that sends them after the finish reason", function ()
    local client, network = pipe.client({ pieces = { vllm_text("x", "stop"), 5,
      wire_chat.vllm_usage(2, 1), wire_chat.DONE } }, OPENAI)
    local stream = client:chat_completion_stream(MESSAGES)
    assert.equal("stop", stream:next().finish_reason)
    assert.equal(1000, network.clock)
    assert.is_nil(stream:next())
    assert.equal(1005, network.clock)
    assert.equal(2, stream:result().usage.prompt_tokens)
  end)

  it("is complete when those counts never come", function ()
    local client, network = pipe.client({ pieces = { vllm_text("x", "stop") }, ending = "open" },
      { server = "openai", timeout = { token = 20 } })
    local stream = client:chat_completion_stream(MESSAGES)
    assert.equal("x", stream:text())
    assert.equal(1020, network.clock)
    assert.same({}, stream:result().usage)
    assert.equal(0, client.transport:size())
  end)

  it("counts its deltas where LoRAX sends no counts", function ()
    local client = pipe.client { body = delta "a" .. delta("b", "length") .. wire_chat.DONE }
    local stream = client:chat_completion_stream(MESSAGES)
    assert.equal("ab", stream:text())
    assert.same({ completion_tokens = 2 }, stream:result().usage)
  end)

  it("leaves its connection to the next call when it has ended", function ()
    local client, network = pipe.client { pieces = { wire_chat.answer(), 1 } }
    assert(client:chat_completion_stream(MESSAGES):text())
    assert.is_true(network.requests[1].released)
    assert.is_nil(network.requests[1].aborted)
  end)

  it("fails when the arguments of its calls are too large", function ()
    local piece = wire_chat.vllm_piece('"index":0,"id":"a","function":{"name":"f","arguments":"'
      .. ("x"):rep(500) .. '"}')
    local client, network = pipe.client({ body = vllm_text "x" .. piece:rep(5) },
      { server = "openai", max_response_bytes = 2048, max_retries = 2 })
    local text, err = client:chat_completion_stream(MESSAGES):text()
    assert.is_nil(text)
    assert.equal("too_large", err.kind)
    assert.equal("body", err.phase)
    assert.is_false(err.retryable)
    assert.equal("x", err.partial_text)
    assert.equal(1, err.tokens)
    assert.equal(1, #network.requests)
  end)

  it("has no stop sequence in its reasoning or in its calls", function ()
    local client = pipe.client({ body = wire_chat.vllm '{"reasoning_content":"END"}'
      .. vllm_text "ab" .. wire_chat.vllm_piece(
        '"index":0,"id":"a","function":{"name":"f","arguments":"{\\"x\\":\\"END\\"}"}',
        "tool_calls") .. wire_chat.DONE }, OPENAI)
    local stream = client:chat_completion_stream(MESSAGES, { client_stop = "END" })
    assert.equal("ab", stream:text())
    assert.equal("END", stream:result().reasoning)
    assert.equal("END", stream:result().tool_calls[1].arguments.x)
    assert.equal("tool_calls", stream:result().finish_reason)
  end)

  it("finds a stop sequence in words that the server forces into a call", function ()
    local client = pipe.client { body = delta '{\\"function\\":{\\"_name\\":\\"no_tool\\",'
      .. delta '\\"content\\":\\"ab E' .. delta 'ND cd\\"}}' .. wire_chat.stop() .. wire_chat.DONE }
    local stream = client:chat_completion_stream(MESSAGES,
      { client_stop = "END", tools = wire_chat.tools() })
    assert.equal("ab ", stream:text())
    assert.equal("stop_sequence", stream:result().finish_reason)
    assert.same({ role = "assistant", content = "ab " }, stream:result().message)
  end)

  it("gives up the calls that a stop sequence cuts off", function ()
    local client = pipe.client({ body = wire_chat.vllm_piece
      '"index":0,"id":"a","function":{"name":"f","arguments":"{}"}'
      .. vllm_text "ab END" .. vllm_text("", "tool_calls") }, OPENAI)
    local stream = client:chat_completion_stream(MESSAGES, { client_stop = "END" })
    assert.equal("ab ", stream:text())
    assert.is_nil(stream:result().tool_calls)
  end)
end)
