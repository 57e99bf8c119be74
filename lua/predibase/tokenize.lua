-- SPDX-License-Identifier: MIT
--- Splits a text into tokens with the server's tokenizer (LoRAX: POST /tokenize).
-- @module predibase.tokenize

local checks = require "predibase.value_checks"
local errors = require "predibase.errors"
local json = require "predibase.json"
local request = require "predibase.request"
local response = require "predibase.response"
local usage = require "predibase.usage"

--- The options of `client:tokenize`.
-- @table TokenizeOptions
-- @extends CallOptions
-- @tfield ?boolean add_special_tokens include the tokens that begin and end a text (default true)

--- A token of `client:tokenize`.
-- @table TextToken
-- @tfield integer id the number of the token
-- @tfield string text the token as the model's vocabulary writes it
-- @tfield integer start the position of its first character, from 0
-- @tfield integer stop the position of the character after it

local M = {}

--- Checks the only parameter and encodes it into a plan.
local function write (plan, _, given)
  local special = given and given.add_special_tokens
  if special == nil or special == json.null then special = true end
  if type(special) ~= "boolean" then
    return errors.new { kind = "validation", phase = "request",
      message = "add_special_tokens must be a boolean, got " .. checks.describe(special) }
  end
  plan.rest = ',"add_special_tokens":' .. tostring(special) .. "}"
end

--- Checks the type of a text.
-- @param text
-- @raise for a text that is not a string
function M.check_text (text)
  if type(text) == "string" then return end
  usage.fail("client:tokenize takes a text as a string, got " .. checks.describe(text))
end

local function body (plan, text)
  M.check_text(text)
  local ok, err = request.check_text(text)
  if not ok then return nil, err end
  return '{"inputs":' .. json.text(text) .. plan.rest
end

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

--- The route of `client:tokenize`.
M.ROUTE = {
  name = "tokenize", path = "/tokenize", accept = "application/json",
  names = request.union(request.plain_names, { add_special_tokens = true }),
  write = write, body = body, read = M.read,
}

return M
