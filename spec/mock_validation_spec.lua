-- SPDX-License-Identifier: MIT

local bodies = require "predibase.mock.bodies"
local validation = require "predibase.mock.validation"

local LIMITS = { max_best_of = 2, max_stop_sequences = 10, max_input_length = 1792,
  max_total_tokens = 2048 }

local function parse (parameters, inputs)
  local body = ('{"inputs":%s,"parameters":{%s}}'):format(inputs or '"x"', parameters)
  return bodies.read(body, "generate")
end

local function refusal (parameters, tokens, inputs)
  local request, _, text = parse(parameters, inputs)
  assert(request, text)
  local ok, message = validation.check(request.inputs, request.parameters, LIMITS, function ()
    return tokens or 2
  end)
  return not ok and message or nil
end

describe("predibase.mock.validation", function ()
  it("refuses with the router's texts", function ()
    local cases = {
      { '"adapter_id":"a","merged_adapters":{"ids":["b"],"weights":[1]}',
        "at most one of `adapter_id` or `adapters` may be provided" },
      { '"adapter_id":"","merged_adapters":{"ids":["b"],"weights":[1]}',
        "at most one of `adapter_id` or `adapters` may be provided" },
      { '"merged_adapters":{"ids":[]}',
        "at least one adapter ID must be provided when setting `adapters`" },
      { '"merged_adapters":{"ids":["a","b"],"weights":[1]}',
        "number of adapter IDs must match number of adapter weights" },
      { '"best_of":2', "you must use sampling when `best_of` is > 1" },
      { '"temperature":-0.1', "`temperature` must be non-negative" },
      { '"repetition_penalty":0', "`repetition_penalty` must be strictly positive" },
      { '"frequency_penalty":2.1', "`frequency_penalty` must be >= -2.0 and <= 2.0" },
      { '"presence_penalty":-2.1', "`presence_penalty` must be >= -2.0 and <= 2.0" },
      { '"top_p":0', "`top_p` must be > 0.0 and < 1.0" },
      { '"top_p":1.1', "`top_p` must be > 0.0 and < 1.0" },
      { '"typical_p":1.0', "`typical_p` must be > 0.0 and < 1.0" },
      { '"top_k":0', "`top_k` must be strictly positive" },
      { '"return_k_alternatives":-1', "`return_k_alternatives` must be strictly positive" },
      { '"max_new_tokens":0', "`max_new_tokens` must be strictly positive" },
      { '"stop":["1","2","3","4","5","6","7","8","9","10","11"]',
        "`stop` supports up to 10 stop sequences. Given: 11" },
      { '"best_of":2,"do_sample":true,"seed":1', "`seed` must not be set when `best_of` > 1" },
      { '"truncate":0', "`truncate` must be strictly positive and less than 1792. Given: 0" },
      { '"truncate":1793',
        "`truncate` must be strictly positive and less than 1792. Given: 1793" },
      { '"max_new_tokens":2047', "`inputs` tokens + `max_new_tokens` must be <= 2048. "
        .. "Given: 2 `inputs` tokens and 2047 `max_new_tokens`" },
    }
    for _, case in ipairs(cases) do assert.equal(case[2], refusal(case[1])) end
    assert.equal("`inputs` cannot be empty", refusal("", 1, '""'))
    assert.equal("`inputs` must have less than 1792 tokens. Given: 1793", refusal("", 1793))
  end)

  it("accepts what the router accepts, also where that is surprising", function ()
    local accepted = {
      "", '"top_p":1.0', '"best_of":0', '"best_of":1', '"temperature":0', '"stop":[]',
      '"adapter_id":null,"merged_adapters":{"ids":["b"],"weights":[1]}', '"max_new_tokens":2046',
      '"adapter_id":""', '"apply_chat_template":true', '"no_such_parameter":[{}]', '"seed":0',
      '"seed":18446744073709551615', '"temperature":1', '"return_full_text":null',
    }
    for _, parameters in ipairs(accepted) do assert.is_nil(refusal(parameters)) end
  end)

  it("checks a request in the router's order", function ()
    local order = {
      '"adapter_id":"a","merged_adapters":{"ids":["b"],"weights":[1]}', '"temperature":-1',
      '"repetition_penalty":0', '"frequency_penalty":3', '"presence_penalty":3', '"top_p":2',
      '"typical_p":2', '"top_k":0', '"return_k_alternatives":0', '"max_new_tokens":0',
      '"stop":["1","2","3","4","5","6","7","8","9","10","11"]', '"truncate":0',
    }
    for first = 1, #order do
      local all = table.concat(order, ",", first)
      assert.equal(refusal(order[first]), refusal(all))
    end
  end)

  it("refuses on streams what only streams refuse", function ()
    assert.is_nil(validation.stream_only {})
    assert.is_nil(validation.stream_only { best_of = 1 })
    local text = "`best_of` != 1 is not supported when streaming tokens"
    assert.equal(text, validation.stream_only { best_of = 0 })
    assert.equal(text, validation.stream_only { best_of = 2, decoder_input_details = true })
    assert.equal("`decoder_input_details` == true is not supported when streaming tokens",
      validation.stream_only { decoder_input_details = true })
  end)

  it("limits best_of", function ()
    assert.is_nil(validation.best_of({ best_of = 2 }, LIMITS))
    assert.equal("`best_of` must be > 0 and <= 2. Given: 3",
      validation.best_of({ best_of = 3 }, LIMITS))
    assert.equal("`best_of` != 1 is not allowed for this endpoint",
      validation.best_of({ best_of = 2 }, { max_best_of = 1 }))
  end)

  it("allows best_of whenever a sampling parameter is given, whatever its value", function ()
    for _, name in ipairs { '"temperature":1', '"temperature":0', '"top_p":1', '"top_k":5',
        '"typical_p":0.5', '"do_sample":true,"temperature":0' } do
      assert.is_nil(refusal('"best_of":2,' .. name), name)
    end
  end)

  it("samples when the shard would", function ()
    for _, p in ipairs { {}, { temperature = 1 }, { temperature = 0 }, { top_p = 1 },
        { do_sample = true, temperature = 0 } } do
      assert.is_falsy(validation.samples(p))
    end
    for _, p in ipairs { { do_sample = true }, { temperature = 0.5 }, { top_k = 3 },
        { top_p = 0.9 }, { typical_p = 0.9 } } do
      assert.is_true(validation.samples(p))
    end
  end)

  it("knows the requests that end the router", function ()
    assert.is_true(validation.panics { adapter_id = "a\nb" })
    assert.is_true(validation.panics { adapter_source = "h\127" })
    assert.is_true(validation.panics { merged_adapters = { ids = {}, merge_strategy = "sum" } })
    assert.is_true(validation.panics { merged_adapters = { ids = {}, majority_sign_method = "x" } })
    assert.is_false(validation.panics { adapter_id = "a\tb é" })
    assert.is_false(validation.panics { merged_adapters = { ids = {}, merge_strategy = "TIES" } })
  end)
end)
