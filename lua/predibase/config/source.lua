-- SPDX-License-Identifier: MIT
--- Where requests go and with which token: from arguments, else from the environment.
-- @module predibase.config.source

local checks = require "predibase.checks"
local url = require "predibase.config.url"

local M = {}

--- Environment variables by the option that they stand for. An empty one counts as not set.
M.variables = {
  api_token = "PREDIBASE_API_TOKEN",
  tenant_id = "PREDIBASE_TENANT_ID",
  deployment = "PREDIBASE_DEPLOYMENT",
  base_url = "PREDIBASE_BASE_URL",
}

--- An option or its environment variable, and the name to call it in messages.
local function lookup(given, getenv, name)
  local value = given[name]
  if value ~= nil then return value, name end
  local variable = M.variables[name]
  value = getenv(variable)
  if value == "" then value = nil end
  return value, ("%s (from the environment variable %s)"):format(name, variable)
end

local function missing(name)
  return ('%s is missing: give %s = "…" or set the environment variable %s')
    :format(name, name, M.variables[name])
end

--- A checked option of kind string; nil and what is wrong when it is missing or bad.
local function read_name(given, getenv, name, problem_of)
  local value, what = lookup(given, getenv, name)
  if value == nil then return nil, missing(name) end
  if type(value) ~= "string" then
    return nil, ("%s must be a string, got %s"):format(what, checks.describe(value))
  end
  local problem = problem_of(value)
  if problem then return nil, what .. " " .. problem end
  return value
end

--- The API token.
-- @tparam table given options by value; `api_token = false` means none, whatever the
-- environment says
-- @tparam function getenv name -> string or nil
-- @treturn[1] ?string nil when none was given
-- @treturn[2] nil
-- @treturn[2] string what is wrong, without the token
function M.token(given, getenv)
  if given.api_token == false then return nil end
  local token, what = lookup(given, getenv, "api_token")
  if token == nil then return nil end
  if type(token) ~= "string" then
    return nil, ("%s must be a string, got a %s"):format(what, type(token))
  end
  local problem = checks.token(token)
  if problem then return nil, what .. " " .. problem end
  return token
end

--- The address of a deployment at Predibase. Everything that is missing is named at once.
local function managed(given, getenv, token)
  local problems = {}
  local function note(value, problem)
    if problem then problems[#problems + 1] = problem end
    return value
  end
  local tenant = note(read_name(given, getenv, "tenant_id", url.segment_problem))
  local deployment = note(read_name(given, getenv, "deployment", url.deployment_problem))
  if not token then note(nil, missing("api_token")) end
  if #problems == 0 then return url.managed(tenant, deployment) end
  if lookup(given, getenv, "tenant_id") == nil and lookup(given, getenv, "deployment") == nil then
    note(nil, "for a server of your own give base_url or set " .. M.variables.base_url)
  end
  return nil, table.concat(problems, "; ")
end

--- The URL in front of `/generate`, and its parts.
-- @tparam table given options by value
-- @tparam function getenv name -> string or nil
-- @tparam ?string token
-- @treturn[1] table `url`, `scheme`, `host`, `port`, `loopback`; at Predibase `deployment`
-- @treturn[2] nil
-- @treturn[2] string what is wrong
function M.address(given, getenv, token)
  local named = given.tenant_id ~= nil or given.deployment ~= nil
  if named and given.base_url ~= nil then
    return nil, "base_url takes the place of tenant_id and deployment; "
      .. "give either base_url or the other two"
  end
  local base, what
  if not named then base, what = lookup(given, getenv, "base_url") end
  if base == nil then return managed(given, getenv, token) end
  if type(base) ~= "string" then
    return nil, ("%s must be a string, got %s"):format(what, checks.describe(base))
  end
  local parts, problem = url.parse(base)
  if not parts then return nil, what .. " " .. problem end
  return parts
end

return M
