-- SPDX-License-Identifier: MIT
local event = require "predibase.event"
local response = require "predibase.response"

local JSON = { ["content-type"] = "application/json" }

local function reply (body, headers, status)
  return { status = status or 200, headers = headers or JSON, body = body }
end

describe("response.result", function ()
  it("returns the text of LoRAX /generate", function ()
    local result = assert(response.result(reply '{"generated_text":"test"}', { attempts = 2 }))
    assert.equal("test", result.generated_text)
    assert.equal("test", tostring(result))
    assert.is_nil(result.details)
    assert.equal(200, result.status)
    assert.equal(2, result.attempts)
    assert.equal(JSON, result.headers)
    assert.same({}, result.usage)
    assert.same({}, result.timing)
  end)

  it("has the shape of all results", function ()
    local result = assert(response.result(reply(
      '{"generated_text":"test","details":{"finish_reason":"eos_token","prompt_tokens":2}}',
      { ["x-b3-traceid"] = "4f" }), { request_id = "42" }))
    assert.equal("test", result.text)
    assert.equal("stop", result.finish_reason)
    assert.equal("eos_token", result.raw_finish_reason)
    assert.equal("eos_token", result.details.finish_reason)
    assert.equal("42", result.request_id)
    assert.equal("4f", result.trace_id)
    for raw, name in pairs { length = "length", stop_sequence = "stop_sequence" } do
      local other = response.result(reply(
        '{"generated_text":"x","details":{"finish_reason":"' .. raw .. '"}}'))
      assert.same({ name, raw }, { other.finish_reason, other.raw_finish_reason })
    end
    assert.equal("42", select(2, response.result(reply("x", {}, 500),
      { request_id = "42" })).request_id)
  end)

  it("can be concatenated with a string on both sides", function ()
    local result = response.result(reply '{"generated_text":"test"}')
    assert.equal("a test", "a " .. result)
    assert.equal("test z", result .. " z")
    assert.equal("testtest5", result .. result .. 5)
  end)

  it("returns the text of LoRAX /, an array of one", function ()
    assert.equal("test", tostring(response.result(reply ' [{"generated_text":"test"}]\n')))
  end)

  it("accepts any content type when the answer is valid", function ()
    assert.equal("x", tostring(response.result(reply('{"generated_text":"x"}', {}))))
    assert.equal("x", tostring(response.result(reply('{"generated_text":"x","details":null}',
      { ["content-type"] = "text/plain" }, 201))))
  end)

  it("returns details without null and with the exact seed", function ()
    local result = response.result(reply [[{"generated_text":"test","details":{"finish_reason":
      "length","prompt_tokens":6,"generated_tokens":1,"skipped_tokens":0,
      "seed":18446744073709551615,"prefill":[],"tokens":[{"id":1369,"text":"test",
      "logprob":null,"special":false,"skipped":false}]}}]])
    assert.same({ finish_reason = "length", prompt_tokens = 6, generated_tokens = 1,
      skipped_tokens = 0, seed = "18446744073709551615", prefill = {},
      tokens = { { id = 1369, text = "test", special = false, skipped = false } } }, result.details)
    assert.same({ prompt_tokens = 6, completion_tokens = 1, total_tokens = 7 }, result.usage)
    assert.equal("7", tostring(result.usage.total_tokens))
  end)

  it("reads token counts and times from the headers", function ()
    local headers = { ["x-prompt-tokens"] = "6", ["x-generated-tokens"] = "20",
      ["x-total-tokens"] = "26", ["x-total-time"] = "1500", ["x-validation-time"] = "1",
      ["x-queue-time"] = "250", ["x-inference-time"] = "1249", ["x-compute-time"] = "1500",
      ["x-time-per-token"] = "62", ["x-time-to-first-token"] = "80",
      ["x-time-per-output-token"] = "63", ["x-model-id"] = "mistralai/Mistral-7B",
      ["x-adapter-id"] = "a/1,b/2" }
    local result = response.result(reply('{"generated_text":"x"}', headers),
      { adapter_id = "asked", timing = { total = 2.5 } })
    assert.same({ prompt_tokens = 6, completion_tokens = 20, total_tokens = 26 }, result.usage)
    assert.equal("26", tostring(result.usage.total_tokens))
    assert.same({ total = 2.5, total_server = 1.5, validation = 0.001, queue = 0.25,
      inference = 1.249, compute = 1.5, time_per_token = 0.062, time_to_first_token = 0.08,
      time_per_output_token = 0.063 }, result.timing)
    assert.equal("a/1,b/2", result.adapter_id)
    assert.equal("mistralai/Mistral-7B", result.model_id)
  end)

  it("ignores headers that are not numbers", function ()
    local result = response.result(reply('{"generated_text":"x"}', { ["x-prompt-tokens"] = "many",
      ["x-generated-tokens"] = "-1", ["x-total-tokens"] = ("9"):rep(400), ["x-total-time"] = "",
      ["x-queue-time"] = {}, ["x-model-id"] = {} }), { adapter_id = "asked" })
    assert.same({}, result.usage)
    assert.same({}, result.timing)
    assert.is_nil(result.model_id)
    assert.equal("asked", result.adapter_id)
  end)

  it("joins the tokens when the text was cut inside a character", function ()
    local details = ',"details":{"finish_reason":"length","generated_tokens":4,"tokens":['
    local tokens = '{"id":1,"text":"<s>","special":true},{"id":2,"text":"gut"},'
      .. '{"id":3,"text":" é","special":false},{"id":4,"text":""}]}}'
    assert.equal("gut é",
      tostring(response.result(reply('{"generated_text":""' .. details .. tokens))))
    assert.equal("whole",
      tostring(response.result(reply('{"generated_text":"whole"' .. details .. tokens))))
    assert.equal("", tostring(response.result(reply('{"generated_text":""' .. details .. "]}}"))))
    assert.equal("", tostring(response.result(reply '{"generated_text":""}')))
  end)

  it("returns an error of kind protocol for a body that is not an answer of LoRAX", function ()
    for _, body in ipairs { "", "null", "5", '"text"', "[]", "{}", '{"generated_text":null}',
      '{"generated_text":5}', '{"generated_text":["x"]}', '{"generated_text":"x"', "<html></html>",
      '[{"generated_text":"a"},{"generated_text":"b"}]', '{"generated_text":"x","details":5}',
      '{"generated_text":"x","details":[]}', '{"embeddings":[0.1]}', ("["):rep(100000),
      'data: {"token":{"id":1,"text":"x"}}\n\n' } do
      local result, err = response.result(reply(body))
      assert.is_nil(result, body)
      assert.equal("protocol", err.kind, body)
      assert.is_false(err.retryable)
      assert.equal(200, err.status)
    end
    local _, err = response.result(reply '{"generated_text":"x","details":{"finish_reason":5}}')
    assert.equal("in the answer, details.finish_reason is not a string", err.message)
    assert.equal("protocol", select(2, response.result { status = 200 }).kind)
    assert.equal("protocol", select(2, response.result {}).kind)
  end)

  it("returns the error that a response with status 200 contains", function ()
    for _, body in ipairs {
      '{"error":"Model is overloaded","error_type":"overloaded"}',
      '[{"error":"Model is overloaded","error_type":"overloaded"}]',
      'data: {"error":"Model is overloaded","error_type":"overloaded"}\n\n',
      '{"generated_text":"","error":"Model is overloaded","error_type":"overloaded"}',
    } do
      local result, err = response.result(reply(body), { attempts = 3 })
      assert.is_nil(result)
      assert.equal("overloaded", err.kind)
      assert.equal("Model is overloaded", err.message)
      assert.equal(3, err.attempts)
      assert.is_true(err.retryable)
    end
  end)

  it("returns an error for every status except 2xx, with any body", function ()
    local result, err = response.result(reply('{"generated_text":"x"}', JSON, 500))
    assert.is_nil(result)
    assert.equal("server", err.kind)
  end)
end)

