-- SPDX-License-Identifier: MIT
--- One answer, token by token: the loop of the shard.
-- @module predibase.mock.generation

local model = require "predibase.mock.model"
local random = require "predibase.mock.random"
local sampler = require "predibase.mock.sampler"
local schema = require "predibase.mock.schema"
local text = require "predibase.mock.text"
local tokenizer = require "predibase.mock.tokenizer"
local validation = require "predibase.mock.validation"

local M = {}

local GREEDY_SEED = "0"

--- The one model of this process; it is built at the first use, in some hundredths of a second.
-- @treturn Model
function M.model()
  M.shared = M.shared or model.new(text.documents(), text.voices())
  return M.shared
end

--- The ids of a prompt as the router counts them, `<s>` first.
-- @tparam string inputs
-- @treturn table array
function M.encode(inputs)
  local ids = M.model().tokenizer:encode(inputs)
  table.insert(ids, 1, tokenizer.BEGIN)
  return ids
end

-- The adapters of a request, or why they cannot be loaded.
local function adapters(p, default_source)
  local list = {}
  if p.merged_adapters then
    for i, id in ipairs(p.merged_adapters.ids) do
      list[i] = { id = id, weight = math.abs(p.merged_adapters.weights[i]) }
    end
  elseif p.adapter_id and p.adapter_id ~= "" then
    list[1] = { id = p.adapter_id, weight = 1 }
  end
  local source = p.adapter_source or default_source
  for _, adapter in ipairs(list) do
    if not ({ hub = 1, ["local"] = 1, s3 = 1, pbase = 1 })[source:lower()] then
      return nil, ("Invalid source '%s' when downloading adapter '%s'"):format(source, adapter.id)
    end
    if adapter.id:find("missing", 1, true) then
      return nil, ("Could not find adapter '%s' in source '%s'"):format(adapter.id, source)
    end
  end
  return list
end

local Generation = {}
Generation.__index = Generation

