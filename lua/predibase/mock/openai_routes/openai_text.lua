-- SPDX-License-Identifier: MIT
--- `/v1/completions` of OpenAI's API, and what it shares with `/v1/chat/completions`.
-- @module predibase.mock.openai_routes.openai_text

local answers = require "predibase.mock.answers"
local json = require "predibase.mock.router_json"
local reply = require "predibase.mock.reply"

local M = {}

local MOST = 8                    -- choices of one request
local FINISH = { eos_token = "stop", stop_sequence = "stop", length = "length" }

--- Returns OpenAI's name of the reason why an answer ended.
-- @tparam string reason of a generation
-- @treturn string
function M.finish (reason)
  return FINISH[reason]
end

--- Writes the numbers of tokens.
-- @tparam table all answers
-- @treturn string JSON
function M.usage_json (all)
  local prompt, completion = all[1].prompt_tokens, 0
  for _, answer in ipairs(all) do completion = completion + #answer.ids end
  return ('{"prompt_tokens":%d,"total_tokens":%d,"completion_tokens":%d}')
    :format(prompt, prompt + completion, completion)
end

--- Makes the router's parameters of a request.
-- @tparam table context
-- @tparam table body
-- @treturn[1] table
-- @treturn[2] nil
-- @treturn[2] string what is wrong
function M.parameters (context, body)
  local count = body.n or 1
  if count < 1 or count > MOST then return nil, ("`n` must be from 1 to %d"):format(MOST) end
  if count > 1 and body.stream then return nil, "`n` must be 1 for a stream" end
  return {
    adapter_id = body.model ~= context.server.options.model_id and body.model or "",
    temperature = body.temperature, top_p = body.top_p, stop = body.stop or {}, seed = body.seed,
    presence_penalty = body.presence_penalty, frequency_penalty = body.frequency_penalty,
    max_new_tokens = body.max_completion_tokens or body.max_tokens,
    do_sample = body.temperature ~= 0,
  }
end

--- Adds what every request for text has.
-- @tparam table request
-- @tparam table body
-- @tparam table context
-- @tparam string prefix of the id
-- @treturn table the request
function M.identify (request, body, context, prefix)
  request.sequences = body.n or 1
  request.id = prefix .. context.server:seed()
  request.created, request.model = os.time(), body.model
  request.usage = body.stream_options and body.stream_options.include_usage
  return request
end

-- Tells how many bytes at the end of a text may belong to a stop sequence.
local function open_bytes (text, stops)
  local most = 0
  for _, stop in ipairs(stops) do
    for size = math.min(#stop, #text), most + 1, -1 do
      if text:sub(-size) == stop:sub(1, size) then
        most = size
        break
      end
    end
  end
  return most
end

--- Removes the stop sequence at which a text ends: OpenAI's API does not return it.
-- @tparam string text
-- @tparam Generation answer
-- @treturn string
function M.without_stop (text, answer)
  if answer.finish_reason ~= "stop_sequence" then return text end
  for _, stop in ipairs(answer.parameters.stop) do
    local from = #text - #stop
    if from >= 0 and text:sub(from + 1, #text) == stop then return text:sub(1, from) end
    if from >= 1 and text:sub(from, -2) == stop then return text:sub(1, from - 1) end
  end
  return text
end

--- Makes a function that takes the texts of tokens and returns what can be sent: the beginning of a
-- stop sequence is kept back.
-- @tparam Generation answer
-- @treturn function gets a text and whether it is the last one
function M.keeper (answer)
  local kept = ""
  return function (text, last)
    text = kept .. text
    if last then return M.without_stop(text, answer) end
    local open = open_bytes(text, answer.parameters.stop)
    kept = text:sub(#text - open + 1)
    return text:sub(1, #text - open)
  end
end

local function completion_json (request, choices, tail)
  return ('{"id":%s,"object":"text_completion","created":%d,"model":%s,"choices":[%s]%s}')
    :format(json.string(request.id), request.created, json.string(request.model), choices, tail)
end

local function choice_json (index, text, finish)
  return ('{"index":%d,"text":%s,"logprobs":null,"finish_reason":%s}')
    :format(index, json.string(text), finish and json.string(finish) or "null")
end

local writer = { done = "[DONE]", refuses_early = true }

--- Writes a whole answer, see `predibase.mock.answers`.
function writer.whole (request, _, all)
  local choices = {}
  for i, answer in ipairs(all) do
    local text = (request.echo and request.inputs or "") .. M.without_stop(answer:text(), answer)
    choices[i] = choice_json(i - 1, text, M.finish(answer.finish_reason))
  end
  return completion_json(request, table.concat(choices, ","), ',"usage":' .. M.usage_json(all))
end

--- Writes the events of a token, see `predibase.mock.answers`.
function writer.event (request, answer, token, closing)
  request.keep = request.keep or M.keeper(answer)
  local last = answer.finish_reason ~= nil
  local text = request.keep(token.special and "" or token.text, last)
  local list = { completion_json(request,
    choice_json(0, text, closing and M.finish(answer.finish_reason)), "") }
  if closing and request.usage then
    list[2] = completion_json(request, "", ',"usage":' .. M.usage_json { answer })
  end
  return list
end

--- Answers a request.
-- @tparam table context
-- @tparam table body as `openai_bodies.read` returns it
function M.answer (context, body)
  local p, complaint = M.parameters(context, body)
  if p and #body.prompt ~= 1 then p, complaint = nil, "the stand-in server takes one prompt" end
  if not p then return reply.refuse(context, "validation", complaint) end
  local request = M.identify({ inputs = body.prompt[1], parameters = p, echo = body.echo }, body,
    context, "cmpl-")
  local send = body.stream and answers.stream or answers.whole
  return send(context, request, writer)
end

return M
