-- SPDX-License-Identifier: MIT
--- Stands in for a language model: it recites and mixes the few texts below.
-- Each word that a prompt shares with a text makes that text more likely. Every token of the
-- vocabulary has a probability, which depends on the prompt and the last tokens; a reported
-- log-probability is the logarithm of the probability with which the token was chosen.
-- @module predibase.mock.model

local random = require "predibase.random"
local tokenizer = require "predibase.mock.tokenizer"

local exp, floor, log, min = math.exp, math.floor, math.log, math.min

local M = {}

local TEXTS = {
  "The capital of France is Paris.",
  "The capital of Italy is Rome.",
  "The capital of Japan is Tokyo, 東京, a city in the east.",
  "Hello! I put words together, and I know nothing about the world. 🙂",
  "My name is Stand-in. I live inside the predibase rock, and nothing that I say is true.",
  "A token is a word with the space in front of it, or a sign, or one byte. A token has an id.",
  [[Once upon a time there was a small server that told a story to every client who asked for one.
    One night the network fell silent, and it waited until the morning. Then a token arrived.]],
  [[Once upon a time there was a fox who lived in a lighthouse. She lit the lamp at night, and the
    ships found their way home. When winter came, they brought her a stove from the Café, and she
    was never cold again.]],
  "A poem about the sea: the waves come in, the moon looks down on them, and asks for nothing.",
  "The sky is blue because air scatters blue light more than red light.",
}
local SHARED_WORD = 4      -- a text is e^4 times as likely for each word that the prompt has, too
local SAME_TOKEN = 3       -- factor for each of up to five tokens that are the same before a place
local NOISE = 0.001        -- probability of all tokens that no text puts here

for number, text in ipairs(TEXTS) do TEXTS[number] = " " .. text:gsub("%s+", " ") end

-- Words of chat templates and schemas, without which a prompt with tools had a token for each byte.
local PROMPT_WORDS = [[user system assistant end type function description name parameters object
properties string number integer boolean required array items enum no tool content response Open
ened with specific selected call JSON of these functions Answer]]

--- The tokenizer of the model. It knows the first words of the texts with and without a space.
M.tokenizer = tokenizer.new(table.concat(TEXTS, "\n"):gsub("\n ", "\n") .. table.concat(TEXTS)
  .. " Arr Well\nWhat", PROMPT_WORDS:gsub("%s+", "\n") .. " " .. PROMPT_WORDS)

-- The places where each token occurs. `</s>` is before the first token of each text and at its end.
local places = {}
for number, text in ipairs(TEXTS) do
  local ids = M.tokenizer:encode(text)
  ids[0], ids[#ids + 1] = tokenizer.END, tokenizer.END
  for at = 0, #ids - 1 do
    places[ids[at]] = places[ids[at]] or {}
    table.insert(places[ids[at]], { text = number, ids = ids, at = at })
  end
end

--- Makes a generator of numbers in [0, 1), the same for the same seed on every Lua.
-- @tparam string seed decimal digits, because a u64 fits neither a double nor a Lua integer
-- @treturn function
function M.random (seed)
  local number = 0      -- the last round multiplies only, so that similar seeds differ enough
  for i = 1, #seed + 1 do number = (number * 48271 + (seed:byte(i) or 0)) % 2147483629 end
  return random.new(number)
end

--- Draws a seed for a request that has none: a u64 with more digits than a double holds.
-- @tparam function draw as `random` returns it
-- @treturn string decimal digits
function M.seed (draw)
  return ("%.0f%09.0f"):format(1e9 + floor(draw() * 9e9), floor(draw() * 1e9))
end

--- Decides how likely each text is in the answer to one request. It compares words of at least four
-- letters with the last 1000 bytes of the prompt, where the question of a chat is.
-- @tparam string prompt
-- @tparam[opt] table adapters array of `{ id =, weight = }`; the heaviest begins the answer
-- @treturn table for `next`
function M.profile (prompt, adapters)
  local asked = " " .. prompt:sub(-1000):lower():gsub("[^a-z]+", " ") .. " "
  local draw, weights, voice, heaviest = M.random(prompt), {}, "", -1
  for number, text in ipairs(TEXTS) do
    local score = 3 * draw()
    for word in text:lower():gmatch("[a-z][a-z][a-z][a-z]+") do
      if asked:find(" " .. word .. " ", 1, true) then score = score + SHARED_WORD end
    end
    weights[number] = exp(score)
  end
  for _, adapter in ipairs(adapters or {}) do
    if adapter.weight > heaviest then
      heaviest, voice = adapter.weight, adapter.id:find("pirate") and " Arr," or " Well,"
    end
  end
  return { weights = weights, voice = M.tokenizer:encode(voice) }
end

--- Returns the probability of each token to be the next one.
-- @tparam table context array of ids, `<s>` first
-- @tparam table profile
-- @tparam[opt] number answered tokens of the answer at the end of the context; nil inside a prompt
-- @treturn table id -> probability
function M.next (context, profile, answered)
  local gains, total, p, n = {}, 0, {}, #context
  local spoken = answered and profile.voice[answered + 1]
  if spoken then gains[spoken], total = 1, 1 end
  local last = answered ~= #profile.voice and context[n] or tokenizer.END
  for _, place in ipairs(spoken and {} or places[last] or places[tokenizer.END]) do
    local same, id = 0, place.ids[place.at + 1]
    repeat same = same + 1 until same > 4 or context[n - same] ~= place.ids[place.at - same]
    local gain = profile.weights[place.text] * SAME_TOKEN ^ same
    gains[id], total = (gains[id] or 0) + gain, total + gain
  end
  local bytes, words = tokenizer.FIRST_WORD, M.tokenizer.size - tokenizer.FIRST_WORD
  for id = 0, M.tokenizer.size - 1 do
    -- single bytes are rare, because they rarely form characters
    p[id] = NOISE * (id < bytes and 0.01 / bytes or 0.99 / words)
      + (1 - NOISE) * (gains[id] or 0) / total
  end
  return p
end

--- Chooses the next token.
-- @tparam table p of `next`
-- @tparam table how `sample` (false takes the most likely token), and only when sampling `random`,
--   a function, `temperature`, `top_k` and `top_p`; `alternatives`, the number of likely tokens to
--   return
-- @treturn number id
-- @treturn number logarithm of its probability
-- @treturn ?table the most likely tokens, `{ { id =, logprob = }, … }`, if asked for
function M.choose (p, how)
  local ids, chances, best, whole, mass, count = {}, {}, 0, 0, 0, 0
  local options = how.sample and how or {}
  for id = 0, #p do ids[id + 1], best = id, p[id] > p[best] and id or best end
  for id = 0, #p do chances[id] = exp(log(p[id] / p[best]) / (options.temperature or 1)) end
  if options.top_k or options.top_p or how.alternatives then
    table.sort(ids, function (a, b) return p[a] > p[b] or p[a] == p[b] and a < b end)
  end
  local most = min(options.top_k or #ids, #ids)
  for i = 1, most do whole = whole + chances[ids[i]] end
  repeat
    count = count + 1
    mass = mass + chances[ids[count]]
  until count == most or mass >= (options.top_p or 2) * whole
  if how.sample then
    local i, left = 1, how.random() * mass
    while left >= chances[ids[i]] and i < count do i, left = i + 1, left - chances[ids[i]] end
    best = ids[i]
  end
  local list = how.alternatives and {}
  for i = 1, min(how.alternatives or 0, count) do
    list[i] = { id = ids[i], logprob = log(chances[ids[i]] / mass) }
  end
  return best, log(chances[best] / mass), list
end

return M
