-- SPDX-License-Identifier: MIT
--- Generates one answer, token by token. In LoRAX, the shard does this: the process that runs the
-- model.
-- @module predibase.mock.generation

local model = require "predibase.mock.model"
local structured = require "predibase.mock.structured"
local tokenizer = require "predibase.mock.tokenizer"
local validation = require "predibase.mock.validation"

local M = {}

--- Returns the ids of a prompt as the router counts them, with `<s>` in front.
-- @tparam string inputs
-- @treturn table array
function M.encode (inputs)
  local ids = model.tokenizer:encode((inputs:gsub("^<s>", "")))
  table.insert(ids, 1, tokenizer.BEGIN)
  return ids
end

local RARE = 1e-6          -- probability of a word that no answer contains

local SOURCES = { hub = true, ["local"] = true, s3 = true, pbase = true }

--- Finds the adapters of a request. The source is checked even if there are none, as in LoRAX.
-- @tparam table p parameters
-- @tparam string default_source
-- @treturn[1] table array of `{ id, weight }`
-- @treturn[2] nil
-- @treturn[2] string why they cannot be loaded, without the router's prefix
function M.adapters (p, default_source)
  local list = {}
  if p.merged_adapters then
    for i, id in ipairs(p.merged_adapters.ids) do
      local weight = math.abs(p.merged_adapters.weights[i])
      list[i] = { id = id, weight = math.min(weight, 1e30) }
    end
  elseif p.adapter_id and p.adapter_id ~= "" then
    list[1] = { id = p.adapter_id, weight = 1 }
  end
  local source = p.adapter_source or default_source
  if not SOURCES[source:lower()] then
    return nil, ("Server error: Invalid source '%s' when downloading adapter '%s'")
      :format(source, list[1] and list[1].id or "__base_model__")
  end
  for _, adapter in ipairs(list) do
    if adapter.id:find("missing", 1, true) then
      return nil, ("Server error: Could not find adapter '%s' in source '%s'")
        :format(adapter.id, source)
    end
  end
  return list
end

local Generation = {}
Generation.__index = Generation

