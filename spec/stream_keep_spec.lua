-- SPDX-License-Identifier: MIT
--- The options keep_text, of streams, and stop_on_server, of whole answers.
local count_of = require "predibase.stream".count
local pipe = require "spec.support.pipe_transport"
local wire = require "spec.support.wire"

--- Returns the body of a stream of n tokens.
local function tokens (n, closing)
  local out = {}
  for i = 1, n - 1 do out[i] = wire.token(("t%d "):format(i)) end
  out[n] = closing or wire.closing("end", "the whole text",
    wire.details { reason = "length", generated = n })
  return table.concat(out)
end

local function delta (text, finish)
  return ('data: {"choices":[{"index":0,"delta":{"role":"assistant","content":"%s"},'):format(text)
    .. ('"finish_reason":%s}],"usage":null}\n\n'):format(finish and '"' .. finish .. '"' or "null")
end

describe("keep_text = false", function ()
  it("keeps no text, and takes that of the result from the closing event", function ()
    local client = pipe.client { body = tokens(100) }
    local stream = client:generate_stream("x", { keep_text = false })
    local seen = {}
    for token in stream do seen[#seen + 1] = token.text end
    assert.equal(100, #seen)
    assert.equal("t1 ", seen[1])
    assert.same({ 100, nil }, { count_of(stream), stream.pieces })
    assert.equal("the whole text", tostring(stream:result()))
    assert.equal(100, stream:result().usage.completion_tokens)
    assert.is_nil(stream:result().text_incomplete)
    assert.error_matches(function () stream:text() end, "keep_text = false")
  end)

  it("says that the text is not known where the server does not repeat it", function ()
    local client = pipe.client { body = delta("a") .. delta("b", "stop") .. "data: [DONE]\n\n" }
    local stream = client:chat_completion_stream({ { role = "user", content = "x" } },
      { keep_text = false })
    local texts = {}
    for piece in stream:texts() do texts[#texts + 1] = piece end
    assert.same({ "a", "b" }, texts)
    assert.equal("", stream:result().text)
    assert.is_true(stream:result().text_incomplete)
    assert.equal("stop", stream:result().finish_reason)
    assert.is_nil(stream:result().message)
  end)

  it("does not mistake an answer without text for one whose text was not kept", function ()
    local client = pipe.client { { body = delta("") .. delta("", "stop") .. "data: [DONE]\n\n" },
      { body = delta("a", "stop") .. "data: [DONE]\n\n" } }
    for i = 1, 2 do
      local stream = client:chat_completion_stream({ { role = "user", content = "x" } },
        { keep_text = false })
      for _ in stream do end
      assert.equal(i == 2 and true or nil, stream:result().text_incomplete)
    end
  end)

  it("leaves errors without a partial text", function ()
    local client = pipe.client({ body = wire.token "a" .. wire.token "b" }, { max_retries = 0 })
    local stream = client:generate_stream("x", { keep_text = false })
    local token, err
    repeat token, err = stream:next() until not token
    assert.equal("incomplete_generation", err.kind)
    assert.equal("", err.partial_text)
    assert.equal(2, err.tokens)
  end)

  it("still finds stop sequences and limits the size", function ()
    local client = pipe.client({ body = tokens(100) }, { max_response_bytes = 50 })
    local stream = client:generate_stream("x", { keep_text = false, client_stop = "t3" })
    local texts = {}
    for piece in stream:texts() do texts[#texts + 1] = piece end
    assert.equal("t1 t2 ", table.concat(texts))
    stream = client:generate_stream("x", { keep_text = false })
    local token, err
    repeat token, err = stream:next() until not token
    assert.equal("too_large", err.kind)
  end)

  it("is no option of whole answers and of sessions", function ()
    local client = pipe.client { body = "" }
    for _, f in ipairs {
      function () client:generate("x", { keep_text = false }) end,
      function () client:generate_many({ "x" }, { keep_text = false }) end,
      function () client:tokenize("x", { keep_text = false }) end,
      function () client:chat_session { format = "chatml", keep_text = false } end,
      function ()
        assert(client:chat_session { format = "chatml" }):stream("x", { keep_text = false })
      end,
    } do
      assert.error_matches(f, 'unknown option "keep_text"')
    end
  end)

  it("of a client does not concern its sessions", function ()
    local client = pipe.client({ body = tokens(40) }, { keep_text = false })
    local session = assert(client:chat_session { format = "chatml" })
    assert.equal("the whole text", session:stream("x"):text())
    assert.equal("the whole text", session.messages[2].content)
  end)
end)

describe("stop_on_server", function ()
  local BODY = tokens(10)

  it("collects the answer from a stream, which it closes at a client_stop", function ()
    local client, network = pipe.client { body = BODY }
    local result = assert(client:generate("x", { client_stop = "t4", stop_on_server = true }))
    assert.equal("t1 t2 t3 ", result.text)
    assert.equal("stop_sequence", result.finish_reason)
    assert.equal("t4", result.stop_sequence)
    assert.is_truthy(network.requests[1].url:find("/generate_stream", 1, true))
    assert.is_true(network.requests[1].closed)
  end)

  it("keeps the text of the answer, even if the client's streams do not", function ()
    for _, defaults in ipairs { { keep_text = false },
      { keep_text = false, stop_on_server = true, client_stop = "t4" } } do
      local client = pipe.client({ body = BODY }, defaults)
      local options = not defaults.client_stop and { client_stop = "t4", stop_on_server = true }
      assert.equal("t1 t2 t3 ", assert(client:generate("x", options or nil)).text)
    end
  end)

  it("returns the error of the stream, with the text so far", function ()
    local client = pipe.client({ body = wire.token "a" }, { max_retries = 0 })
    local result, err = client:generate("x", { client_stop = "z", stop_on_server = true })
    assert.is_nil(result)
    assert.equal("incomplete_generation", err.kind)
    assert.equal("a", err.partial_text)
  end)

  it("changes nothing without a client_stop", function ()
    local client, network = pipe.client { headers = { ["content-type"] = "application/json" },
      body = '{"generated_text":"a"}' }
    assert.equal("a", tostring(assert(client:generate("x", { stop_on_server = true }))))
    assert.is_truthy(network.requests[1].url:find("/generate$"))
  end)

  it("keeps the time limit of a whole answer", function ()
    local client, network = pipe.client { body = BODY }
    assert(client:generate("x", { client_stop = "t4", stop_on_server = true, timeout = 7 }))
    assert(client:generate("x", { client_stop = "t4", stop_on_server = true }))
    assert.is_truthy(network.requests[1].options.deadline)
    assert.is_truthy(network.requests[2].options.deadline)
  end)

  it("serves chats, adapters and sessions, but no batches, streams and JSON", function ()
    local client, network = pipe.client(function (request)
      if request.url:find "/v1/" then
        return { body = delta("a ") .. delta("b ") .. delta("c", "stop") .. "data: [DONE]\n\n" }
      end
      return { body = BODY }
    end, { client_stop = "b" })
    local options = { stop_on_server = true }
    local messages = { { role = "user", content = "x" } }
    assert.equal("a ", tostring(assert(client:chat_completion(messages, options))))
    assert.equal("a ", client:adapter("a/1"):chat_completion(messages, options).message.content)
    assert.equal("the whole text", tostring(assert(client:adapter("a/1"):generate("x",
      { stop_on_server = true, client_stop = "never" }))))
    local session = assert(client:chat_session { format = "chatml", stop_on_server = true,
      client_stop = "t3" })
    assert.equal("t1 t2 ", tostring(assert(session:send "x")))
    assert.equal("t1 t2 ", session.messages[2].content)
    for _, request in ipairs(network.requests) do
      assert.is_truthy(request.url:find "_stream$" or request.body:find('"stream":true', 1, true))
    end
    for _, f in ipairs {
      function () client:generate_many({ "x" }, options) end,
      function () client:generate_stream("x", options) end,
      function () client:generate_json("x", options) end,
    } do
      assert.error_matches(f, 'unknown option "stop_on_server"')
    end
  end)
end)
