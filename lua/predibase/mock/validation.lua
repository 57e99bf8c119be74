-- SPDX-License-Identifier: MIT
--- What the router accepts: the shapes of request bodies and the order of its refusals.
-- Written from the router's behaviour, on purpose without a line of the client's own checks.
-- @module predibase.mock.validation

local serde = require "predibase.mock.serde"

local M = {}

local text = serde.option(serde.string)
local f32 = serde.option(serde.f32)
local usize = serde.option(serde.integer "usize")
local i32 = serde.option(serde.integer "i32")

local merged_adapters = serde.struct("AdapterParameters", {
  "ids",
  ids = { serde.list(serde.string), required = true },
  weights = { serde.list(serde.f32), default = {} },
  merge_strategy = { text },
  density = { serde.f32, default = 0 },
  majority_sign_method = { text },
})

local FORMATS = {
  text = true, json_object = true, json_schema = true,
  Text = true, JsonObject = true, JsonSchema = true,
}

local function format_type(reader)
  local name = serde.string(reader)
  if not FORMATS[name] then
    reader:fail(("unknown variant `%s`, expected one of `text`, `json_object`, `json_schema`")
      :format(name))
  end
  return name
end

-- A `schema` that is left out means "any object"; `"schema": null` means no constraint at all.
local ANY_OBJECT = { object = true, keys = { "type" }, values = { type = "object" } }

local response_format = serde.struct("ResponseFormat", {
  "type",
  type = { format_type, required = true },
  schema = { serde.option(serde.any), default = ANY_OBJECT },
})

local parameters = serde.struct("GenerateParameters", {
  adapter_id = { text },
  adapter_source = { text },
  merged_adapters = { serde.option(merged_adapters) },
  api_token = { text },
  best_of = { usize },
  temperature = { f32 },
  repetition_penalty = { f32 },
  frequency_penalty = { f32 },
  presence_penalty = { f32 },
  top_k = { i32 },
  top_p = { f32 },
  typical_p = { f32 },
  do_sample = { serde.boolean, default = false },
  max_new_tokens = { serde.option(serde.integer "u32") },
  ignore_eos_token = { serde.boolean, default = false },
  return_full_text = { serde.option(serde.boolean) },
  stop = { serde.list(serde.string), default = {} },
  truncate = { usize },
  watermark = { serde.boolean, default = false },
  details = { serde.boolean, default = false },
  decoder_input_details = { serde.boolean, default = false },
  return_k_alternatives = { i32 },
  apply_chat_template = { serde.boolean, default = false },
  seed = { serde.option(serde.integer "u64") },
  response_format = { serde.option(response_format) },
})

local DEFAULTS = { do_sample = false, stop = {}, details = false, decoder_input_details = false }

local function request(name, stream)
  return serde.struct(name, {
    "inputs",
    inputs = { serde.string, required = true },
    parameters = { parameters, default = DEFAULTS },
    stream = stream and { serde.boolean, default = false } or nil,
  })
end

--- The shapes of the bodies, by name: `generate`, `compat` (also has `stream`), `tokenize`.
M.shapes = {
  generate = request("GenerateRequest"),
  compat = request("CompatGenerateRequest", true),
  tokenize = serde.struct("TokenizeRequest", {
    "inputs",
    inputs = { serde.string, required = true },
    add_special_tokens = { serde.option(serde.boolean) },
  }),
}

--- Reads a body: the status and text of the refusal when it does not fit.
-- @tparam string body
-- @tparam function shape
-- @treturn[1] table
-- @treturn[2] nil
-- @treturn[2] number status
-- @treturn[2] string text
function M.read(body, shape)
  local value, failure = serde.read(body, shape)
  if value then return value end
  if failure.syntax then
    return nil, 400, "Failed to parse the request body as JSON: " .. failure.message
  end
  return nil, 422,
    "Failed to deserialize the JSON body into the target type: " .. failure.message
end

local function outside(value, low, high)
  return value ~= nil and not (value >= low and value <= high)
end

--- What only a stream refuses, before everything else.
-- @tparam table p parameters
-- @treturn ?string
function M.stream_only(p)
  if (p.best_of or 1) ~= 1 then
    return "`best_of` != 1 is not supported when streaming tokens"
  end
  if p.decoder_input_details then
    return "`decoder_input_details` == true is not supported when streaming tokens"
  end
end

--- The range of `best_of`, which the router looks at before it asks for a free place.
-- @tparam table p parameters
-- @tparam table limits `max_best_of`
-- @treturn ?string
function M.best_of(p, limits)
  local best_of = p.best_of or 1
  if best_of <= 1 then return nil end
  if limits.max_best_of == 1 then return "`best_of` != 1 is not allowed for this endpoint" end
  if best_of > limits.max_best_of then
    return ("`best_of` must be > 0 and <= %d. Given: %.0f"):format(limits.max_best_of, best_of)
  end
