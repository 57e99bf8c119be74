-- SPDX-License-Identifier: MIT
--- The configuration of a client: reads options and environment variables, and checks them once.
--
-- Options take precedence over environment variables. The address is taken from the first of these
-- that is given: `base_url`; `tenant_id` and `deployment`; `PREDIBASE_BASE_URL`;
-- `PREDIBASE_TENANT_ID` and `PREDIBASE_DEPLOYMENT` (or `PREDIBASE_MODEL`).
-- Everything is copied, so later changes of the caller's tables have no effect.
-- @module predibase.config

local lazy = require "predibase.lazy"
local checks = require "predibase.value_checks"
local errors = require "predibase.errors"
local headers = lazy "predibase.headers"
local json = require "predibase.json"
local names = lazy "predibase.option_names"
local params = require "predibase.params"
local settings = require "predibase.config.settings"
local url = require "predibase.config.url"
local usage = require "predibase.usage"

local M = {}

--- Default limit in seconds for a whole `generate` call.
M.GENERATE_TOTAL = settings.GENERATE_TOTAL

--- Set of the options that a single call accepts.
M.call_names = { timeout = true, max_retries = true, headers = true }
for _, name in ipairs(settings.hook_names) do M.call_names[name] = true end
for _, option in ipairs(settings.text) do M.call_names[option.name] = true end

--- Set of the options that `predibase.new` accepts.
M.names = {
  api_token = true, tenant_id = true, deployment = true, base_url = true, defaults = true,
  proxy = true, client_key_password = true,
}
for name in pairs(M.call_names) do M.names[name] = true end
for _, option in ipairs(settings.plain) do M.names[option.name] = true end

-- Secrets, kept outside the configuration so that code that prints or walks over its tables does
-- not find them: cfg -> { token, headers, … }, and the options of a call -> { headers, shown }. The
-- keys are weak. No value may refer to its own key: Lua 5.1 would never collect the pair.
local private = setmetatable({}, { __mode = "k" })

local mt = { __name = "predibase.config" }

function mt.__tostring (cfg)
  return "predibase.config: " .. cfg.url
end

-- The address and the API token.

--- Environment variables by option. A variable that is empty counts as not set.
local VARIABLES = {
  api_token = "PREDIBASE_API_TOKEN",
  tenant_id = "PREDIBASE_TENANT_ID",
  deployment = "PREDIBASE_DEPLOYMENT",
  base_url = "PREDIBASE_BASE_URL",
}

-- Variables that count where the first one is not set. This one is read by other programs, too.
local SECOND_VARIABLES = { deployment = "PREDIBASE_MODEL" }

--- Returns the value of an option or of its environment variable, and its name for messages.
local function lookup (given, getenv, name)
  local value = given[name]
  if value ~= nil then return value, name end
  local variable = VARIABLES[name]
  value = getenv(variable)
  if (value == nil or value == "") and SECOND_VARIABLES[name] then
    variable = SECOND_VARIABLES[name]
    value = getenv(variable)
  end
  if value == "" then value = nil end
  return value, ("%s (from the environment variable %s)"):format(name, variable)
end

local function missing (name)
  return ('%s is missing: give %s = "…" or set the environment variable %s')
    :format(name, name, VARIABLES[name])
end

--- Reads and checks an option that is a string. Returns nil and a message if it is missing or bad.
local function read_name (given, getenv, name, problem_of)
  local value, what = lookup(given, getenv, name)
  if value == nil then return nil, missing(name) end
  if type(value) ~= "string" then
    return nil, ("%s must be a string, got %s"):format(what, checks.describe(value))
  end
  local problem = problem_of(value)
  if problem then return nil, what .. " " .. problem end
  return value
end

--- Reads and checks the API token, or the function that returns it. Returns nil when there is none.
local function read_token (given, getenv)
  if given.api_token == false then return nil end
  local token, what = lookup(given, getenv, "api_token")
  if token == nil or checks.callable(token) then return token end
  if type(token) ~= "string" then
    return nil, ("%s must be a string or a function, got a %s"):format(what, type(token))
  end
  local problem = checks.token(token)
  if problem then return nil, what .. " " .. problem end
  return token
end

