-- SPDX-License-Identifier: MIT
--- Tokens, events and whole answers as JSON, field by field in the router's order.
-- @module predibase.mock.event

local tokenizer = require "predibase.mock.tokenizer"
local writer = require "predibase.mock.writer"

local M = {}

local str, float = writer.string, writer.float

local function integer(value)
  return ("%.0f"):format(value)
end

--- One server-sent event.
-- @tparam string data one line of JSON
-- @treturn string
function M.frame(data)
  return "data: " .. data .. "\n\n"
end

local function alternatives(answer, list)
  local parts = {}
  for i, item in ipairs(list) do
    local text = tokenizer.readable(answer.model.tokenizer.bytes[item.id])
    parts[i] = ('{"id":%s,"text":%s,"logprob":%s}')
      :format(integer(item.id), str(text), float(item.logprob))
  end
  return "[" .. table.concat(parts, ",") .. "]"
end

local function token_json(answer, token)
  local more = token.alternatives
    and ',"alternative_tokens":' .. alternatives(answer, token.alternatives) or ""
  return ('{"id":%s,"text":%s,"logprob":%s,"special":%s%s,"skipped":false}')
    :format(integer(token.id), str(token.text), float(token.logprob), tostring(token.special), more)
end

local function full_text(body, answer)
  local text = answer:text()
  return body.parameters.return_full_text and body.inputs .. text or text
end

--- An event of a stream.
-- @tparam table body the request
-- @tparam Generation answer
-- @tparam table token
-- @tparam boolean closing whether this is the event that ends the stream
-- @treturn string
function M.token(body, answer, token, closing)
  local text, details = "null", "null"
  if closing then
    text = str(full_text(body, answer))
    if body.parameters.details then
      details = ('{"finish_reason":"%s","prompt_tokens":%d,"generated_tokens":%d,"seed":%s}')
        :format(answer.finish_reason, answer.prompt_tokens, #answer.ids, answer.seed or "null")
    end
  end
  return ('{"token":%s,"generated_text":%s,"details":%s}')
    :format(token_json(answer, token), text, details)
end

local function token_list(answer)
  local parts = {}
  for i, token in ipairs(answer.tokens) do parts[i] = token_json(answer, token) end
  return "[" .. table.concat(parts, ",") .. "]"
end

local function prefill(body, answer)
  local parts = {}
  if body.parameters.decoder_input_details then
    for i, token in ipairs(answer:prefill()) do
      parts[i] = ('{"id":%s,"text":%s,"logprob":%s}')
        :format(integer(token.id), str(token.text), float(token.logprob))
    end
  end
  return "[" .. table.concat(parts, ",") .. "]"
end

local function best_of(body, best, answers)
  local parts = {}
  for _, answer in ipairs(answers) do
    if answer ~= best then
      parts[#parts + 1] = ('{"generated_text":%s,"finish_reason":"%s","generated_tokens":%d,'
        .. '"seed":%s,"prefill":%s,"tokens":%s}'):format(str(full_text(body, answer)),
        answer.finish_reason, #answer.ids, answer.seed or "null", prefill(body, answer),
        token_list(answer))
    end
  end
  return "[" .. table.concat(parts, ",") .. "]"
end

--- A whole answer.
-- @tparam table body the request
-- @tparam Generation best
-- @tparam table answers array with all sequences
-- @treturn string
function M.response(body, best, answers)
  local p = body.parameters
  local text = str(full_text(body, best))
  if not (p.details or p.decoder_input_details) then
    return ('{"generated_text":%s}'):format(text)
  end
  local others = #answers > 1 and ',"best_of_sequences":' .. best_of(body, best, answers) or ""
  return ('{"generated_text":%s,"details":{"finish_reason":"%s","prompt_tokens":%d,'
    .. '"generated_tokens":%d,"skipped_tokens":0,"seed":%s,"prefill":%s,"tokens":%s%s}}')
    :format(text, best.finish_reason or "length", best.prompt_tokens, #best.ids,
      best.seed or "null", prefill(body, best), token_list(best), others)
end

return M
