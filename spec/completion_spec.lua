-- SPDX-License-Identifier: MIT
--- What `completion` sends, byte for byte, what it refuses to send, and what it returns.
local errors = require "predibase.errors"
local json = require "predibase.json"
local pipe = require "spec.support.pipe_transport"
local wire_chat = require "spec.support.wire_chat"

local JSON = { ["content-type"] = "application/json" }

--- Makes a call on a client with these options. Returns the body that was sent, or nil and the
-- error.
local function sent (options, client_options, streamed, prompt)
  local reply = streamed and { body = wire_chat.text_chunk("x", "stop", wire_chat.usage(2, 1)) }
    or { headers = JSON, body = wire_chat.text_body "x" }
  local client, network = pipe.client(reply, client_options)
  local result, err
  if streamed then
    result, err = client:completion_stream(prompt or "Hi", options):text()
  else
    result, err = client:completion(prompt or "Hi", options)
  end
  client:close()
  if err then
    assert.is_true(errors.is(err))
    assert.equal(0, #network.requests)
    return nil, err
  end
  assert.equal("x", tostring(result))
  assert.equal(network.url .. "/v1/completions", network.requests[1].url)
  return network.requests[1].body
end

local function invalid (message, ...)
  local body, err = sent(...)
  assert.is_nil(body)
  assert.equal("validation", err.kind)
  assert.equal("Input validation error: " .. message, err.message)
end

local OPENAI = { server = "openai" }
local SENT = '"prompt":"Hi"'

describe("a completion", function ()
  it("sends the model and the prompt", function ()
    for _, client in ipairs { { server = "lorax" }, OPENAI } do
      assert.equal('{"model":"",' .. SENT .. "}", sent(nil, client))
      assert.equal('{"model":"","prompt":"\\"é\\"\\u0000\\n"}', sent({}, client, false, '"é"\0\n'))
    end
  end)

  it("sends a stream's request with stream, and asks others than LoRAX for the counts", function ()
    assert.equal('{"model":"",' .. SENT .. ',"stream":true}', sent(nil, nil, true))
    assert.equal('{"model":"",' .. SENT .. ',"stream":true,"stream_options":'
      .. '{"include_usage":true}}', sent(nil, OPENAI, true))
  end)

  it("sends every parameter by its name, in one order", function ()
    local all = { adapter_id = "r/1", adapter_source = "hub", api_token = "hf_1", best_of = 2,
      temperature = 0.5, top_p = 0.25, n = 2, max_tokens = 5, echo = true, logprobs = 3,
      stop = "a", presence_penalty = 1, frequency_penalty = -1, repetition_penalty = 1.5,
      top_k = 3, ignore_eos_token = false, seed = 7, extra = { suffix = "s" } }
    local rest = ',"adapter_source":"hub","api_token":"hf_1","best_of":2,"temperature":0.5,'
      .. '"top_p":0.25,"n":2,"max_tokens":5,"echo":true,"logprobs":3,"stop":["a"],'
      .. '"presence_penalty":1,"frequency_penalty":-1,"repetition_penalty":1.5,"top_k":3,'
      .. '"ignore_eos_token":false,"seed":7,"suffix":"s"}'
    assert.equal('{"model":"r/1",' .. SENT .. rest, sent(all, OPENAI))
    all.seed, all.n, all.logprobs = nil, nil, nil
    for _, field in ipairs { '"seed":7,', '"n":2,', '"logprobs":3,' } do
      rest = rest:gsub(field, "")
    end
    assert.equal('{"model":"r/1",' .. SENT .. rest, sent(all))
  end)

  it("knows other names of parameters", function ()
    for name, field in pairs { max_new_tokens = "max_tokens", max_completion_tokens = "max_tokens",
      repitition_penalty = "repetition_penalty" } do
      assert.equal('{"model":"",' .. SENT .. ',"' .. field .. '":7}', sent { [name] = 7 })
    end
    assert.equal('{"model":"",' .. SENT .. ',"echo":true}', sent { return_full_text = true })
    assert.equal('{"model":"x",' .. SENT .. ',"adapter_source":"pbase"}', sent { model = "x" })
  end)

  it("leaves out what is null", function ()
    local nulls = {}
    for name in pairs(require "predibase.completion".parameters.names) do
      nulls[name] = json.null
    end
    assert.equal('{"model":"",' .. SENT .. "}", sent(nulls))
  end)

  it("refuses values that the server would refuse", function ()
    for message, options in pairs {
      ["`best_of` must be an integer >= 0, got the number -1"] = { best_of = -1 },
      ["`logprobs` must be an integer >= 0, got the number -1"] = { logprobs = -1 },
      ["`echo` must be a boolean, got the number 1"] = { echo = 1 },
      ["`extra.prompt` is a field that the method writes itself"] = { extra = { prompt = "" } },
      ["`extra.stream` is a field that the method writes itself"] = { extra = { stream = false } },
    } do
      invalid(message, options)
      invalid(message, options, OPENAI)
    end
    for message, options in pairs {
      ["`max_tokens` must be strictly positive"] = { max_tokens = 0 },
      ["`n` must be strictly positive"] = { n = 0 },
    } do
      invalid(message, options)
      assert.is_string(sent(options, OPENAI))
    end
    invalid("`prompt` cannot be empty", nil, nil, false, "")
    invalid("`prompt` must be valid UTF-8, got byte 0xff at position 1", nil, nil, false, "\255")
  end)

  it("refuses what a server would refuse in a stream", function ()
    for message, options in pairs {
      ["`n` must be 1 when streaming"] = { n = 2 },
      ["`best_of` must be 1 when streaming"] = { best_of = 2 },
    } do
      invalid(message, options, nil, true)
      invalid(message, options, OPENAI, true)
    end
    invalid("`echo` cannot be used when streaming: LoRAX then leaves the prompt out",
      { return_full_text = true }, nil, true)
    assert.is_string(sent({ logprobs = 0, echo = true }, OPENAI, true))
    assert.equal('{"model":"",' .. SENT .. ',"stream":true}',
      sent(nil, { defaults = { return_full_text = true } }, true))
  end)

  it("refuses what LoRAX would leave out of the answer", function ()
    for _, stream in ipairs { false, true } do
      invalid("`logprobs`: LoRAX returns none here; use generate with details = true",
        { logprobs = 0 }, nil, stream)
    end
    invalid("`n` must be 1: LoRAX returns one answer here; chat_completion returns several",
      { n = 2 })
  end)

  it("refuses several samples where LoRAX could not choose between them", function ()
    invalid("you must use sampling when `best_of` is > 1", { best_of = 2 })
    invalid("`seed` must not be set when `best_of` > 1", { best_of = 2, n = 1, seed = 1 })
    for _, options in ipairs { { best_of = 2, n = 1 }, { best_of = 2, temperature = 0.5 },
      { best_of = 2, top_p = 0.5 }, { best_of = 2, top_k = 5 }, { best_of = 1, seed = 1 } } do
      assert.is_string(sent(options))
    end
    assert.is_string(sent({ best_of = 2, seed = 1 }, OPENAI))
  end)

  it("refuses defaults of the client that would change the answer", function ()
    for name, value in pairs { response_format = { type = "json_object" },
      merged_adapters = { ids = { "a" }, weights = { 1 } } } do
      invalid(name .. " is a default of this client, but /v1/completions has no such parameter; "
        .. "make a client without it", nil, { defaults = { [name] = value } })
    end
    assert.equal('{"model":"",' .. SENT .. ',"max_tokens":9,"stop":["a"]}',
      sent(nil, { defaults = { response_format = { type = "text" },
        max_new_tokens = 9, stop = "a", details = true, truncate = 5 } }))
  end)
end)

describe("the answer", function ()
  it("has a text, the log probabilities that the server sends, and no message", function ()
    local client = pipe.client({ headers = JSON, body = '{"choices":[{"index":0,"text":"Blue",'
      .. '"logprobs":{"tokens":["Blue"]},"finish_reason":"stop"},{"index":1,"text":"Grey",'
      .. '"logprobs":null,"finish_reason":"length"}]}' }, OPENAI)
    local result = assert(client:completion("Hi", { n = 2, logprobs = 1 }))
    assert.equal("Blue", result.text)
    assert.same({ tokens = { "Blue" } }, result.logprobs)
    assert.is_nil(result.message)
    assert.equal("Grey", result.choices[2].text)
    assert.equal("length", result.choices[2].finish_reason)
    assert.is_nil(result.choices[2].logprobs)
    assert.same({}, result.usage)
    client:close()
  end)

  it("of a stream has the text of its deltas, and no message", function ()
    local client = pipe.client { body = wire_chat.text_chunk " one"
      .. wire_chat.text_chunk(" two", "length", wire_chat.usage(2, 2)) .. wire_chat.DONE }
    local stream = client:completion_stream "Hi"
    local texts = {}
    for text in stream:texts() do texts[#texts + 1] = text end
    assert.same({ " one", " two" }, texts)
    local result = stream:result()
    assert.equal(" one two", tostring(result))
    assert.is_nil(result.message)
    assert.equal("length", result.finish_reason)
    client:close()
  end)

  it("of a wrong type is refused", function ()
    for body, message in pairs {
      ['{"choices":[{"text":5}]}'] = "choices[1].text is not a string",
      ['{"choices":[{"text":null}]}'] = "choices[1].text is not a string",
      ['{"choices":[{"text":"x","finish_reason":5}]}'] =
        "choices[1].finish_reason is not a string",
      ['{"choices":[{"text":"x"},{}]}'] = "choices[2].text is not a string",
    } do
      local client = pipe.client { headers = JSON, body = body }
      local result, err = client:completion "Hi"
      assert.is_nil(result)
      assert.equal("protocol", err.kind)
      assert.equal("in the answer, " .. message, err.message)
      client:close()
    end
  end)

  it("of a chat where a completion was asked for is refused", function ()
    local client = pipe.client { body = wire_chat.answer() }
    local text, err = client:completion_stream "Hi":text()
    assert.is_nil(text)
    assert.equal("protocol", err.kind)
    assert.equal("in the event, choices[1].text is not a string", err.message)
    client:close()
  end)
end)
