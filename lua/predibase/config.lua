-- SPDX-License-Identifier: MIT
--- What a client is made of: options and environment variables, checked once.
--
-- Arguments win over the environment: `base_url`, then `tenant_id` and `deployment`, then
-- `PREDIBASE_BASE_URL`, then `PREDIBASE_TENANT_ID` and `PREDIBASE_DEPLOYMENT`. Everything is
-- copied: what the caller does to the tables later changes nothing.
-- @module predibase.config

local call = require "predibase.config.call"
local defaults = require "predibase.config.defaults"
local errors = require "predibase.errors"
local headers = require "predibase.headers"
local json = require "predibase.json"
local names = require "predibase.names"
local options = require "predibase.config.options"
local safety = require "predibase.config.safety"
local source = require "predibase.config.source"
local url = require "predibase.config.url"
local usage = require "predibase.usage"

local M = {}

--- Seconds that `generate` may take in all unless said otherwise.
M.GENERATE_TOTAL = options.GENERATE_TOTAL

--- Set of the options of one call.
M.call_names = { timeout = true, max_retries = true, headers = true }
for _, name in ipairs(options.hook_names) do M.call_names[name] = true end
for _, option in ipairs(options.text) do M.call_names[option.name] = true end

--- Set of the options of `predibase.new`.
M.names = {
  api_token = true, tenant_id = true, deployment = true, base_url = true, defaults = true,
  proxy = true, client_key_password = true,
}
for name in pairs(M.call_names) do M.names[name] = true end
for _, option in ipairs(options.plain) do M.names[option.name] = true end

-- What must not be found by walking over a configuration: cfg -> { token, headers, … }, and the
-- options of a call -> { headers, shown }. The keys are weak; no value refers to its key, or it
-- would never be collected on Lua 5.1.
local private = setmetatable({}, { __mode = "k" })

local mt = { __name = "predibase.config" }

function mt.__tostring(cfg)
  return "predibase.config: " .. cfg.url
end

local function read_plain(cfg, given)
  local problem = call.plain(options.plain, given, {}, cfg)
    or call.plain(options.text, given, {}, cfg)
  if problem then return problem end
  if cfg.client_key and not cfg.client_cert then
    return "client_key needs client_cert, the file with the certificate of that key"
  end
end

local function read_password(cfg, secret, given)
  if given.client_key_password == nil then return nil end
  local password, problem = options.password(given.client_key_password, "client_key_password")
  if problem then return problem end
  secret.password = password
  if not cfg.client_cert then return "client_key_password needs client_cert" end
end

local function read_proxy(cfg, secret, given)
  local value = given.proxy
  if value == nil then
    -- A proxy that the environment names for the outside cannot reach this machine's own
    -- loopback, and would see the token.
    if cfg.loopback then cfg.proxy = false end
  elseif value == false then
    cfg.proxy = false
  elseif type(value) ~= "string" then
    return ("proxy must be a URL or false, got a %s"):format(type(value))
  else
    local proxy, problem = url.proxy(value)
    if not proxy then return "proxy " .. problem end
    cfg.proxy, secret.proxy, secret.proxy_secrets = proxy.shown, proxy.full, proxy.secrets
    secret.proxy_loopback = proxy.loopback
  end
end

local function fill(cfg, secret, given, getenv)
  local problem = read_plain(cfg, given) or read_password(cfg, secret, given)
  if problem then return problem end
  secret.token, problem = source.token(given, getenv)
  if problem then return problem end
  local parts
  parts, problem = source.address(given, getenv, secret.token)
  if not parts then return problem end
  for name, value in pairs(parts) do cfg[name] = value end
  problem = read_proxy(cfg, secret, given)
    or secret.token and safety.problem(cfg, secret.proxy_loopback, "api_token")
  if problem then return problem end
  cfg.timeout, problem = options.timeout(given.timeout, options.CLOCKS)
  if problem then return problem end
  secret.headers, problem = headers.check(given.headers == nil and {} or given.headers)
  if problem then return problem end
  cfg.headers = headers.shown(secret.headers)
  cfg.hooks, problem = options.hooks(given, {})
  if problem then return problem end
  cfg.defaults, secret.defaults_token, problem = defaults.read(given.defaults,
    given.check_schema)
  return problem
end

local function refusal(problem)
  return nil, errors.new { kind = "config", message = problem }
end

