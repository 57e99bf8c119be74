-- SPDX-License-Identifier: MIT
--- A server that answers requests for vectors, for `spec.support.pipe_transport`: the vector of a
-- text is its length and its first byte. It keeps the requests that it got.

local json = require "predibase.json"

local M = {}

local JSON = { ["content-type"] = "application/json" }

--- Returns the reply with a JSON body.
function M.reply (body, status)
  return { status = status or 200, headers = JSON, body = body }
end

local function vector (text)
  return ("[%d,%d.5]"):format(#text, text:byte(1) or 0)
end

local function entry (index, text)
  return ('{"index":%d,"embedding":%s,"object":"embedding"}'):format(index, vector(text))
end

--- Answers as LoRAX does. `log` is a request of the network.
function M.lorax (log)
  local body = assert(json.decode(log.body))
  if log.url:find "/embed$" then return M.reply('{"embeddings":' .. vector(body.inputs) .. "}") end
  local list = {}
  for i, text in ipairs(body.input) do list[i] = entry(i - 1, text) end
  return M.reply('{"embeddings":[' .. table.concat(list, ",") .. "]}")
end

--- Answers as OpenAI's API does, the last text first.
function M.openai (log)
  local body = assert(json.decode(log.body))
  local list = {}
  for i, text in ipairs(body.input) do table.insert(list, 1, entry(i - 1, text)) end
  return M.reply(('{"object":"list","data":[%s],"model":"m-1","usage":{"prompt_tokens":%d,'
    .. '"total_tokens":%d}}'):format(table.concat(list, ","), #body.input, #body.input))
end

return M
