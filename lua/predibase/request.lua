-- SPDX-License-Identifier: MIT
--- Makes the HTTP request of a call.
--
-- The options of a call are read once, into a plan: names and values are checked, the options are
-- merged with those of the client, and everything that does not depend on the prompt is encoded. A
-- request is made from a plan and a prompt. Plans contain secrets: keep them only in local
-- variables and closures, where code that walks over the tables of an object does not find them.
-- @module predibase.request

local checks = require "predibase.value_checks"
local config = require "predibase.config"
local errors = require "predibase.errors"
local headers = require "predibase.headers"
local json = require "predibase.json"
local names = require "predibase.option_names"
local params = require "predibase.params"
local usage = require "predibase.usage"
local utf8 = require "predibase.utf8"
local version = require "predibase.version"

local M = {}

--- Largest request body in bytes. The router's web framework (axum) sets this limit.
M.MAX_BODY = 2097152

local jit = rawget(_G, "jit")

--- Name and version of the running Lua for the `User-Agent` header: `lua/5.4`, `luajit/2.1`.
M.LUA = jit and "luajit/" .. tostring(jit.version):match("%d+%.%d+")
  or "lua/" .. _VERSION:match("%d+%.%d+")

-- Options of a batch that are not options of its calls.
local OF_BATCH = { concurrency = true, retry_generation = true }

local function union (...)
  local set = {}
  for _, part in ipairs { ... } do
    for name in pairs(part) do set[name] = true end
  end
  return set
end

--- Sets of the options that each method accepts.
M.names = { generate_stream = union(params.names, config.call_names) }
M.names.generate = union(M.names.generate_stream)
M.names.generate.on_token = nil
M.names.generate_many = union(M.names.generate, OF_BATCH)
M.names.tokenize = union(config.call_names, { add_special_tokens = true })
-- These options concern generated text, and /tokenize generates none.
for _, name in ipairs { "on_token", "trim_stop", "client_stop", "check_schema" } do
  M.names.tokenize[name] = nil
end

--- Checks the type and the names of the options of a call.
-- @tparam ?table options
-- @tparam string method a key of `names`
-- @tparam[opt] string shown the name of the method in messages: `client:generate` by default
-- @raise for an option that does not exist, and for options that are not a table
function M.check (options, method, shown)
  if options == nil then return end
  local allowed = M.names[method]
  shown = shown or "client:" .. method
  if type(options) ~= "table" then
    usage.fail(("%s takes its options as a table, got a %s"):format(shown, type(options)))
  end
  local refused = not allowed.on_token and method ~= "tokenize"
  if refused and rawget(options, "on_token") ~= nil then
    usage.fail(shown .. " does not accept on_token: it receives only the whole text, not tokens")
  end
  for name in next, options do
    if not allowed[name] then names.check(options, allowed, "option") end
  end
end

--- Merges options with base options. Each value replaces the whole base value.
-- @function merge
-- @tparam ?table base
-- @tparam ?table own
-- @treturn table new
M.merge = params.merge

-- Errors.

local function refuse (text)
  return nil, errors.new {
    kind = "validation", error_type = "validation", phase = "request",
    message = "Input validation error: " .. text,
  }
end

local function refuse_size (bytes)
  return nil, errors.new {
    kind = "too_large", phase = "request",
    message = ("the request body has at least %d bytes, but the server accepts at most %d; "
      .. "shorten the prompt"):format(bytes, M.MAX_BODY),
  }
end

-- The part that all requests of a client to one path have in common.

--- Returns the user agent of a client (RFC 9110 section 10.1.5).
-- @tparam table cfg
-- @tparam ?string transport name and version of the transport, such as `libcurl/7.88.1`
-- @tparam[opt=M.LUA] ?string lua name and version of the running Lua
-- @treturn string
function M.user_agent (cfg, transport, lua)
  if cfg.user_agent then return cfg.user_agent end
  local text = "predibase-lua/" .. version .. " " .. (lua or M.LUA)
  return transport and text .. " " .. transport or text
end

