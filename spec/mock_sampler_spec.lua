-- SPDX-License-Identifier: MIT

local generation = require "predibase.mock.generation"
local random = require "predibase.mock.random"
local sampler = require "predibase.mock.sampler"

local model = generation.model()

local PROMPTS = { "Tell me a story", "What is a token?", "The cat", "xyzzy" }

local function next_of(prompt)
  return model:next(generation.encode(prompt), model:profile(prompt), 0)
end

local function used_of(prompt)
  local used = { list = {}, count = {} }
  for _, id in ipairs(generation.encode(prompt)) do
    if not used.count[id] then used.list[#used.list + 1] = id end
    used.count[id] = (used.count[id] or 0) + 1
  end
  return used
end

local function new(options)
  options.random = options.random or random.new(options.seed or "1")
  return sampler.new(model, options)
end

-- The whole distribution, computed the long way: id -> probability.
local function whole(dist, change)
  local p, sum = {}, 0
  for id = 0, model.size - 1 do
    local index = dist.at[id]
    local logp = math.log(index and dist.p[index] or dist.rest * model.unigram[id])
    p[id] = math.exp(change and change(id, logp) or logp)
    sum = sum + p[id]
  end
  for id = 0, model.size - 1 do p[id] = p[id] / sum end
  return p
end

local function ranked(p)
  local ids = {}
  for id = 0, model.size - 1 do ids[id + 1] = id end
  table.sort(ids, function(a, b)
    if p[a] ~= p[b] then return p[a] > p[b] end
    return a < b
  end)
  return ids
end

local function near(expected, value)
  assert.is_true(math.abs(expected - value) < 1e-9 + 1e-7 * math.abs(expected),
    ("expected %.12g, got %.12g"):format(expected, value))
end

-- Whether the candidates are these ids with probabilities in proportion to p.
local function same_cut(expected, p, candidates)
  local mass, found = 0, {}
  for _, id in ipairs(expected) do mass = mass + p[id] end
  for _, item in ipairs(candidates) do found[item.id] = item.logprob end
  assert.are.equal(#expected, #candidates)
  for _, id in ipairs(expected) do near(math.log(p[id] / mass), found[id]) end
end

describe("predibase.mock.sampler", function()
  it("takes the likeliest token when it does not sample, with its true log-probability", function()
    for _, prompt in ipairs(PROMPTS) do
      local dist = next_of(prompt)
      local p = whole(dist)
      local best = ranked(p)[1]
      local id, logprob = new {}:choose(dist, used_of(prompt))
      assert.are.equal(best, id)
      near(math.log(p[best]), logprob)
    end
  end)

  it("chooses as the likeliest what a temperature near zero, and top_k 1, choose too", function()
    for _, prompt in ipairs(PROMPTS) do
      local dist, used = next_of(prompt), used_of(prompt)
      local greedy = new {}:choose(dist, used)
      for seed = 1, 20 do
        seed = tostring(seed)
        local cold = new { sample = true, temperature = 0.001, seed = seed }
        assert.are.equal(greedy, (cold:choose(dist, used)))
        local id, logprob = new { sample = true, top_k = 1, seed = seed }:choose(dist, used)
        assert.are.equal(greedy, id)
        near(0, logprob)
      end
    end
  end)

  it("gives sampled tokens the log-probability of the tempered distribution", function()
    for _, temperature in ipairs { 0.5, 1, 2.5 } do
      local dist = next_of(PROMPTS[1])
      local p = whole(dist, function(_, logp) return logp / temperature end)
      local one = new { sample = true, temperature = temperature }
      for _ = 1, 100 do
        local id, logprob = one:choose(dist, used_of(PROMPTS[1]))
        near(math.log(p[id]), logprob)
      end
    end
  end)

  it("samples as often as the probabilities say", function()
    local dist = next_of(PROMPTS[1])
    local p, count, n = whole(dist), {}, 4000
    local one = new { sample = true, temperature = 1, seed = "9" }
    for _ = 1, n do
      local id = one:choose(dist, used_of(PROMPTS[1]))
      count[id] = (count[id] or 0) + 1
    end
    for _, id in ipairs { ranked(p)[1], ranked(p)[2], ranked(p)[3] } do
      local spread = 5 * math.sqrt(p[id] * (1 - p[id]) / n)
      assert.is_true(math.abs((count[id] or 0) / n - p[id]) <= spread)
    end
  end)

  it("repeats itself exactly for a seed and differs for another", function()
    local function draw(seed)
      local one, out = new { sample = true, temperature = 3, seed = seed }, {}
      for i = 1, 40 do out[i] = one:choose(next_of(PROMPTS[1]), used_of(PROMPTS[1])) end
      return table.concat(out, " ")
    end
    assert.are.equal(draw("123"), draw("123"))
    assert.are_not.equal(draw("123"), draw("124"))
  end)

  it("keeps the k likeliest tokens with top_k", function()
    for _, k in ipairs { 1, 5, 60, 1000 } do
      local dist = next_of(PROMPTS[2])
      local p = whole(dist)
      local expected = {}
      for i = 1, k do expected[i] = ranked(p)[i] end
      local one = new { sample = true, top_k = k }
      same_cut(expected, p, one:candidates(one:shape(dist, used_of(PROMPTS[2]))))
    end
  end)

  it("keeps the fewest tokens that reach top_p", function()
    for _, mass in ipairs { 0.1, 0.5, 0.95, 0.999 } do
      local dist = next_of(PROMPTS[1])
      local p = whole(dist, function(_, logp) return logp / 1.5 end)
      local expected, sum = {}, 0
      for _, id in ipairs(ranked(p)) do
        expected[#expected + 1], sum = id, sum + p[id]
        if sum >= mass then break end
      end
      local one = new { sample = true, temperature = 1.5, top_p = mass }
      same_cut(expected, p, one:candidates(one:shape(dist, used_of(PROMPTS[1]))))
    end
  end)

  it("keeps the tokens whose surprise is nearest to the average with typical_p", function()
    for _, mass in ipairs { 0.2, 0.9 } do
      local dist = next_of(PROMPTS[1])
      local p, entropy = whole(dist), 0
      for id = 0, model.size - 1 do entropy = entropy - p[id] * math.log(p[id]) end
      local ids = ranked(p)
      table.sort(ids, function(a, b)
        local x, y = math.abs(-math.log(p[a]) - entropy), math.abs(-math.log(p[b]) - entropy)
        if x ~= y then return x < y end
        return a < b
      end)
      local expected, sum = {}, 0
      for _, id in ipairs(ids) do
        expected[#expected + 1], sum = id, sum + p[id]
        if sum >= mass then break end
      end
      local one = new { sample = true, typical_p = mass }
      same_cut(expected, p, one:candidates(one:shape(dist, used_of(PROMPTS[1]))))
    end
  end)

  it("applies top_p to what top_k left", function()
    local dist = next_of(PROMPTS[1])
    local p, three, sum = whole(dist), {}, 0
    for i = 1, 3 do
      three[i] = ranked(p)[i]
      sum = sum + p[three[i]]
    end
    local expected, reached = {}, 0
    for _, id in ipairs(three) do
      expected[#expected + 1], reached = id, reached + p[id] / sum
      if reached >= 0.6 then break end
    end
    local one = new { sample = true, top_k = 3, top_p = 0.6 }
    same_cut(expected, p, one:candidates(one:shape(dist, used_of(PROMPTS[1]))))
  end)

  it("lowers what was used before, by each of the three penalties as defined", function()
    local prompt = "The cat, the cat"
    local dist, used = next_of(prompt), used_of(prompt)
    local penalties = {
      { { repetition_penalty = 1.8 }, function(logp) return logp * 1.8 end },
      { { frequency_penalty = 1.5 }, function(logp, n) return logp - 1.5 * n end },
      { { presence_penalty = 1.5 }, function(logp) return logp - 1.5 end },
      { { presence_penalty = -2 }, function(logp) return logp + 2 end },
    }
    for _, case in ipairs(penalties) do
      local options, change = case[1], case[2]
      local p = whole(dist, function(id, logp)
        return used.count[id] and change(logp, used.count[id]) or logp
      end)
      local one = new(options)
      local shape = one:shape(dist, used)
      for _, id in ipairs(used.list) do
        near(math.log(p[id]), shape.score[shape.at[id]] - shape.norm)
      end
      local id, logprob = one:choose(dist, used)
      near(math.log(p[id]), logprob)
    end
  end)

  it("names the likeliest tokens beside the chosen one when asked", function()
    local dist = next_of(PROMPTS[1])
    local p = whole(dist)
    local _, _, list = new { alternatives = 4 }:choose(dist, used_of(PROMPTS[1]))
    assert.are.equal(4, #list)
    for i, id in ipairs(ranked(p)) do
      if i > 4 then break end
      assert.are.equal(id, list[i].id)
      near(math.log(p[id]), list[i].logprob)
    end
    local _, _, none = new {}:choose(dist, used_of(PROMPTS[1]))
    assert.is_nil(none)
  end)
end)
