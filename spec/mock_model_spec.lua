-- SPDX-License-Identifier: MIT

local generation = require "predibase.mock.generation"
local tokenizer = require "predibase.mock.tokenizer"

local model = generation.model()

local function distribution(prompt, answered, adapters)
  local context = generation.encode(prompt)
  return model:next(context, model:profile(prompt, adapters), answered)
end

local function total(dist)
  local sum = 0
  for id = 0, model.size - 1 do
    local index = dist.at[id]
    local p = index and dist.p[index] or dist.rest * model.unigram[id]
    assert.is_true(p > 0 and p <= 1 + 1e-12)
    sum = sum + p
  end
  return sum
end

local function greedy(prompt, count, adapters)
  local context = generation.encode(prompt)
  local profile, out = model:profile(prompt, adapters), {}
  for i = 1, count do
    local dist, best = model:next(context, profile, i - 1), 1
    for index = 2, #dist.ids do
      if dist.p[index] > dist.p[best] then best = index end
    end
    local id = dist.ids[best]
    if id == tokenizer.END then break end
    context[#context + 1], out[i] = id, model.tokenizer.bytes[id]
  end
  return table.concat(out)
end

describe("predibase.mock.model", function()
  it("gives every token of the vocabulary a probability, and all of them sum to one", function()
    local prompts = {
      "", "What is your name?", "Once upon a time", "zzz qqq", "東京", "The cat", "in the", "\n",
    }
    for _, prompt in ipairs(prompts) do
      for _, answered in ipairs { 0, 1, 2, 9 } do
        assert.is_true(math.abs(total(distribution(prompt, answered)) - 1) < 1e-9)
      end
      assert.is_true(math.abs(total(distribution(prompt)) - 1) < 1e-9)
    end
  end)

  it("sums to one with an adapter and with several", function()
    local adapters = { { id = "a/pirate/1", weight = 0.3 }, { id = "b/poet/2", weight = 0.7 } }
    assert.is_true(math.abs(total(distribution("Hello", 0, adapters)) - 1) < 1e-9)
    assert.is_true(math.abs(total(distribution("Hello", 0, { adapters[1] })) - 1) < 1e-9)
  end)

  it("sums to one after every token of an answer", function()
    local context = generation.encode("Tell me a story")
    local profile = model:profile("Tell me a story")
    for i, id in ipairs(model.tokenizer:encode(" Once upon a time there was a 東 fox.")) do
      context[#context + 1] = id
      assert.is_true(math.abs(total(model:next(context, profile, i)) - 1) < 1e-9)
    end
  end)

  it("answers questions that it has read", function()
    local ask = "What is the capital of %s?"
    assert.are.equal(" The capital of France is Paris.", greedy(ask:format("France"), 20))
    assert.are.equal(" The capital of Italy is Rome.", greedy(ask:format("Italy"), 20))
    assert.is_truthy(greedy("Tell me about bees", 20):find("bee", 1, true))
  end)

  it("tells stories when asked for one", function()
    assert.are.equal(" Once upon a time", greedy("Tell me a story", 4))
  end)

  it("says the same for the same prompt, every time", function()
    assert.are.equal(greedy("Who wrote Hamlet?", 30), greedy("Who wrote Hamlet?", 30))
  end)

  it("speaks in the voice that an adapter's id names", function()
    local function voice(id) return greedy("Tell me a story", 2, { { id = id, weight = 1 } }) end
    assert.are.equal(" Arr,", voice("acme/pirate/3"))
    assert.are.equal(" O gentle", voice("my-poem/1"))
    assert.are.equal(" Dear customer", voice("support-bot"))
  end)

  it("gives an adapter with any other name a voice too, always the same one", function()
    local voice = model:voice("my-repo/3")
    assert.are.equal(voice, model:voice("my-repo/3"))
    assert.is_truthy(model.voices[voice])
    local text = greedy("Tell me a story", 3, { { id = "my-repo/3", weight = 1 } })
    assert.is_nil(text:find("Once upon", 1, true))
  end)

  it("lets the heavier of two merged adapters speak", function()
    local heavy = { { id = "pirate", weight = 0.9 }, { id = "poet", weight = 0.1 } }
    assert.are.equal(" Arr,", greedy("Tell me a story", 2, heavy))
    heavy[1].weight, heavy[2].weight = 0.1, 0.9
    assert.are.equal(" O gentle", greedy("Tell me a story", 2, heavy))
  end)

  it("ends its answers", function()
    local said = "What is the capital of France? The capital of France is Paris."
    local dist = distribution(said)
    assert.is_true(dist.p[dist.at[tokenizer.END]] > 0.5)
  end)
end)
