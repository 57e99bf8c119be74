-- SPDX-License-Identifier: MIT
--- Makes the HTTP request of a call.
--
-- A route is a table that describes one kind of call to the server. Each part of the API has a
-- module with its routes, such as `predibase.generate`. The fields of a route:
--
--     name       the method that the program calls, such as "generate", for messages
--     path       is appended to the client's URL, such as "/generate"
--     verb       the HTTP method; "POST" by default. A "GET" has no body
--     accept     the content type of the answer
--     content_type  the content type of the body; "application/json" by default, false for none
--     stream     true when the answer is a stream of events
--     names      the set of options that the method accepts
--     params     the parameters of the route, see `predibase.params`; those of /generate by default
--     reasons    option -> why the method does not accept it, for messages
--     streamed   whole answers: the route of the stream that the option `stop_on_server` uses
--     needs      options whose loss would change the answer: the route refuses them among the
--                client's defaults when it does not accept them
--     write      takes the plan, the client and the parameters that the program gave; checks the
--                parameters and encodes them into the plan; returns nil, or an error
--     body       takes the plan and the input of a call (a prompt, messages, …); returns the body
--                of the request, or nil and an error; raises for an input of the wrong type
--     keeps_input  true when `read` needs the input, which is then the field `input` of its data
--     read       takes a whole response and the data of its call (`Call:meta`); returns the
--                outcome, or nil and an error
--     reader     streams: takes the `context` of the request and the data that all calls share;
--                makes the object that reads the events, see `predibase.stream`
--     deltas     streams: true when their tokens are deltas of a chat
--     finish     streams: takes the state of the stream and the data of its call; returns the
--                result
--
-- The options of a call are read once, into a plan: names and values are checked, the options are
-- merged with those of the client, and everything that does not depend on the input is encoded. A
-- request is made from a plan and an input. Plans contain secrets: keep them only in local
-- variables and closures, where code that walks over the tables of an object does not find them.
-- @module predibase.request

local lazy = require "predibase.lazy"
local checks = require "predibase.value_checks"
local config = require "predibase.config"
local errors = require "predibase.errors"
local headers = lazy "predibase.headers"
local json = require "predibase.json"
local names = lazy "predibase.option_names"
local params = require "predibase.params"
local reasoning = lazy "predibase.reasoning"
local server_limits = lazy "predibase.server_limits"
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

--- Makes the set of the options that a method accepts.
-- @tparam table ... sets of names, which are joined
-- @treturn table
function M.union (...)
  local set = {}
  for _, part in ipairs { ... } do
    for name in pairs(part) do set[name] = true end
  end
  return set
end

-- Options of a call that concern generated text.
local OF_TEXT = { "on_token", "trim_stop", "client_stop", "stop_on_server", "keep_text",
  "check_schema", "check_limits", "reasoning", "format" }

--- Set of the options of calls that generate no text.
M.plain_names = M.union(config.call_names)
for _, name in ipairs(OF_TEXT) do M.plain_names[name] = nil end

--- Makes the options of a method that returns a whole answer from those of its stream.
-- @tparam table accepted
-- @treturn table
function M.whole_names (accepted)
  local set = M.union(accepted, { stop_on_server = true })
  set.on_token, set.keep_text = nil, nil
  return set
end

--- Makes the options of a method that answers many inputs from those of the method for one.
-- @tparam table accepted
-- @treturn table
function M.many_names (accepted)
  local set = M.union(accepted, { concurrency = true, retry_generation = true })
  set.stop_on_server = nil
  return set
end

--- Makes the options of a stream: all of a call, but for those that only whole answers have.
-- @tparam table ... sets of names
-- @treturn table
function M.stream_names (...)
  local set = M.union(config.call_names, ...)
  set.stop_on_server = nil
  return set
end

--- Why methods that return whole answers do not accept `on_token`.
M.NO_TOKENS = { on_token = "it receives only the whole text, not tokens" }

--- Checks the type and the names of the options of a call.
-- @tparam ?table options
-- @tparam table route
-- @tparam[opt] string shown the name of the method in messages: `client:generate` for example
-- @raise for an option that does not exist, and for options that are not a table
function M.check (options, route, shown)
  if options == nil then return end
  local allowed = route.names
  shown = shown or "client:" .. route.name
  if type(options) ~= "table" then
    usage.fail(("%s takes its options as a table, got a %s"):format(shown, type(options)))
  end
  for name, reason in next, route.reasons or {} do
    if rawget(options, name) ~= nil then
      usage.fail(("%s does not accept %s: %s"):format(shown, name, reason))
    end
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

