-- SPDX-License-Identifier: MIT
--- The routes `/classify` and `/classify_batch`: finds names of persons, places and organisations
-- by short lists of known words and by capital letters.
-- @module predibase.mock.classification

local generation = require "predibase.mock.generation"
local inference = require "predibase.mock.inference"
local json = require "predibase.mock.router_json"
local reply = require "predibase.mock.reply"

local M = {}

local LISTS = {
  PER = [[ Ada Alan Alice Anna Barbara Bob Charles David Donald Emma Grace Hedy James Jane Johnny
    John Karen Katherine Linus Margaret Maria Marie Mary Michael Olivia Paul Peter Radia Robert
    Sarah Sophie Thomas ]],
  LOC = [[ Africa America Amsterdam Asia Athens Barcelona Berlin Boston Brazil Cairo California
    Canada Chicago China Dublin Egypt England Europe France Germany Greece India Ireland Italy Japan
    Kenya Köln Lisbon London Madrid Manchester Mexico Moscow Mumbai Munich Norway Oslo Paris Poland
    Portugal Prague Rome Scotland Seattle Spain Stockholm Sweden Sydney Texas Tokyo Toronto Vienna
    Warsaw Zurich ]],
  ORG = [[ Airbus Amazon Apple Boeing Google IBM Intel Microsoft NASA Predibase Siemens Toyota
    UNESCO Volkswagen ]],
}
local known = {}
for label, words in pairs(LISTS) do
  for word in words:gmatch("%S+") do known[word] = label end
end

-- Words that give away what kind of name they belong to: before it, and in it.
local BEFORE = { ["in"] = "LOC", at = "LOC", from = "LOC", near = "LOC", to = "LOC",
  mr = "PER", mrs = "PER", ms = "PER", dr = "PER" }
local INSIDE = { Inc = "ORG", Ltd = "ORG", Corp = "ORG", GmbH = "ORG", Bank = "ORG",
  University = "ORG", Company = "ORG", Institute = "ORG", River = "LOC", City = "LOC",
  San = "LOC", New = "LOC", Lake = "LOC", Mount = "LOC" }

-- How sure the model is: of a known word, of a word that gives it away, of a capital letter.
local KNOWN, HINT, CAPITAL = 0.998, 0.91, 0.62

-- Returns the label and the score of a name, or nil for an ordinary word.
local function judge (name, before, begins_sentence)
  local first
  for word in name:gmatch("%S+") do
    if INSIDE[word] then return INSIDE[word], KNOWN end
    first = first or known[word]
  end
  if first then return first, KNOWN end
  local hint = BEFORE[before:lower()]
  if hint then return hint, HINT end
  if begins_sentence or #name < 2 then return nil end
  return "MISC", CAPITAL
end

--- Finds the names in a text.
-- @tparam string text
-- @treturn table array of `{ entity_group, score, word, start, end }`; positions are in bytes, the
--   first is 0 and `end` is behind the last byte
function M.entities (text)
  local list, at = {}, 1
  while true do
    local from, stop = text:find("%f[%w\128-\255]%u[%w\128-\255-]*", at)
    if not from then return list end
    local last = stop
    repeat
      stop = last
      last = select(2, text:find("^ %u[%w\128-\255-]*", stop + 1))
    until not last
    local front = text:sub(1, from - 1)
    local before, sign = front:match("([%w\128-\255]*)%.?%s*$"), front:match("(%S)%s*$")
    local label, score = judge(text:sub(from, stop), before, not sign or sign:find("[.!?]"))
    if label and not BEFORE[text:sub(from, stop):lower()] then
      list[#list + 1] = { entity_group = label, score = score, word = text:sub(from, stop):lower(),
        start = from - 1, ["end"] = stop }
    end
    at = stop + 1
  end
end

local function words_in (text)
  local set = {}
  for word in text:gmatch("%S+") do set[word] = true end
  return set
end

local function entities_json (context, text)
  local parts = {}
  for i, entity in ipairs(context.faults.entities or M.entities(text)) do
    parts[i] = ('{"entity_group":%s,"score":%s,"word":%s,"start":%d,"end":%d}')
      :format(json.string(entity.entity_group), json.float(entity.score), json.string(entity.word),
        entity.start, entity["end"])
  end
  return "[" .. table.concat(parts, ",") .. "]"
end

local function timing (context)
  local total = reply.elapsed(context)
  local function ms (value) return ("%.0f"):format(math.floor(value)) end
  return {
    { "x-compute-type", "gpu+optimized" }, { "x-compute-time", ms(total) },
    { "x-validation-time", ms(context.validated) }, { "x-queue-time", "0" },
    { "x-inference-time", ms(total - context.validated) },
  }
end

--- Answers `/classify`.
-- @tparam table context
-- @tparam table body as `bodies.read` returns it
function M.one (context, body)
  inference.run(context, "classify", { body.inputs }, {}, function ()
    return entities_json(context, body.inputs), timing(context)
  end)
end

--- Answers `/classify_batch`.
-- @tparam table context
-- @tparam table body as `bodies.read` returns it
function M.several (context, body)
  if #body.inputs == 0 then return reply.refuse(context, "classification_failure") end
  inference.run(context, "classify", body.inputs, {}, function ()
    local list = {}
    for i, text in ipairs(body.inputs) do list[i] = entities_json(context, text) end
    return "[" .. table.concat(list, ",") .. "]", timing(context)
  end)
end

local POSITIVE = words_in [[ amazing best excellent fantastic good great happy helpful like love
  loved nice perfect pleased thank thanks wonderful ]]
local NEGATIVE = words_in [[ angry awful bad broken disappointed error fail failed hate horrible
  late poor refund sad slow terrible useless worst wrong ]]

-- Returns the probabilities of the three labels.
local function feeling (text)
  local points = { 1, 1, 1.5 }
  for word in text:lower():gmatch("%a+") do
    if NEGATIVE[word] then points[1] = points[1] + 4 end
    if POSITIVE[word] then points[2] = points[2] + 4 end
  end
  local sum = points[1] + points[2] + points[3]
  return { points[1] / sum, points[2] / sum, points[3] / sum }
end

local LABELS = { "negative", "positive", "neutral" }

--- Answers `/classify` as the managed service does: with the label of each text.
-- @tparam table context
-- @tparam table body as `bodies.read` returns it
function M.managed (context, body)
  inference.run(context, "classify", body.input, { adapter_id = body.model }, function ()
    local list, tokens = {}, 0
    for i, text in ipairs(body.input) do
      tokens = tokens + #generation.encode(text)
      local probs, best = feeling(text), 1
      for j = 2, #probs do best = probs[j] > probs[best] and j or best end
      for j, value in ipairs(probs) do probs[j] = json.float(value) end
      list[i] = ('{"index":%d,"label":"%s","probs":[%s],"num_classes":%d}')
        :format(i - 1, LABELS[best], table.concat(probs, ","), #LABELS)
    end
    return ('{"id":"classify-%s","object":"list","created":%d,"model":%s,"data":[%s],'
      .. '"usage":{"prompt_tokens":%d,"total_tokens":%d,"completion_tokens":0,'
      .. '"prompt_tokens_details":null}}'):format(context.server:seed(), os.time(),
      json.string(body.model or context.server.options.model_id), table.concat(list, ","), tokens,
      tokens)
  end)
end

return M