local function use(self, id)
  local used = self.used
  if not used.count[id] then used.list[#used.list + 1] = id end
  used.count[id] = (used.count[id] or 0) + 1
end

-- Words for JSON strings: those of the answer the model would have given.
local function word_source(self)
  local queue, context, at = {}, {}, 1
  for i, id in ipairs(self.context) do context[i] = id end
  local choose = sampler.new(self.model, { sample = self.sampled, random = self.random })
  local bytes = {}
  for i = 1, 80 do
    local id = choose:choose(self.model:next(context, self.profile, i - 1), self.used)
    if id == tokenizer.END then break end
    bytes[i], context[#context + 1] = self.model.tokenizer.bytes[id], id
  end
  for word in tokenizer.readable(table.concat(bytes)):gmatch("[%w\128-\255]+") do
    queue[#queue + 1] = word
  end
  if #queue == 0 then queue[1] = "word" end
  return function(count)
    local words = {}
    for i = 1, count do
      words[i] = queue[(at - 1) % #queue + 1]
      at = at + 1
    end
    return table.concat(words, " ")
  end
end

-- Tokens that are laid down beforehand: a scripted answer or the text for a schema.
local function forced(self, answer)
  local list = {}
  if type(answer) == "table" then
    for i, piece in ipairs(answer) do
      list[i] = { id = self.model.tokenizer.ids[piece] or tokenizer.UNKNOWN, text = piece }
    end
  else
    for i, id in ipairs(self.model.tokenizer:encode(answer)) do list[i] = { id = id } end
  end
  list[#list + 1] = { id = tokenizer.END }
  return list
end

--- Begins an answer.
-- @tparam table request `inputs`, `parameters`, `tokens` (number counted by the router)
-- @tparam table options `max_total_tokens`, `adapter_source`, `seed` (u64 as decimal text, used
--   when the request has none), `answer` (a scripted answer: string or array of token texts)
-- @treturn[1] Generation
-- @treturn[2] nil
-- @treturn[2] string the shard's complaint, without the router's prefix
function M.new(request, options)
  local p = request.parameters
  local list, complaint = adapters(p, options.adapter_source)
  if not list then return nil, "Server error: " .. complaint end
  local self = setmetatable({ model = M.model(), parameters = p }, Generation)
  self.sampled = validation.samples(p)
  self.seed = self.sampled and (p.seed or options.seed) or nil
  self.random = random.new(self.seed or GREEDY_SEED)
  local ids = M.encode(request.inputs)
  if p.truncate and tonumber(p.truncate) < #ids then
    -- the last tokens stay, and `<s>` stays in front of them
    local kept = { tokenizer.BEGIN }
    for i = #ids - p.truncate + 2, #ids do kept[#kept + 1] = ids[i] end
    ids = kept
  end
  self.context, self.prompt_tokens = ids, #ids
  self.profile = self.model:profile(request.inputs, list)
  self.used = { list = {}, count = {} }
  for _, id in ipairs(ids) do use(self, id) end
  self.most = p.max_new_tokens or options.max_total_tokens - request.tokens
  self.sampler = sampler.new(self.model, {
    sample = self.sampled, random = self.random, alternatives = p.return_k_alternatives,
    temperature = p.temperature, top_k = p.top_k, top_p = p.top_p, typical_p = p.typical_p,
    repetition_penalty = p.repetition_penalty, frequency_penalty = p.frequency_penalty,
    presence_penalty = p.presence_penalty,
  })
  self.decode, self.output = self.model.tokenizer:decoder(), {}
  self.ids, self.pieces, self.tokens, self.logprob = {}, {}, {}, 0
  self.answered = -1
  local answer, format = options.answer, p.response_format
  if answer == nil and format and format.schema then
    answer, complaint = schema.produce(format.schema,
      { words = word_source(self), random = self.random })
    if not answer then return nil, "Server error: " .. complaint end
  end
  if answer ~= nil then self.forced = forced(self, answer) end
  self.scripted = type(answer) == "table"
  return self
end

-- Whether the text ends in a stop sequence; one newline may follow it, as with the regular
-- expression `.*STOP$` of the shard.
local function stopped(self)
  for _, stop in ipairs(self.parameters.stop) do
    -- only the end is looked at: as many pieces as are as long as the stop sequence
    local tail, i = "", #self.output
    while i > 0 and #tail <= #stop do
      tail = self.output[i] .. tail
      i = i - 1
    end
    if stop == "" or tail:sub(-#stop) == stop then return true end
    if tail:sub(-#stop - 1) == stop .. "\n" then return true end
  end
  return false
end

--- The next token, or nil when the answer is finished (then `finish_reason` is set).
-- @treturn ?table `{ id, text, logprob, special, alternatives }`; the last one has `last = true`
function Generation:next()
  if self.finish_reason then return nil end
  local n = #self.ids
  local logprob, id, alternatives, shown = 0
  local item = self.forced and self.forced[n + 1]
  if item then
    id, shown = item.id, item.text
  else
    -- after an end of text that was ignored, a new answer begins
    self.answered = self.ids[n] == tokenizer.END and 0 or self.answered + 1
    local dist = self.model:next(self.context, self.profile, self.answered)
    id, logprob, alternatives = self.sampler:choose(dist, self.used)
  end
  self.ids[n + 1], self.context[#self.context + 1] = id, id
  use(self, id)
  local token = {
    id = id, text = shown or self.decode(id), logprob = logprob, alternatives = alternatives,
    special = self.model.tokenizer:is_special(id) and not shown,
  }
  self.pieces[n + 1] = not token.special and (shown or self.model.tokenizer.bytes[id]) or ""
  self.output[n + 1] = token.text
  self.tokens[n + 1], self.logprob = token, self.logprob + logprob
  -- the shard asks in this order, so an end of text exactly at the limit is a `length`
  if n + 1 >= self.most then
    self.finish_reason = "length"
  elseif id == tokenizer.END and not shown and not self.parameters.ignore_eos_token then
    self.finish_reason = "eos_token"
  elseif stopped(self) then
    self.finish_reason = "stop_sequence"
  end
  token.last = self.finish_reason ~= nil
  return token
end

--- The text of the answer so far, by the server's rule for characters that are cut.
-- @treturn string
function Generation:text()
  if self.scripted then return table.concat(self.pieces) end
  return self.model.tokenizer:decode(self.ids)
end

--- The prompt's tokens with what the model thought of them; the first has no log-probability.
-- @treturn table array of `{ id, text, logprob = nil|number }`
function Generation:prefill()
  local list, context = {}, {}
  for i = 1, self.prompt_tokens do
    local id, logprob = self.context[i], nil
    if i > 1 then
      local dist = self.model:next(context, self.profile)
      local index = dist.at[id]
      logprob = math.log(index and dist.p[index] or dist.rest * self.model.unigram[id])
    end
    context[i] = id
    list[i] = { id = id, logprob = logprob,
      text = tokenizer.readable(self.model.tokenizer.bytes[id]) }
  end
  return list
end

return M
