-- SPDX-License-Identifier: MIT

local generation = require "predibase.mock.generation"
local model = require "predibase.mock.model"
local tokenizer = require "predibase.mock.tokenizer"

local PROMPTS = { "Tell me a story", "What is a token?", "The cat", "xyzzy" }

local function distribution (prompt, answered, adapters)
  return model.next(generation.encode(prompt), model.profile(prompt, adapters), answered)
end

local function with_seed (how, seed)
  how.random = model.random(seed or "1")
  return how
end

-- The text that a prompt gets.
local function answer (prompt, how, adapters)
  local context, ids = generation.encode(prompt), {}
  local profile = model.profile(prompt, adapters)
  for i = 1, 200 do
    ids[i] = model.choose(model.next(context, profile, i - 1), how or {})
    if ids[i] == tokenizer.END then return model.tokenizer:decode(ids) end
    context[#context + 1] = ids[i]
  end
  error("no end of " .. model.tokenizer:decode(ids))
end

-- The probabilities after `change`, which gets an id and the logarithm of its probability.
local function changed (p, change)
  local out, sum = {}, 0
  for id = 0, model.tokenizer.size - 1 do
    out[id] = math.exp(change(id, math.log(p[id])))
    sum = sum + out[id]
  end
  for id = 0, model.tokenizer.size - 1 do out[id] = out[id] / sum end
  return out
end

local function ranked (p)
  local ids = {}
  for id = 0, model.tokenizer.size - 1 do ids[id + 1] = id end
  table.sort(ids, function (a, b)
    if p[a] ~= p[b] then return p[a] > p[b] end
    return a < b
  end)
  return ids
end

local function near (expected, value)
  assert.is_true(math.abs(expected - value) < 1e-9 + 1e-7 * math.abs(expected),
    ("expected %.12g, got %.12g"):format(expected, value))
end

-- Checks that the tokens that can be chosen are these, with probabilities in proportion to p.
local function allows (expected, p, how)
  how.sample, how.alternatives = true, model.tokenizer.size
  local _, _, list = model.choose(p.given or p, with_seed(how))
  local mass, found = 0, {}
  for _, id in ipairs(expected) do mass = mass + p[id] end
  for _, item in ipairs(list) do found[item.id] = item.logprob end
  assert.equal(#expected, #list)
  for _, id in ipairs(expected) do near(math.log(p[id] / mass), found[id]) end
end

-- The first ids until their probabilities reach `mass` of `whole`.
local function first_of (ids, p, mass, whole)
  local out, sum = {}, 0
  for i, id in ipairs(ids) do
    out[i], sum = id, sum + p[id] / whole
    if sum >= mass then break end
  end
  return out
end

describe("predibase.mock.model", function ()
  it("gives every token a probability, and all of them add up to 1", function ()
    local two = { { id = "a/pirate/1", weight = 0.3 }, { id = "b/poet/2", weight = 0.7 } }
    for _, prompt in ipairs { "", "What is your name?", "Once upon a", "zzz", "東京", "The", "\n" } do
      for _, adapters in ipairs { {}, two, { two[1] } } do
        for answered = -1, 3 do
          local p = distribution(prompt, answered >= 0 and answered or nil, adapters)
          local sum = 0
          for id = 0, model.tokenizer.size - 1 do
            assert.is_true(p[id] > 0)
            sum = sum + p[id]
          end
          assert.is_true(math.abs(sum - 1) < 1e-9)
        end
      end
    end
  end)

  it("answers the prompt", function ()
    assert.equal(" The capital of France is Paris.", answer "What is the capital of France?")
    assert.equal(" The capital of Italy is Rome.", answer "What is the capital of Italy?")
    assert.is_truthy(answer "What is your name?":find("^ My name"))
    assert.is_truthy(answer "Tell me a story":find("^ Once upon a time"))
    assert.is_truthy(answer "Why is the sky blue?":find("blue", 1, true))
  end)

  it("comes to an end for every prompt, with text that varies and is UTF-8", function ()
    local texts, count = {}, 0
    for i = 1, 100 do
      local text = answer("prompt number " .. i)
      assert.equal(text, tokenizer.readable(text))
      if not texts[text] then texts[text], count = true, count + 1 end
    end
    assert.is_true(count >= 5)
  end)

  it("writes characters that are split over tokens", function ()
    assert.is_truthy(answer "Hello":find("🙂", 1, true))
    assert.is_nil(model.tokenizer.ids["🙂"])
  end)

  it("varies its text with the seed", function ()
    local texts, count = {}, 0
    for seed = 1, 20 do
      local text = answer("Tell me a story", with_seed({ sample = true }, tostring(seed)))
      if not texts[text] then texts[text], count = true, count + 1 end
    end
    assert.is_true(count >= 5)
  end)

  it("begins an answer with the word of the adapter, of the heavier one of two", function ()
    local adapters = { { id = "pirate", weight = 0.9 }, { id = "my-repo/3", weight = 0.1 } }
    assert.is_truthy(answer("Hello", nil, adapters):find("^ Arr, "))
    adapters[1].weight, adapters[2].weight = 0.1, 0.9
    assert.is_truthy(answer("Hello", nil, adapters):find("^ Well, "))
  end)

  it("takes the most likely token when it does not sample, with its log-probability", function ()
    for _, prompt in ipairs(PROMPTS) do
      local p = distribution(prompt, 0)
      local id, logprob = model.choose(p, {})
      assert.equal(ranked(p)[1], id)
      near(math.log(p[id]), logprob)
    end
  end)

  it("takes the same token with a temperature near 0 and with top_k 1", function ()
    for _, prompt in ipairs(PROMPTS) do
      local p = distribution(prompt, 0)
      local greedy = model.choose(p, {})
      for seed = 1, 20 do
        local how = with_seed({ sample = true, temperature = 0.001 }, tostring(seed))
        assert.equal(greedy, (model.choose(p, how)))
        how = with_seed({ sample = true, top_k = 1 }, tostring(seed))
        local id, logprob = model.choose(p, how)
        assert.equal(greedy, id)
        near(0, logprob)
      end
    end
  end)

  it("reports the log-probability after the temperature", function ()
    for _, temperature in ipairs { 0.5, 1, 2.5 } do
      local p = distribution(PROMPTS[1], 0)
      local expected = changed(p, function (_, logp) return logp / temperature end)
      local how = with_seed { sample = true, temperature = temperature }
      for _ = 1, 100 do
        local id, logprob = model.choose(p, how)
        near(math.log(expected[id]), logprob)
      end
    end
  end)

  it("samples tokens as often as their probabilities say", function ()
    local p, count, n = distribution(PROMPTS[1], 0), {}, 4000
    local how = with_seed({ sample = true }, "9")
    for _ = 1, n do
      local id = model.choose(p, how)
      count[id] = (count[id] or 0) + 1
    end
    for i = 1, 3 do
      local id = ranked(p)[i]
      local spread = 5 * math.sqrt(p[id] * (1 - p[id]) / n)
      assert.is_true(math.abs((count[id] or 0) / n - p[id]) <= spread)
    end
  end)

  it("chooses the same tokens for the same seed and others for another seed", function ()
    local function draw (seed)
      local how, out = with_seed({ sample = true, temperature = 3 }, seed), {}
      for i = 1, 40 do out[i] = model.choose(distribution(PROMPTS[1], 0), how) end
      return table.concat(out, " ")
    end
    assert.equal(draw "123", draw "123")
    assert.not_equal(draw "123", draw "124")
    assert.not_equal(draw "18446744073709551615", draw "18446744073709551614")
  end)

  it("keeps the k most likely tokens with top_k", function ()
    local p = distribution(PROMPTS[2], 0)
    for _, k in ipairs { 1, 5, 60, 1000 } do
      local expected = ranked(p)
      for i = #expected, k + 1, -1 do expected[i] = nil end
      allows(expected, p, { top_k = k })
    end
  end)

  it("keeps the fewest tokens whose probabilities reach top_p, after the temperature", function ()
    local given = distribution(PROMPTS[1], 0)
    local p = changed(given, function (_, logp) return logp / 1.5 end)
    p.given = given
    for _, mass in ipairs { 0.1, 0.5, 0.95, 0.999 } do
      allows(first_of(ranked(p), p, mass, 1), p, { temperature = 1.5, top_p = mass })
    end
  end)

  it("applies top_p to the tokens that top_k keeps", function ()
    local p = distribution(PROMPTS[1], 0)
    local ids = ranked(p)
    local whole = p[ids[1]] + p[ids[2]] + p[ids[3]]
    allows(first_of({ ids[1], ids[2], ids[3] }, p, 0.6, whole), p, { top_k = 3, top_p = 0.6 })
  end)

  it("lists the most likely tokens when alternatives are asked for", function ()
    local p = distribution(PROMPTS[1], 0)
    local _, _, list = model.choose(p, { alternatives = 4 })
    assert.equal(4, #list)
    for i = 1, 4 do
      assert.equal(ranked(p)[i], list[i].id)
      near(math.log(p[list[i].id]), list[i].logprob)
    end
    local _, _, none = model.choose(p, {})
    assert.is_nil(none)
  end)
end)

describe("the random numbers of predibase.mock.model", function ()
  it("are the same for the same seed on every Lua", function ()
    local random = model.random "42"
    for _, number in ipairs { 0.22915785920728, 0.67903912130654, 0.89743180237471 } do
      assert.is_true(math.abs(random() - number) < 1e-13)
    end
  end)

  it("differ for neighbouring seeds, also for the largest", function ()
    assert.is_true(math.abs(model.random "1" () - model.random "2" ()) > 1e-6)
    assert.is_true(math.abs(model.random "18446744073709551615" ()
      - model.random "18446744073709551614" ()) > 1e-6)
  end)

  it("stay inside [0, 1) and are spread evenly", function ()
    local random, bins = model.random "7", {}
    for i = 0, 9 do bins[i] = 0 end
    for _ = 1, 20000 do
      local x = random()
      assert.is_true(x >= 0 and x < 1)
      bins[math.floor(x * 10)] = bins[math.floor(x * 10)] + 1
    end
    for i = 0, 9 do assert.is_true(bins[i] > 1800 and bins[i] < 2200) end
  end)

  it("make seeds that are a u64 and fit no double", function ()
    local random = model.random "5"
    for _ = 1, 50 do
      local seed = model.seed(random)
      assert.is_truthy(seed:find("^[1-9]%d+$"))
      assert.equal(19, #seed)
    end
  end)
end)
