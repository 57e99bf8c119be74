-- SPDX-License-Identifier: MIT
--- The routes of a server that speaks OpenAI's API, as vLLM, llama.cpp and Ollama do. With the
-- option `server = "openai"`, they take the place of LoRAX's.
-- @module predibase.mock.openai_routes

local deployment = require "predibase.mock.deployment"
local json = require "predibase.mock.router_json"
local openai_bodies = require "predibase.mock.openai_routes.openai_bodies"
local openai_chat = require "predibase.mock.openai_routes.openai_chat"
local openai_text = require "predibase.mock.openai_routes.openai_text"
local openai_vectors = require "predibase.mock.openai_routes.openai_vectors"
local reply = require "predibase.mock.reply"

local M = {}

local CREATED = 1700000000        -- when the model was made, Unix seconds

local KINDS = {
  validation = { 400, "invalid_request_error" }, overloaded = { 429, "rate_limit_error" },
  authentication = { 401, "invalid_request_error", "invalid_api_key" },
  not_found = { 404, "invalid_request_error" },
  method = { 405, "invalid_request_error" },
  model_not_found = { 404, "invalid_request_error", "model_not_found" },
}

--- Writes an error in OpenAI's shape.
-- @tparam string message
-- @tparam ?string kind LoRAX's error_type, or a name of this module
-- @treturn string JSON
-- @treturn number status
function M.error (message, kind)
  local status, name, code = 500, "server_error", nil
  if KINDS[kind] then status, name, code = KINDS[kind][1], KINDS[kind][2], KINDS[kind][3] end
  return ('{"error":{"message":%s,"type":"%s","param":null,"code":%s}}')
    :format(json.string(message), name, code and json.string(code) or "null"), status
end

-- Makes the handler of a route that takes a JSON body.
local function reader (name, handle)
  return function (context)
    local body, complaint = openai_bodies.read(context.entry.body, name)
    if not body then return reply.refuse(context, "validation", complaint) end
    if body.model:find("missing", 1, true) then
      return reply.refuse(context, "model_not_found",
        ("The model `%s` does not exist."):format(body.model))
    end
    handle(context, body)
  end
end

local function model_json (id)
  return ('{"id":%s,"object":"model","created":%d,"owned_by":"predibase"}')
    :format(json.string(id), CREATED)
end

local function models (context)
  reply.json(context, ('{"object":"list","data":[%s]}')
    :format(model_json(context.server.options.model_id)))
end

local function one_model (context)
  local id = context.entry.path:match("/v1/models/(.+)$"):gsub("%%(%x%x)", function (digits)
    return string.char(tonumber(digits, 16))
  end)
  if id == context.server.options.model_id then return reply.json(context, model_json(id)) end
  reply.refuse(context, "model_not_found", ("The model `%s` does not exist."):format(id))
end

--- The routes: path -> method -> handler.
M.routes = {
  ["/v1/chat/completions"] = { POST = reader("chat", openai_chat.answer) },
  ["/v1/completions"] = { POST = reader("completion", openai_text.answer) },
  ["/v1/embeddings"] = { POST = reader("embeddings", openai_vectors.answer) },
  ["/v1/models"] = { GET = models, HEAD = models },
  ["/v1/models/*"] = { GET = one_model, HEAD = one_model },
  ["/health"] = { GET = deployment.health, HEAD = deployment.health },
  ["/metrics"] = { GET = deployment.metrics, HEAD = deployment.metrics },
}

return M
