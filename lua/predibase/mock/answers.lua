-- SPDX-License-Identifier: MIT
--- Answers requests for text, whole or as streams, with the faults that a script asks for.
-- A writer turns answers into JSON: `whole(request, best, answers)` returns the text of a whole
-- answer, or nil, the error's type and its detail; `event(request, answer, token, closing)` returns
-- the data of the event of a token, or an array of them; `done` is the data after the last event;
-- `refuses_early` sends refusals of streams as whole answers, as other servers than LoRAX do.
-- @module predibase.mock.answers

local generation = require "predibase.mock.generation"
local http = require "predibase.mock.http"
local reply = require "predibase.mock.reply"
local uv_of = require "predibase.mock.uv"
local validation = require "predibase.mock.validation"

local M = {}

-- Without a delay, other connections run after this number of tokens.
local SLICE = 8

local function frame (data)
  return "data: " .. data .. "\n\n"
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
  server.metrics:add("lorax_request_count")
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
  for i = 1, body.sequences or math.max(1, stream and 1 or p.best_of or 1) do
    local answer, complaint = generation.new(body, {
      max_total_tokens = server.limits.max_total_tokens,
      adapter_source = server.options.adapter_source,
      seed = server:seed(), answer = body.parts or faults.answer or body.answer,
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

-- Counts an answer that is complete.
local function succeeded (context, answer)
  local metrics = context.server.metrics
  metrics:add("lorax_batch_inference_count", "decode", #answer.ids)
  metrics:add("lorax_batch_inference_success", "decode", #answer.ids)
  metrics:succeeded(reply.elapsed(context) / 1000, context.validated / 1000, answer)
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

--- Sends a whole answer.
-- @tparam table context
-- @tparam table body `inputs` and `parameters`, and what the writer needs
-- @tparam table writer
function M.whole (context, body, writer)
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
  if why == "error" then return reply.scripted_error(context) end
  succeeded(context, best)
  local text
  text, kind, detail = writer.whole(body, best, answers)
  if not text then return reply.refuse(context, kind, detail) end
  local headers = context.write_error and {} or timing_headers(context, best, body.inputs)
  for _, header in ipairs(adapter_headers(body.parameters, context.server)) do
    headers[#headers + 1] = header
  end
  if not why then return reply.json(context, text, headers) end
  table.insert(headers, 1, { "content-type", "application/json" })
  headers[#headers + 1] = { "content-length", tostring(#text) }
  context.connection:write(reply.head(context, 200, headers) .. text:sub(1, math.floor(#text / 2)))
  return break_off(context, why)
end

-- Sends one event, or several. Returns false if the client has disconnected.
local function send_events (context, list)
  if type(list) == "string" then list = { list } end
  for _, data in ipairs(list) do
    if not context.connection:write(context.wrap(frame(data))) then return false end
  end
  return true
end

-- Sends the tokens. Returns true if the answer is complete.
local function tokens (context, body, answer, writer)
  while true do
    local token, why = step(context, answer)
    if not token then
      if why == "error" then
        local message, kind = reply.fault(context.faults)
        return send_events(context, (reply.error_body(context, message, kind)))
      elseif why ~= "closed" then
        break_off(context, why)
      end
      return false
    end
    local last = token.last and context.faults.final ~= false
    if not send_events(context, writer.event(body, answer, token, last)) then return false end
    if context.keepalive then
      context.comment_at = uv_of.now(context.server.uv) + context.keepalive
    end
    if token.last then
      succeeded(context, answer)
      local done = context.faults.done
      if done == nil then done = last end
      return not (done and writer.done) or send_events(context, writer.done)
    end
  end
end

-- Returns the headers of a stream.
local function stream_headers (context, body)
  local kind = { "content-type", context.faults.content_type or "text/event-stream" }
  if context.write_error then return { kind, { "cache-control", "no-cache" } } end
  local _, characters = body.inputs:gsub("[%z\1-\127\192-\255]", "")
  local headers = {
    kind, { "cache-control", "no-cache" },
    { "x-compute-type", "gpu+optimized" }, { "x-compute-characters", tostring(characters) },
    { "x-accel-buffering", "no" },
  }
  for _, header in ipairs(adapter_headers(body.parameters, context.server)) do
    headers[#headers + 1] = header
  end
  headers[#headers + 1] = { "x-model-id", context.server.options.model_id }
  return headers
end

--- Sends an answer as a stream.
-- @tparam table context
-- @tparam table body `inputs` and `parameters`, and what the writer needs
-- @tparam table writer
function M.stream (context, body, writer)
  local connection, server, faults = context.connection, context.server, context.faults
  local answers, kind, detail
  if writer.refuses_early then
    answers, kind, detail = admit(context, body, true)
    if not answers then return reply.refuse(context, kind, detail) end
  end
  local chunked = context.request.version ~= "1.0"
  context.wrap = chunked and http.chunk or function (data) return data end
  -- otherwise the end of the connection ends the body
  if not chunked then context.keep_alive = false end
  local framing = chunked and { { "transfer-encoding", "chunked" } } or nil
  if not connection:write(reply.head(context, 200, stream_headers(context, body), framing)) then
    return
  end
  context.keepalive = faults.keepalive_interval or server.options.keepalive_interval
  if context.keepalive <= 0 then context.keepalive = nil end
  context.comment_at = context.keepalive and uv_of.now(server.uv) + context.keepalive
  if not answers then answers, kind, detail = admit(context, body, true) end
  if answers then
    if not tokens(context, body, answers[1], writer) then return end
  else
    local message = reply.error_text(kind, detail)
    if not send_events(context, (reply.error_body(context, message, kind))) then return end
  end
  if faults.hold and not wait(context, uv_of.now(server.uv) + faults.hold) then return end
  if chunked then connection:write(http.chunk("")) end
  context.complete = true
end

return M
