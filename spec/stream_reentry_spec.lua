-- SPDX-License-Identifier: MIT
--- Hooks that use the stream and the client that run them.
local pipe = require "spec.support.pipe_transport"
local wire = require "spec.support.wire"
local count_of = require "predibase.stream".count

--- A client that is refused once, then served; every hook runs.
local function served_at_second (options)
  return pipe.client({ { body = wire.error("Model is overloaded", "overloaded") },
    { body = wire.answer() } }, options)
end

describe("a hook that closes its stream", function ()
  local function close_in (name)
    local s
    local client, network = served_at_second { [name] = function () s:close() end }
    s = client:generate_stream "x"
    local texts = {}
    local token, err
    repeat
      token, err = s:next()
      texts[#texts + 1] = token and token.text
    until not token
    return texts, err, network
  end

  it("from on_request keeps the request from being sent", function ()
    local texts, err, network = close_in "on_request"
    assert.same({}, texts)
    assert.equal("cancelled", err.kind)
    assert.equal(0, #network.requests)
  end)

  it("from on_response ends it before its first token", function ()
    local texts, err, network = close_in "on_response"
    assert.same({}, texts)
    assert.equal("cancelled", err.kind)
    assert.equal(1, #network.requests)
    assert.is_true(network.requests[1].closed)
  end)

  it("from on_retry keeps the next attempt from being made", function ()
    local texts, err, network = close_in "on_retry"
    assert.same({}, texts)
    assert.equal("cancelled", err.kind)
    assert.equal(1, #network.requests)
  end)

  it("from on_token still hands out that token", function ()
    local texts, err, network = close_in "on_token"
    assert.same({ " The" }, texts)
    assert.equal("cancelled", err.kind)
    assert.equal(" The", err.partial_text)
    assert.equal(2, #network.requests)
    assert.is_true(network.requests[2].closed)
  end)

  it("from on_token at the closing event changes nothing", function ()
    local s
    local client = pipe.client({ body = wire.closing(" Blue", " Blue") },
      { on_token = function () s:close() end })
    s = client:generate_stream "x"
    assert.equal(" Blue", s:text())
  end)
end)

describe("a hook that uses the same client", function ()
  it("may make calls of its own", function ()
    local client, inner = nil, {}
    client = pipe.client({ body = wire.answer() }, { on_token = function (token)
      inner[#inner + 1] = client:generate_stream("y", { on_token = function () end }):text()
      return token
    end })
    assert.equal(" The sky is blue.", client:generate_stream "x":text())
    assert.equal(5, #inner)
    for _, text in ipairs(inner) do assert.equal(" The sky is blue.", text) end
  end)

  it("may read on in the same stream", function ()
    local s, inner = nil, {}
    local client = pipe.client({ body = wire.answer() }, { on_token = function (token)
      if token.text == " The" then inner[1] = s:next().text end
    end })
    s = client:generate_stream "x"
    assert.equal(" The", s:next().text)
    assert.same({ " sky" }, inner)
    assert.equal(" is", s:next().text)
    assert.equal(" The sky is blue.", s:text())
  end)

  it("may read on in the same stream before its own first token is out", function ()
    for _, hook in ipairs { "on_request", "on_response" } do
      local s, inner, asked = nil, nil, false
      local client = pipe.client({ body = wire.answer() }, { [hook] = function ()
        if asked then return end
        asked = true
        inner = s:next().text
      end })
      s = client:generate_stream "x"
      local texts = {}
      for token in s.next, s do texts[#texts + 1] = token.text end
      assert.equal(" The", inner, hook)
      assert.equal(" sky is blue.", table.concat(texts), hook)
      assert.equal(5, count_of(s), hook)
      assert.equal(" The sky is blue.", s:result().generated_text)
    end
  end)

  it("may change the headers that it is shown", function ()
    local client = pipe.client({ body = wire.answer() }, { on_response = function (info)
      for name in pairs(info.headers) do info.headers[name] = "gone" end
    end })
    local stream = client:generate_stream "x"
    assert(stream:text())
    for name, value in pairs(stream:result().headers) do assert.not_equal("gone", value, name) end
  end)

  it("may raise without that counting as an attempt", function ()
    local client, network, raised
    client, network = pipe.client({ body = wire.answer() }, { on_request = function (info)
      assert.equal(1, info.attempt)
      if not raised then
        raised = true
        error("not now", 0)
      end
    end })
    local stream = client:generate_stream "x"
    assert.is_false(pcall(stream.next, stream))
    assert.equal(" The sky is blue.", stream:text())
    assert.equal(1, stream:result().attempts)
    assert.equal(1, #network.requests)
  end)

  it("may collect garbage", function ()
    local function collect ()
      collectgarbage()
    end
    local client = served_at_second { on_request = collect, on_response = collect,
      on_retry = collect, on_token = collect }
    local text, err = client:generate_stream "x":text()
    assert.is_nil(err)
    assert.equal(" The sky is blue.", text)
  end)

  it("may close the client before a request goes out", function ()
    for _, method in ipairs { "generate", "generate_stream" } do
      local client, network
      client, network = pipe.client({ body = wire.answer() },
        { on_request = function () client:close() end })
      local answer, err = client[method](client, "x")
      if method == "generate_stream" then answer, err = answer:next() end
      assert.is_nil(answer)
      assert.equal("cancelled", err.kind)
      assert.equal("the client was closed", err.message)
      assert.equal(0, #network.requests)
    end
  end)

  it("may close the client", function ()
    local client
    client = pipe.client({ body = wire.answer() }, { on_token = function () client:close() end })
    local s = client:generate_stream "x"
    assert.equal(" The", s:next().text)
    local text, err = s:text()
    assert.is_true(text == " The sky is blue." or err.kind == "cancelled")
    assert.equal("predibase.client (http://127.0.0.1:8080, closed)", tostring(client))
  end)
end)
