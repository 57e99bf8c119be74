-- SPDX-License-Identifier: MIT
--- The answers of `/generate` and `/generate_stream`, with the faults that a script asks for.
-- @module predibase.mock.generate

local event = require "predibase.mock.event"
local generation = require "predibase.mock.generation"
local http = require "predibase.mock.http"
local loop = require "predibase.mock.loop"
local reply = require "predibase.mock.reply"
local validation = require "predibase.mock.validation"

local M = {}

local SLICE = 8            -- tokens generated before others have a turn, when there is no delay

local function adapter_headers(p, server)
  local ids = p.adapter_id
  if p.merged_adapters then ids = table.concat(p.merged_adapters.ids, ",") end
  if not ids or ids == "" then return {} end
  return {
    { "x-adapter-id", ids },
    { "x-adapter-source", p.adapter_source or server.options.adapter_source },
  }
end

-- Everything between the body and the first token: nil and the error when it ends here.
local function admit(context, body, stream)
  local server, p, faults = context.server, body.parameters, context.faults
  local first = stream and validation.stream_only or validation.best_of
  local wrong = first(p, server.limits)
  if wrong then return nil, "validation", wrong end
  if server:overloaded(context) then return nil, "overloaded" end
  local tokens
  tokens, wrong = validation.check(body.inputs, p, server.limits, function(inputs)
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

-- Waits until a moment; on a stream, comments go out meanwhile. False when the client is gone.
local function wait(context, moment)
  local connection, uv = context.connection, context.server.uv
  while true do
    local now = loop.now(uv)
    if now >= moment then return not connection.closed end
    local until_then = moment
    if context.comment_at and context.comment_at < moment then until_then = context.comment_at end
    if not connection:sleep(until_then - now) then return false end
    if context.comment_at and loop.now(uv) >= context.comment_at and until_then < moment then
      context.comment_at = context.comment_at + context.keepalive
      if not connection:write(context.wrap(":\n\n")) then return false end
    end
  end
end

-- The next token in its time, or nil and why there is none: "error", "cut", "reset", "closed".
local function step(context, answer)
  local faults, made = context.faults, context.entry.tokens
  if faults.error_after == made then return nil, "error" end
  if faults.cut_after == made then return nil, "cut" end
  if faults.reset_after == made then return nil, "reset" end
  if faults.silent_after == made then
    wait(context, math.huge)
    return nil, "closed"
  end
  local now = loop.now(context.server.uv)
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

local function scripted_error(faults)
  local kind = faults.error_type or "generation"
  if faults.error then return faults.error, kind, (select(2, reply.error_text(kind))) end
  local message, status = reply.error_text(kind, "Server error: a fault was asked for")
  return message, kind, status
end

-- Ends the connection in the middle of an answer.
local function break_off(context, why)
  context.entry.closed_by = "server"
  if why == "reset" then context.connection:reset() else context.connection:finish() end
end

local function timing_headers(context, best, inputs)
  local total, validated = reply.elapsed(context), context.validated
  local first = context.first or total
  local tokens = #best.ids
  local function ms(value) return ("%.0f"):format(math.floor(value)) end
  local _, characters = inputs:gsub("[%z\1-\127\192-\255]", "")
  local list = {
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
  return list
end

--- `/generate`, and `/` without streaming.
-- @tparam table context
-- @tparam table body as `validation.shapes` reads it
-- @tparam boolean array whether the answer is an array of one
function M.whole(context, body, array)
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
    -- the sequence whose tokens were the most likely on average wins
    if answer.logprob / #answer.ids > best.logprob / #best.ids then best = answer end
  end
  if why == "closed" then return nil end
  if why == "error" then
    local message, error_kind, status = scripted_error(context.faults)
    return reply.whole(context, status, "application/json", reply.error_json(message, error_kind))
  end
  local text = event.response(body, best, answers)
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

-- Sends the tokens; true when the answer came to its end.
local function tokens(context, body, answer)
  local connection = context.connection
  while true do
    local token, why = step(context, answer)
    if not token then
      if why == "error" then
        local message, kind = scripted_error(context.faults)
        connection:write(context.wrap(event.frame(reply.error_json(message, kind))))
        return true
      elseif why ~= "closed" then
        break_off(context, why)
      end
      return false
    end
    local last = token.last and context.faults.final ~= false
    local data = event.frame(event.token(body, answer, token, last))
    if not connection:write(context.wrap(data)) then return false end
    if context.keepalive then
      context.comment_at = loop.now(context.server.uv) + context.keepalive
    end
    if token.last then return true end
  end
end

--- `/generate_stream`, and `/` with streaming.
-- @tparam table context
-- @tparam table body
function M.stream(context, body)
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
  context.wrap = chunked and http.chunk or function(data) return data end
  if chunked then
    headers[#headers + 1] = { "transfer-encoding", "chunked" }
  else
    context.keep_alive = false      -- the end of the connection is the end of the body
  end
  if not connection:write(reply.head(context, 200, headers)) then return end
  context.keepalive = faults.keepalive_interval or server.options.keepalive_interval
  if context.keepalive <= 0 then context.keepalive = nil end
  context.comment_at = context.keepalive and loop.now(server.uv) + context.keepalive
  local answers, kind, detail = admit(context, body, true)
  if answers then
    if not tokens(context, body, answers[1]) then return end
  else
    local data = event.frame(reply.error_json(reply.error_text(kind, detail), kind))
    if not connection:write(context.wrap(data)) then return end
  end
  if faults.hold and not wait(context, loop.now(server.uv) + faults.hold) then return end
  if chunked then connection:write(http.chunk("")) end
  context.complete = true
end

return M