--- Reads the address of a deployment at Predibase. The message names everything that is missing.
local function read_managed_address (given, getenv, token)
  local problems = {}
  local function note (value, problem)
    if problem then problems[#problems + 1] = problem end
    return value
  end
  local tenant = note(read_name(given, getenv, "tenant_id", url.segment_problem))
  local deployment = note(read_name(given, getenv, "deployment", url.deployment_problem))
  if not token then note(nil, missing("api_token")) end
  if #problems == 0 then return url.managed(tenant, deployment) end
  if lookup(given, getenv, "tenant_id") == nil and lookup(given, getenv, "deployment") == nil then
    note(nil, "for your own server, give base_url or set " .. VARIABLES.base_url)
  end
  return nil, table.concat(problems, "; ")
end

--- Reads the URLs of several servers that serve the same. Returns an array of their parts.
local function read_replicas (list)
  local count, why = checks.array(list)
  if not count then
    return nil, "base_url must be a string or an array of strings, but it " .. why
  end
  if count == 0 or count > settings.MAX_SERVERS then
    return nil, ("base_url must have 1 to %d URLs, got %d"):format(settings.MAX_SERVERS, count)
  end
  local replicas, known = {}, {}
  for i = 1, count do
    local text, what = rawget(list, i), ("base_url[%d]"):format(i)
    if type(text) ~= "string" then
      return nil, ("%s must be a string, got %s"):format(what, checks.describe(text))
    end
    local parts, problem = url.parse(text)
    if not parts then return nil, what .. " " .. problem end
    if known[parts.url] then
      return nil, ("%s is the same URL as base_url[%d]"):format(what, known[parts.url])
    end
    known[parts.url], replicas[i] = i, parts
  end
  return replicas
end

--- Reads the URL to which `/generate` is appended. Returns its parts, as `url.parse` does; or an
-- array of such parts.
local function read_address (given, getenv, token)
  local named = given.tenant_id ~= nil or given.deployment ~= nil
  if named and given.base_url ~= nil then
    return nil, "base_url replaces tenant_id and deployment; "
      .. "give either base_url or the other two"
  end
  local base, what
  if not named then base, what = lookup(given, getenv, "base_url") end
  if base == nil then return read_managed_address(given, getenv, token) end
  if type(base) == "table" then return read_replicas(base) end
  if type(base) ~= "string" then
    return nil, ("%s must be a string, got %s"):format(what, checks.describe(base))
  end
  local parts, problem = url.parse(base)
  if not parts then return nil, what .. " " .. problem end
  return parts
end

-- Cases in which others could read a secret while it is sent.

--- Tells why a secret must not be sent to the server of a configuration; nil when it may be sent.
local function exposure_of (cfg, proxy_loopback, name)
  if cfg.scheme == "http" and not cfg.allow_plain_http then
    if not cfg.loopback then
      return ("%s would be sent unencrypted to http://%s, where others can read it; "
        .. "use https://, or allow_plain_http = true, or leave it out (api_token = false)")
        :format(name, cfg.host)
    elseif cfg.proxy and not proxy_loopback then
      return ("%s would be sent unencrypted to the proxy %s; "
        .. "use https://, proxy = false, or allow_plain_http = true"):format(name, cfg.proxy)
    end
  end
  if cfg.verify ~= false then return nil end
  if not cfg.loopback then
    return ("verify = false would give %s to anyone who impersonates %s; "
      .. "name the server's certificate authority in ca_file instead"):format(name, cfg.host)
  end
  -- For a proxy, "localhost" is its own machine, and the proxy may answer in place of the server.
  if cfg.scheme == "https" and cfg.proxy and not proxy_loopback then
    return ("verify = false would give %s to the proxy %s, which can impersonate %s; "
      .. "use proxy = false, or name the server's certificate authority in ca_file instead")
      :format(name, cfg.proxy, cfg.host)
  end
end

-- The default parameters of every call.

--- Checks and copies the defaults. Raises for a parameter that does not exist.
local function read_defaults (given, check_schema)
  if given == nil then return {} end
  if type(given) ~= "table" then
    return nil, nil, "defaults must be a table of parameters, got " .. checks.describe(given)
  end
  -- The check comes before `copy`, because it refuses endless nesting, which `copy` cannot handle.
  local _, err = params.check(given, { partial = true, check_schema = check_schema })
  if err then
    return nil, nil, "defaults: " .. err.message:gsub("^Input validation error: ", "")
  end
  local parameters = params.copy(given)
  local token = parameters.api_token
  parameters.api_token = nil
  return parameters, type(token) == "string" and token or nil
end

-- The options of a client, and of a call.

--- Merges headers of a call with the client's. Returns the client's tables when the call has none.
local function merge_headers (kept, given)
  if given == nil then return kept end
  local more, problem = headers.check(given)
  if not more then return nil, problem end
  local merged
  merged, problem = headers.merge(kept.headers, more)
  if not merged then return nil, problem end
  return { headers = merged, shown = headers.shown(merged) }
end

--- Checks a list of options and stores them in `into`. A missing option is taken from `base`, or
-- gets its default.
local function read_each (list, given, base, into)
  for _, option in ipairs(list) do
    local value = given[option.name]
    if value ~= nil then
      local checked, problem = option.check(value, option.name)
      if checked == nil then return problem end
      value = checked
    else
      value = base[option.name]
      if value == nil then value = option.default end
    end
    into[option.name] = value
  end
end

--- Reads and checks the options of a call. Raises for a timeout that does not exist.
local function read_call (cfg, kept, given)
  local retries, timeout, hooks, problem = given.max_retries
  if retries == nil then retries = cfg.max_retries end
  retries, problem = settings.retries(retries, "max_retries")
  if problem then return nil, nil, problem end
  timeout, problem = settings.timeout(given.timeout, cfg.timeout)
  if problem then return nil, nil, problem end
  kept, problem = merge_headers(kept, given.headers)
  if problem then return nil, nil, problem end
  hooks, problem = settings.hooks(given, cfg.hooks)
  if problem then return nil, nil, problem end
  local made = { timeout = timeout, max_retries = retries, headers = kept.shown, hooks = hooks }
  problem = read_each(settings.text, given, cfg, made)
  if problem then return nil, nil, problem end
  return made, kept
end

local function read_plain (cfg, given)
  local problem = read_each(settings.plain, given, {}, cfg)
    or read_each(settings.text, given, {}, cfg)
  if problem then return problem end
  if cfg.client_key and not cfg.client_cert then
    return "client_key needs client_cert, the file with the certificate of that key"
  end
end

local function read_password (cfg, secret, given)
  if given.client_key_password == nil then return nil end
  local password, problem = settings.password(given.client_key_password, "client_key_password")
  if problem then return problem end
  secret.password = password
  if not cfg.client_cert then return "client_key_password needs client_cert" end
end

local function read_proxy (cfg, secret, given)
  local value = given.proxy
  if value == nil then
    -- A proxy from the environment usually serves other hosts: it cannot reach the loopback
    -- interface of this machine, and it would see the token.
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

--- Reads the proxy of a server, and tells why the token must not be sent to it.
local function read_way (cfg, secret, given)
  return read_proxy(cfg, secret, given)
    or (secret.token or cfg.api_token) and exposure_of(cfg, secret.proxy_loopback, "api_token")
end

--- Reads what leads to the server, or to each of several servers.
local function read_servers (cfg, secret, given, getenv)
  local parts, problem = read_address(given, getenv, secret.token or cfg.api_token)
  if not parts then return problem end
  for name, value in pairs(parts[1] or parts) do cfg[name] = value end
  problem = read_way(cfg, secret, given)
  if problem or not parts[2] then return problem end
  local servers = {}
  for i, own in ipairs(parts) do
    local server, hidden = {}, { token = secret.token }
    for name, value in pairs(cfg) do server[name] = value end
    for name, value in pairs(own) do server[name] = value end
    server.proxy = nil
    problem = read_way(server, hidden, given)
    if problem then return problem end
    hidden.password = secret.password
    private[server], servers[i] = hidden, setmetatable(server, mt)
  end
  cfg.servers = servers
end

--- Reads the options that a view of a client merges with those of the client.
local function read_merged (cfg, secret, given, base)
  local hidden, problem = base and private[base] or {}
  cfg.timeout, problem = settings.timeout(given.timeout, base and base.timeout or settings.TIMEOUTS)
  if problem then return problem end
  secret.headers = {}                   -- a table of its own, which `predibase.request` relies on
  if given.headers ~= nil then
    secret.headers, problem = headers.check(given.headers)
    if problem then return problem end
  end
  if hidden.headers and hidden.headers[1] then
    secret.headers, problem = headers.merge(hidden.headers, secret.headers)
    if problem then return problem end
  end
  cfg.headers = secret.headers[1] and headers.shown(secret.headers) or {}
  local defaults = given.defaults
  if base and defaults == nil then
    defaults = M.defaults(base)
  elseif base and type(defaults) == "table" then
    defaults = params.merge(M.defaults(base), defaults)
  end
  cfg.defaults, secret.defaults_token, problem = read_defaults(defaults, given.check_schema)
  return problem
end

local function fill (cfg, secret, given, getenv, base)
  local problem = read_plain(cfg, given) or read_password(cfg, secret, given)
  if problem then return problem end
  local token
  token, problem = read_token(given, getenv)
  if problem then return problem end
  -- A function is no secret, and may refer to the client.
  if type(token) == "string" then secret.token = token else cfg.api_token = token end
  problem = read_servers(cfg, secret, given, getenv) or read_merged(cfg, secret, given, base)
  if problem then return problem end
  cfg.hooks, problem = settings.hooks(given, {})
  return problem
end

local function refuse (problem)
  return nil, errors.new { kind = "config", message = problem }
end

--- Returns a copy of the caller's options without metatable and without nulls. Raises when they are
-- not a table, or for a name that is not an option.
local function taken (given, allowed)
  if given == nil then return {} end
  if type(given) ~= "table" then
    usage.fail("options must be a table, got a " .. type(given))
  end
  for name in next, given do
    if not allowed[name] then names.check(given, allowed, "option") end
  end
  local found = {}
  for name, value in next, json.present(given) do found[name] = value end
  return found
end

-- Options that a view merges with those of the client.
local MERGED = { defaults = true, headers = true, timeout = true }

-- Options that are copied when they are tables.
local TABLES = { base_url = true, rate_limit = true, client_stop = true, check_limits = true,
  fallback = true }

--- Divides the options that views build on into those without and those with secrets. Only texts
-- are kept with the secrets: functions and objects may refer to the client, and Lua 5.1 would then
-- never collect it.
local function divide (given)
  local open, hidden = {}, {}
  for name, value in pairs(given) do
    local is_secret = name == "api_token" or name == "client_key_password" or name == "proxy"
    if TABLES[name] and type(value) == "table" then
      local twin = {}
      for key, inner in next, value do twin[key] = inner end
      value = twin
    end
    if is_secret and type(value) == "string" then hidden[name] = value
    elseif not MERGED[name] then open[name] = value end
  end
  return open, hidden
end

local function build (given, getenv, base)
  local cfg, secret = {}, {}
  local problem = fill(cfg, secret, given, getenv, base)
  if problem then return refuse(problem) end
  secret.kept = { headers = secret.headers, shown = cfg.headers }
  cfg.given, secret.given = divide(given)
  private[cfg] = secret
  return setmetatable(cfg, mt)
end

--- Builds the configuration of a client. Raises for an option, a parameter or a timeout that does
-- not exist. For a bad value, returns an error of kind `config` that names the option or the
-- environment variable.
-- @tparam ?table given options, see `names`; `api_token = false` sends no token even if the
-- environment contains one
-- @tparam[opt=os.getenv] function getenv name -> string or nil
-- @treturn[1] table `url`, `scheme`, `host`, `port`, `loopback`, `timeout` (seconds), `headers`
-- (array of `{ name, value }`), `hooks`, `defaults`, `proxy` (without user name and password),
-- `api_token` (only a function), `servers` (nil, or a configuration for each URL of `base_url`),
-- `given` (the options that views build on), and every option of `predibase.config.settings`; the
-- functions below return the secrets
-- @treturn[2] nil
-- @treturn[2] Error error of kind `config`
function M.new (given, getenv)
  return build(taken(given, M.names), getenv or os.getenv)
end

-- Options that belong to the connections, which a view shares with its client.
local SHARED = { "loop", "transport" }

--- Builds the configuration of a view: options that are given replace those of the client. The
-- fields of `defaults`, `headers` and `timeout` are merged. A null removes an option. Raises as
-- `new` does.
-- @tparam table base the configuration of the client
-- @tparam table given
-- @tparam[opt=os.getenv] function getenv as for `new`
-- @treturn[1] table the configuration
-- @treturn[1] table set of the options that were given
-- @treturn[2] nil
-- @treturn[2] Error error of kind `config`
function M.with (base, given, getenv)
  local present = taken(given, M.names)
  for _, name in ipairs(SHARED) do
    if present[name] ~= nil then
      return refuse(name .. " cannot be given here: a view shares the connections of its client")
    end
  end
  local all, own = {}, {}
  for name, value in pairs(base.given) do all[name] = value end
  for name, value in pairs(private[base].given) do all[name] = value end
  if present.base_url ~= nil then
    all.tenant_id, all.deployment = nil, nil
  elseif present.tenant_id ~= nil or present.deployment ~= nil then
    all.base_url = nil
  end
  for name, value in next, given do
    if value == json.null then all[name], own[name] = nil, true end
  end
  for name, value in next, present do
    all[name], own[name] = value, true
  end
  local cfg, err = build(all, getenv or os.getenv, base)
  if not cfg then return nil, err end
  return cfg, own
end

--- Returns the API token.
-- @tparam table cfg
-- @treturn ?string nil when requests are sent without a token, or a function returns it
function M.token (cfg)
  return private[cfg].token
end

--- Returns the password of the client key.
-- @tparam table cfg
-- @treturn ?string
function M.client_key_password (cfg)
  return private[cfg].password
end

--- Returns the proxy with its user name and password.
-- @tparam table cfg
-- @treturn[1] string URL
-- @treturn[2] boolean false: no proxy, even if the environment names one
-- @treturn[3] nil the environment decides
function M.proxy (cfg)
  return private[cfg].proxy or cfg.proxy
end

--- Returns the caller's headers with their real values; `cfg.headers` shows secrets as
-- `[redacted]`.
-- @tparam table cfg a configuration, or the options of a call as `call` returned them
-- @treturn table array of `{ name, value }`
function M.headers (cfg)
  return private[cfg].headers
end

--- Returns the default parameters of every call, including the `api_token` that `cfg.defaults`
-- leaves out.
-- @tparam table cfg
-- @treturn table name -> value; must not be changed
function M.defaults (cfg)
  local secret = private[cfg]
  if not secret.defaults then
    local parameters = { api_token = secret.defaults_token }
    for name, value in next, cfg.defaults do parameters[name] = value end
    secret.defaults = parameters
  end
  return secret.defaults
end

--- Lists the secrets, which must not appear in any message.
-- @tparam table cfg
-- @treturn string[] new array of strings, for `errors.redact`
function M.secrets (cfg)
  local secret = private[cfg]
  local list = {}
  for _, name in ipairs { "token", "password", "defaults_token" } do
    if type(secret[name]) == "string" then list[#list + 1] = secret[name] end
  end
  for _, text in ipairs(secret.proxy_secrets or {}) do list[#list + 1] = text end
  if secret.headers[1] then headers.add_secrets(secret.headers, list) end
  return list
end

--- Merges the options of one call with the client's. Raises for a timeout that does not exist.
-- @tparam table cfg
-- @tparam ?table given options of `call_names`; their names must have been checked
-- @treturn[1] table `timeout`, `max_retries`, `headers`, `hooks`, `client_stop`, `trim_stop`,
-- `check_schema`; must not be changed, because all calls without options share one table
-- @treturn[2] nil
-- @treturn[2] Error error of kind `config`
function M.call (cfg, given)
  local secret = private[cfg]
  if given == nil and secret.call then return secret.call end
  local made, kept, problem = read_call(cfg, secret.kept, given and json.present(given) or {})
  if not made then return refuse(problem) end
  private[made] = kept
  if given == nil then secret.call = made end
  return made
end

--- Tells why a secret must not be sent in the body of a request. `new` has checked `api_token`.
-- @tparam table cfg
-- @tparam string name of the secret, for the message
-- @treturn ?string what is wrong; nil when it may be sent
function M.exposure (cfg, name)
  for _, server in ipairs(cfg.servers or { cfg }) do
    local problem = exposure_of(server, private[server].proxy_loopback, name)
    if problem then return problem end
  end
end

--- Returns the limit in seconds for a whole call with its retries.
-- @tparam table timeout the timeouts of the call
-- @tparam boolean stream
-- @treturn ?number nil when there is no limit
function M.total (timeout, stream)
  if timeout.total ~= nil or stream then return timeout.total or nil end
  return M.GENERATE_TOTAL
end

return M
