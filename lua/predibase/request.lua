-- SPDX-License-Identifier: MIT
--- Builds the HTTP request of a call: URL, headers and the exact bytes of the body
-- (LoRAX `/generate` and `/generate_stream`).
-- @module predibase.request

local checks = require "predibase.checks"
local config = require "predibase.config"
local errors = require "predibase.errors"
local headers = require "predibase.config.headers"
local json = require "predibase.json"
local params = require "predibase.params"
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

--- Ours first, then the caller's by name; an `X-Request-Id` of the caller's replaces ours.
local function header_list(cfg, call, context)
  local list = {}
  local function add(name, value)
    if value then list[#list + 1] = { name, value } end
  end
  local id = context.id
  local own = config.headers(call)
  for _, header in ipairs(own) do
    if header[1]:lower() == "x-request-id" then id = nil end
  end
  local token = config.token(cfg)
  add("content-type", "application/json")
  add("accept", context.stream and "text/event-stream" or "application/json")
  add("authorization", token and "Bearer " .. token)
  add("user-agent", user_agent(cfg, context.version or {}))
  add("x-request-id", id)
  for _, header in ipairs(own) do add(header[1], header[2]) end
  return list
end

local function body_of(prompt, list)
  local object = { { "inputs", prompt } }
  if #list > 0 then object[2] = { "parameters", json.object(list) } end
  return json.encode(json.object(object))
end

local function adapter_of(list)
  for _, parameter in ipairs(list) do
    if parameter[1] == "adapter_id" and parameter[2] ~= "" then return parameter[2] end
  end
end

local function secrets_of(cfg, call, token)
  local secrets = config.secrets(cfg)
  headers.add_secrets(config.headers(call), secrets)
  if type(token) == "string" and token ~= "" then secrets[#secrets + 1] = token end
  return secrets
end

local function prompt_error(prompt)
  local hint = type(prompt) == "table"
    and "; the prompt comes first, its parameters in a table behind it" or ""
  return ("the prompt must be a string, got %s%s"):format(checks.describe(prompt), hint)
end

--- Build the request of `generate` or `generate_stream`. Raises when the prompt is not a string
-- or the parameters are no table, and for a parameter that does not exist.
-- @tparam table cfg from `config.new`; its defaults are laid under the parameters here
-- @tparam table call from `config.call`
-- @tparam string prompt UTF-8, not empty
-- @tparam ?table parameters read only
-- @tparam table context `stream` (boolean), `id` (string for `X-Request-Id`, the same for all
-- tries of a call), `version` (products for the user agent: `lua`, else the one that runs, and
-- `transport`, such as `libcurl/7.88.1`), `level` (as in `error`; 1 blames the caller)
-- @treturn[1] table `method`, `url`, `headers` (array of `{ name, value }`), `body`,
-- `adapter_id` (nil for the base model), `secrets` (array of strings for `errors.redact`)
-- @treturn[2] nil
-- @treturn[2] table error of kind `validation`, `too_large` or `config`
function M.generate(cfg, call, prompt, parameters, context)
  local level = (context.level or 1) + 1
  if type(prompt) ~= "string" then error(prompt_error(prompt), level) end
  if parameters ~= nil and type(parameters) ~= "table" then
    error("parameters must be a table, got a " .. type(parameters), level)
  end
  local merged = params.merge(config.defaults(cfg), parameters)
  local list, err = params.check(merged, { stream = context.stream }, level)
  if not list then return nil, err end
  if prompt == "" then return invalid("`inputs` cannot be empty") end
  if #prompt > M.MAX_BODY then return too_large(#prompt) end
  local valid, at = utf8.valid(prompt)
  if not valid then
    return invalid(("`inputs` must be valid UTF-8, got byte 0x%02x at position %d")
      :format(prompt:byte(at), at))
  end
  local token = merged.api_token
  local problem = type(token) == "string" and config.exposure(cfg, "the parameter api_token")
  if problem then
    return nil, errors.new { kind = "config", phase = "request", message = problem }
  end
  local body
  body, problem = body_of(prompt, list)
  if not body then return invalid(problem) end
  if #body > M.MAX_BODY then return too_large(#body) end
  return {
    method = "POST",
    url = cfg.url .. (context.stream and "/generate_stream" or "/generate"),
    headers = header_list(cfg, call, context),
    body = body,
    adapter_id = adapter_of(list),
    secrets = secrets_of(cfg, call, token),
  }
end

return M
