-- SPDX-License-Identifier: MIT
--- The fields of each kind of request body, with their types, in the router's order.
-- @module predibase.mock.bodies

local deserialize = require "predibase.mock.deserialize"
local json = require "predibase.mock.router_json"

local M = {}

local struct, list, optional = deserialize.struct, deserialize.list, deserialize.optional
local untagged = deserialize.untagged

local ADAPTERS = struct("AdapterParameters", "ids", {
  "ids", list "string", "weights", list "f32", "merge_strategy", "string?", "density", "f32",
  "majority_sign_method", "string?",
})

local FORMAT = struct("ResponseFormat", "type", { "type", "format", "schema", "any?" })

local PARAMETERS = struct("GenerateParameters", "", {
  "adapter_id", "string?", "adapter_source", "string?",
  "merged_adapters", optional(ADAPTERS), "api_token", "string?", "best_of", "usize?",
  "temperature", "f32?", "repetition_penalty", "f32?", "frequency_penalty", "f32?",
  "presence_penalty", "f32?", "top_k", "i32?", "top_p", "f32?", "typical_p", "f32?",
  "do_sample", "boolean", "max_new_tokens", "u32?", "ignore_eos_token", "boolean",
  "return_full_text", "boolean?", "stop", list "string", "truncate", "usize?",
  "watermark", "boolean", "details", "boolean", "decoder_input_details", "boolean",
  "return_k_alternatives", "i32?", "apply_chat_template", "boolean", "seed", "u64?",
  "response_format", optional(FORMAT),
})

local function text (value)
  return type(value) == "string" and value or nil
end

-- Reads the parts of a message, or returns nil when one is of another kind.
local function parts (value)
  local out = {}
  if type(value) ~= "table" or not value.array then return nil end
  for i, part in ipairs(value) do
    local fields = type(part) == "table" and part.object and part.values or {}
    local image = fields.type == "image_url" and type(fields.image_url) == "table"
      and fields.image_url.object and text(fields.image_url.values.url)
    if fields.type == "text" and text(fields.text) then
      out[i] = { text = fields.text }
    elseif image then
      out[i] = { text = "![](" .. image .. ")" }
    else
      return nil
    end
  end
  return out
end

local MESSAGE = struct("Message", "role", {
  "role", "string", "content", optional(untagged("MessageContent", function (value)
    return text(value) or parts(value)
  end)), "name", "string?",
})

local TOOL = struct("Tool", "type function", {
  "type", "string", "function", struct("FunctionDefinition", "name parameters", {
    "description", "string?", "name", "string", "parameters", "any",
  }),
})

-- A name, `auto`, `none` and `{"Function":{"name":…}}` are known; OpenAI's object is not.
local CHOICE = untagged("ToolTypeDeserializer", function (value)
  if type(value) == "string" then return value end
  local named = type(value) == "table" and value.object and value.values.Function
  return type(named) == "table" and named.object and text(named.values.name)
end)

local OPENAI_FORMAT = struct("OpenAiResponseFormat", "type", {
  "type", "format", "schema", "any?",
  "json_schema", optional(struct("JsonSchemaFormat", "name", {
    "name", "string", "schema", "any?",
  })),
})

local CHAT = struct("ChatCompletionRequest", "model messages", {
  "model", "string", "messages", list(MESSAGE), "temperature", "f32?", "top_p", "f32?",
  "n", "i32?", "max_tokens", "i32?", "stop", list "string", "stream", "boolean?",
  "presence_penalty", "f32?", "frequency_penalty", "f32?", "logit_bias", "map?", "user", "string?",
  "seed", "u64?", "tools", optional(list(TOOL)), "tool_choice", optional(CHOICE),
  "tool_prompt", "string?", "guideline", "string?", "response_format", optional(OPENAI_FORMAT),
  "repetition_penalty", "f32?", "top_k", "i32?", "ignore_eos_token", "boolean?",
  "adapter_source", "string?", "api_token", "string?",
})

local COMPLETION = struct("CompletionRequest", "model prompt", {
  "model", "string", "prompt", "string", "suffix", "string?", "max_tokens", "i32?",
  "temperature", "f32?", "top_p", "f32?", "n", "i32?", "stream", "boolean?", "logprobs", "i32?",
  "echo", "boolean?", "stop", list "string", "presence_penalty", "f32?",
  "frequency_penalty", "f32?", "best_of", "i32?", "logit_bias", "map?", "user", "string?",
  "seed", "u64?", "repetition_penalty", "f32?", "top_k", "i32?", "ignore_eos_token", "boolean?",
  "adapter_source", "string?", "api_token", "string?",
})

local EMBED_PARAMETERS = struct("EmbedParameters", "", {
  "adapter_id", "string?", "adapter_source", "string?", "merged_adapters", optional(ADAPTERS),
  "api_token", "string?",
})

local function texts (value)
  if type(value) == "string" then return { value } end
  if type(value) ~= "table" or not value.array then return nil end
  local out = {}
  for i, item in ipairs(value) do
    out[i] = text(item)
    if not out[i] then return nil end
  end
  return out
end

local BODIES = {
  generate = struct("GenerateRequest", "inputs", { "inputs", "string", "parameters", PARAMETERS }),
  compat = struct("CompatGenerateRequest", "inputs", {
    "inputs", "string", "parameters", PARAMETERS, "stream", "boolean" }),
  tokenize = struct("TokenizeRequest", "inputs", {
    "inputs", "string", "add_special_tokens", "boolean?" }),
  chat = CHAT,
  completion = COMPLETION,
  embed = struct("EmbedRequest", "inputs", {
    "inputs", "string", "parameters", optional(EMBED_PARAMETERS) }),
  embeddings = struct("CompatEmbedRequest", "input model", {
    "input", untagged("StringOrVec", texts), "model", "string",
    "parameters", optional(EMBED_PARAMETERS), "encoding_format", "string?",
    "dimensions", "i32?", "user", "string?" }),
  classify = struct("ClassifyRequest", "inputs", { "inputs", "string" }),
  managed_classify = struct("ManagedClassifyRequest", "input", {
    "input", untagged("StringOrVec", texts), "model", "string?", "api_token", "string?" }),
  classify_batch = struct("BatchClassifyRequest", "inputs", { "inputs", list "string" }),
}

--- The schema that stands for a missing one.
M.ANY_OBJECT = json.read '{"type":"object"}'

-- Adds the router's defaults of missing fields.
local function complete (body)
  body.parameters = body.parameters or {}
  local p = body.parameters
  p.stop = p.stop or {}
  if p.merged_adapters then p.merged_adapters.weights = p.merged_adapters.weights or {} end
  local format = p.response_format
  -- a missing `schema` means "any object", and `"schema": null` no constraint at all
  if format and not format.given.schema then format.schema = M.ANY_OBJECT end
end

--- Reads a request body.
-- @tparam string source
-- @tparam string name "generate", "compat", "tokenize", "chat", "completion", "embed",
--   "embeddings", "classify", "managed_classify" or "classify_batch"
-- @treturn[1] table the fields by name
-- @treturn[2] nil
-- @treturn[2] number status of the refusal
-- @treturn[2] string its text
function M.read (source, name)
  local body, status, message = deserialize.read(source, BODIES[name])
  if not body then return nil, status, message end
  if name == "generate" or name == "compat" then complete(body) end
  return body
end

return M
