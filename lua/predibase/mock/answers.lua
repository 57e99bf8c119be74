-- SPDX-License-Identifier: MIT
--- Answers `/generate` and `/generate_stream`, with the faults that a script asks for.
-- The fields of the JSON texts are in the router's order.
-- @module predibase.mock.answers

local generation = require "predibase.mock.generation"
local http = require "predibase.mock.http"
local json = require "predibase.mock.router_json"
local model = require "predibase.mock.model"
local reply = require "predibase.mock.reply"
local tokenizer = require "predibase.mock.tokenizer"
local uv_of = require "predibase.mock.uv"
local validation = require "predibase.mock.validation"

local M = {}

-- Without a delay, other connections run after this number of tokens.
local SLICE = 8

local str, float = json.string, json.float

local function integer (value)
  return ("%.0f"):format(value)
end

local function frame (data)
  return "data: " .. data .. "\n\n"
end

local function alternatives_json (list)
  local parts = {}
  for i, item in ipairs(list) do
    local text = tokenizer.readable(model.tokenizer.bytes[item.id])
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

-- Encodes the data of an event; `closing` is true for the last one of a stream.
local function event_json (body, answer, token, closing)
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

-- Encodes a whole answer: the best sequence, and the others of `best_of`.
local function answer_json (body, best, answers)
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

local function adapter_headers (p, server)
  local ids = p.adapter_id
  if p.merged_adapters then ids = table.concat(p.merged_adapters.ids, ",") end
  if not ids or ids == "" then return {} end
  return {
    { "x-adapter-id", ids },
    { "x-adapter-source", p.adapter_source or server.options.adapter_source },
  }
end

-- Validates a request and begins its answers. Returns nil, the error's type and its detail if the
-- request is refused.
local function admit (context, body, stream)
  local server, p, faults = context.server, body.parameters, context.faults
  local first = stream and validation.stream_only or validation.best_of
  local wrong = first(p, server.limits)
  if wrong then return nil, "validation", wrong end
  if server:overloaded(context) then return nil, "overloaded" end
  local tokens
  tokens, wrong = validation.check(body.inputs, p, server.limits, function (inputs)
    return #generation.encode(inputs)
  end)
  if not tokens then return nil, "validation", wrong end
  context.validated = reply.elapsed(context)
  body.tokens = tokens
  local answers = {}
  for i = 1, math.max(1, stream and 1 or tonumber(p.best_of or 1)) do
    local answer, complaint = generation.new(body, {
      max_total_tokens = server.limits.max_total_tokens,
      adapter_source = server.options.adapter_source,
      seed = server:seed(), answer = faults.answer,
    })
    if not answer then return nil, "generation", complaint end
    answers[i] = answer
  end
  return answers
end

-- Waits until a moment and sends comments on streams meanwhile. Returns false if the client has
-- disconnected.
local function wait (context, moment)
  local connection, uv = context.connection, context.server.uv
  while true do
    local now = uv_of.now(uv)
    if now >= moment then return not connection.closed end
    local until_then = moment
    if context.comment_at and context.comment_at < moment then until_then = context.comment_at end
    if not connection:sleep(until_then - now) then return false end
    if context.comment_at and uv_of.now(uv) >= context.comment_at and until_then < moment then
      context.comment_at = context.comment_at + context.keepalive
      if not connection:write(context.wrap(":\n\n")) then return false end
    end
  end
end

-- Waits until the next token is due and generates it. If a fault comes first or the client has
-- disconnected, returns nil and "error", "cut", "reset" or "closed".
local function step (context, answer)
  local faults, made = context.faults, context.entry.tokens
  if faults.error_after == made then return nil, "error" end
  if faults.batch_error_after == made or context.failed then
    if not context.failed then context.server:fail_batch(context) end
    return nil, "error"
  end
  if faults.crash_after == made then
    context.server:crash()
    return nil, "closed"
  end
  if faults.cut_after == made then return nil, "cut" end
  if faults.reset_after == made then return nil, "reset" end
  if faults.silent_after == made then
    wait(context, math.huge)
    return nil, "closed"
  end
  local now = uv_of.now(context.server.uv)
  local delay = faults.delay or context.server.options.delay
  context.due = context.due and context.due + delay or now + (faults.first_delay or 0)
  if context.due - now > 0.0005 then
    if not wait(context, context.due) then return nil, "closed" end
  elseif made % SLICE == 0 and not context.connection:sleep(0) then
    return nil, "closed"
  end
  if context.connection.closed then return nil, "closed" end
  local token = answer:next()
  context.entry.tokens = made + 1
  context.first = context.first or reply.elapsed(context)
  return token
end

local function scripted_error (faults)
  local kind = faults.error_type or "generation"
  if faults.error then return faults.error, kind, (select(2, reply.error_text(kind))) end
  local message, status = reply.error_text(kind, "Server error: a fault was asked for")
  return message, kind, status
end

-- Closes or resets the connection in the middle of an answer.
local function break_off (context, why)
  context.entry.closed_by = "server"
  if why == "reset" then context.connection:reset() else context.connection:finish() end
end

