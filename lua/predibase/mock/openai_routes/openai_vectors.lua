-- SPDX-License-Identifier: MIT
--- `/v1/embeddings` of OpenAI's API, with vectors as numbers or as base64.
-- @module predibase.mock.openai_routes.openai_vectors

local base64 = require "predibase.base64"
local embeddings = require "predibase.mock.embeddings"
local generation = require "predibase.mock.generation"
local inference = require "predibase.mock.inference"
local json = require "predibase.mock.router_json"
local reply = require "predibase.mock.reply"

local M = {}

-- Writes a number as a little-endian 32-bit float (IEEE 754); too small ones become 0.
local function float_bytes (value)
  local size, exponent = math.abs(value), 0
  if size < 2 ^ -126 then return "\0\0\0\0" end
  while size >= 2 do size, exponent = size / 2, exponent + 1 end
  while size < 1 do size, exponent = size * 2, exponent - 1 end
  local fraction = math.floor((size - 1) * 2 ^ 23 + 0.5)
  local bits = (value < 0 and 2 ^ 31 or 0) + (exponent + 127) * 2 ^ 23 + fraction
  local out = {}
  for i = 1, 4 do
    out[i] = string.char(math.floor(bits / 256 ^ (i - 1)) % 256)
  end
  return table.concat(out)
end

local function vector_json (vector, format)
  local parts = {}
  for i, number in ipairs(vector) do
    parts[i] = format == "base64" and float_bytes(number) or json.float(number)
  end
  if format == "base64" then return json.string(base64.encode(table.concat(parts))) end
  return "[" .. table.concat(parts, ",") .. "]"
end

--- Answers a request.
-- @tparam table context
-- @tparam table body as `openai_bodies.read` returns it
function M.answer (context, body)
  local size = body.dimensions or context.server.options.embedding_size
  if #body.input == 0 then return reply.refuse(context, "validation", "`input` is empty") end
  if size < 1 or size > 4096 then
    return reply.refuse(context, "validation", "`dimensions` must be from 1 to 4096")
  end
  inference.run(context, "embed", body.input, {}, function ()
    local list, tokens = {}, 0
    for i, text in ipairs(body.input) do
      tokens = tokens + #generation.encode(text)
      local vector = context.faults.embedding or embeddings.vector(text, size)
      list[i] = ('{"object":"embedding","index":%d,"embedding":%s}')
        :format(i - 1, vector_json(vector, body.encoding_format))
    end
    return ('{"object":"list","data":[%s],"model":%s,"usage":{"prompt_tokens":%d,'
      .. '"total_tokens":%d}}'):format(table.concat(list, ","), json.string(body.model), tokens,
      tokens)
  end)
end

return M
