-- SPDX-License-Identifier: MIT
--- The routes that tell about a deployment: `/info`, `/health`, `/startup`, `/metrics`, `/docs`.
-- @module predibase.mock.deployment

local json = require "predibase.mock.router_json"
local reply = require "predibase.mock.reply"

local M = {}

local VERSION = "0.1.0"           -- of the router

--- Answers `/info`.
-- @tparam table context
function M.info (context)
  local options = context.server.options
  reply.json(context, ('{"model_id":%s,"model_sha":null,"model_dtype":"torch.float16",'
    .. '"model_device_type":"cpu","model_pipeline_tag":null,'
    .. '"max_concurrent_requests":%d,"max_best_of":%d,"max_stop_sequences":%d,'
    .. '"max_input_length":%d,"max_total_tokens":%d,"waiting_served_ratio":0.3,'
    .. '"max_batch_total_tokens":400000,"max_waiting_tokens":20,"validation_workers":2,'
    .. '"eager_prefill":false,"version":"%s","sha":null,"docker_label":null,'
    .. '"request_logger_url":null}'):format(json.string(options.model_id),
    options.max_concurrent_requests, options.max_best_of, options.max_stop_sequences,
    options.max_input_length, options.max_total_tokens, VERSION))
end

--- Answers `/health`, `/ping` and `/`.
-- @tparam table context
function M.health (context)
  if context.faults.error_after then return reply.scripted_error(context) end
  reply.empty(context, 200)
end

--- Answers `/startup`, for which the router generates a token. All of its errors have status 500.
-- @tparam table context
function M.startup (context)
  if context.server:overloaded(context) then
    return reply.refuse(context, "overloaded", nil, 500)
  end
  if context.faults.error_after then return reply.scripted_error(context, 500) end
  reply.empty(context, 200)
end

--- Answers `/metrics`: as JSON for clients that accept it.
-- @tparam table context
function M.metrics (context)
  local metrics = context.server:metrics_now()
  if (context.request.headers.accept or ""):find("application/json", 1, true) then
    return reply.json(context, metrics:json())
  end
  reply.whole(context, 200, "text/plain", metrics:text())
end

--- Answers `/docs`, which only leads to `/docs/`.
-- @tparam table context
function M.docs (context)
  reply.empty(context, 303, { { "location", "/docs/" } })
end

--- Answers `/docs/`, where the router describes its API.
-- @tparam table context
function M.docs_page (context)
  reply.whole(context, 200, "text/html", "<!doctype html><title>Stand-in server</title>"
    .. "<p>A LoRAX server describes its API here. This is a stand-in server.")
end

return M
