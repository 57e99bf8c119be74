-- SPDX-License-Identifier: MIT
--- From the model's distribution to the next token: penalties, temperature, cuts, the choice.
-- The order is the shard's: repetition, frequency and presence penalties, then temperature, top_k,
-- top_p, typical_p (A. Holtzman et al., "The Curious Case of Neural Text Degeneration", 2020;
-- C. Meister et al., "Locally Typical Sampling", 2023). The log-probability of a token is the
-- natural logarithm of the distribution it was really chosen from.
-- Most tokens of the vocabulary share the model's bottom distribution: only their sum is needed.
-- @module predibase.mock.sampler

local abs, exp, log, max = math.abs, math.exp, math.log, math.max

local M = {}

local Sampler = {}
Sampler.__index = Sampler

--- A sampler for one answer.
-- @tparam Model model
-- @tparam table options `sample` (boolean), `temperature`, `repetition_penalty`,
--   `frequency_penalty`, `presence_penalty`, `top_k`, `top_p`, `typical_p`, `alternatives`
--   (number of tokens to name beside the chosen one), `random` (function)
-- @treturn Sampler
function M.new(model, options)
  local self = setmetatable({ model = model, random = options.random }, Sampler)
  self.sample = options.sample
  self.temperature = options.sample and options.temperature or 1
  self.repetition = options.repetition_penalty or 1
  self.frequency = options.frequency_penalty or 0
  self.presence = options.presence_penalty or 0
  self.top_k = options.sample and options.top_k or nil
  self.top_p = options.sample and options.top_p and options.top_p < 1 and options.top_p or nil
  self.typical_p = options.sample and options.typical_p or nil
  self.alternatives = options.alternatives
  self.penalised = self.repetition ~= 1 or self.frequency ~= 0 or self.presence ~= 0
  self.scale = M.scale(model, 1 / self.temperature)
  return self
end

--- The bottom distribution raised to a power, relative to its most likely token.
-- @tparam Model model
-- @tparam number beta 1 / temperature
-- @treturn table `{ beta =, weight = id -> number, total = number, top = log of the largest }`
function M.scale(model, beta)
  local cache = model.scales or { n = 0 }
  if cache[beta] then return cache[beta] end
  if cache.n >= 16 then cache = { n = 0 } end
  local top = log(model.unigram[model.order[1]])
  local weight, total = {}, 0
  for _, id in ipairs(model.order) do
    weight[id] = exp(beta * (log(model.unigram[id]) - top))
    total = total + weight[id]
  end
  cache[beta], cache.n = { beta = beta, weight = weight, total = total, top = top }, cache.n + 1
  model.scales = cache
  return cache[beta]
end

-- Adds every token that was used before, so that its penalty can be applied.
local function with_used(self, dist, used)
  local ids, p, at = {}, {}, {}
  for i, id in ipairs(dist.ids) do ids[i], p[i], at[id] = id, dist.p[i], i end
  for _, id in ipairs(used.list) do
    if not at[id] then
      local i = #ids + 1
      ids[i], p[i], at[id] = id, dist.rest * self.model.unigram[id], i
    end
  end
  return ids, p, at
end

local function penalty(self, score, count)
  if not count then return score end
  -- all scores are logarithms of probabilities, so never positive: multiplying lowers them
  return score * self.repetition - self.frequency * count - self.presence
end

--- The distribution after penalties and temperature.
-- @tparam table dist of `model:next`
-- @tparam table used `{ list = array of ids, count = id -> number }`: the prompt and the answer
-- @treturn table `{ ids, score, at, tail, norm }`; the logarithm of a probability is
--   `score[i] - norm`, for a token not in `ids` it is `tail + log(scale.weight[id]) - norm`
function Sampler:shape(dist, used)
  local ids, p, at = dist.ids, dist.p, dist.at
  if self.penalised then ids, p, at = with_used(self, dist, used) end
  local scale, score, top, hidden = self.scale, {}, -math.huge, 0
  for i, id in ipairs(ids) do
    local value = log(p[i])
    if self.penalised then value = penalty(self, value, used.count[id]) end
    value = value * scale.beta
    score[i] = value
    if value > top then top = value end
    hidden = hidden + scale.weight[id]
  end
  local tail = scale.beta * (log(dist.rest) + scale.top)
  local left = max(scale.total - hidden, 0)
  if left > 0 and tail > top then top = tail end
  local sum = left > 0 and left * exp(tail - top) or 0
  for i = 1, #score do sum = sum + exp(score[i] - top) end
  return { ids = ids, score = score, at = at, tail = tail, norm = top + log(sum) }
end

