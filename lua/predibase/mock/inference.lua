-- SPDX-License-Identifier: MIT
--- Runs requests that generate no text: embeddings and classifications.
-- @module predibase.mock.inference

local generation = require "predibase.mock.generation"
local reply = require "predibase.mock.reply"
local validation = require "predibase.mock.validation"

local M = {}

-- Returns nothing, or the type and the detail of the error for which a request is refused.
local function refusal (context, texts, p)
  local server = context.server
  if server:overloaded(context) then return "overloaded" end
  for _, text in ipairs(texts) do
    local wrong = validation.length(#generation.encode(text), { max_new_tokens = 1 }, server.limits)
    if wrong then return "validation", wrong end
  end
  context.validated = reply.elapsed(context)
  local adapters, complaint = generation.adapters(p, server.options.adapter_source)
  if not adapters then return "generation", complaint end
end

--- Runs a request: checks it, waits if the faults ask for it, and sends the result.
-- @tparam table context
-- @tparam string method "embed" or "classify", as the metrics name it
-- @tparam table texts array of strings
-- @tparam table p parameters: those of adapters
-- @tparam function answer called without arguments; returns a JSON text and headers
function M.run (context, method, texts, p, answer)
  local server, faults = context.server, context.faults
  server.metrics:add("lorax_request_count")
  local kind, detail = refusal(context, texts, p)
  if kind then return reply.refuse(context, kind, detail) end
  server.metrics:add("lorax_batch_inference_count", method)
  if faults.first_delay and not context.connection:sleep(faults.first_delay) then return end
  if faults.error_after then return reply.scripted_error(context) end
  server.metrics:add("lorax_batch_inference_success", method)
  local body, headers = answer()
  server.metrics:succeeded(reply.elapsed(context) / 1000, context.validated / 1000)
  return reply.json(context, body, headers)
end

return M
