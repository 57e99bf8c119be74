-- SPDX-License-Identifier: MIT
--- Splits a text into tokens with the server's tokenizer (LoRAX: POST /tokenize).
-- @module predibase.tokenize

local call = require "predibase.call"
local checks = require "predibase.value_checks"
local json = require "predibase.json"
local response = require "predibase.response"
local usage = require "predibase.usage"

local M = {}

local NO_LIST = "the response of /tokenize is not an array of tokens"

--- Reads one entry of the response; nil when it is not a token.
local function token_of (entry)
  if type(entry) ~= "table" then return nil end
  local token = { id = json.integer(entry.id), text = entry.text }
  for _, field in ipairs { "start", "stop" } do
    if checks.integral(entry[field]) then token[field] = json.integer(entry[field]) end
  end
  if not checks.integral(token.id) or type(token.text) ~= "string" then return nil end
  return token
end

--- Reads a response of /tokenize.
-- @tparam table reply `status`, `headers`, `body`
-- @tparam ?table meta see `predibase.response`
-- @treturn[1] table array of `{ id, text, start, stop }`
-- @treturn[2] nil
-- @treturn[2] table the error
function M.read (reply, meta)
  if reply.status < 200 or reply.status > 299 then return nil, response.error(reply, meta) end
  local list = json.decode(reply.body or "")
  local count = type(list) == "table" and checks.array(list)
  if not count or not (reply.body or ""):find("^%s*%[") then
    return nil, response.error(reply, meta)
  end
  local tokens = {}
  for i = 1, count do
    tokens[i] = token_of(list[i])
    if not tokens[i] then return nil, response.error(reply, meta, NO_LIST) end
  end
  return tokens
end

--- Tokenizes a text. Implements `client:tokenize`.
-- @tparam table client the data that all calls share, see `predibase.call`
-- @tparam ?table plan as `predibase.request` makes it; nil when the options were refused
-- @tparam string text
-- @tparam ?table refusal the error if the options were refused
-- @treturn[1] table the tokens
-- @treturn[2] nil
-- @treturn[2] table the error
-- @raise for a text that is not a string
function M.run (client, plan, text, refusal)
  if type(text) ~= "string" then
    usage.fail("client:tokenize takes a text as a string, got " .. checks.describe(text))
  end
  if not plan then return nil, refusal end
  local this, err = call.prepare(client, plan, text, M.read)
  if not this then return nil, err end
  return this:run()
end

return M