-- Tokens from the most likely to the least, each as id, score.
local function descending(self, shape)
  local ids, score, at, scale = shape.ids, shape.score, shape.at, self.scale
  local sorted, order = {}, self.model.order
  for i = 1, #ids do sorted[i] = i end
  table.sort(sorted, function(a, b)
    if score[a] ~= score[b] then return score[a] > score[b] end
    return ids[a] < ids[b]
  end)
  local i, j = 1, 1
  return function()
    while order[j] and at[order[j]] do j = j + 1 end
    local index, id = sorted[i], order[j]
    local weight = id and shape.tail + log(scale.weight[id])
    if index and (not id or score[index] >= weight) then
      i = i + 1
      return ids[index], score[index]
    elseif id then
      j = j + 1
      return id, weight
    end
  end
end

local function normalise(list)
  local sum, top = 0, list[1].score
  for _, item in ipairs(list) do top = max(top, item.score) end
  for _, item in ipairs(list) do sum = sum + exp(item.score - top) end
  local norm = top + log(sum)
  for _, item in ipairs(list) do item.logprob = item.score - norm end
  return list
end

-- The shortest beginning of a list whose probabilities reach `mass`.
local function shortest(list, mass)
  local out, sum = {}, 0
  for i, item in ipairs(list) do
    out[i] = item
    sum = sum + exp(item.logprob)
    if sum >= mass then break end
  end
  return out
end

local function typical(list, mass)
  local entropy = 0
  for _, item in ipairs(list) do
    if item.logprob > -700 then entropy = entropy - exp(item.logprob) * item.logprob end
  end
  for i, item in ipairs(list) do
    item.surprise, item.rank = abs(-item.logprob - entropy), i
  end
  table.sort(list, function(a, b)
    if a.surprise ~= b.surprise then return a.surprise < b.surprise end
    return a.rank < b.rank
  end)
  list = shortest(list, mass)
  table.sort(list, function(a, b) return a.rank < b.rank end)
  return list
end

--- The tokens that may be chosen and their log-probabilities, most likely first.
-- @tparam table shape
-- @tparam[opt] number limit how many to return at most when nothing is cut off
-- @treturn table array of `{ id =, logprob = }`
function Sampler:candidates(shape, limit)
  local list, sum = {}, 0
  local cut = self.top_k or self.top_p or self.typical_p
  local most = self.top_k or (not cut and limit) or math.huge
  -- without top_k the cut by top_p is known while walking, and the rest need not be looked at
  local mass = not self.top_k and self.top_p or nil
  for id, score in descending(self, shape) do
    list[#list + 1] = { id = id, score = score, logprob = score - shape.norm }
    sum = sum + exp(score - shape.norm)
    if #list >= most or (mass and sum >= mass) then break end
  end
  if not cut then return list end
  if self.top_k and self.top_p then list = shortest(normalise(list), self.top_p) end
  if self.typical_p then list = typical(normalise(list), self.typical_p) end
  return normalise(list)
end

local function draw(self, shape)
  local left = self.random()
  for i, id in ipairs(shape.ids) do
    left = left - exp(shape.score[i] - shape.norm)
    if left < 0 then return id, shape.score[i] - shape.norm end
  end
  local last, last_logprob = shape.ids[1], shape.score[1] and shape.score[1] - shape.norm
  for _, id in ipairs(self.model.order) do
    local weight = self.scale.weight[id]
    if not shape.at[id] and weight > 0 then
      last, last_logprob = id, shape.tail + log(weight) - shape.norm
      left = left - exp(last_logprob)
      if left < 0 then break end
    end
  end
  return last, last_logprob
end

local function likeliest(self, shape)
  local best, at, order = nil, shape.at, self.model.order
  for i, score in ipairs(shape.score) do
    local before = best and shape.score[best]
    if not best or score > before or (score == before and shape.ids[i] < shape.ids[best]) then
      best = i
    end
  end
  local j = 1
  while order[j] and at[order[j]] do j = j + 1 end
  local tail = order[j] and shape.tail + log(self.scale.weight[order[j]])
  if best and (not tail or shape.score[best] >= tail) then
    return shape.ids[best], shape.score[best] - shape.norm
  end
  return order[j], tail - shape.norm
end

--- The next token.
-- @tparam table dist of `model:next`
-- @tparam table used `{ list =, count = }`
-- @treturn number id
-- @treturn number logprob
-- @treturn ?table the most likely tokens, `{ { id =, logprob = }, … }`, if alternatives were asked
function Sampler:choose(dist, used)
  local shape = self:shape(dist, used)
  local cut = self.top_k or self.top_p or self.typical_p
  local list
  if cut or self.alternatives then list = self:candidates(shape, self.alternatives) end
  local id, logprob
  if not self.sample then
    id, logprob = likeliest(self, shape)
  elseif cut then
    local left = self.random()
    for _, item in ipairs(list) do
      id, logprob = item.id, item.logprob
      left = left - exp(logprob)
      if left < 0 then break end
    end
  else
    id, logprob = draw(self, shape)
  end
  if not self.alternatives then return id, logprob end
  local alternatives = {}
  for i = 1, math.min(self.alternatives, #list) do alternatives[i] = list[i] end
  return id, logprob, alternatives
end

return M
