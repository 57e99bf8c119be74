-- SPDX-License-Identifier: MIT
--- Stands in for a language model: it chains words of the few texts below and understands nothing.
-- The probability of a token depends on the tokens before it and on the words of the prompt. Every
-- token of the vocabulary has one, and they add up to 1. What is reported about a token is always
-- the logarithm of the probability with which it was chosen.
-- @module predibase.mock.model

local tokenizer = require "predibase.mock.tokenizer"

local exp, floor, log = math.exp, math.floor, math.log

local M = {}

local TEXTS = [[
The capital of France is Paris.

The capital of Italy is Rome.

The capital of Japan is Tokyo, 東京, the city in the east.

Hello! It is good to hear from you. I am a stand-in for a language model, and I put words together
in new ways. 🙂

My name is Stand-in. I live inside the predibase rock, I know nothing about the world, and I never
ask for a token.

Once upon a time there was a small server that told a story to every client who asked for one. One
night the network fell silent, and the server waited for the next request until the morning. Then a
token arrived, and another one, and so it went on.

Once upon a time there was a fox who lived in a lighthouse. She lit the lamp every night, and the
ships found their way home. When the winter came, the ships brought her a stove, and she was never
cold again.

Streaming means that every token is sent as soon as the model has chosen it, so that you can read
the beginning of an answer while the end of it is still being written.

A token is a piece of text: a word with the space in front of it, a sign, or a single byte of a
character such as é or 🙂. A model gives a probability to all that could come next, and chooses one
of them.

A poem about the sea: the waves come in, the waves go out, the moon looks down on all of it, and
asks for nothing.

For the recipe you need two eggs, a cup of flour and a little milk. Stir until the batter is
smooth, wait ten minutes, then bake a thin pancake on each side. Serve it in the Café with sugar,
and say Grüße to the cook.

Deep learning is a way to write programs by example. You show the machine many questions with their
answers, and it changes its weights until its own answers are close to yours.

The sky is blue because air scatters blue light more than red light.

I do not know. You may ask for a poem, a recipe or the colour of the sky instead.]]

-- How an answer begins when an adapter is used: by a word in the adapter's id, the last for others.
local VOICES = { { "pirate", " Arr," }, { "poet", " Oh," }, { "chef", " Mmm," }, { "", " Well," } }

local SAME_TOKEN = 3       -- factor for each of up to four tokens that are the same before a place
local SHARED_WORD = 5      -- a text counts e^5 times for a word that only it shares with the prompt
local NOISE = 0.005        -- probability of all tokens that no text puts here

