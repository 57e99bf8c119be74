-- SPDX-License-Identifier: MIT
--- Runs `predibase doctor`: checks the configuration, the network, TLS, the token and the
-- deployment, and prints one line for each, with what to do when there is a problem.
--
-- Two requests are sent, to `/health` and `/info`, which generate nothing. A check that depends on
-- one that failed is not made.
-- @module predibase.cli.doctor_command

local errors = require "predibase.errors"
local failures = require "predibase.cli.failures"
local inputs = require "predibase.cli.inputs"
local output = require "predibase.cli.output"
local wording = require "predibase.cli.wording"

local M = {}

--- Seconds that each request may take unless `--timeout` is given. A server that works answers at
-- once; the exception is the first `/health` of a LoRAX server, which generates a token.
M.TIMEOUT = 20

--- Seconds for the connection unless `--connect-timeout` is given.
M.CONNECT = 10

local CHECKS = { "configuration", "network", "tls", "token", "deployment" }

local JSON_FIELDS = { "check", "state", "message", "advice" }

-- Printing.

--- Makes one line of a text that a server or a user wrote.
local function one_line (text)
  return errors.excerpt(text, math.max(1, 4 * #text))
end

local function note (report, check, state, message, advice)
  report[check] = { check = check, state = state, message = one_line(message),
    advice = advice and one_line(advice) or nil }
end

local function ok (report, check, message)
  note(report, check, "ok", message)
end

--- Records a problem. The kind of the first problem decides the exit code.
local function problem (report, check, err, advice)
  report.err = report.err or err
  local message = wording.reword(tostring(err.message))
  local advised = message:find("; check ", 1, true)        -- by `predibase.response`
  note(report, check, "problem", message, advice or not advised and failures.hint(err, "doctor"))
end

local function print_report (report, as_json)
  local out = output.new()
  for _, check in ipairs(CHECKS) do
    local line = report[check]
      or { check = check, state = "skipped", message = "not checked, because of the problem above" }
    if as_json then
      out:write(output.json(line, JSON_FIELDS))
    else
      local advice = line.advice and "; " .. line.advice or ""
      out:write(("%-14s %-8s %s%s\n"):format(check, line.state, line.message, advice))
    end
  end
end

-- Configuration.

local function variable (name)
  local value = os.getenv(name)
  return value ~= "" and value or nil
end

--- Returns where a part of the address comes from: a flag, or the first variable that is set.
local function source (arguments, option, variables)
  if arguments[option] then return "--" .. option:gsub("_", "-") end
  for _, name in ipairs(variables) do
    if variable(name) then return name end
  end
end

local TENANT, DEPLOYMENT = { "PREDIBASE_TENANT_ID" }, { "PREDIBASE_DEPLOYMENT", "PREDIBASE_MODEL" }

--- Describes where the address comes from. The order is that of `predibase.config`.
local function address_source (arguments)
  if arguments.base_url then return "--base-url" end
  local named = arguments.tenant_id or arguments.deployment
  if not named and variable "PREDIBASE_BASE_URL" then return "PREDIBASE_BASE_URL" end
  return ("%s and %s"):format(source(arguments, "tenant_id", TENANT) or "no tenant",
    source(arguments, "deployment", DEPLOYMENT) or "no deployment")
end

local function token_source (arguments)
  if arguments.no_token then return "no token (--no-token)" end
  if arguments.token_file then return "token from --token-file" end
  if variable "PREDIBASE_API_TOKEN" then return "token from PREDIBASE_API_TOKEN" end
  return "no token"
end

--- Names the variables of the address that are set but have no effect.
local function unused (arguments)
  local from, found = address_source(arguments), {}
  for _, name in ipairs { "PREDIBASE_BASE_URL", "PREDIBASE_TENANT_ID", "PREDIBASE_DEPLOYMENT",
    "PREDIBASE_MODEL" } do
    if variable(name) and not from:find(name, 1, true) then found[#found + 1] = name end
  end
  return found[1] and "; not used: " .. table.concat(found, ", ") or ""
end

--- Describes the proxy, without its password. Variables are libcurl's.
local function proxy_of (cfg)
  if cfg.proxy then return "; proxy " .. cfg.proxy end
  if cfg.proxy == false then return "" end
  local names = cfg.scheme == "https" and { "https_proxy", "HTTPS_PROXY" } or { "http_proxy" }
  names[#names + 1], names[#names + 2] = "all_proxy", "ALL_PROXY"
  for _, name in ipairs(names) do
    if variable(name) then
      return ("; proxy from %s, unless no_proxy names the host"):format(name)
    end
  end
  return ""
end

local function check_configuration (report, arguments)
  local options = inputs.client(arguments)
  options.timeout = { total = arguments.timeout or M.TIMEOUT,
    connect = arguments.connect_timeout or M.CONNECT }
  options.max_retries = 0
  local client, err = require("predibase").new(options)
  if not client then
    problem(report, "configuration", err)
    return nil
  end
  ok(report, "configuration", ("%s from %s; %s%s%s"):format(client.cfg.url,
    address_source(arguments), token_source(arguments), proxy_of(client.cfg), unused(arguments)))
  return client
end

-- Network and TLS.

local NETWORK = { resolve = true, connect = true, proxy = true }

--- Tells whether the server was not reached, or ended the connection instead of answering.
local function is_unreachable (err)
  if err.status then return false end
  return err.kind == "connection" or err.kind == "timeout" and (NETWORK[err.phase] or not err.sent)
end

local function network_advice (err)
  if err.phase == "resolve" then
    return "check the name of the host, and the name server of this machine"
  elseif err.kind == "timeout" then
    return "check the address and the firewall; --connect-timeout and --timeout allow more time"
  elseif not NETWORK[err.phase] then
    return "try again; a firewall or a restart of the server can be the reason"
  end
end

--- Records what a failed or successful request says about network and TLS. Returns false when the
-- server has not answered.
local function check_network (report, client, err, seconds)
  local cfg = client.cfg
  if err and is_unreachable(err) then
    problem(report, "network", err, network_advice(err))
    return false
  end
  local through = cfg.proxy and " through the proxy" or ""
  if err and err.kind == "tls" then
    ok(report, "network", ("%s:%d is reached%s"):format(cfg.host, cfg.port, through))
    problem(report, "tls", err)
    return false
  end
  ok(report, "network", ("%s:%d is reached%s, the first request took %.2f s"):format(cfg.host,
    cfg.port, through, seconds))
  if cfg.scheme ~= "https" then
    ok(report, "tls", "not used, the address begins with http://")
  elseif cfg.verify == false then
    ok(report, "tls", "used, but the certificate is not checked (--insecure)")
  else
    ok(report, "tls", "the certificate is valid")
  end
  return true
end

-- Token and deployment.

local REFUSED = { authentication = true, permission = true }

local function token_advice (err, arguments)
  if err.kind == "permission" then return nil end
  if token_source(arguments):find "^no token" then
    return "the server needs a token: set PREDIBASE_API_TOKEN, or name a file with --token-file"
  end
  return token_source(arguments):gsub("^token from ", "replace the token of ")
end

--- Records what the answers say about the token. Returns false when it was refused.
local function check_token (report, arguments, health_error, info_error)
  for _, err in ipairs { health_error or false, info_error or false } do
    if err and REFUSED[err.kind] then
      problem(report, "token", err, token_advice(err, arguments))
      return false
    end
  end
  local works = not health_error or not info_error
  if not works and not health_error.status and not info_error.status then
    note(report, "token", "skipped", "no answer tells whether it is accepted")
  elseif token_source(arguments):find "^no token" then
    ok(report, "token", "none was sent, and none was asked for")
  else
    ok(report, "token", works and "the server accepts it" or "the server did not refuse it")
  end
  return true
end

local function describe (info)
  local parts = { tostring(info.model_id) }
  for _, pair in ipairs {
    { "max_input_length", "at most %d tokens of prompt" },
    { "max_total_tokens", "%d with the answer" },
    { "max_concurrent_requests", "%d requests at once" },
  } do
    local value = info[pair[1]]
    if type(value) == "number" then parts[#parts + 1] = pair[2]:format(value) end
  end
  return table.concat(parts, ", ")
end

local NOT_READY = "it may be starting, which takes minutes after it was scaled to zero; "
  .. "try again, and look at its state in Predibase"

local function check_deployment (report, health_error, info, info_error)
  local err = health_error
  -- A gateway may pass on only one of the two paths.
  if err and err.kind == "not_found" then err = info_error end
  if not err and info_error and info_error.kind ~= "not_found" then err = info_error end
  if not err then
    ok(report, "deployment", info and describe(info) or "it works; it has no /info")
    return
  end
  local advice
  if err.kind == "server" or err.kind == "overloaded" or err.kind == "timeout" then
    advice = NOT_READY
  elseif err.kind == "rate_limited" then
    advice = "wait a little, and try again"
  end
  problem(report, "deployment", err, advice)
end

local function check (report, arguments)
  local client = check_configuration(report, arguments)
  if not client then return end
  local began = client.shared.now()
  local healthy, health_error = client:health()
  if healthy then health_error = nil end
  local reached = check_network(report, client, health_error, client.shared.now() - began)
  if reached then
    local info, info_error = client:info()
    if check_token(report, arguments, health_error, info_error) then
      check_deployment(report, health_error, info, info_error)
    end
  end
  client:close()
end

--- Runs the command.
-- @tparam table arguments of the command line
-- @treturn integer exit code: 0, or that of the first problem
function M.run (arguments)
  local report = {}
  check(report, arguments)
  print_report(report, arguments.json)
  return report.err and failures.exit_code(report.err) or 0
end

return M