local function timing_headers (context, best, inputs)
  local total, validated = reply.elapsed(context), context.validated
  local first = context.first or total
  local tokens = #best.ids
  local function ms (value) return ("%.0f"):format(math.floor(value)) end
  local _, characters = inputs:gsub("[%z\1-\127\192-\255]", "")
  return {
    { "x-compute-type", "gpu+optimized" }, { "x-compute-time", ms(total) },
    { "x-compute-characters", ms(characters) }, { "x-total-time", ms(total) },
    { "x-prompt-tokens", ms(best.prompt_tokens) }, { "x-generated-tokens", ms(tokens) },
    { "x-skipped-tokens", "0" }, { "x-total-tokens", ms(best.prompt_tokens + tokens) },
    { "x-validation-time", ms(validated) }, { "x-queue-time", "0" },
    { "x-inference-time", ms(total - validated) },
    { "x-time-per-token", ms((total - validated) / math.max(tokens, 1)) },
    { "x-time-to-first-token", ms(first) },
    { "x-time-per-output-token", ms((total - first) / math.max(tokens - 1, 1)) },
    { "x-model-id", context.server.options.model_id },
  }
end

--- Answers `/generate`, and `/` without streaming.
-- @tparam table context
-- @tparam table body as `validation.read` returns it
-- @tparam boolean array true for an array with one answer
function M.whole (context, body, array)
  local answers, kind, detail = admit(context, body, false)
  if not answers then return reply.refuse(context, kind, detail) end
  local best, why = answers[1], nil
  for _, answer in ipairs(answers) do
    while not answer.finish_reason do
      local token
      token, why = step(context, answer)
      if not token then break end
    end
    if why then break end
    -- The best sequence has the most likely tokens on average.
    if answer.logprob / #answer.ids > best.logprob / #best.ids then best = answer end
  end
  if why == "closed" then return nil end
  if why == "error" then
    local message, error_kind, status = scripted_error(context.faults)
    return reply.whole(context, status, "application/json", reply.error_json(message, error_kind))
  end
  local text = answer_json(body, best, answers)
  if array then text = "[" .. text .. "]" end
  local headers = timing_headers(context, best, body.inputs)
  for _, header in ipairs(adapter_headers(body.parameters, context.server)) do
    headers[#headers + 1] = header
  end
  if not why then return reply.json(context, text, headers) end
  table.insert(headers, 1, { "content-type", "application/json" })
  headers[#headers + 1] = { "content-length", tostring(#text) }
  context.connection:write(reply.head(context, 200, headers) .. text:sub(1, math.floor(#text / 2)))
  return break_off(context, why)
end

-- Sends the tokens. Returns true if the answer is complete.
local function tokens (context, body, answer)
  local connection = context.connection
  while true do
    local token, why = step(context, answer)
    if not token then
      if why == "error" then
        local message, kind = scripted_error(context.faults)
        connection:write(context.wrap(frame(reply.error_json(message, kind))))
        return true
      elseif why ~= "closed" then
        break_off(context, why)
      end
      return false
    end
    local last = token.last and context.faults.final ~= false
    local data = frame(event_json(body, answer, token, last))
    if not connection:write(context.wrap(data)) then return false end
    if context.keepalive then
      context.comment_at = uv_of.now(context.server.uv) + context.keepalive
    end
    if token.last then return true end
  end
end

--- Answers `/generate_stream`, and `/` with streaming.
-- @tparam table context
-- @tparam table body as `validation.read` returns it
function M.stream (context, body)
  local connection, server, faults = context.connection, context.server, context.faults
  local _, characters = body.inputs:gsub("[%z\1-\127\192-\255]", "")
  local headers = {
    { "content-type", faults.content_type or "text/event-stream" },
    { "cache-control", "no-cache" },
    { "x-compute-type", "gpu+optimized" }, { "x-compute-characters", tostring(characters) },
    { "x-accel-buffering", "no" },
  }
  for _, header in ipairs(adapter_headers(body.parameters, server)) do
    headers[#headers + 1] = header
  end
  headers[#headers + 1] = { "x-model-id", server.options.model_id }
  local chunked = context.request.version ~= "1.0"
  context.wrap = chunked and http.chunk or function (data) return data end
  if chunked then
    headers[#headers + 1] = { "transfer-encoding", "chunked" }
  else
    context.keep_alive = false      -- the end of the connection ends the body
  end
  if not connection:write(reply.head(context, 200, headers)) then return end
  context.keepalive = faults.keepalive_interval or server.options.keepalive_interval
  if context.keepalive <= 0 then context.keepalive = nil end
  context.comment_at = context.keepalive and uv_of.now(server.uv) + context.keepalive
  local answers, kind, detail = admit(context, body, true)
  if answers then
    if not tokens(context, body, answers[1]) then return end
  else
    local data = frame(reply.error_json(reply.error_text(kind, detail), kind))
    if not connection:write(context.wrap(data)) then return end
  end
  if faults.hold and not wait(context, uv_of.now(server.uv) + faults.hold) then return end
  if chunked then connection:write(http.chunk("")) end
  context.complete = true
end

return M