--- Returns a function that returns the text of all tokens, as a stream has it.
local function of (text) return function () return text end end

describe("response.stream_result", function ()
  local headers = { ["x-model-id"] = "m", ["x-adapter-id"] = "a/1" }

  it("has the same fields as the result of generate", function ()
    local final = event.decode('{"token":{"id":2,"text":"</s>","special":true},"generated_text":'
      .. '" test","details":{"finish_reason":"eos_token","prompt_tokens":6,"generated_tokens":2}}')
    local result = response.stream_result({ final = final, text = of " test", count = 2,
      status = 200,
      headers = headers }, { attempts = 1, timing = { total = 1, first_token = 0.5 } })
    assert.equal(" test", tostring(result))
    assert.equal("eos_token", result.details.finish_reason)
    assert.same({ prompt_tokens = 6, completion_tokens = 2, total_tokens = 8 }, result.usage)
    assert.same({ total = 1, first_token = 0.5 }, result.timing)
    assert.equal("m", result.model_id)
    assert.equal("a/1", result.adapter_id)
    assert.equal(200, result.status)
    assert.equal(1, result.attempts)
  end)

  it("has the tokens per second after the first token", function ()
    assert.equal(10, response.tokens_per_second(21, { total = 3, first_token = 1 }))
    assert.is_nil(response.tokens_per_second(1, { total = 3, first_token = 1 }))
    assert.is_nil(response.tokens_per_second(21, { total = 1, first_token = 1 }))
    assert.is_nil(response.tokens_per_second(21, { total = 1 }))
    assert.is_nil(response.tokens_per_second(nil, { total = 3, first_token = 1 }))
    local result = response.stream_result({ final = { generated_text = "x", details = {
      finish_reason = "length", generated_tokens = 5 } }, count = 5, headers = {} },
      { timing = { total = 3, first_token = 1 } })
    assert.equal(2, result.tokens_per_second)
  end)

  it("uses the counted tokens when the server sent no details", function ()
    local result = response.stream_result { final = { generated_text = "ab" }, text = of "ab",
      count = 2 }
    assert.same({ completion_tokens = 2 }, result.usage)
    assert.is_nil(result.details)
  end)

  it("uses the text of the tokens when the last event has none although the tokens do",
    function ()
    local final = { generated_text = "" }
    assert.equal("gut é",
      tostring(response.stream_result { final = final, text = of "gut é", count = 3 }))
    assert.equal("", tostring(response.stream_result { final = final, text = of "", count = 1 }))
  end)

  it("keeps the whole text that the server sends with return_full_text", function ()
    local final = { generated_text = "prompt and answer" }
    assert.equal("prompt and answer",
      tostring(response.stream_result { final = final, text = of " and answer", count = 2 }))
  end)
end)