--- Lists the headers: first those of the library, then those of the program, sorted by name. The
-- second result tells whether the program gave an `X-Request-Id`.
local function list_headers (client, own, accept)
  local list, has_id = {}, false
  local token = config.token(client.cfg)
  list[1] = { "content-type", "application/json" }
  list[2] = { "accept", accept }
  if token then list[3] = { "authorization", "Bearer " .. token } end
  list[#list + 1] = { "user-agent", client.user_agent }
  for _, header in ipairs(own) do
    list[#list + 1] = header
    if header[1]:lower() == "x-request-id" then has_id = true end
  end
  return list, has_id
end

-- List of the program's headers -> { [path] = result of `start_of` }. All calls of a client share
-- one list, but a call with headers of its own has its own list. The keys are weak, so no value may
-- refer to its key.
local starts = setmetatable({}, { __mode = "k" })

--- Returns the part of a request that depends neither on the parameters nor on the prompt. It is
-- made once for each path and list of headers.
local function start_of (client, endpoint, settings)
  local own = config.headers(settings)
  local by_path = starts[own]
  if not by_path then
    by_path = {}
    starts[own] = by_path
  end
  local start = by_path[endpoint.path]
  if not start then
    local list, has_id = list_headers(client, own, endpoint.accept)
    local secrets = config.secrets(client.cfg)
    headers.add_secrets(own, secrets)
    start = { url = client.cfg.url .. endpoint.path, headers = list, has_id = has_id,
      secrets = secrets }
    by_path[endpoint.path] = start
  end
  return start
end

-- Parameters.

local function append (list, item)
  local longer = {}
  for i = 1, #list do longer[i] = list[i] end
  longer[#longer + 1] = item
  return longer
end

--- Checks the parameters of /generate and /generate_stream and encodes them into a plan.
-- Returns nil, or an error.
local function write_parameters (plan, client, endpoint, given)
  local defaults = config.defaults(client.cfg)
  local merged = given and next(defaults) == nil and given or params.merge(defaults, given)
  local list, err = params.read(merged, { stream = endpoint.stream,
    check_schema = plan.settings.check_schema })
  if not list then return err end
  local token = merged.api_token
  if type(token) == "string" and token ~= "" then
    local problem = config.exposure(client.cfg, "the parameter api_token")
    if problem then
      return errors.new { kind = "config", phase = "request", message = problem }
    end
    plan.secrets = append(plan.secrets, token)
  end
  plan.return_full_text = merged.return_full_text == true
  plan.rest = "}"
  if #list == 0 then return nil end
  local text, problem = json.write_members(list)
  if not text then return select(2, refuse(problem)) end
  plan.rest = ',"parameters":' .. text .. "}"
  for i = 1, #list do
    local name, value = list[i][1], list[i][2]
    if name == "adapter_id" and value ~= "" then
      plan.adapter_id = value
    elseif name == "stop" then
      plan.stop = value
    end
  end
end

--- Checks the only parameter of /tokenize and encodes it into a plan.
local function write_special (plan, _, _, given)
  local special = given and given.add_special_tokens
  if special == nil or special == json.null then special = true end
  if type(special) ~= "boolean" then
    return errors.new { kind = "validation", phase = "request",
      message = "add_special_tokens must be a boolean, got " .. checks.describe(special) }
  end
  plan.empty = true
  plan.rest = ',"add_special_tokens":' .. tostring(special) .. "}"
end

-- LoRAX's routes by method.
local ENDPOINTS = {
  generate = { path = "/generate", accept = "application/json", write = write_parameters },
  generate_stream = { path = "/generate_stream", accept = "text/event-stream", stream = true,
    write = write_parameters },
  tokenize = { path = "/tokenize", accept = "application/json", write = write_special },
}

--- Splits options into parameters and options of the call. Each result is nil when it would be
-- empty. Base options of an object may be for its other methods: they are left out.
local function split (options, accepted)
  local parameters, of_call
  for name, value in next, options do
    if accepted[name] and config.call_names[name] then
      of_call = of_call or {}
      of_call[name] = value
    elseif accepted[name] then
      parameters = parameters or {}
      parameters[name] = value
    end
  end
  return parameters, of_call
end

--- Reads options into a plan. Their names must have been checked. Raises for a field of `timeout`
-- or of a parameter that does not exist.
-- @tparam table client `cfg` of `predibase.config`, `user_agent`
-- @tparam string method `generate`, `generate_stream` or `tokenize`
-- @tparam ?table options those that the method does not accept are ignored
-- @treturn[1] table the plan: `settings` of `config.call`, `total` (seconds that the call may take,
-- or nil), `stream` (boolean), and what `make` needs
-- @treturn[2] nil
-- @treturn[2] table error of kind `validation` or `config`
function M.plan (client, method, options)
  local endpoint = ENDPOINTS[method]
  local parameters, of_call
  if options then parameters, of_call = split(options, M.names[method]) end
  local settings, err = config.call(client.cfg, of_call)
  if not settings then return nil, err end
  local start = start_of(client, endpoint, settings)
  local plan = { settings = settings, stream = endpoint.stream or false,
    total = config.total(settings.timeout, endpoint.stream), start = start,
    secrets = start.secrets }
  err = endpoint.write(plan, client, endpoint, parameters)
  if err then return nil, err end
  return plan
end

-- Options of a call that are tables of the caller. Hooks are not copied: they are functions, or
-- objects that can be called.
local TABLES = { timeout = true, headers = true, client_stop = true }

--- Copies options, so that later changes of the caller's tables have no effect.
-- @tparam table options
-- @treturn table
function M.copy (options)
  local made = {}
  for name, value in next, options do
    local is_data = params.names[name] or TABLES[name]
    made[name] = is_data and params.copy(value) or value
  end
  return made
end

--- Makes a function that makes the plans for the calls of an object: a client, or a batch, a
-- session or an adapter, which have base options. Plans of calls without options are made once and
-- kept.
-- @tparam table client as for `plan`, and `closed`
-- @tparam ?table base options that apply where a call has none
-- @treturn function takes the method (a key of `names`), the options of one call, and the name of
-- the method in messages; raises as `check` does, and for a closed client; returns what `plan`
-- returns
function M.planner (client, base)
  local kept = {}
  base = base and M.copy(base)
  return function (method, options, shown)
    if client.closed then
      usage.fail((shown or "client:" .. method) .. " on a closed client")
    end
    M.check(options, method, shown)
    if options ~= nil and next(options) ~= nil then
      return M.plan(client, method, base and params.merge(base, options) or options)
    end
    if kept[method] then return kept[method] end
    local plan, err = M.plan(client, method, base)
    kept[method] = plan
    return plan, err
  end
end

-- Requests.

--- Checks the type of a prompt.
-- @param text
-- @raise for a prompt that is not a string
function M.check_prompt (text)
  if type(text) == "string" then return end
  usage.fail(("the prompt must be a string, got %s%s"):format(checks.describe(text),
    type(text) == "table" and "; give the prompt first and then a table of parameters" or ""))
end

local function check_text (text)
  if #text > M.MAX_BODY then return refuse_size(#text) end
  local valid, at = utf8.valid(text)
  if valid then return true end
  return refuse(("`inputs` must be valid UTF-8, got byte 0x%02x at position %d")
    :format(text:byte(at), at))
end

--- Makes a request (LoRAX `/generate`, `/generate_stream`, `/tokenize`).
-- @tparam table plan
-- @tparam string text the prompt, or the text to tokenize, in UTF-8
-- @tparam ?string id value of the header `X-Request-Id`, the same for all attempts of a call
-- @treturn[1] table `method`, `url`, `headers` (array of `{ name, value }`; requests with the same
-- table also have the same method and URL), `id` (the value of `X-Request-Id`; nil when the program
-- gives a header of that name), `body`, `adapter_id` (nil for the base model), `stop` (the
-- sequences at which the server stops, or nil), `secrets` (array of strings for `errors.redact`);
-- requests share the inner tables, so they must not be changed
-- @treturn[2] nil
-- @treturn[2] table error of kind `validation` or `too_large`
-- @raise for a prompt that is not a string
function M.make (plan, text, id)
  M.check_prompt(text)
  if text == "" and not plan.empty then return refuse "`inputs` cannot be empty" end
  local ok, err = check_text(text)
  if not ok then return nil, err end
  local start, body = plan.start, '{"inputs":' .. json.text(text) .. plan.rest
  if #body > M.MAX_BODY then return refuse_size(#body) end
  return {
    method = "POST",
    url = start.url,
    headers = start.headers,
    id = not start.has_id and id or nil,
    body = body,
    adapter_id = plan.adapter_id,
    stop = plan.stop,
    secrets = plan.secrets,
  }
end

return M
