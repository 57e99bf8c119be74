-- SPDX-License-Identifier: MIT
--- Builds the HTTP request of a call: URL, headers and the exact bytes of the body
-- (LoRAX `/generate` and `/generate_stream`).
-- @module predibase.request

local checks = require "predibase.checks"
local config = require "predibase.config"
local errors = require "predibase.errors"
local headers = require "predibase.headers"
local json = require "predibase.json"
local params = require "predibase.params"
local usage = require "predibase.usage"
local utf8 = require "predibase.utf8"
local version = require "predibase.version"

local M = {}

--- Largest request body in bytes: the limit that the router's web framework sets (axum).
M.MAX_BODY = 2097152

local jit = rawget(_G, "jit")

--- The Lua that runs this, as a product of a user agent: `lua/5.4`, `luajit/2.1`.
M.LUA = jit and "luajit/" .. tostring(jit.version):match("%d+%.%d+")
  or "lua/" .. _VERSION:match("%d+%.%d+")

local function invalid(text)
  return nil, errors.new {
    kind = "validation", error_type = "validation", phase = "request",
    message = "Input validation error: " .. text,
  }
end

local function too_large(bytes)
  return nil, errors.new {
    kind = "too_large", phase = "request",
    message = ("the request has a body of at least %d bytes, the server takes %d at most; "
      .. "shorten the prompt"):format(bytes, M.MAX_BODY),
  }
end

--- The user agent, RFC 9110 section 10.1.5.
local function user_agent(cfg, products)
  if cfg.user_agent then return cfg.user_agent end
  local text = "predibase-lua/" .. version .. " " .. (products.lua or M.LUA)
  return products.transport and text .. " " .. products.transport or text
end

