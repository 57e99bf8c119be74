-- SPDX-License-Identifier: MIT
--- What a stream promises to its reader: its ends, its errors, its texts and its result.
local errors = require "predibase.errors"
local pipe = require "spec.support.pipe_transport"
local stream = require "predibase.stream"
local wire = require "spec.support.wire"

local SUN = "\240\159\140\158"

local function drain (s)
  local texts = {}
  local token, err
  repeat
    token, err = s:next()
    texts[#texts + 1] = token and token.text
  until not token
  return texts, err
end

describe("a stream that ends well", function ()
  it("gives its tokens, then nil for ever", function ()
    local client = pipe.client { body = wire.answer() }
    local s = client:generate_stream "x"
    assert.same({ " The", " sky", " is", " blue", "." }, (drain(s)))
    for _ = 1, 3 do
      assert.same({}, { s:next() })
      assert.same({}, { s:poll() })
      assert.same({}, { s() })
    end
    for _ in s do error "a token after the end" end
    assert.is_nil(s:texts()())
    assert.equal(" The sky is blue.", s:text())
  end)

  it("sends nothing before the first token is asked for", function ()
    local client, network = pipe.client { body = wire.answer() }
    local s = client:generate_stream "x"
    assert.equal(0, #network.requests)
    assert.is_table(s:next())
    assert.equal(1, #network.requests)
    assert.equal("http://127.0.0.1:8080/generate_stream", network.requests[1].url)
  end)

  it("gives tokens with what is null left out", function ()
    local client = pipe.client { body = wire.token(" a", { logprob = "null", id = "7" })
      .. wire.closing(" b", " a b") }
    local s = client:generate_stream "x"
    assert.same({ id = 7, text = " a", special = false, skipped = false }, s:next())
  end)

  it("has the result that generate would have had", function ()
    local details = '{"finish_reason":"length","prompt_tokens":6,"generated_tokens":2,"seed":42}'
    local whole = pipe.client { headers = wire.answer_head(),
      body = '{"generated_text":" Hi you","details":' .. details .. "}" }
    local other = pipe.client { headers = wire.stream_head(),
      body = wire.token " Hi" .. wire.closing(" you", " Hi you", details) }
    local a = assert(whole:generate("x", { details = true }))
    local s = other:generate_stream "x"
    assert.equal(" Hi you", s:text())
    local b = s:result()
    for _, name in ipairs { "generated_text", "details", "usage", "status", "attempts",
      "model_id" } do
      assert.same(a[name], b[name], name)
    end
    assert.equal(getmetatable(a), getmetatable(b))
    assert.equal(" Hi you", tostring(b))
    assert.is_number(b.timing.total)
    assert.is_number(b.timing.first_token)
    assert.equal(s:result(), b)
  end)

  it("leaves its connection to the next call", function ()
    local client, network = pipe.client { body = wire.answer() }
    client:generate_stream "x":text()
    assert.is_false(network.requests[1].aborted or false)
    assert.equal(0, client.transport:size())
  end)

  it("does not wait for the end of the body behind the closing event", function ()
    local client, network = pipe.client { pieces = { wire.answer(), 30 } }
    local s = client:generate_stream "x"
    assert.equal(" The sky is blue.", s:text())
    assert.equal(1000, network.clock)
    assert.is_true(network.requests[1].released)
  end)

  it("closes the connection of a server that does not end its body", function ()
    local client, network = pipe.client { { body = wire.answer(), ending = "open" },
      { body = wire.answer() } }
    client:generate_stream "x":text()
    network:advance(5)
    assert.equal(" The sky is blue.", client:generate_stream "x":text())
    assert.is_true(network.requests[1].closed)
    assert.equal(0, client.transport:size())
  end)

  it("tells its state by tostring", function ()
    local client = pipe.client { body = wire.answer() }
    local s = client:generate_stream "x"
    assert.equal("predibase.stream (not sent yet, 0 tokens)", tostring(s))
    s:next()
    assert.equal("predibase.stream (open, 1 token)", tostring(s))
    s:text()
    assert.equal("predibase.stream (ended, 5 tokens)", tostring(s))
    assert.is_true(stream.is(s))
    assert.is_false(stream.is {})
    assert.is_false(stream.is "stream")
  end)
end)

describe("a stream that breaks", function ()
  local function broken ()
    local client, network = pipe.client { body = wire.three_tokens()
      .. wire.error("Request failed during generation: oops", "generation") }
    return client:generate_stream "x", network
  end

  it("gives the tokens before, then the same error for ever", function ()
    local s = broken()
    local texts, err = drain(s)
    assert.same({ " The", " sky", " is" }, texts)
    assert.is_true(errors.is(err))
    assert.equal("generation", err.kind)
    assert.equal(" The sky is", err.partial_text)
    assert.equal(3, err.tokens)
    for _ = 1, 3 do
      assert.equal(err, select(2, s:next()))
      assert.equal(err, select(2, s:poll()))
      assert.equal(err, select(2, s:text()))
      assert.equal(err, select(2, s:result()))
      local ok, raised = pcall(s)
      assert.is_false(ok)
      assert.equal(err, raised)
    end
    assert.equal("predibase.stream (failed, 3 tokens)", tostring(s))
  end)

  it("raises the error object in a for loop", function ()
    local s, texts = broken(), {}
    local ok, err = pcall(function ()
      for token in s do texts[#texts + 1] = token.text end
    end)
    assert.is_false(ok)
    assert.is_true(errors.is(err))
    assert.equal("oops", err.message:match("%a+$"))
    assert.same({ " The", " sky", " is" }, texts)
  end)

  it("raises the error object in a for loop over texts", function ()
    local s, pieces = broken(), {}
    local ok, err = pcall(function ()
      for piece in s:texts() do pieces[#pieces + 1] = piece end
    end)
    assert.is_false(ok)
    assert.is_true(errors.is(err))
    assert.equal(" The sky is", table.concat(pieces))
  end)

  it("returns the error from text", function ()
    local text, err = broken():text()
    assert.is_nil(text)
    assert.equal(" The sky is", err.partial_text)
  end)

  it("says what the answer was when it was none", function ()
    local client = pipe.client { status = 401, headers = { ["content-type"] = "text/plain" },
      body = "who are you?" }
    local token, err = client:generate_stream "x":next()
    assert.is_nil(token)
    assert.equal("authentication", err.kind)
    assert.equal(401, err.status)
    assert.equal("who are you?", err.message)
    assert.equal(1, err.attempts)
    assert.equal("", err.partial_text)
    assert.equal(0, err.tokens)
  end)

  it("names the host when the network is to blame", function ()
    local client = pipe.client({ failure = { kind = "connection", phase = "connect",
      message = "Connection refused", sent = false } }, { max_retries = 0 })
    local _, err = client:generate_stream "x":next()
    assert.equal("127.0.0.1:8080: Connection refused", err.message)
    assert.is_true(err.retryable)
    assert.is_nil(err.status)
  end)

  it("leaves its connection to the next call when the server says what is wrong", function ()
    local client, network = pipe.client { { pieces = { wire.three_tokens()
      .. wire.error("Request failed during generation: oops", "generation"), 0.01 } },
      { body = wire.answer() } }
    assert.is_nil((client:generate_stream "x":text()))
    assert.is_true(network.requests[1].released)
    assert.equal(" The sky is blue.", client:generate_stream "x":text())
    assert.is_true(not network.requests[1].aborted)
  end)

  it("closes its connection otherwise", function ()
    local client, network = pipe.client { body = wire.three_tokens() .. "data: what?\n\n",
      ending = "open" }
    local _, err = client:generate_stream "x":text()
    assert.equal("protocol", err.kind)
    assert.is_true(network.requests[1].aborted)
    assert.equal(0, client.transport:size())
  end)
end)

describe("stream:result", function ()
  it("raises before the end", function ()
    local client = pipe.client { body = wire.answer() }
    local s = client:generate_stream "x"
    assert.error_matches(function () s:result() end, "before the end of the stream")
    s:next()
    local _, message = pcall(function () s:result() end)
    assert.is_truthy(message:find("stream_spec.lua", 1, true))
  end)
end)

describe("stream:texts", function ()
  it("drops special tokens and empty ones and joins characters", function ()
    local client = pipe.client { body = wire.token("<s>", { special = true }) .. wire.token ""
      .. wire.token(" a" .. SUN:sub(1, 1)) .. wire.token(SUN:sub(2, 3))
      .. wire.token(SUN:sub(4) .. "b")
      .. wire.closing("</s>", " a" .. SUN .. "b", nil, { special = true }) }
    local pieces = {}
    for piece in client:generate_stream "x":texts() do pieces[#pieces + 1] = piece end
    assert.same({ " a" .. SUN .. "b" }, pieces)
  end)

  it("joins the texts of tokens that have arrived together", function ()
    local client = pipe.client { pieces = { wire.token "a" .. wire.token "b" .. wire.token "c", 1,
      wire.token "d", 1, wire.token "e" .. wire.closing("f", "abcdef") } }
    local pieces = {}
    for piece in client:generate_stream "x":texts() do pieces[#pieces + 1] = piece end
    assert.same({ "a", "bc", "d", "e", "f" }, pieces)
  end)
end)
