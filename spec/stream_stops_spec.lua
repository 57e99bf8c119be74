-- SPDX-License-Identifier: MIT
--- The options trim_stop and client_stop, on streams and on whole answers.
local errors = require "predibase.errors"
local pipe = require "spec.support.pipe_transport"
local server = require "spec.support.server"
local predibase = require "predibase"
local stops = require "predibase.stop_sequences"
local wire = require "spec.support.wire"

local SUN = "\240\159\140\158"

--- The events of an answer in these tokens; the last comes with the closing event.
local function answer (texts, details)
  local out = {}
  for i = 1, #texts - 1 do out[i] = wire.token(texts[i]) end
  out[#texts] = wire.closing(texts[#texts], table.concat(texts), details)
  return table.concat(out)
end

local function stream_of (body, options)
  local client, network = pipe.client { body = body }
  local s = client:generate_stream("x", options)
  return s, network
end

local function texts_of (s)
  local pieces = {}
  for piece in s:texts() do pieces[#pieces + 1] = piece end
  return pieces
end

local MATCHED = wire.details { reason = "stop_sequence", generated = 4 }

describe("trim_stop on a stream", function ()
  local options = { stop = { "END" }, trim_stop = true }

  it("takes the sequence that the server stopped at off texts, text and result", function ()
    local s = stream_of(answer({ " a", " E", "N", "D" }, MATCHED), options)
    assert.same({ " a", " " }, texts_of(s))
    assert.equal(" a ", s:text())
    local result = s:result()
    assert.equal(" a ", tostring(result))
    assert.equal("END", result.stop_sequence)
    assert.equal("stop_sequence", result.details.finish_reason)
    assert.equal(4, result.usage.completion_tokens)
  end)

  it("takes a line end behind it along, which the server lets pass", function ()
    local s = stream_of(answer({ "a", "END\\n" }, MATCHED), options)
    assert.same({ "a" }, texts_of(s))
    assert.equal("a", s:text())
  end)

  it("leaves the sequence where the answer went on behind it", function ()
    local s = stream_of(answer({ "a", "END", " b", "EN" }), options)
    assert.same({ "a", "END b", "EN" }, texts_of(s))
    assert.equal("aEND bEN", s:text())
    assert.is_nil(s:result().stop_sequence)
  end)

  it("changes no tokens", function ()
    local s = stream_of(answer({ "a", "EN", "D" }, MATCHED), options)
    local tokens = {}
    for token in s do tokens[#tokens + 1] = token.text end
    assert.same({ "a", "EN", "D" }, tokens)
    assert.same({}, texts_of(s))
    assert.equal("a", s:text())
  end)

  it("does nothing without stop, and without being asked", function ()
    local body = answer({ "a", "END" }, MATCHED)
    assert.equal("aEND", (stream_of(body, { trim_stop = true })):text())
    assert.equal("aEND", (stream_of(body, { stop = { "END" } })):text())
  end)

  it("trims the text of the tokens when the server sends none", function ()
    local body = wire.token "a END" .. wire.token " E" .. wire.closing("ND", "", MATCHED)
    local s = stream_of(body, options)
    assert.equal("a END ", s:text())
    assert.equal("END", s:result().stop_sequence)
  end)
end)

describe("client_stop on a stream", function ()
  it("ends it in front of a sequence that spans tokens, and closes the connection", function ()
    local s, network = stream_of(answer { "one", " \\n", "\\n two", " three", "." },
      { client_stop = "\n\n" })
    assert.same({ "one", " " }, texts_of(s))
    assert.equal("one ", s:text())
    assert.is_true(network.requests[1].closed)
    assert.is_true(network.requests[1].aborted)
  end)

  it("gives the token that completes the sequence, then nil for ever", function ()
    local s = stream_of(answer { "a", "b", "c", "d" }, { client_stop = { "x", "bc" } })
    local tokens = {}
    for token in s do tokens[#tokens + 1] = token.text end
    assert.same({ "a", "b", "c" }, tokens)
    assert.same({}, { s:next() })
    assert.same({}, { s:poll() })
    assert.equal("a", s:text())
  end)

  it("has a result with what is known", function ()
    local s = stream_of(answer { "a", "b", "c", "d" }, { client_stop = { "bc" } })
    local result = assert(s:text() and s:result())
    assert.equal("a", result.generated_text)
    assert.equal("bc", result.stop_sequence)
    assert.equal("stop_sequence", result.details.finish_reason)
    assert.equal(3, result.usage.completion_tokens)
    assert.is_nil(result.usage.prompt_tokens)
    assert.equal(200, result.status)
    assert.is_number(result.timing.total)
    assert.equal(result, s:result())
  end)

  it("keeps what the closing event tells when the last token completes it", function ()
    local s = stream_of(answer({ "a", "b" }, wire.details { reason = "length", generated = 2 }),
      { client_stop = "b" })
    assert.equal("a", s:text())
    assert.equal("stop_sequence", s:result().details.finish_reason)
    assert.same({ prompt_tokens = 6, completion_tokens = 2, total_tokens = 8 }, s:result().usage)
  end)

  it("shows at the end what it had kept back", function ()
    local s = stream_of(answer { "a", " EN" }, { client_stop = "END" })
    assert.same({ "a", " ", "EN" }, texts_of(s))
    assert.equal("a EN", s:text())
    assert.is_nil(s:result().stop_sequence)
  end)

  it("is blind to special tokens, and cuts no character", function ()
    local body = wire.token "a" .. wire.token("</s>", { special = true })
      .. wire.token(SUN) .. wire.token("b") .. wire.closing("c", "a" .. SUN .. "bc")
    assert.equal("a" .. SUN, (stream_of(body, { client_stop = { "</s>", "b" } })):text())
    local s = stream_of(body, { client_stop = SUN .. "b" })
    assert.same({ "a" }, texts_of(s))
  end)

  it("tells hooks of the tokens up to it", function ()
    local told = {}
    local s = stream_of(answer { "a", "b", "c" }, { client_stop = "b",
      on_token = function (token) told[#told + 1] = token.text end })
    assert.equal("a", s:text())
    assert.same({ "a", "b" }, told)
  end)

  it("counts what was kept back as partial text when the stream breaks", function ()
    local s = stream_of(wire.token "a" .. wire.token " EN",
      { client_stop = "END", max_retries = 0 })
    local text, err = s:text()
    assert.is_nil(text)
    assert.is_true(errors.is(err))
    assert.equal("a EN", err.partial_text)
  end)

  it("goes together with trim_stop", function ()
    local options = { stop = { "</s>" }, trim_stop = true, client_stop = { "USER:" } }
    assert.equal("a ", (stream_of(answer({ "a ", "</", "s>" }, MATCHED), options)):text())
    assert.equal("a ", (stream_of(answer { "a ", "USER", ": b", "</s>" }, options)):text())
  end)

  it("finds the same wherever tokens are cut", function ()
    local text, list = "Hello STSTOP and more ST", { "STOP", "more", "zzz" }
    local expected, found = stops.cut(text, list)
    for first = 1, #text - 2 do
      for second = first + 1, #text - 1 do
        local pieces = { text:sub(1, first), text:sub(first + 1, second), text:sub(second + 1) }
        local s = stream_of(answer(pieces), { client_stop = list })
        assert.equal(expected, table.concat(texts_of(s)))
        assert.equal(expected, s:text())
        assert.equal(found, s:result().stop_sequence)
      end
    end
  end)
end)

describe("whole answers", function ()
  local function generate (body, options)
    local client = pipe.client { headers = wire.answer_head(), body = body }
    return assert(client:generate("x", options))
  end

  it("are cut the same way", function ()
    local result = generate('{"generated_text":"a END"}', { stop = { "END" }, trim_stop = true })
    assert.equal("a ", result.generated_text)
    assert.equal("END", result.stop_sequence)
    assert.is_nil(result.details)
    result = generate('{"generated_text":"a END b"}', { client_stop = "END" })
    assert.equal("a ", result.generated_text)
    assert.equal("stop_sequence", result.details.finish_reason)
    assert.equal(5, result.usage.completion_tokens)
    result = generate('{"generated_text":"a END b"}', { stop = { "END" }, trim_stop = true })
    assert.equal("a END b", result.generated_text)
    assert.is_nil(result.stop_sequence)
  end)

  it("are cut in each sequence that best_of brought", function ()
    local details = '{"finish_reason":"stop_sequence","prompt_tokens":1,"generated_tokens":2,'
      .. '"seed":1,"prefill":[],"tokens":[],"best_of_sequences":[{"generated_text":"b END",'
      .. '"finish_reason":"stop_sequence","generated_tokens":2,"seed":2,"prefill":[],"tokens":[]}]}'
    local result = generate('{"generated_text":"a END","details":' .. details .. "}",
      { best_of = 2, temperature = 0.5, details = true, stop = { "END" }, trim_stop = true })
    assert.equal("a ", result.generated_text)
    assert.equal("b ", result.details.best_of_sequences[1].generated_text)
    assert.equal("END", result.details.best_of_sequences[1].stop_sequence)
  end)
end)

describe("the options", function ()
  it("are for many prompts as well", function ()
    local body = '{"generated_text":"a END b"}'
    local client = pipe.client { { headers = wire.answer_head(), body = body },
      { headers = wire.answer_head(), body = body } }
    local results = client:generate_many({ "x", { prompt = "y", client_stop = "b" } },
      { client_stop = "END", concurrency = 1 }):results()
    assert.equal("a ", results[1].generated_text)
    assert.equal("a END ", results[2].generated_text)
  end)

  it("can be set once for a client", function ()
    local client = pipe.client({ { body = answer { "a", "b", "c" } },
      { body = answer { "a", "b", "c" } } }, { client_stop = "b" })
    assert.equal("a", client:generate_stream("x"):text())
    assert.equal("ab", client:generate_stream("x", { client_stop = "c" }):text())
  end)

  it("are checked", function ()
    local client = pipe.client {}
    for pattern, options in pairs {
      ["client_stop must be a string or an array of strings, got the num"] = { client_stop = 1 },
      ["client_stop%[2%] must be a string that is not empty"] = { client_stop = { "a", "" } },
      ["client_stop%[1%] must be a string that is not empty"] = { client_stop = "" },
      ["client_stop must be an array of strings, but it has the key"] = { client_stop = { a = 1 } },
      ["trim_stop must be a boolean"] = { trim_stop = "yes" },
    } do
      local _, err = client:generate("x", options)
      assert.equal("config", err.kind)
      assert.matches(pattern, err.message)
      _, err = predibase.new { base_url = "http://127.0.0.1:1", trim_stop = options.trim_stop,
        client_stop = options.client_stop, api_token = false }
      assert.matches(pattern, err.message)
    end
    local many = {}
    for i = 1, 65 do many[i] = "x" end
    local _, err = client:generate("x", { client_stop = many })
    assert.matches("at most 64 sequences, got 65", err.message)
  end)
end)

describe("against the stand-in server", function ()
  local stand_in, client

  before_each(function ()
    stand_in = server.spawn {}
    client = assert(predibase.new { base_url = stand_in.url, api_token = false })
  end)

  after_each(function ()
    client:close()
    server.stop()
  end)

  it("a stop sequence of the server's is left in the text, and trimmed", function ()
    local options = { max_new_tokens = 60, seed = 7, stop = { "." } }
    local plain = assert(client:generate("Tell me a story", options))
    assert.equal("stop_sequence", plain.details and plain.details.finish_reason or "stop_sequence")
    assert.matches("%.$", plain.generated_text)
    options.trim_stop = true
    local trimmed = assert(client:generate("Tell me a story", options))
    assert.equal(plain.generated_text:sub(1, -2), trimmed.generated_text)
    assert.equal(trimmed.generated_text, client:generate_stream("Tell me a story", options):text())
  end)

  it("a stop string of the client's ends the stream", function ()
    local options = { max_new_tokens = 60, seed = 7 }
    local whole = assert(client:generate("Tell me a story", options)).generated_text
    local first = whole:match("^(.-)%.")
    options.client_stop = "."
    local s = client:generate_stream("Tell me a story", options)
    assert.equal(first, s:text())
    assert.equal(".", s:result().stop_sequence)
  end)
end)