local documents = {}
for text in (TEXTS .. "\n\n"):gmatch("(.-)\n\n") do
  documents[#documents + 1] = " " .. text:gsub("\n", " ")
end

--- The tokenizer of the model.
M.tokenizer = tokenizer.new { table.concat(documents, "\n"), " Arr Oh Mmm Well",
  "What", "Who", "Why", "How", "The", "Tell", "Hello" }

-- `stream` holds the tokens of all texts, with `</s>` around each; `owner` the number of the text
-- at each place; `places` the places of each token. An answer begins as a text does: after `</s>`.
local stream, owner, places, noise = { tokenizer.END }, { 1 }, {}, {}
for number, text in ipairs(documents) do
  for _, id in ipairs(M.tokenizer:encode(text)) do
    stream[#stream + 1], owner[#stream + 1] = id, number
  end
  stream[#stream + 1], owner[#stream + 1] = tokenizer.END, number + 1
end
for place = 1, #stream - 1 do
  local id = stream[place]
  places[id] = places[id] or {}
  table.insert(places[id], place)
end
-- Words are the usual noise; bytes are rare, because they rarely form characters.
local words = M.tokenizer.size - 259
for id = 0, M.tokenizer.size - 1 do noise[id] = (id < 259 and 0.01 / 259 or 0.99 / words) end

local function hash (text)
  local sum = 0
  for i = 1, #text do sum = (sum * 31 + text:byte(i)) % 65521 end
  return sum
end

-- The words of a text, each once, as an array and as a set. Sums go over the array, so that they do
-- not depend on the order of a hash table.
local function words_of (text)
  local list, set = {}, {}
  for word in text:lower():gmatch("[%w\128-\255]+") do
    if not set[word] then list[#list + 1], set[word] = word, true end
  end
  return list, set
end

local spread = {}      -- word -> number of texts that have it
for _, text in ipairs(documents) do
  for _, word in ipairs((words_of(text))) do spread[word] = (spread[word] or 0) + 1 end
end

--- Decides how much each text counts for one request.
-- @tparam string prompt
-- @tparam[opt] table adapters array of `{ id =, weight = }`
-- @treturn table for `next`
function M.profile (prompt, adapters)
  local _, asked = words_of(prompt:sub(1, 4096))
  local weights, voices = {}, {}
  for number, text in ipairs(documents) do
    local score = 4 * (hash(prompt) * (7919 * number + 1) % 65521) / 65521
    for _, word in ipairs((words_of(text))) do
      score = score + (asked[word] and SHARED_WORD / spread[word] or 0)
    end
    weights[number] = exp(score)
  end
  for i, adapter in ipairs(adapters or {}) do
    local k = 1
    while not adapter.id:lower():find(VOICES[k][1], 1, true) do k = k + 1 end
    voices[i] = { ids = M.tokenizer:encode(VOICES[k][2]), weight = adapter.weight }
  end
  return { weights = weights, voices = voices }
end

--- Returns the probability of each token to be the next one.
-- @tparam table context array of ids, `<s>` first
-- @tparam table profile
-- @tparam[opt] number answered tokens of the answer at the end of the context; nil inside a prompt
-- @treturn table id -> probability
function M.next (context, profile, answered)
  local n, gains, total = #context, {}, 0
  local last = context[n]
  local function add (id, weight)
    gains[id], total = (gains[id] or 0) + weight, total + weight
  end
  for _, voice in ipairs(answered and answered < 2 and profile.voices or {}) do
    if answered == 0 or last == voice.ids[1] then add(voice.ids[answered + 1], voice.weight) end
  end
  if answered == (#profile.voices > 0 and 2 or 0) then last = tokenizer.END end
  for _, place in ipairs(total == 0 and places[last] or {}) do
    local same, weight = 1, profile.weights[owner[place]]
    while same < 5 and context[n - same] and context[n - same] == stream[place - same] do
      same, weight = same + 1, weight * SAME_TOKEN
    end
    add(stream[place + 1], weight)
  end
  local p, rest = {}, total > 0 and NOISE or 1
  for id = 0, M.tokenizer.size - 1 do p[id] = rest * noise[id] end
  for id, weight in pairs(gains) do p[id] = p[id] + (1 - rest) * weight / total end
  return p
end

-- Scores to probabilities of the tokens in `ids`.
local function normalise (ids, score)
  local top, sum, p = -math.huge, 0, {}
  for _, id in ipairs(ids) do top = math.max(top, score[id]) end
  for i, id in ipairs(ids) do
    p[i] = exp(score[id] - top)
    sum = sum + p[i]
  end
  for i in ipairs(ids) do p[i] = p[i] / sum end
  return p
end

-- Keeps the first tokens, until their probabilities reach `mass`.
local function first_of (ids, score, mass)
  local p, sum, kept = normalise(ids, score), 0, {}
  for i, id in ipairs(ids) do
    kept[i], sum = id, sum + p[i]
    if sum >= mass then break end
  end
  return kept
end

-- Sorts ids by a value, the largest first; of equal ones the smaller id.
local function sort_by (ids, value)
  table.sort(ids, function (a, b)
    if value[a] ~= value[b] then return value[a] > value[b] end
    return a < b
  end)
end

-- Drops tokens by top_k, top_p and typical_p, in this order. The last one keeps those whose
-- information is close to the average (C. Meister et al., "Locally Typical Sampling", 2023).
local function cut (ids, score, how)
  if how.top_k then
    for i = #ids, how.top_k + 1, -1 do ids[i] = nil end
  end
  if how.top_p then ids = first_of(ids, score, how.top_p) end
  if not how.typical_p then return ids end
  local p, entropy, closeness = normalise(ids, score), 0, {}
  for _, q in ipairs(p) do entropy = entropy - (q > 0 and q * log(q) or 0) end
  for i, id in ipairs(ids) do closeness[id] = -math.abs(-log(p[i]) - entropy) end
  sort_by(ids, closeness)
  ids = first_of(ids, score, how.typical_p)
  sort_by(ids, score)
  return ids
end

--- Chooses the next token.
-- @tparam table p of `next`
-- @tparam table how `sample` (false takes the most likely token), and only when sampling
--   `temperature`, `top_k`, `top_p`, `typical_p`; `repetition_penalty`, `frequency_penalty`,
--   `presence_penalty`; `alternatives`, the number of likely tokens to return; `random`, a function
-- @tparam table used id -> number of times in prompt and answer so far, for the penalties
-- @treturn number id
-- @treturn number logarithm of its probability
-- @treturn ?table the most likely tokens, `{ { id =, logprob = }, … }`, if asked for
function M.choose (p, how, used)
  local ids, score = {}, {}
  local warmth = how.sample and how.temperature or 1
  for id = 0, M.tokenizer.size - 1 do
    local value, count = log(p[id]), used[id]
    if count then
      value = value * (how.repetition_penalty or 1) - (how.frequency_penalty or 0) * count
        - (how.presence_penalty or 0)
    end
    ids[id + 1], score[id] = id, value / warmth
  end
  local cuts = how.sample and (how.top_k or how.top_p or how.typical_p)
  if cuts or how.alternatives then sort_by(ids, score) end
  if cuts then ids = cut(ids, score, how) end
  local chances, chosen = normalise(ids, score), 1
  if how.sample then
    local left = how.random() - chances[1]
    while left >= 0 and chosen < #ids do
      chosen = chosen + 1
      left = left - chances[chosen]
    end
  else
    for i, chance in ipairs(chances) do chosen = chance > chances[chosen] and i or chosen end
  end
  local list = how.alternatives and {}
  for i = 1, math.min(how.alternatives or 0, #ids) do
    list[i] = { id = ids[i], logprob = log(chances[i]) }
  end
  return ids[chosen], log(chances[chosen]), list
end

--- Makes a generator of numbers in [0, 1), the same for the same seed on every Lua: two linear
-- generators combined (P. L'Ecuyer, "Efficient and Portable Combined Random Number Generators",
-- 1988), whose products stay below 2^53.
-- @tparam string seed decimal digits, because a u64 fits neither a double nor a Lua integer
-- @treturn function
function M.random (seed)
  local a, b = 1, 1
  for digit in seed:gmatch("%d") do
    a, b = (a * 10 + digit) % 2147483562 + 1, (b * 10 + digit) % 2147483398 + 1
  end
  local function number ()
    a, b = a * 40014 % 2147483563, b * 40692 % 2147483399
    return (a - b) % 2147483562 / 2147483562
  end
  for _ = 1, 20 do number() end
  return number
end

--- Draws a seed for a request that has none: a u64 with more digits than a double holds.
-- @tparam function random as `random` returns it
-- @treturn string decimal digits
function M.seed (random)
  local digits = {}
  for i = 1, 19 do digits[i] = ("%d"):format(floor(random() * 9) + 1) end
  return table.concat(digits)
end

return M