--- Makes the error for a value that the server would refuse.
-- @tparam string text
-- @treturn nil
-- @treturn table error of kind `validation`
function M.refuse (text)
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
local function list_headers (client, own, route)
  local list, has_id = {}, false
  local token = config.token(client.cfg)
  local kind = route.content_type
  if kind == nil and route.verb ~= "GET" then kind = "application/json" end
  if kind then list[1] = { "content-type", kind } end
  list[#list + 1] = { "accept", route.accept }
  if token then list[#list + 1] = { "authorization", "Bearer " .. token } end
  list[#list + 1] = { "user-agent", client.user_agent }
  for _, header in ipairs(own) do
    list[#list + 1] = header
    if header[1]:lower() == "x-request-id" then has_id = true end
  end
  return list, has_id
end

-- List of the program's headers -> { [route] = result of `start_of` }. All calls of a client share
-- one list, but a call with headers of its own has its own list. The keys are weak, so no value may
-- refer to its key.
local starts = setmetatable({}, { __mode = "k" })

--- Returns the part of a request that depends neither on the parameters nor on the input. It is
-- made once for each route and list of headers.
local function start_of (client, route, settings)
  local own = config.headers(settings)
  local by_route = starts[own]
  if not by_route then
    by_route = setmetatable({}, { __mode = "k" })
    starts[own] = by_route
  end
  local start = by_route[route]
  if not start then
    local list, has_id = list_headers(client, own, route)
    local secrets = config.secrets(client.cfg)
    if own[1] then headers.add_secrets(own, secrets) end
    start = { url = client.cfg.url .. route.path, headers = list, has_id = has_id,
      secrets = secrets }
    by_route[route] = start
  end
  return start
end

-- Headers -> { key, list }: the last list that `with_headers` made of them. The keys are weak, so
-- no value may refer to its key.
local extended = setmetatable({}, { __mode = "k" })

--- Adds headers that are known only when a call or an attempt begins. Calls with the same token and
-- the same trace share one list.
-- @tparam table list the headers of a request
-- @tparam ?string token the API token of this attempt
-- @tparam ?table trace array of `{ name, value }`; headers that the list has already are not added
-- @treturn table the list itself when there is nothing to add
function M.with_headers (list, token, trace)
  if not token and not trace then return list end
  local key = token or ""
  for _, header in ipairs(trace or {}) do key = key .. "\n" .. header[2] end
  local known = extended[list]
  if known and known.key == key then return known.list end
  local longer, taken = {}, {}
  for i, header in ipairs(list) do
    longer[i] = header
    taken[header[1]:lower()] = true
  end
  if token then longer[#longer + 1] = { "authorization", "Bearer " .. token } end
  for _, header in ipairs(trace or {}) do
    if not taken[header[1]] then longer[#longer + 1] = header end
  end
  extended[list] = { key = key, list = longer }
  return longer
end

-- Plans.

--- Adds a secret to those of a plan.
-- @tparam table plan
-- @tparam string secret
function M.add_secret (plan, secret)
  local longer = {}
  for i = 1, #plan.secrets do longer[i] = plan.secrets[i] end
  longer[#longer + 1] = secret
  plan.secrets = longer
end

--- Writes the end of a body, whose first member comes before it.
-- @tparam table members array of `{ name, value }`
-- @treturn[1] string
-- @treturn[2] nil
-- @treturn[2] table error of kind `validation`
function M.rest_of_body (members)
  if #members == 0 then return "}" end
  local text, problem = json.write_members(members)
  if not text then return M.refuse(problem) end
  return "," .. text:sub(2)
end

--- Checks the `api_token` among the parameters of a call, which is sent in the body.
-- @tparam table plan gets the token as one of its secrets
-- @tparam table client
-- @param token anything
-- @treturn ?table error of kind `config`, when others could read the token
function M.check_token (plan, client, token)
  if type(token) ~= "string" or token == "" then return nil end
  local problem = config.exposure(client.cfg, "the parameter api_token")
  if problem then
    return errors.new { kind = "config", phase = "request", message = problem }
  end
  M.add_secret(plan, token)
end

--- Checks parameters against the limits of the server (option `check_limits`).
-- @tparam table plan
-- @tparam table values see `predibase.server_limits`
-- @treturn ?table error of kind `validation`
function M.check_limits (plan, values)
  local limits = plan.settings.check_limits
  local problem = limits and server_limits.problem(limits, values)
  return problem and select(2, M.refuse(problem)) or nil
end

--- Tells whether a parameter is a format that any text has.
local function is_free_text (name, value)
  return name == "response_format" and type(value) == "table" and json.present(value).type == "text"
end

--- Returns an error when the client's defaults, or the options of an adapter or a session, contain
-- an option that would change the answer and that the route does not have.
local function lost (client, route, options)
  if not route.needs then return nil end
  local all = params.merge(config.defaults(client.cfg), options, route.params)
  for _, name in ipairs(route.needs) do
    local value = all[name]
    local is_set = value ~= nil and value ~= json.null and not is_free_text(name, value)
    if is_set and not route.names[name] then
      return select(2, M.refuse(("%s is a default of this client, but %s has no such parameter; "
        .. "make a client without it"):format(name, route.path)))
    end
  end
end

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

--- Finds the marks of reasoning that the options of a call mean, and adds them to the plan. Returns
-- nil, or an error.
local function add_marks (plan, cfg)
  local option, format = plan.settings.reasoning, plan.settings.format
  if option == false or option == nil and format == nil then return nil end
  if type(format) == "string" or option == true and format == nil and cfg.deployment then
    local found, err = require "predibase.rendering".format(format, cfg)
    if format and not found then return err end
    format = found
  end
  local marks, problem = reasoning.read(option, format)
  if problem then
    return errors.new { kind = "config", phase = "request", message = problem }
  end
  plan.marks, plan.format = marks or nil, format
end

--- Reads options into a plan. Their names must have been checked. Raises for a field of `timeout`
-- or of a parameter that does not exist.
-- @tparam table client `cfg` of `predibase.config`, `user_agent`
-- @tparam table route
-- @tparam ?table options those that the route does not accept are ignored
-- @tparam ?boolean may_stream a whole answer may be collected from a stream (`stop_on_server`)
-- @treturn[1] table the plan: `route`, `settings` of `config.call`, `total` (seconds that the call
-- may take, or nil), `stream` (boolean), `is_collected` (the answer is collected from the stream),
-- `marks` (of the reasoning, or nil), `format` (the chat
-- format that has them, or nil), and what `make` needs; `again`, for a client with `fallback`, a
-- function that makes the plan of the same call for another client
-- @treturn[2] nil
-- @treturn[2] table error of kind `validation` or `config`
-- @treturn[2] ?function the hook `on_error` of the call
function M.plan (client, route, options, may_stream)
  local parameters, of_call
  if options then parameters, of_call = split(options, route.names) end
  local settings, err = config.call(client.cfg, of_call)
  if not settings then return nil, err, client.cfg.hooks.on_error end
  local total = config.total(settings.timeout, route.stream)
  local is_collected = may_stream and route.streamed and settings.stop_on_server
    and settings.client_stop[1] ~= nil
  if is_collected then
    -- Only the result has the text, whatever the client's option `keep_text` says.
    route, options = route.streamed, M.merge(options, { keep_text = true })
    parameters, of_call = split(options, route.names)
    settings = config.call(client.cfg, of_call)
  end
  local start = start_of(client, route, settings)
  local plan = { route = route, settings = settings, stream = route.stream or false,
    is_collected = is_collected, total = total, start = start, secrets = start.secrets }
  err = route.names.reasoning and add_marks(plan, client.cfg)
    or lost(client, route, options)
    or route.write and route.write(plan, client, parameters)
  if err then return nil, err, settings.hooks.on_error end
  if client.fallback then
    options = options and M.copy(options)
    plan.again = function (other) return M.plan(other, route, options, may_stream) end
  end
  return plan
end

-- Options of a call that are tables of the caller. Hooks are not copied: they are functions, or
-- objects that can be called.
local TABLES = { timeout = true, headers = true, client_stop = true, reasoning = true }

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
-- @tparam ?boolean may_stream as for `plan`
-- @treturn function takes the route, the options of one call, and the name of the method in
-- messages; raises as `check` does, and for a closed client; returns what `plan` returns
function M.planner (client, base, may_stream)
  local kept = {}
  base = base and M.copy(base)
  return function (route, options, shown)
    if client.closed then
      usage.fail((shown or "client:" .. route.name) .. " on a closed client")
    end
    M.check(options, route, shown)
    if options ~= nil and next(options) ~= nil then
      options = base and params.merge(base, options, route.params) or options
      return M.plan(client, route, options, may_stream)
    end
    if kept[route] then return kept[route] end
    local plan, err, on_error = M.plan(client, route, base, may_stream)
    kept[route] = plan
    return plan, err, on_error
  end
end

--- Returns the hook `on_error` of a call that is refused before its options are read.
-- @tparam ?table options
-- @treturn ?function nil when there is none, or no function
function M.error_hook (options)
  local hook = options and rawget(options, "on_error")
  return checks.callable(hook) and hook or nil
end

-- Requests.

--- Checks a text that is sent to the server.
-- @tparam string text
-- @tparam[opt="inputs"] string name of the field, for the message
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] table error of kind `validation` or `too_large`
function M.check_text (text, name)
  if #text > M.MAX_BODY then return refuse_size(#text) end
  local valid, at = utf8.valid(text)
  if valid then return true end
  return M.refuse(("`%s` must be valid UTF-8, got byte 0x%02x at position %d")
    :format(name or "inputs", text:byte(at), at))
end

--- Returns the metatable of the requests of a plan, whose `__index` has what they have in common.
local function common_part (plan)
  local start = plan.start
  local common = { __index = {
    method = plan.route.verb or "POST",
    url = start.url,
    headers = start.headers,
    adapter_id = plan.adapter_id,
    stop = plan.stop,
    context = plan.context,
    secrets = plan.secrets,
  } }
  plan.common = common
  return common
end

--- Makes a request.
-- @tparam table plan
-- @param input what the route's function `body` takes
-- @tparam ?string id value of the header `X-Request-Id`, the same for all attempts of a call
-- @treturn[1] table `method`, `url`, `headers` (array of `{ name, value }`; requests with the same
-- table also have the same method and URL), `id` (the value of `X-Request-Id`; nil when the program
-- gives a header of that name), `body` (nil for a "GET"), `adapter_id` (nil for the base model),
-- `stop` (the sequences at which the server stops, or nil), `context` (what the route needs to read
-- the answer, or nil), `input` (of a route that keeps it), `secrets` (array of strings for
-- `errors.redact`); requests share the inner tables, so they must not be changed
-- @treturn[2] nil
-- @treturn[2] table error of kind `validation` or `too_large`
-- @raise for an input of the wrong type
function M.make (plan, input, id)
  local route, body = plan.route, nil
  if route.body then
    local err
    body, err = route.body(plan, input)
    if not body then return nil, err end
    if #body > M.MAX_BODY then return refuse_size(#body) end
  end
  local made = { body = body, id = not plan.start.has_id and id or nil }
  if route.keeps_input then made.input = input end
  return setmetatable(made, plan.common or common_part(plan))
end

--- Returns the `X-Request-Id` that a request is sent with.
-- @tparam table req of `make`
-- @treturn ?string
function M.id_of (req)
  if req.id then return req.id end
  for _, header in ipairs(req.headers) do
    if header[1]:lower() == "x-request-id" then return header[2] end
  end
end

--- Makes a function that directs the request of an attempt: to one of several servers, with the
-- token of a function, which is in the body, too, where the plan has a function `rest_with`.
-- @tparam table req of `make`; is changed
-- @tparam table plan its plan
-- @tparam ?table trace array of `{ name, value }`: the headers of a trace
-- @treturn function takes the server and the token, or nil
function M.director (req, plan, trace)
  local list, secrets = req.headers, req.secrets
  local head = plan.rest_with and req.body:sub(1, -#plan.rest - 1)
  req.headers = M.with_headers(list, nil, trace)
  return function (server, token)
    if server then req.url = server.url .. plan.route.path end
    if not token then return end
    req.headers = M.with_headers(list, token, trace)
    if head then req.body = head .. plan.rest_with(token) end
    local all = { token }
    for _, secret in ipairs(secrets) do all[#all + 1] = secret end
    req.secrets = all
  end
end

return M
