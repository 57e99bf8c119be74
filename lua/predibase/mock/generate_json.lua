-- SPDX-License-Identifier: MIT
--- Writes the answers of `/generate` and `/generate_stream`, with the fields in the router's order.
-- @module predibase.mock.generate_json

local json = require "predibase.mock.router_json"
local model = require "predibase.mock.model"
local tokenizer = require "predibase.mock.tokenizer"

local M = {}

local str, float = json.string, json.float

local function integer (value)
  return ("%.0f"):format(value)
end

local function alternatives_json (list)
  local parts = {}
  for i, item in ipairs(list) do
    local text = item.text or tokenizer.readable(model.tokenizer.bytes[item.id])
    parts[i] = ('{"id":%s,"text":%s,"logprob":%s}')
      :format(integer(item.id), str(text), float(item.logprob))
  end
  return "[" .. table.concat(parts, ",") .. "]"
end

local function token_json (token)
  local more = token.alternatives
    and ',"alternative_tokens":' .. alternatives_json(token.alternatives) or ""
  return ('{"id":%s,"text":%s,"logprob":%s,"special":%s%s,"skipped":false}')
    :format(integer(token.id), str(token.text), float(token.logprob), tostring(token.special), more)
end

local function full_text (body, answer)
  local text = answer:text()
  return body.parameters.return_full_text and body.inputs .. text or text
end

--- Writes the data of the event of a token.
-- @tparam table body as `bodies.read` returns it
-- @tparam Generation answer
-- @tparam table token
-- @tparam boolean closing true for the last one of a stream
-- @treturn string
function M.event (body, answer, token, closing)
  local text, details = "null", "null"
  if closing then
    text = str(full_text(body, answer))
    if body.parameters.details then
      details = ('{"finish_reason":"%s","prompt_tokens":%d,"generated_tokens":%d,"seed":%s}')
        :format(answer.finish_reason, answer.prompt_tokens, #answer.ids, answer.seed or "null")
    end
  end
  return ('{"token":%s,"generated_text":%s,"details":%s}')
    :format(token_json(token), text, details)
end

local function tokens_json (answer)
  local parts = {}
  for i, token in ipairs(answer.tokens) do parts[i] = token_json(token) end
  return "[" .. table.concat(parts, ",") .. "]"
end

local function prefill_json (body, answer)
  local parts = {}
  if body.parameters.decoder_input_details then
    for i, token in ipairs(answer:prefill()) do
      parts[i] = ('{"id":%s,"text":%s,"logprob":%s}')
        :format(integer(token.id), str(token.text), float(token.logprob))
    end
  end
  return "[" .. table.concat(parts, ",") .. "]"
end

local function others_json (body, best, answers)
  local parts = {}
  for _, answer in ipairs(answers) do
    if answer ~= best then
      parts[#parts + 1] = ('{"generated_text":%s,"finish_reason":"%s","generated_tokens":%d,'
        .. '"seed":%s,"prefill":%s,"tokens":%s}'):format(str(full_text(body, answer)),
        answer.finish_reason, #answer.ids, answer.seed or "null", prefill_json(body, answer),
        tokens_json(answer))
    end
  end
  return "[" .. table.concat(parts, ",") .. "]"
end

--- Writes a whole answer: the best sequence, and the others of `best_of`.
-- @tparam table body as `bodies.read` returns it
-- @tparam Generation best
-- @tparam table answers all sequences
-- @treturn string
function M.whole (body, best, answers)
  local p = body.parameters
  local text = str(full_text(body, best))
  if not (p.details or p.decoder_input_details) then
    return ('{"generated_text":%s}'):format(text)
  end
  local others = #answers > 1 and ',"best_of_sequences":' .. others_json(body, best, answers) or ""
  return ('{"generated_text":%s,"details":{"finish_reason":"%s","prompt_tokens":%d,'
    .. '"generated_tokens":%d,"skipped_tokens":0,"seed":%s,"prefill":%s,"tokens":%s%s}}')
    :format(text, best.finish_reason or "length", best.prompt_tokens, #best.ids,
      best.seed or "null", prefill_json(body, best), tokens_json(best), others)
end

local function in_array (body, best, answers)
  return "[" .. M.whole(body, best, answers) .. "]"
end

--- The writer of the answers of `/`, which are arrays with one answer.
M.compat = { whole = in_array, event = M.event }

return M
