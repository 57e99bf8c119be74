-- SPDX-License-Identifier: MIT
--- The stand-in's language model: interpolated n-grams with true probabilities.
-- The probability of a token is a mixture over the contexts of one to four tokens, each weighted
-- against the next shorter one by how often and how variously it was continued (I. Witten, T. Bell,
-- "The zero-frequency problem", IEEE Transactions on Information Theory 37, 1991), and at the
-- bottom a distribution that gives every token of the vocabulary something. Documents that share
-- words with the prompt count more, and an adapter makes its voice's documents count most: this
-- is all that this model knows about meaning.
-- @module predibase.mock.model

local tokenizer = require "predibase.mock.tokenizer"

local exp, log = math.exp, math.log

local M = {}

local ORDER = 4            -- tokens of context
local START = 8            -- how much more "an answer begins here" counts than words that match
local BACK_OFF = 0.6       -- weight of a kind of continuation against one continuation seen
local TOPIC = 6            -- a document that has all words of the prompt counts e^6 times
local VOICE = 3000         -- how much more the documents of an adapter's voice count

local Model = {}
Model.__index = Model

local function words(text)
  local set = {}
  for word in text:gmatch("[%w\128-\255]+") do set[word:lower()] = true end
  return set
end

-- Appends one document to the stream of tokens and remembers where each token can be continued.
local function read(self, document, prompt, answer, whole)
  local stream, owner, places = self.stream, self.owner, self.places
  local first = #stream + 1
  stream[first] = tokenizer.BEGIN
  for _, id in ipairs(self.tokenizer:encode(prompt)) do stream[#stream + 1] = id end
  if #prompt > 0 or document.voice then
    self.starts[#self.starts + 1] = #stream
  end
  for _, id in ipairs(answer) do stream[#stream + 1] = id end
  if whole then stream[#stream + 1] = tokenizer.END end
  for at = first, #stream do
    owner[at] = document.index
    if at < #stream then
      local list = places[stream[at]]
      if not list then
        list = {}
        places[stream[at]] = list
      end
      list[#list + 1] = at
    end
  end
end

-- The bottom of the mixture: how often a token was read, and a little for all others.
local function unigram(self)
  local counts, total = {}, 0
  for id = 0, self.size - 1 do counts[id] = 0.05 end
  counts[tokenizer.UNKNOWN], counts[tokenizer.BEGIN] = 1e-6, 1e-6
  for _, id in ipairs(self.stream) do
    if id ~= tokenizer.BEGIN then counts[id] = counts[id] + 1 end
  end
  for id = 0, self.size - 1 do total = total + counts[id] end
  local order = {}
  for id = 0, self.size - 1 do
    counts[id] = counts[id] / total
    order[id + 1] = id
  end
  table.sort(order, function(a, b)
    if counts[a] ~= counts[b] then return counts[a] > counts[b] end
    return a < b
  end)
  self.unigram, self.order = counts, order
end

-- Rare words say more about what a prompt is about than common ones.
local function rarity(self)
  local seen = {}
  for _, document in ipairs(self.documents) do
    document.title = words(table.concat(document.prompts, " "))
    document.words = words(document.answer)
    for word in pairs(document.title) do document.words[word] = true end
    for word in pairs(document.words) do seen[word] = (seen[word] or 0) + 1 end
  end
  self.rarity = {}
  for word, count in pairs(seen) do self.rarity[word] = log(#self.documents / count) end
end

--- A model that has read some documents.
-- @tparam table documents as `predibase.mock.text` gives them
-- @tparam table voices array of `{ name =, words = }`
-- @treturn Model with `tokenizer` and `size` (of the vocabulary)
function M.new(documents, voices)
  local texts = {}
  for _, document in ipairs(documents) do
    texts[#texts + 1] = table.concat(document.prompts, "\n") .. "\n " .. document.answer
  end
  local self = setmetatable({
    tokenizer = tokenizer.new(texts), documents = documents, voices = voices,
    stream = {}, owner = {}, places = {}, starts = {},
  }, Model)
  self.size = self.tokenizer.size
  for index, document in ipairs(documents) do
    document.index = index
    local answer = self.tokenizer:encode(" " .. document.answer)
    local opening = {}
    for i = 1, math.min(8, #answer) do opening[i] = answer[i] end
    read(self, document, document.prompts[1] or "", answer, true)
    -- other ways to ask the same: only the way into the answer is read again
    for i = 2, #document.prompts do read(self, document, document.prompts[i], opening, false) end
  end
  unigram(self)
  rarity(self)
  return self
end

--- The voice of an adapter: by a word in its id, else by its bytes, always the same one.
-- @tparam string adapter_id
-- @treturn number index into the voices
function Model:voice(adapter_id)
  local lower = adapter_id:lower()
  for index, voice in ipairs(self.voices) do
    for _, word in ipairs(voice.words) do
      if lower:find(word, 1, true) then return index end
    end
  end
  local sum = 0
  for i = 1, #adapter_id do sum = (sum * 31 + adapter_id:byte(i)) % 65521 end
  return sum % #self.voices + 1
end

-- How much of what the prompt says a document speaks about, from 0 to 1.
local function relevance(self, document, prompt)
  local all, shared = 0, 0
  for _, word in ipairs(prompt) do
    local weight = self.rarity[word] or 1
    all = all + weight
    if document.title[word] then
      shared = shared + weight
    elseif document.words[word] then
      shared = shared + weight / 4
    end
  end
  return all > 0 and shared / all or 0
end

--- What counts how much for one request.
-- @tparam string prompt
-- @tparam[opt] table adapters array of `{ id =, weight = }`
-- @treturn table for `next`
function Model:profile(prompt, adapters)
  local list, voices = {}, {}
  for word in pairs(words(prompt:sub(1, 4096))) do list[#list + 1] = word end
  table.sort(list)     -- the sum must not depend on the order of a hash table
  local speaking = false
  for _, adapter in ipairs(adapters or {}) do
    local index = self:voice(adapter.id)
    voices[index] = (voices[index] or 0) + adapter.weight
    speaking = true
  end
  local weights = {}
  for index, document in ipairs(self.documents) do
    local weight = exp(TOPIC * relevance(self, document, list))
    if document.voice then
      weight = weight * VOICE * (voices[document.voice] or 0)
    elseif speaking then
      weight = 0
    end
    weights[index] = weight > 0 and weight or 0
  end
  return { weights = weights }
end

--- The distribution of the next token.
-- @tparam table context array of ids, `<s>` first
-- @tparam table profile of the request
-- @tparam ?number answered how many tokens of an answer there are at the end of the context; nil
--   when the text is not an answer. The first few are compared with the beginnings of answers.
-- @treturn table `{ ids = array, p = array of probabilities, at = id -> index, rest = number }`:
--   every token that is not in `ids` has the probability `rest * model.unigram[id]`
function Model:next(context, profile, answered)
  local stream, owner, weights = self.stream, self.owner, profile.weights
  local n = #context
  local ids, at, levels, gains, seen = {}, {}, {}, {}, {}
  local count, kinds = {}, {}
  for k = 1, ORDER do count[k], kinds[k] = 0, 0 end
  local number = 0
  local function note(place, level, weight)
    local id = stream[place + 1]
    number = number + 1
    seen[number], levels[number], gains[number] = id, level, weight
    count[level] = count[level] + weight
    local index = at[id]
    if not index then
      index = #ids + 1
      ids[index], at[id] = id, index
      kinds[-index] = 0
    end
    if level > kinds[-index] then kinds[-index] = level end
  end
  for _, start in ipairs(answered and answered < ORDER and self.starts or {}) do
    local weight, i = weights[owner[start]], 1
    while i <= answered and stream[start + i] == context[n - answered + i] do i = i + 1 end
    if weight > 0 and i > answered and owner[start + i] == owner[start] then
      note(start + answered, ORDER, weight * START)
    end
  end
  for _, place in ipairs(self.places[context[n]] or {}) do
    local weight = weights[owner[place]]
    if weight > 0 then
      local level = 1
      while level < ORDER and level < n and stream[place - level] == context[n - level] do
        level = level + 1
      end
      note(place, level, weight)
    end
  end
  -- `kinds[-index]` is the longest context in which a token was seen: count the kinds per level
  for index = 1, #ids do
    local level = kinds[-index]
    kinds[level] = kinds[level] + 1
  end
  local rest, factor, total, sorts = 1, {}, 0, 0
  for k = ORDER, 1, -1 do
    total, sorts = total + count[k], sorts + kinds[k]
    local divisor = total + BACK_OFF * sorts
    factor[k] = divisor > 0 and rest / divisor or 0
    if divisor > 0 then rest = rest * BACK_OFF * sorts / divisor end
  end
  local sum = 0
  for k = 1, ORDER do
    sum = sum + factor[k]
    factor[k] = sum
  end
  local p = {}
  for index, id in ipairs(ids) do p[index] = rest * self.unigram[id] end
  for i = 1, number do
    local index = at[seen[i]]
    p[index] = p[index] + gains[i] * factor[levels[i]]
  end
  return { ids = ids, p = p, at = at, rest = rest }
end

return M
