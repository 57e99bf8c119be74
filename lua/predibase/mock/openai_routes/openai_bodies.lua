-- SPDX-License-Identifier: MIT
--- The fields of the request bodies of OpenAI's API.
-- @module predibase.mock.openai_routes.openai_bodies

local deserialize = require "predibase.mock.deserialize"

local M = {}

local struct, list, optional = deserialize.struct, deserialize.list, deserialize.optional

local function texts (value)
  if type(value) == "string" then return { value } end
  if type(value) ~= "table" or not value.array then return nil end
  local out = {}
  for i, item in ipairs(value) do
    if type(item) ~= "string" then return nil end
    out[i] = item
  end
  return out
end

-- Reads content: a text, or parts of which only texts and images are known.
local function content (value)
  if type(value) == "string" then return value end
  if type(value) ~= "table" or not value.array then return nil end
  local out = {}
  for i, part in ipairs(value) do
    local fields = type(part) == "table" and part.object and part.values or {}
    out[i] = fields.type == "text" and fields.text or fields.type == "image_url" and ""
    if type(out[i]) ~= "string" then return nil end
  end
  return table.concat(out)
end

-- Reads the texts or arrays of tokens to embed. A token becomes a word.
local function inputs (value)
  local strings = texts(value)
  if strings then return strings end
  if type(value) ~= "table" or not value.array then return nil end
  if type(value[1]) == "table" and value[1].literal then value = { value } end
  local out = {}
  for i, tokens in ipairs(value) do
    local words = {}
    for j, token in ipairs(type(tokens) == "table" and tokens or {}) do
      words[j] = type(token) == "table" and token.literal and "t" .. token.literal
    end
    if #words == 0 then return nil end
    out[i] = table.concat(words, " ")
  end
  return out
end

local CALL = struct("ToolCall", "function", {
  "id", "string?", "type", "string?", "function", struct("FunctionCall", "name arguments", {
    "name", "string", "arguments", "string" }),
})

local MESSAGE = struct("Message", "role", {
  "role", "string", "content", optional(deserialize.untagged("Content", content)),
  "name", "string?", "tool_calls", optional(list(CALL)), "tool_call_id", "string?",
})

local TOOL = struct("Tool", "type function", {
  "type", "string", "function", struct("Function", "name", {
    "name", "string", "description", "string?", "parameters", "any?" }),
})

-- The name of a function, or "auto", "none", "required".
local CHOICE = deserialize.untagged("ToolChoice", function (value)
  if value == "auto" or value == "none" or value == "required" then return { mode = value } end
  local named = type(value) == "table" and value.object and value.values["function"]
  local name = type(named) == "table" and named.object and named.values.name
  return type(name) == "string" and { name = name }
end)

local SHARED = {
  "model", "string", "temperature", "f32?", "top_p", "f32?", "n", "u32?", "max_tokens", "u32?",
  "stop", optional(deserialize.untagged("Stop", texts)), "stream", "boolean?",
  "stream_options", optional(struct("StreamOptions", "", { "include_usage", "boolean?" })),
  "presence_penalty", "f32?", "frequency_penalty", "f32?", "seed", "u64?",
}

local function with_shared (fields)
  for _, item in ipairs(SHARED) do fields[#fields + 1] = item end
  return fields
end

local BODIES = {
  chat = struct("ChatCompletionRequest", "model messages", with_shared {
    "messages", list(MESSAGE), "max_completion_tokens", "u32?", "tools", optional(list(TOOL)),
    "tool_choice", optional(CHOICE), "parallel_tool_calls", "boolean?",
    "response_format", optional(struct("ResponseFormat", "type", {
      "type", "string", "json_schema", optional(struct("JsonSchema", "name", {
        "name", "string", "schema", "any?" })),
    })),
  }),
  completion = struct("CompletionRequest", "model prompt", with_shared {
    "prompt", deserialize.untagged("Prompt", texts), "echo", "boolean?",
  }),
  embeddings = struct("EmbeddingRequest", "model input", {
    "model", "string", "input", deserialize.untagged("Input", inputs),
    "encoding_format", "string?", "dimensions", "u32?",
  }),
}

--- Reads a request body.
-- @tparam string source
-- @tparam string name "chat", "completion" or "embeddings"
-- @treturn[1] table the fields by name
-- @treturn[2] nil
-- @treturn[2] string what is wrong
function M.read (source, name)
  local body, _, message = deserialize.read(source, BODIES[name])
  if body then return body end
  return nil, (message:gsub("^Failed to [%l%u ]-: ", ""))
end

return M