end

--- Whether the shard samples for a request; it takes the likeliest tokens otherwise.
-- @tparam table p parameters
-- @treturn boolean
function M.samples(p)
  if p.temperature == 0 then return false end
  return p.do_sample or (p.temperature or 1) ~= 1 or p.top_k ~= nil or (p.top_p or 1) < 1
    or p.typical_p ~= nil
end

-- All that the router asks for `best_of`: is one of these given, whatever its value?
local function names_sampling(p)
  return p.do_sample or p.temperature or p.top_k or p.top_p or p.typical_p
end

-- In the order of the router; the first that applies is the answer.
local function refusal(inputs, p, limits)
  local best_of = p.best_of or 1
  if p.merged_adapters then
    if p.adapter_id then return "at most one of `adapter_id` or `adapters` may be provided" end
    if #p.merged_adapters.ids == 0 then
      return "at least one adapter ID must be provided when setting `adapters`"
    end
    if #p.merged_adapters.ids ~= #p.merged_adapters.weights then
      return "number of adapter IDs must match number of adapter weights"
    end
  end
  if best_of > 1 and not names_sampling(p) then
    return "you must use sampling when `best_of` is > 1"
  end
  if p.temperature and p.temperature < 0 then return "`temperature` must be non-negative" end
  if p.repetition_penalty and p.repetition_penalty <= 0 then
    return "`repetition_penalty` must be strictly positive"
  end
  if outside(p.frequency_penalty, -2, 2) then
    return "`frequency_penalty` must be >= -2.0 and <= 2.0"
  end
  if outside(p.presence_penalty, -2, 2) then
    return "`presence_penalty` must be >= -2.0 and <= 2.0"
  end
  if p.top_p and (p.top_p <= 0 or p.top_p > 1) then return "`top_p` must be > 0.0 and < 1.0" end
  if p.typical_p and (p.typical_p <= 0 or p.typical_p >= 1) then
    return "`typical_p` must be > 0.0 and < 1.0"
  end
  if p.top_k and p.top_k <= 0 then return "`top_k` must be strictly positive" end
  if p.return_k_alternatives and p.return_k_alternatives <= 0 then
    return "`return_k_alternatives` must be strictly positive"
  end
  if p.max_new_tokens == 0 then return "`max_new_tokens` must be strictly positive" end
  if #p.stop > limits.max_stop_sequences then
    return ("`stop` supports up to %d stop sequences. Given: %d")
      :format(limits.max_stop_sequences, #p.stop)
  end
  if best_of > 1 and p.seed then return "`seed` must not be set when `best_of` > 1" end
  if inputs == "" then return "`inputs` cannot be empty" end
  local longest = limits.max_input_length
  if p.truncate and (tonumber(p.truncate) == 0 or tonumber(p.truncate) > longest) then
    return ("`truncate` must be strictly positive and less than %d. Given: %.0f")
      :format(longest, p.truncate)
  end
end

--- Checks a request as the router does before it generates.
-- @tparam string inputs
-- @tparam table p parameters
-- @tparam table limits max_stop_sequences, max_input_length, max_total_tokens
-- @tparam function count gives the number of tokens of `inputs`, `<s>` included
-- @treturn[1] number of tokens of `inputs`
-- @treturn[2] nil
-- @treturn[2] string what is wrong, without the prefix `Input validation error: `
function M.check(inputs, p, limits, count)
  local wrong = refusal(inputs, p, limits)
  if wrong then return nil, wrong end
  local tokens = count(inputs)
  if p.max_new_tokens and tokens + p.max_new_tokens > limits.max_total_tokens then
    return nil, ("`inputs` tokens + `max_new_tokens` must be <= %d. Given: %d `inputs` tokens "
      .. "and %.0f `max_new_tokens`"):format(limits.max_total_tokens, tokens, p.max_new_tokens)
  end
  if tokens > limits.max_input_length then
    return nil, ("`inputs` must have less than %d tokens. Given: %d")
      :format(limits.max_input_length, tokens)
  end
  return tokens
end

--- Whether a request would end the real router's process: an unknown way to merge adapters, or a
-- control character in an adapter's id or source, which go into response headers.
-- @tparam table p parameters
-- @treturn boolean
function M.panics(p)
  local merged = p.merged_adapters
  if merged then
    local strategy = (merged.merge_strategy or "linear"):lower()
    local method = (merged.majority_sign_method or "total"):lower()
    if not ({ linear = 1, ties = 1, dare_linear = 1, dare_ties = 1 })[strategy] then return true end
    if not ({ total = 1, frequency = 1 })[method] then return true end
  end
  local names = (p.adapter_id or "") .. (p.adapter_source or "")
  if merged then names = names .. table.concat(merged.ids) end
  return names:gsub("\t", ""):find("[%z\1-\31\127]") ~= nil
end

return M
