-- SPDX-License-Identifier: MIT
--- The tokens of a text, as the server's own tokenizer cuts it (LoRAX: POST /tokenize).
-- @module predibase.tokenize

local call = require "predibase.call"
local checks = require "predibase.checks"
local config = require "predibase.config"
local errors = require "predibase.errors"
local json = require "predibase.json"
local names = require "predibase.names"
local random = require "predibase.random"
local request = require "predibase.request"
local response = require "predibase.response"
local usage = require "predibase.usage"

local M = {}

--- Set of the options. `on_token` is for streams; nothing here has a text that could be cut.
M.names = { add_special_tokens = true }
for name in pairs(config.call_names) do M.names[name] = true end
for _, name in ipairs { "on_token", "trim_stop", "client_stop",
  "check_schema" } do M.names[name] = nil end

local NO_LIST = "the answer of /tokenize is no array of tokens"

--- One entry of the answer; nil when it is none.
local function token_of(entry)
  if type(entry) ~= "table" then return nil end
  local token = { id = json.integer(entry.id), text = entry.text }
  for _, field in ipairs { "start", "stop" } do
    if checks.integral(entry[field]) then token[field] = json.integer(entry[field]) end
  end
  if not checks.integral(token.id) or type(token.text) ~= "string" then return nil end
  return token
end

--- Reads the answer.
-- @tparam table reply `status`, `headers`, `body`
-- @tparam ?table meta see `predibase.response`
-- @treturn[1] table array of `{ id, text, start, stop }`
-- @treturn[2] nil
-- @treturn[2] table the error
function M.read(reply, meta)
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

--- Checks what was given, for what no program should contain.
local function check(text, options)
  if type(text) ~= "string" then
    usage.fail("client:tokenize takes a text as a string, got " .. checks.describe(text))
  end
  if options == nil then return end
  if type(options) ~= "table" then
    usage.fail("client:tokenize takes its options as a table, got a " .. type(options))
  end
  names.check(options, M.names, "option")
end

--- The options of the call by themselves, and whether tokens are added.
local function split(options)
  local of_call, special = nil, true
  for name, value in next, options or {} do
    if name == "add_special_tokens" then
      if value ~= json.null then special = value end
    else
      of_call = of_call or {}
      of_call[name] = value
    end
  end
  return of_call, special
end

--- Tokenizes a text; the body of `client:tokenize`.
-- @tparam table client
-- @tparam string text
-- @tparam ?table options
-- @treturn[1] table the tokens
-- @treturn[2] nil
-- @treturn[2] table the error
function M.run(client, text, options)
  check(text, options)
  local of_call, special = split(options)
  if type(special) ~= "boolean" then
    return nil, errors.new { kind = "validation", phase = "request",
      message = "add_special_tokens must be a boolean, got " .. checks.describe(special) }
  end
  local settings, err = config.call(client.cfg, of_call)
  if not settings then return nil, err end
  local req
  req, err = request.tokenize(client.cfg, settings, text, special, client.of_tokens,
    random.id(client.random))
  if not req then return nil, err end
  local tokens
  tokens, err = call.new(client.shared, settings, config.total(settings.timeout, false), false,
    req, M.read):run()
  return tokens, err
end

return M
