-- SPDX-License-Identifier: MIT
local errors = require "predibase.errors"
local event = require "predibase.event"
local json = require "predibase.json"

local has_integers = rawget(math, "type") ~= nil
local integer_of = has_integers and tonumber or function (digits) return digits end

local function token_event (token, rest)
  return '{"token":' .. token .. (rest or ',"generated_text":null,"details":null') .. "}"
end

local good = '{"id":1369,"text":" test","logprob":-0.34,"special":false,"skipped":false}'

local function is_protocol_failure (payload)
  local ok, ev, failure = pcall(event.decode, payload)
  assert.is_true(ok, payload)
  assert.is_nil(ev, payload)
  assert.equal("protocol", failure.kind, payload)
  assert.is_string(failure.message, payload)
  return failure.message
end

describe("event.decode", function ()
  it("returns a token without null fields and with integers as integers", function ()
    local ev = event.decode(token_event(good))
    assert.same({ token = { id = 1369, text = " test", logprob = -0.34, special = false,
      skipped = false } }, ev)
    assert.equal("1369", tostring(ev.token.id))
  end)

  it("returns the last event with its details", function ()
    local ev = event.decode(token_event('{"id":2,"text":"</s>","logprob":-0.01,"special":true,'
      .. '"skipped":false}', ',"generated_text":" test","details":{"finish_reason":"eos_token",'
      .. '"prompt_tokens":6,"generated_tokens":2,"seed":null}'))
    assert.equal(" test", ev.generated_text)
    assert.same({ finish_reason = "eos_token", prompt_tokens = 6, generated_tokens = 2 },
      ev.details)
    assert.equal("6", tostring(ev.details.prompt_tokens))
    assert.is_true(ev.token.special)
  end)

  it("keeps an empty generated_text, which marks the last event", function ()
    assert.equal("", event.decode(token_event(good, ',"generated_text":"","details":null'))
      .generated_text)
  end)

  it("returns alternative tokens", function ()
    local ev = event.decode(token_event('{"id":5,"text":"a","logprob":null,"special":false,'
      .. '"alternative_tokens":[{"id":0,"text":"a","logprob":-1.5},'
      .. '{"id":7,"text":"","logprob":null}],"skipped":true}'))
    assert.same({ { id = 0, text = "a", logprob = -1.5 }, { id = 7, text = "" } },
      ev.token.alternative_tokens)
    assert.equal("7", tostring(ev.token.alternative_tokens[2].id))
    assert.is_nil(ev.token.logprob)
    assert.is_true(ev.token.skipped)
  end)

  it("turns null into nil in every nullable place", function ()
    local ev = event.decode(token_event('{"id":0,"text":"","logprob":null,"special":null,'
      .. '"skipped":null,"alternative_tokens":null}', ',"generated_text":null,"details":null,'
      .. '"error":null'))
    assert.same({ token = { id = 0, text = "" } }, ev)
    ev = event.decode(token_event(good, ',"generated_text":"x","details":{"finish_reason":"length",'
      .. '"prompt_tokens":null,"generated_tokens":null,"skipped_tokens":null,"seed":null,'
      .. '"prefill":null,"tokens":null,"best_of_sequences":null}'))
    assert.same({ finish_reason = "length" }, ev.details)
  end)

  it("accepts events of older servers that leave fields out", function ()
    assert.same({ token = { id = 3, text = "x" } }, event.decode '{"token":{"id":3,"text":"x"}}')
  end)

  it("returns ids and seeds of 64 bits exactly", function ()
    assert.equal(4294967295, event.decode(token_event '{"id":4294967295,"text":""}').token.id)
    for _, digits in ipairs { "9007199254740993", "9223372036854775807", "18446744073709551615" } do
      local want = json.decode(digits)
      local ev = event.decode(token_event('{"id":' .. digits .. ',"text":"","alternative_tokens":['
        .. '{"id":1,"text":""}]}', ',"generated_text":"","details":{"finish_reason":"length",'
        .. '"generated_tokens":1,"seed":' .. digits .. "}"))
      assert.equal(want, ev.token.id)
      assert.equal(want, ev.details.seed)
      ev = event.decode(token_event('{"id":1,"text":"","alternative_tokens":[{"id":' .. digits
        .. ',"text":""}]}'))
      assert.equal(want, ev.token.alternative_tokens[1].id)
    end
    assert.equal(integer_of "9007199254740993", json.decode "9007199254740993")
  end)

  it("does not confuse numbers with digits in the text", function ()
    local ev = event.decode(token_event '{"id":12345678901234567,"text":"12345678901234567"}')
    assert.equal("12345678901234567", ev.token.text)
    assert.equal(integer_of "12345678901234567", ev.token.id)
  end)

  it("reads text with unusual characters and escapes", function ()
    for text, spelt in pairs {
      ["é€😀"] = "é€😀", ["😀"] = "\\ud83d\\ude00", ["\239\191\189"] = "\\ud83d",
      ["a\226\128\168b\194\133"] = "a\226\128\168b\194\133", ["\0"] = "\\u0000",
      ['"\\/'] = '\\"\\\\\\/', ["\255\128"] = "\255\128", ["\n"] = "\\n", [""] = "",
    } do
      assert.equal(text, event.decode(token_event('{"id":1,"text":"' .. spelt .. '"}')).token.text)
    end
  end)

  it("replaces each half of a surrogate pair that is split over two tokens", function ()
    local first = event.decode(token_event '{"id":1,"text":"\\ud83d"}').token.text
    local second = event.decode(token_event '{"id":1,"text":"\\ude00"}').token.text
    assert.equal("\239\191\189\239\191\189", first .. second)
  end)

  it("recognises the end mark of the /v1 routes", function ()
    assert.same({ done = true }, event.decode "[DONE]")
    assert.same({ done = true }, event.decode " [DONE]\n")
    assert.is_nil(event.decode('{"done":true,"token":' .. good .. "}").done)
  end)

  it("refuses data that are not an event with a failure of kind protocol", function ()
    for _, payload in ipairs {
      "", " ", "null", "true", "5", '"text"', "[]", "{}", "[" .. token_event(good) .. "]",
      "nonsense", "<html><body>502</body></html>",
      '{"token":', token_event(good) .. "x", "[DONE", "[DONE] x",
      '{"token":null}', '{"token":5}', '{"token":"x"}', '{"token":[]}', '{"token":[1]}',
      '{"token":{}}', '{"token":true}', '{"token":false}', '{"error":null}', '{"error":false}',
      '{"generated_text":"x"}', ("["):rep(100000), '{"a":1,"token":{"id":NaN,"text":""}}',
    } do is_protocol_failure(payload) end
  end)

  it("refuses a wrong type in every field and names the field", function ()
    local cases = {
      ["token.id is not an integer"] = { '{"id":"5","text":""}', '{"id":1.5,"text":""}',
        '{"id":-1,"text":""}', '{"id":null,"text":""}', '{"text":""}', '{"id":{},"text":""}',
        '{"id":[],"text":""}', '{"id":true,"text":""}', '{"id":1e400,"text":""}',
        '{"id":-18446744073709551615,"text":""}' },
      ["token.text is not a string"] = { '{"id":5}', '{"id":5,"text":null}', '{"id":5,"text":7}',
        '{"id":5,"text":{}}', '{"id":5,"text":["a"]}', '{"id":5,"text":false}' },
      ["token.logprob is not a number"] = { '{"id":5,"text":"","logprob":"-0.3"}',
        '{"id":5,"text":"","logprob":{}}', '{"id":5,"text":"","logprob":false}',
        '{"id":5,"text":"","logprob":1e400}', '{"id":5,"text":"","logprob":-1e400}' },
      ["token.special is not a boolean"] = { '{"id":5,"text":"","special":0}',
        '{"id":5,"text":"","special":"false"}', '{"id":5,"text":"","special":{}}' },
      ["token.skipped is not a boolean"] = { '{"id":5,"text":"","skipped":1}' },
      ["token.alternative_tokens is not an array"] = { '{"id":5,"text":"","alternative_tokens":5}',
        '{"id":5,"text":"","alternative_tokens":{"a":1}}',
        '{"id":5,"text":"","alternative_tokens":"x"}',
        '{"id":5,"text":"","alternative_tokens":false}' },
      ["token.alternative_tokens[1] is not an object"] = {
        '{"id":5,"text":"","alternative_tokens":[5]}',
        '{"id":5,"text":"","alternative_tokens":[null]}' },
      ["token.alternative_tokens[2].id is not an integer"] = {
        '{"id":5,"text":"","alternative_tokens":[{"id":1,"text":""},{"id":"2","text":""}]}' },
      ["token.alternative_tokens[1].text is not a string"] = {
        '{"id":5,"text":"","alternative_tokens":[{"id":1,"text":2}]}' },
      ["token.alternative_tokens[1].logprob is not a number"] = {
        '{"id":5,"text":"","alternative_tokens":[{"id":1,"text":"","logprob":"x"}]}' },
    }
    for message, tokens in pairs(cases) do
      for _, token in ipairs(tokens) do
        assert.equal("in the event, " .. message, is_protocol_failure(token_event(token)))
      end
    end
  end)

  it("refuses a wrong type beside the token", function ()
    local cases = {
      ["generated_text is not a string"] = { '"generated_text":5', '"generated_text":false',
        '"generated_text":{}', '"generated_text":["x"]' },
      ["details is not an object"] = { '"details":5', '"details":"x"', '"details":true' },
      ["details.finish_reason is not a string"] = { '"details":[]', '"details":{}',
        '"details":[{"finish_reason":"length"}]', '"details":{"finish_reason":5}',
        '"details":{"finish_reason":null}' },
      ["details.seed is not an integer"] = { '"details":{"finish_reason":"length","seed":"42"}',
        '"details":{"finish_reason":"length","seed":-1}',
        '"details":{"finish_reason":"length","seed":1.5}' },
      ["details.prompt_tokens is not an integer"] = {
        '"details":{"finish_reason":"length","prompt_tokens":"6"}' },
      ["details.generated_tokens is not an integer"] = {
        '"details":{"finish_reason":"length","generated_tokens":[]}' },
      ["details.prefill[1].id is not an integer"] = {
        '"details":{"finish_reason":"length","prefill":[{}]}' },
      ["details.tokens is not an array"] = { '"details":{"finish_reason":"length","tokens":5}' },
    }
    for message, fields in pairs(cases) do
      for _, field in ipairs(fields) do
        local payload = token_event(good, "," .. field)
        assert.equal("in the event, " .. message, is_protocol_failure(payload))
      end
    end
  end)

  it("refuses payloads that are not strings", function ()
    for _, payload in ipairs { 5, true, {}, print } do is_protocol_failure(payload) end
    is_protocol_failure(nil)
  end)

  it("does not repeat the payload in its message", function ()
    for _, payload in ipairs { "pb_SENTINEL", '{"token":{"id":"pb_SENTINEL","text":""}}' } do
      assert.is_nil(is_protocol_failure(payload):find("SENTINEL", 1, true))
    end
  end)
end)