--- Ours first, then the caller's by name. Also tells whether one of them is an `X-Request-Id`.
local function header_list(cfg, own, context)
  local list, has_id = {}, false
  local function add(name, value)
    if value then list[#list + 1] = { name, value } end
  end
  local token = config.token(cfg)
  add("content-type", "application/json")
  add("accept", context.stream and "text/event-stream" or "application/json")
  add("authorization", token and "Bearer " .. token)
  add("user-agent", user_agent(cfg, context.version or {}))
  for _, header in ipairs(own) do
    add(header[1], header[2])
    if header[1]:lower() == "x-request-id" then has_id = true end
  end
  return list, has_id
end

local function secrets_of(cfg, own)
  local secrets = config.secrets(cfg)
  headers.add_secrets(own, secrets)
  return secrets
end

--- Parameters ready to be sent: what follows the prompt in the body, the adapter, and where the
-- server stops.
local function prepare(list)
  if #list == 0 then return { rest = "}" } end
  local text, problem = json.encode(json.object(list))
  if not text then return nil, problem end
  local prepared = { rest = ',"parameters":' .. text .. "}" }
  for _, parameter in ipairs(list) do
    if parameter[1] == "adapter_id" and parameter[2] ~= "" then
      prepared.adapter_id = parameter[2]
    elseif parameter[1] == "stop" then
      prepared.stop = parameter[2]
    end
  end
  return prepared
end

-- What the requests of a client to one endpoint have in common, made with the first of them: the
-- caller's headers -> { [path] = common }. A client has one list of headers, and a call that
-- brings its own has another. The keys are weak, and no value refers to its key.
local made = setmetatable({}, { __mode = "k" })

local function common_of(cfg, call, context)
  local own = config.headers(call)
  local pair = made[own]
  if not pair then
    pair = {}
    made[own] = pair
  end
  local path = context.path or (context.stream and "/generate_stream" or "/generate")
  local common = pair[path]
  if not common then
    local list, has_id = header_list(cfg, own, context)
    common = {
      url = cfg.url .. path,
      headers = list, has_id = has_id,
      secrets = secrets_of(cfg, own),
      plain = nil,       -- what `prepare` makes of the client's defaults alone
    }
    pair[path] = common
  end
  return common
end

--- Checks the parameters, laid over the client's defaults. Also the token among those of the call.
local function prepare_call(cfg, call, parameters, context)
  local merged = params.merge(config.defaults(cfg), parameters)
  local list, err = params.check(merged, { stream = context.stream,
    check_schema = call.check_schema })
  if not list then return nil, err end
  local token = type(merged.api_token) == "string" and merged.api_token ~= "" and merged.api_token
    or nil
  local problem = token and config.exposure(cfg, "the parameter api_token")
  if problem then
    return nil, errors.new { kind = "config", phase = "request", message = problem }
  end
  local prepared
  prepared, problem = prepare(list)
  if not prepared then return invalid(problem) end
  return prepared, token
end

local function with(list, item)
  local longer = {}
  for i = 1, #list do longer[i] = list[i] end
  longer[#longer + 1] = item
  return longer
end

local function prompt_error(prompt)
  local hint = type(prompt) == "table"
    and "; the prompt comes first, its parameters in a table behind it" or ""
  return ("the prompt must be a string, got %s%s"):format(checks.describe(prompt), hint)
end

local function check_prompt(prompt)
  if #prompt > M.MAX_BODY then return too_large(#prompt) end
  local valid, at = utf8.valid(prompt)
  if valid then return true end
  return invalid(("`inputs` must be valid UTF-8, got byte 0x%02x at position %d")
    :format(prompt:byte(at), at))
end

--- Build the request of `generate` or `generate_stream`. Raises when the prompt is not a string
-- or the parameters are no table, and for a parameter that does not exist.
-- @tparam table cfg from `config.new`; its defaults are laid under the parameters here
-- @tparam table call from `config.call`
-- @tparam string prompt UTF-8, not empty
-- @tparam ?table parameters read only
-- @tparam table context `stream` (boolean), `version` (products for the user agent: `lua`, else
-- the one that runs, and `transport`, such as `libcurl/7.88.1`; the same for all requests of a
-- client)
-- @tparam ?string id for `X-Request-Id`, the same for all tries of a call
-- @treturn[1] table `method`, `url`, `headers` (array of `{ name, value }`; requests that share
-- the table share method and URL), `id` (goes out as `X-Request-Id`; nil when the caller has a
-- header of that name), `body`, `adapter_id` (nil for the base model), `stop` (the sequences that
-- the server stops at; nil without), `secrets` (array of strings for `errors.redact`); the tables
-- are shared and to be read only
-- @treturn[2] nil
-- @treturn[2] table error of kind `validation`, `too_large` or `config`
function M.generate(cfg, call, prompt, parameters, context, id)
  if type(prompt) ~= "string" then usage.fail(prompt_error(prompt)) end
  if parameters ~= nil and type(parameters) ~= "table" then
    usage.fail("parameters must be a table, got a " .. type(parameters))
  end
  local common = common_of(cfg, call, context)
  local given = parameters and next(parameters) ~= nil
  local prepared, token = not given and common.plain, nil
  if not prepared then
    prepared, token = prepare_call(cfg, call, parameters, context)
    if not prepared then return nil, token end
    if not given then common.plain = prepared end
  end
  if prompt == "" then return invalid("`inputs` cannot be empty") end
  local ok, err = check_prompt(prompt)
  if not ok then return nil, err end
  local body = '{"inputs":' .. json.text(prompt) .. prepared.rest
  if #body > M.MAX_BODY then return too_large(#body) end
  return {
    method = "POST",
    url = common.url,
    headers = common.headers,
    id = not common.has_id and id or nil,
    body = body,
    adapter_id = prepared.adapter_id,
    stop = prepared.stop,
    secrets = token and with(common.secrets, token) or common.secrets,
  }
end

--- Build the request of `tokenize` (LoRAX `/tokenize`).
-- @tparam table cfg as for `generate`
-- @tparam table call as for `generate`
-- @tparam string text UTF-8, may be empty
-- @tparam boolean special whether the tokens that begin and end a text are added
-- @tparam table context `path`, `version` as for `generate`
-- @tparam ?string id as for `generate`
-- @treturn[1] table as of `generate`
-- @treturn[2] nil
-- @treturn[2] table error of kind `validation` or `too_large`
function M.tokenize(cfg, call, text, special, context, id)
  local ok, err = check_prompt(text)
  if not ok then return nil, err end
  local common = common_of(cfg, call, context)
  local flag = ',"add_special_tokens":' .. tostring(special) .. "}"
  local body = '{"inputs":' .. json.text(text) .. flag
  if #body > M.MAX_BODY then return too_large(#body) end
  return {
    method = "POST", url = common.url, headers = common.headers, body = body,
    id = not common.has_id and id or nil, secrets = common.secrets,
  }
end

return M
