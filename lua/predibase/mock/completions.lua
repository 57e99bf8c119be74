-- SPDX-License-Identifier: MIT
--- The route `/v1/completions`: turns its fields into parameters, and writes its answers.
-- @module predibase.mock.completions

local answers = require "predibase.mock.answers"
local json = require "predibase.mock.router_json"

local M = {}

local FINISH = { eos_token = "stop", length = "length", stop_sequence = "content_filter" }

--- Returns OpenAI's name of the reason why an answer ended, as LoRAX has it.
-- @tparam ?string reason of a generation
-- @treturn string JSON
function M.finish_json (reason)
  return FINISH[reason] and json.string(FINISH[reason]) or "null"
end

--- Writes the numbers of tokens.
-- @tparam number prompt tokens
-- @tparam number completion tokens
-- @treturn string JSON
function M.usage_json (prompt, completion)
  return ('{"prompt_tokens":%d,"total_tokens":%d,"completion_tokens":%d}')
    :format(prompt, prompt + completion, completion)
end

--- Turns the fields that both `/v1/` routes have into the router's parameters.
-- Negative integers become huge ones, because the router reinterprets their bits.
-- @tparam table body as `bodies.read` returns it
-- @tparam string base the base model
-- @treturn table
function M.parameters (body, base)
  local p = {
    adapter_id = body.model ~= base and body.model or "", adapter_source = body.adapter_source,
    api_token = body.api_token, temperature = body.temperature, top_p = body.top_p,
    top_k = body.top_k, repetition_penalty = body.repetition_penalty,
    presence_penalty = body.presence_penalty, frequency_penalty = body.frequency_penalty,
    max_new_tokens = body.max_tokens and body.max_tokens % 2 ^ 32,
    ignore_eos_token = body.ignore_eos_token, stop = body.stop or {}, seed = body.seed,
    details = true,
  }
  return p
end

--- Sets the number of sequences.
-- @tparam table p parameters
-- @tparam ?number count 32-bit integer
function M.set_best_of (p, count)
  p.best_of = count
  if count and count < 0 then
    -- 2^64 is 18446744073709551616, and a double has not that many digits
    p.best_of, p.best_of_digits = 2 ^ 64, ("1844674407%010.0f"):format(3709551616 + count)
  end
end

local function completion_json (text, finish, prompt, completion)
  return ('{"id":"null","object":"text_completion","created":0,"model":"null","choices":'
    .. '[{"index":0,"text":%s,"logprobs":null,"finish_reason":%s}],"usage":%s}')
    :format(json.string(text), M.finish_json(finish), M.usage_json(prompt, completion))
end

local writer = { done = "[DONE]" }

--- Writes a whole answer, see `predibase.mock.answers`.
function writer.whole (request, best)
  local text = (request.parameters.return_full_text and request.inputs or "") .. best:text()
  return completion_json(text, best.finish_reason, best.prompt_tokens, #best.ids)
end

--- Writes the event of a token, see `predibase.mock.answers`.
function writer.event (_, answer, token, closing)
  if not closing then return completion_json(token.text, nil, 0, 0) end
  local text = answer.finish_reason == "eos_token" and "" or token.text
  return completion_json(text, answer.finish_reason, answer.prompt_tokens, #answer.ids)
end

--- Answers a request.
-- @tparam table context
-- @tparam table body as `bodies.read` returns it
function M.answer (context, body)
  local p = M.parameters(body, context.server.options.model_id)
  M.set_best_of(p, body.best_of)
  p.do_sample = body.n ~= nil
  p.decoder_input_details = body.logprobs ~= nil
  p.return_full_text = body.echo
  local send = body.stream and answers.stream or answers.whole
  return send(context, { inputs = body.prompt, parameters = p }, writer)
end

return M