-- Returns the text that the prompt would get without a schema or tools.
local function free_text (self)
  local context, bytes = {}, {}
  for i, id in ipairs(self.context) do context[i] = id end
  for i = 1, 80 do
    local id = model.choose(model.next(context, self.profile, i - 1), self.how)
    if id == tokenizer.END then break end
    bytes[i], context[#context + 1] = model.tokenizer.bytes[id], id
  end
  return tokenizer.readable(table.concat(bytes))
end

-- Makes a function that returns words for the strings of a JSON text.
local function word_source (self)
  local words, at = {}, 0
  for word in free_text(self):gmatch("[%w\128-\255]+") do words[#words + 1] = word end
  if #words == 0 then words[1] = "word" end
  return function (count)
    local out = {}
    for i = 1, count do
      at = at % #words + 1
      out[i] = words[at]
    end
    return table.concat(out, " ")
  end
end

-- Adds the tokens of a text: an array of the texts of tokens, or a string, which is split.
local function add_tokens (list, text, part)
  if type(text) == "table" then
    for _, piece in ipairs(text) do
      local id = model.tokenizer.ids[piece] or tokenizer.UNKNOWN
      list[#list + 1] = { id = id, text = piece, part = part }
    end
  else
    for _, id in ipairs(model.tokenizer:encode(text)) do
      list[#list + 1] = { id = id, part = part }
    end
  end
end

-- Returns the tokens of an answer that is known beforehand: a scripted answer, the text for a
-- schema, or parts.
local function forced (answer)
  local list = {}
  if type(answer) == "table" and type(answer[1]) == "table" then
    for _, part in ipairs(answer) do add_tokens(list, part.text, part.part) end
  else
    add_tokens(list, answer)
  end
  list[#list + 1] = { id = tokenizer.END }
  return list
end

-- Returns the ids that the model sees: with `truncate` only the last ones, after `<s>`.
local function truncated (ids, most)
  if not most or most >= #ids then return ids end
  local kept = { tokenizer.BEGIN }
  for i = #ids - most + 2, #ids do kept[#kept + 1] = ids[i] end
  return kept
end

-- Returns the text for the schema of a request, nil if it has no schema, or nil and what is wrong
-- with the schema.
local function text_for_schema (self)
  local format = self.parameters.response_format
  if not (format and format.schema) then return nil end
  return structured.produce(format.schema, { words = word_source(self), random = self.how.random })
end

--- Begins an answer.
-- @tparam table request `inputs`, `parameters`, `tokens` (the number that the router counted),
--   `question` (what decides the answer; default: `inputs`)
-- @tparam table options `max_total_tokens`, `adapter_source`, `seed` (decimal digits of a u64 for
--   requests that have none), `answer` (a known answer: a string, an array of token texts, an array
--   of parts `{ part, text }`, or a function that gets the text of the model and returns one of
--   them)
-- @treturn[1] Generation
-- @treturn[2] nil
-- @treturn[2] string why there is no answer, without the router's prefix
function M.new (request, options)
  local p = request.parameters
  local list, complaint = M.adapters(p, options.adapter_source)
  if not list then return nil, complaint end
  local self = setmetatable({ parameters = p }, Generation)
  local sampled = validation.samples(p)
  self.seed = sampled and (p.seed or options.seed) or nil
  self.context = truncated(M.encode(request.inputs), p.truncate)
  self.prompt_tokens = #self.context
  self.profile = model.profile(request.question or request.inputs, list)
  self.most = p.max_new_tokens or options.max_total_tokens - request.tokens
  self.how = {
    sample = sampled, random = model.random(self.seed or "0"),
    alternatives = p.return_k_alternatives, temperature = p.temperature, top_k = p.top_k,
    top_p = p.top_p,
  }
  self.decode, self.output = model.tokenizer:decoder(), {}
  self.ids, self.pieces, self.tokens, self.logprob = {}, {}, {}, 0
  self.answered = -1
  local answer = options.answer
  if type(answer) == "function" then
    answer, complaint = answer(free_text(self))
  elseif answer == nil then
    answer, complaint = text_for_schema(self)
  end
  if complaint then return nil, "Server error: " .. complaint end
  if answer ~= nil then self.forced = forced(answer) end
  self.scripted = type(answer) == "table"
  return self
end

-- Tells whether the text ends in a stop sequence. One newline may follow, because the shard
-- compares with the regular expression `.*STOP$`.
local function stopped (self)
  for _, stop in ipairs(self.parameters.stop) do
    -- Only the last pieces are compared, so that long answers do not become slow.
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

--- Generates the next token. Returns nil if the answer is finished; `finish_reason` is then set.
-- @treturn ?table `{ id, text, logprob, special, alternatives, part }`; the last one has
--   `last = true`
function Generation:next ()
  if self.finish_reason then return nil end
  local n = #self.ids
  local logprob, id, alternatives, shown = 0
  local item = self.forced and self.forced[n + 1]
  if item then
    id, shown = item.id, item.text
    alternatives = self.how.alternatives and { { id = id, text = shown, logprob = 0 } }
  else
    -- A new answer begins after an end of text that was ignored.
    self.answered = self.ids[n] == tokenizer.END and 0 or self.answered + 1
    local p = model.next(self.context, self.profile, self.answered)
    id, logprob, alternatives = model.choose(p, self.how)
  end
  self.ids[n + 1], self.context[#self.context + 1] = id, id
  local token = {
    id = id, text = shown or self.decode(id), logprob = logprob, alternatives = alternatives,
    part = item and item.part, special = id <= tokenizer.END and not shown,
  }
  self.pieces[n + 1] = not token.special and (shown or model.tokenizer.bytes[id]) or ""
  self.output[n + 1] = token.text
  self.tokens[n + 1], self.logprob = token, self.logprob + logprob
  -- The shard checks in this order, so the reason for an end of text exactly at the limit is
  -- `length`.
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

--- Returns the text of the answer so far; see `tokenizer.decode` about characters that are cut.
-- @treturn string
function Generation:text ()
  if self.scripted then return table.concat(self.pieces) end
  return model.tokenizer:decode(self.ids)
end

--- Returns the prompt's tokens with their log-probabilities; the first has none.
-- @treturn table array of `{ id, text, logprob = nil|number }`
function Generation:prefill ()
  local list, context = {}, {}
  for i = 1, self.prompt_tokens do
    local id, logprob = self.context[i], nil
    if i > 1 then logprob = math.log(model.next(context, self.profile)[id] or RARE) end
    context[i] = id
    list[i] = { id = id, logprob = logprob,
      text = tokenizer.readable(model.tokenizer.bytes[id]) }
  end
  return list
end

return M
