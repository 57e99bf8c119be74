-- SPDX-License-Identifier: MIT

local generation = require "predibase.mock.generation"
local model = require "predibase.mock.model"
local tokenizer = require "predibase.mock.tokenizer"
local bodies = require "predibase.mock.bodies"

local function start (inputs, parameters, more)
  local body = ('{"inputs":"%s","parameters":{%s}}'):format(inputs, parameters or "")
  local request = assert(bodies.read(body, "generate"))
  request.tokens = #generation.encode(request.inputs)
  local options = { max_total_tokens = 2048, adapter_source = "pbase", seed = "99" }
  for name, value in pairs(more or {}) do options[name] = value end
  return generation.new(request, options)
end

local function run (inputs, parameters, more)
  local answer = assert(start(inputs, parameters, more))
  local count = 0
  while answer:next() do count = count + 1 end
  assert.equal(count, #answer.ids)
  return answer
end

describe("predibase.mock.generation", function ()
  it("ends at the end of the text", function ()
    local answer = run("What is the capital of France?")
    assert.equal("eos_token", answer.finish_reason)
    assert.equal(" The capital of France is Paris.", answer:text())
    local last = answer.tokens[#answer.tokens]
    assert.equal("</s>", last.text)
    assert.is_true(last.special and last.last)
    assert.is_nil(answer:next())
  end)

  it("ends at max_new_tokens, and calls an end of text exactly there a length", function ()
    local answer = run("What is the capital of France?", '"max_new_tokens":3')
    assert.equal("length", answer.finish_reason)
    assert.equal(" The capital of", answer:text())
    local whole = run("What is the capital of France?")
    local exact = run("What is the capital of France?",
      ('"max_new_tokens":%d'):format(#whole.ids))
    assert.equal(tokenizer.END, exact.ids[#exact.ids])
    assert.equal("length", exact.finish_reason)
  end)

  it("uses all remaining tokens when max_new_tokens is not given", function ()
    local answer = run("Tell me a story", '"ignore_eos_token":true', { max_total_tokens = 60 })
    assert.equal("length", answer.finish_reason)
    assert.equal(60 - answer.prompt_tokens, #answer.ids)
  end)

  it("continues after the end of the text with ignore_eos_token", function ()
    local answer = run("What is the capital of France?",
      '"ignore_eos_token":true,"max_new_tokens":40')
    local ends = 0
    for _, id in ipairs(answer.ids) do ends = ends + (id == tokenizer.END and 1 or 0) end
    assert.is_true(ends >= 1)
    assert.equal(40, #answer.ids)
    assert.is_nil(answer:text():find("</s>", 1, true))
  end)

  it("stops at a stop sequence, which stays in the text", function ()
    local answer = run("What is the capital of France?", '"stop":["never","of France"]')
    assert.equal("stop_sequence", answer.finish_reason)
    assert.equal(" The capital of France", answer:text())
  end)

  it("misses a stop sequence that ends inside a token", function ()
    local answer = run("What is the capital of France?", '"stop":["of Fran"]')
    assert.equal("eos_token", answer.finish_reason)
  end)

  it("stops at a stop sequence that a line break follows", function ()
    local answer = run("x", '"stop":["END"]', { answer = { "a", "EN", "D\n", "more" } })
    assert.equal("stop_sequence", answer.finish_reason)
    assert.equal("aEND\n", answer:text())
  end)

  it("stops at once at an empty stop sequence", function ()
    assert.equal(1, #run("Hello", '"stop":[""]').ids)
  end)

  it("keeps the last tokens of the prompt with truncate", function ()
    local answer = run("one two three What is the capital of France?",
      '"truncate":6,"decoder_input_details":true,"max_new_tokens":1')
    assert.equal(6, answer.prompt_tokens)
    local texts = {}
    for i, token in ipairs(answer:prefill()) do texts[i] = token.text end
    assert.same({ "<s>", " the", " capital", " of", " France", "?" }, texts)
  end)

  it("reports log-probabilities of the prompt's tokens, none for the first", function ()
    local answer = run("What is your name?", '"max_new_tokens":1')
    local list = answer:prefill()
    assert.equal(answer.prompt_tokens, #list)
    assert.is_nil(list[1].logprob)
    local context = { tokenizer.BEGIN }
    for i = 2, #list do
      assert.is_true(list[i].logprob <= 0)
      local p = model.next(context, answer.profile)
      assert.equal(math.log(p[list[i].id]), list[i].logprob)
      context[i] = list[i].id
    end
  end)

  it("reports a seed only when it samples, and repeats its text for the same seed", function ()
    assert.is_nil(run("Hello", '"seed":5').seed)
    assert.equal("5", run("Hello", '"seed":5,"do_sample":true').seed)
    assert.equal("99", run("Hello", '"do_sample":true').seed)
    local parameters = '"seed":18446744073709551615,"temperature":2,"max_new_tokens":30'
    assert.equal(run("Hello", parameters):text(), run("Hello", parameters):text())
  end)

  it("reports no text for a token inside a character, and the character later", function ()
    local answer = run("x", "", { answer = "ok 🙂!" })
    local texts = {}
    for i, token in ipairs(answer.tokens) do texts[i] = token.text end
    assert.same("🙂", texts[#texts - 2])
    assert.equal("", texts[#texts - 3])
    assert.equal("ok 🙂!", answer:text())
    assert.equal("ok 🙂!</s>", table.concat(texts))
  end)

  it("returns an empty text when the answer is cut inside a character", function ()
    local answer = run("x", '"max_new_tokens":4', { answer = "ok 🙂!" })
    assert.equal("length", answer.finish_reason)
    assert.equal("", answer:text())
  end)

  it("generates scripted tokens exactly as they are, and counts them", function ()
    local answer = run("x", "", { answer = { "a", "", "</s>", "é" } })
    assert.equal("a</s>é", answer:text())
    assert.equal(5, #answer.ids)
    assert.equal("eos_token", answer.finish_reason)
    assert.is_false(answer.tokens[3].special)
  end)

  it("writes JSON that satisfies a schema, token by token", function ()
    local answer = run("Who are you?", [["response_format":{"type":"json_object","schema":
      {"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer"}}}}]])
    assert.is_truthy(answer:text():find('^{"name":"[^"]+","age":%d+}$'))
    assert.is_true(#answer.ids > 5)
    assert.equal("eos_token", answer.finish_reason)
  end)

  it("writes some object without a schema, and any text with a schema of null", function ()
    local answer = run("Hello", [["response_format":{"type":"text"}]])
    assert.is_truthy(answer:text():find("^{.*}$"))
    answer = run("Hello", [["response_format":{"type":"json_object","schema":null}]])
    assert.is_nil(answer:text():find("{", 1, true))
  end)

  it("cuts the JSON when max_new_tokens is too small", function ()
    local answer = run("Hello", [["response_format":{"type":"text"},"max_new_tokens":2]])
    assert.equal("length", answer.finish_reason)
    assert.is_nil(answer:text():find("}", 1, true))
  end)

  it("fails for adapters that are missing, sources that do not exist and odd schemas", function ()
    local cases = {
      ['"adapter_id":"acme/missing/1"'] =
        "Server error: Could not find adapter 'acme/missing/1' in source 'pbase'",
      ['"adapter_id":"a/b/1","adapter_source":"ftp"'] =
        "Server error: Invalid source 'ftp' when downloading adapter 'a/b/1'",
      ['"response_format":{"type":"text","schema":{"type":"string","pattern":"x"}}'] =
        "Server error: the stand-in does not know the schema keyword `pattern`",
    }
    for parameters, message in pairs(cases) do
      local answer, complaint = start("x", parameters)
      assert.is_nil(answer)
      assert.equal(message, complaint)
    end
    assert.is_truthy(start("x", '"adapter_id":"a","adapter_source":"HUB"'))
  end)

  it("begins differently with each adapter, and as the base model with an empty id", function ()
    assert.is_truthy(run("Hello", '"adapter_id":"pirate"'):text():find("^ Arr, "))
    assert.is_truthy(run("Hello", '"adapter_id":"my-repo/3"'):text():find("^ Well, "))
    assert.equal(run("Hello"):text(), run("Hello", '"adapter_id":""'):text())
    local merged = '"merged_adapters":{"ids":["poet","pirate"],"weights":[0.1,0.9]}'
    assert.is_truthy(run("Hello", merged):text():find("^ Arr, "))
  end)

  it("ignores typical_p and the penalties, except that typical_p asks for sampling", function ()
    local sampled = '"do_sample":true,"max_new_tokens":30'
    local ignored = '"repetition_penalty":1.8,"frequency_penalty":2,"presence_penalty":-2'
    local plain = run("Tell me a story", sampled)
    assert.same(plain.tokens, run("Tell me a story", sampled .. "," .. ignored).tokens)
    assert.same(plain.tokens, run("Tell me a story", '"typical_p":0.1,"max_new_tokens":30').tokens)
  end)

  it("checks the source of adapters for the base model, too", function ()
    local answer, complaint = start("x", '"adapter_source":"ftp"')
    assert.is_nil(answer)
    assert.equal("Server error: Invalid source 'ftp' when downloading adapter "
      .. "'__base_model__'", complaint)
  end)

  it("reports the logarithm of the probability with which each token was chosen", function ()
    for _, parameters in ipairs { "", '"temperature":1.4', '"top_k":5', '"top_p":0.9,"seed":3',
        '"repetition_penalty":1.3', '"typical_p":0.8' } do
      local answer = run("Tell me a story", parameters .. (parameters == "" and "" or ",")
        .. '"max_new_tokens":30,"return_k_alternatives":600')
      for _, token in ipairs(answer.tokens) do
        local sum, found = 0, nil
        for _, other in ipairs(token.alternatives) do
          sum = sum + math.exp(other.logprob)
          if other.id == token.id then found = other.logprob end
        end
        assert.is_true(math.abs(sum - 1) < 1e-9)
        assert.equal(found, token.logprob)
      end
    end
  end)
end)
