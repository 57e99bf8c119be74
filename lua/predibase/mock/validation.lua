-- SPDX-License-Identifier: MIT
--- Checks the parameters of requests as the router does, in the same order. It
-- shares no code with the client's own checks, so that the two can be tested against each other.
-- @module predibase.mock.validation

local M = {}

local function outside (value, low, high)
  return value ~= nil and not (value >= low and value <= high)
end

--- Makes the checks that the router makes only for streams, before all others.
-- @tparam table p parameters
-- @treturn ?string
function M.stream_only (p)
  if (p.best_of or 1) ~= 1 then
    return "`best_of` != 1 is not supported when streaming tokens"
  end
  if p.decoder_input_details then
    return "`decoder_input_details` == true is not supported when streaming tokens"
  end
end

--- Checks the range of `best_of`, which the router does before it asks whether it is overloaded.
-- @tparam table p parameters
-- @tparam table limits `max_best_of`
-- @treturn ?string
function M.best_of (p, limits)
  local best_of = p.best_of or 1
  if best_of <= 1 then return nil end
  if limits.max_best_of == 1 then return "`best_of` != 1 is not allowed for this endpoint" end
  if best_of > limits.max_best_of then
    return ("`best_of` must be > 0 and <= %d. Given: %s")
      :format(limits.max_best_of, p.best_of_digits or ("%.0f"):format(best_of))
  end
end

--- Tells whether tokens are sampled. Otherwise the most likely token is taken each time.
-- @tparam table p parameters
-- @treturn boolean
function M.samples (p)
  if p.temperature == 0 then return false end
  return p.do_sample or (p.temperature or 1) ~= 1 or p.top_k ~= nil or (p.top_p or 1) < 1
    or p.typical_p ~= nil
end

-- For `best_of` the router only checks that one of these is given, whatever its value.
local function asks_for_sampling (p)
  return p.do_sample or p.temperature or p.top_k or p.top_p or p.typical_p
end

-- Makes the checks in the router's order. Returns the message of the first that fails.
local function refusal (inputs, p, limits)
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
  if best_of > 1 and not asks_for_sampling(p) then
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
end

--- Checks the length of a prompt, and with it that of the answer.
-- @tparam number tokens of the prompt
-- @tparam table p `max_new_tokens`
-- @tparam table limits max_input_length, max_total_tokens
-- @treturn ?string what is wrong
function M.length (tokens, p, limits)
  if p.max_new_tokens and tokens + p.max_new_tokens > limits.max_total_tokens then
    return ("`inputs` tokens + `max_new_tokens` must be <= %d. Given: %d `inputs` tokens "
      .. "and %.0f `max_new_tokens`"):format(limits.max_total_tokens, tokens, p.max_new_tokens)
  end
  if tokens > limits.max_input_length then
    return ("`inputs` must have less than %d tokens. Given: %d")
      :format(limits.max_input_length, tokens)
  end
end

--- Checks a request as the router does before it generates.
-- @tparam string inputs
-- @tparam table p parameters
-- @tparam table limits max_stop_sequences, max_input_length, max_total_tokens
-- @tparam function count returns the number of tokens of `inputs`, `<s>` included
-- @treturn[1] number of tokens of `inputs`
-- @treturn[2] nil
-- @treturn[2] string what is wrong, without the prefix `Input validation error: `
function M.check (inputs, p, limits, count)
  local wrong = refusal(inputs, p, limits)
  if wrong then return nil, wrong end
  local tokens = count(inputs)
  wrong = M.length(tokens, p, limits)
  if wrong then return nil, wrong end
  if p.truncate and (p.truncate == 0 or p.truncate > limits.max_input_length) then
    return nil, ("`truncate` must be strictly positive and less than %d. Given: %.0f")
      :format(limits.max_input_length, p.truncate)
  end
  return tokens
end

--- Tells whether a request ends the router's process. An unknown way to merge adapters does. A
-- control character in the id or source of an adapter does, too, because the router writes the id
-- and the source into response headers.
-- @tparam table p parameters
-- @treturn boolean
function M.panics (p)
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