--- The caller's options by value, without its metatable and without nulls. Raises when there is no
-- table, or for a name that is no option.
local function taken(given, allowed)
  if given == nil then return {} end
  if type(given) ~= "table" then
    usage.fail("options must be a table, got a " .. type(given))
  end
  names.check(given, allowed, "option")
  local found = {}
  for name, value in next, json.present(given) do found[name] = value end
  return found
end

--- Build the configuration of a client. Raises for an option, parameter or clock that does not
-- exist; a bad value is an error of kind `config` that names the option or its variable.
-- @tparam ?table given options, see `names`; `api_token = false` sends none even if the
-- environment has one
-- @tparam[opt=os.getenv] function getenv name -> string or nil
-- @treturn[1] table `url`, `scheme`, `host`, `port`, `loopback`, `timeout` (seconds), `headers`
-- (array of `{ name, value }`), `hooks`, `defaults`, `proxy` (without user name and password),
-- and every option of `config.options.plain`; no secrets, those have functions of their own
-- @treturn[2] nil
-- @treturn[2] table error of kind `config`
function M.new(given, getenv)
  given = taken(given, M.names)
  local cfg, secret = {}, {}
  local problem = fill(cfg, secret, given, getenv or os.getenv)
  if problem then return refusal(problem) end
  secret.kept = { headers = secret.headers, shown = cfg.headers }
  private[cfg] = secret
  return setmetatable(cfg, mt)
end

--- The API token.
-- @tparam table cfg
-- @treturn ?string nil when requests go out without one
function M.token(cfg)
  return private[cfg].token
end

--- The password of the client key.
-- @tparam table cfg
-- @treturn ?string
function M.client_key_password(cfg)
  return private[cfg].password
end

--- The proxy with its user name and password.
-- @tparam table cfg
-- @treturn[1] string URL
-- @treturn[2] boolean false: no proxy, even if the environment names one
-- @treturn[3] nil what the environment says
function M.proxy(cfg)
  return private[cfg].proxy or cfg.proxy
end

--- The caller's headers as they go out; `cfg.headers` shows `[redacted]` for secret values.
-- @tparam table cfg, or the options of a call as `call` returned them
-- @treturn table array of `{ name, value }`
function M.headers(cfg)
  return private[cfg].headers
end

--- The parameters that every call starts from, with the `api_token` that `cfg.defaults` leaves
-- out.
-- @tparam table cfg
-- @treturn table name -> value, to be read only
function M.defaults(cfg)
  local secret = private[cfg]
  if not secret.defaults then
    local parameters = { api_token = secret.defaults_token }
    for name, value in next, cfg.defaults do parameters[name] = value end
    secret.defaults = parameters
  end
  return secret.defaults
end

--- Everything that no message may show.
-- @tparam table cfg
-- @treturn table new array of strings, for `errors.redact`
function M.secrets(cfg)
  local secret = private[cfg]
  local list = {}
  for _, name in ipairs { "token", "password", "defaults_token" } do
    if type(secret[name]) == "string" then list[#list + 1] = secret[name] end
  end
  for _, text in ipairs(secret.proxy_secrets or {}) do list[#list + 1] = text end
  headers.add_secrets(secret.headers, list)
  return list
end

--- The options of one call laid over the client's. Raises for an option or clock that does not
-- exist.
-- @tparam table cfg
-- @tparam ?table given options, see `call_names`
-- @treturn[1] table `timeout`, `max_retries`, `headers`, `hooks`, `client_stop`, `trim_stop`; to
-- be read only, all calls without options of their own share one
-- @treturn[2] nil
-- @treturn[2] table error of kind `config`
function M.call(cfg, given)
  local secret = private[cfg]
  if given == nil and secret.call then return secret.call end
  local own = taken(given, M.call_names)
  local made, kept, problem = call.read(cfg, secret.kept, own)
  if not made then return refusal(problem) end
  private[made] = kept
  if given == nil then secret.call = made end
  return made
end

--- What keeps a secret out of a request's body; `api_token` was checked by `new`.
-- @tparam table cfg
-- @tparam string name of the secret, for the message
-- @treturn ?string what is wrong; nil when it may be sent
function M.exposure(cfg, name)
  return safety.problem(cfg, private[cfg].proxy_loopback, name)
end

--- Seconds that a call may take in all.
-- @tparam table timeout clocks of a call
-- @tparam boolean stream
-- @treturn ?number nil when there is no limit
function M.total(timeout, stream)
  if timeout.total ~= nil or stream then return timeout.total or nil end
  return M.GENERATE_TOTAL
end

return M