describe("an error event", function ()
  it("is recognised by its error field", function ()
    assert.same({ error = "Model is overloaded", error_type = "overloaded" },
      event.decode '{"error":"Model is overloaded","error_type":"overloaded"}')
    assert.same({ error = "x" }, event.decode '{"error":"x"}')
    assert.same({ error = "x", error_type = "validation" },
      event.decode('{"error":"x","error_type":"validation","token":' .. good .. "}"))
  end)

  it("has strings for any types that the server sends", function ()
    local cases = {
      ['{"error":{"message":"m","type":"t"}}'] = { error = "m", error_type = "t" },
      ['{"error":{"message":"m"},"error_type":"e"}'] = { error = "m", error_type = "e" },
      ['{"error":{"code":5}}'] = { error = '{"code":5}' },
      ['{"error":["a"]}'] = { error = '["a"]' },
      ['{"error":42}'] = { error = "42" },
      ['{"error":true,"error_type":7}'] = { error = "true" },
      ['{"error":"","error_type":"overloaded"}'] = { error = "overloaded",
        error_type = "overloaded" },
      ['{"error":""}'] = { error = "the server gave no reason" },
      ['{"error_type":"generation"}'] = { error = "generation", error_type = "generation" },
      ['{"error":null,"error_type":"generation"}'] = { error = "generation",
        error_type = "generation" },
    }
    for payload, want in pairs(cases) do assert.same(want, event.decode(payload), payload) end
  end)

  it("gets its kind from every error_type of the router", function ()
    local cases = { generation = "generation", overloaded = "overloaded", validation = "validation",
      incomplete_generation = "incomplete_generation", template_error = "template",
      tool_error = "tool", missing_template_variable = "template", embedding_failure = "server",
      classification_failure = "server", healthcheck = "server", invalid_input = "validation",
      something_new = "server" }
    for error_type, kind in pairs(cases) do
      local ev = event.decode('{"error":"m","error_type":"' .. error_type .. '"}')
      local failure = event.failure(ev)
      assert.same({ kind = kind, message = "m", error_type = error_type }, failure)
      assert.is_table(errors.kinds[failure.kind])
    end
    assert.same({ kind = "server", message = "m" }, event.failure { error = "m" })
  end)

  it("has the kind server and is retryable when the router cannot reach its shard", function ()
    local text = "Request failed during generation: Server error: error trying to connect: "
      .. "No such file or directory (os error 2)"
    assert.same({ kind = "server", retryable = true, message = text, error_type = "generation" },
      event.failure { error = text, error_type = "generation" })
  end)

  it("shows no secret, no control characters and no text of unlimited length", function ()
    local ev = { error = "bad token pb_SENTINEL\27[2J\n", error_type = "pb_SENTINEL" }
    local failure = event.failure(ev, { "pb_SENTINEL" })
    assert.equal("bad token [redacted]?[2J ", failure.message)
    assert.equal("[redacted]", failure.error_type)
    assert.is_true(#event.failure({ error = ("x"):rep(10000000) }).message <= event.MAX_MESSAGE)
  end)
end)

describe("event.details", function ()
  it("normalises all fields of /generate", function ()
    local details = assert(event.details(json.decode [[{"finish_reason":"length","prompt_tokens":6,
      "generated_tokens":1,"skipped_tokens":0,"seed":18446744073709551615,
      "prefill":[{"id":1,"text":"<s>","logprob":null},{"id":1724,"text":"What","logprob":-9.25}],
      "tokens":[{"id":1369,"text":"test","logprob":null,"special":false,"skipped":false}],
      "best_of_sequences":[{"generated_text":"b","finish_reason":"length","generated_tokens":1,
      "seed":null,"prefill":[],"tokens":[{"id":7,"text":"b","logprob":-1,"special":false}]}]}]]))
    assert.same({ finish_reason = "length", prompt_tokens = 6, generated_tokens = 1,
      skipped_tokens = 0, seed = "18446744073709551615",
      prefill = { { id = 1, text = "<s>" }, { id = 1724, text = "What", logprob = -9.25 } },
      tokens = { { id = 1369, text = "test", special = false, skipped = false } },
      best_of_sequences = { { generated_text = "b", finish_reason = "length", generated_tokens = 1,
        prefill = {}, tokens = { { id = 7, text = "b", logprob = -1, special = false } } } },
    }, details)
    assert.equal("1724", tostring(details.prefill[2].id))
  end)

  it("names the field that has the wrong type", function ()
    local base = '{"finish_reason":"length",'
    for text, message in pairs {
      ['"seed":{}}'] = "details.seed is not an integer",
      ['"tokens":[{"id":1,"text":"","special":1}]}'] = "details.tokens[1].special is not a boolean",
      ['"best_of_sequences":[{"finish_reason":"x","generated_text":5}]}'] =
        "details.best_of_sequences[1].generated_text is not a string",
      ['"best_of_sequences":["x"]}'] = "details.best_of_sequences[1] is not an object",
      ['"prefill":{"a":1}}'] = "details.prefill is not an array",
    } do
      assert.same({ nil, message }, { event.details(json.decode(base .. text)) })
    end
    assert.same({ nil, "details is not an object" }, { event.details(5) })
  end)
end)
