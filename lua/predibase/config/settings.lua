-- SPDX-License-Identifier: MIT
--- Checks of single options: numbers, files, switches, hooks and timeouts.
-- Every check takes the value and the option's name. It returns the value to keep, or nil and a
-- message.
-- @module predibase.config.settings

local lazy = require "predibase.lazy"
local checks = require "predibase.value_checks"
local json = require "predibase.json"
local names = lazy "predibase.option_names"
local reasoning = lazy "predibase.reasoning"
local server_limits = lazy "predibase.server_limits"
local trace_context = lazy "predibase.trace_context"

local M = {}

--- Default of each timeout in seconds. `first_token` is long because a deployment that was scaled
-- to zero takes minutes to start. `idle` has to be longer than the interval of the server's
-- keep-alive comments (15 s). For `total` see `GENERATE_TOTAL`.
M.TIMEOUTS = { connect = 10, first_token = 600, token = 120, idle = 60 }

--- Default limit in seconds for a `generate` call with all its retries, the same as in the
-- service's own SDK. Streams have no such limit.
M.GENERATE_TOTAL = 600

--- Longest timeout in seconds, ten years. A larger value is a mistake. Ten years fit into a 64-bit
-- integer both in milliseconds and in nanoseconds.
M.MAX_SECONDS = 10 * 365 * 86400

--- Most retries. With waits of up to 8 s each, 100 retries already take up to a quarter of an hour.
M.MAX_RETRIES = 100

--- Most sequences to stop at. Each one is compared with every byte of the answer.
M.MAX_STOPS = 64

--- Largest size limit. It fits every type in which the C core counts bytes.
M.MAX_BYTES = 2^31 - 1

--- Longest user agent in bytes.
M.MAX_USER_AGENT = 256

--- Most requests at the same time, and most requests in the period of a rate limit, whose times are
-- kept. A larger number is no limit for a Lua program.
M.MAX_REQUESTS = 1000000

--- Most tokens in the period of a rate limit. The sum of such numbers is exact in a double.
M.MAX_TOKENS = 2^40

--- Most clients in `fallback`, and most URLs in `base_url`.
M.MAX_SERVERS = 100

local describe = checks.describe

local function wrong (name, wanted, value, hint)
  return nil, ("%s must be %s, got %s%s"):format(name, wanted, describe(value),
    hint and "; " .. hint or "")
end

local function integer (min, max)
  local wanted = ("an integer from %d to %.0f"):format(min, max)
  return function (value, name)
    if not checks.integral(value) or value < min or value > max then
      return wrong(name, wanted, value)
    end
    return json.integer(value + 0)
  end
end

local function boolean (value, name)
  if type(value) ~= "boolean" then return wrong(name, "a boolean", value) end
  return value
end

local function file (value, name)
  if type(value) ~= "string" or value == "" then
    return wrong(name, "the path of a file", value)
  end
  if value:find("\0", 1, true) then return wrong(name, "a path without NUL bytes", value) end
  return value
end

-- The messages do not contain the value.
local function password (value, name)
  if type(value) ~= "string" then
    return nil, ("%s must be a string, got a %s"):format(name, type(value))
  end
  if value:find("\0", 1, true) then return nil, name .. " must not have NUL bytes" end
  return value
end

local function user_agent (value, name)
  if type(value) ~= "string" or not value:find("^[!-~][ -~]*$") then
    return wrong(name, "printable ASCII such as \"my-app/1.0\"", value)
  end
  if #value > M.MAX_USER_AGENT then
    return nil, ("%s must have at most %d bytes, got %d"):format(name, M.MAX_USER_AGENT, #value)
  end
  return value
end

local function server (value, name)
  if value == "lorax" or value == "openai" then return value end
  return wrong(name, '"lorax", or "openai" for other servers with the API of OpenAI', value)
end

local function http_version (value, name)
  if value == "1.1" or value == "2" then return value end
  local hint
  if value == 1.1 or value == 2 then hint = ('write it as a string, "%s"'):format(value) end
  return wrong(name, '"1.1" or "2"', value, hint)
end

--- Makes a check that a table has functions of these names. It uses ordinary indexing, because the
-- methods of an object are usually inherited from its class, where `rawget` does not find them. An
-- `__index` function of the caller may therefore run, and raise, during the check.
local function having (functions, wanted)
  return function (value, name)
    if type(value) ~= "table" then return wrong(name, wanted, value) end
    local missing = {}
    for _, field in ipairs(functions) do
      if not checks.callable(value[field]) then missing[#missing + 1] = field end
    end
    if #missing == 0 then return value end
    return wrong(name, wanted, value, ("it has no function %s"):format(
      table.concat(missing, ", ")))
  end
end

-- predibase.loop.blocking and predibase.transport.curl document these interfaces.
local loop = having({ "watch", "suspend", "resume" },
  'a loop such as require "predibase.loop.blocking".new()')
local transport = having({ "new", "version", "now" },
  'a module such as require "predibase.transport.curl"')

--- Checks the sequences at which a text ends: one string, or an array of strings.
local function sequences (value, name)
  local list = type(value) == "string" and { value } or value
  if type(list) ~= "table" then return wrong(name, "a string or an array of strings", value) end
  local count, why = checks.array(list)
  if not count then return nil, ("%s must be an array of strings, but it %s"):format(name, why) end
  if count > M.MAX_STOPS then
    return nil, ("%s takes at most %d sequences, got %d"):format(name, M.MAX_STOPS, count)
  end
  local copy = {}
  for i = 1, count do
    local text = rawget(list, i)
    if type(text) ~= "string" or text == "" then
      return wrong(("%s[%d]"):format(name, i), "a string that is not empty", text)
    end
    copy[i] = text
  end
  return copy
end

--- Checks a chat format or the name of one. The modules of the formats are not loaded for this.
local function chat_format (value, name)
  local meta = type(value) == "table" and getmetatable(value)
  local is_format = type(meta) == "table" and meta.__name == "predibase.template.format"
  if is_format or type(value) == "string" and value ~= "" then return value end
  return wrong(name, "a chat format or the name of one", value)
end

local function callable (value, name)
  if not checks.callable(value) then return wrong(name, "a function", value) end
  return value
end

local function seconds (value, name, hint)
  if not checks.finite(value) or value <= 0 then
    return wrong(name, "a number of seconds above 0", value, hint)
  end
  if value > M.MAX_SECONDS then
    return wrong(name, ("at most %d seconds (ten years)"):format(M.MAX_SECONDS), value, hint)
  end
  return value
end

--- Makes a check that also accepts false, which means none.
local function or_false (check)
  return function (value, name)
    if value == false then return false end
    return check(value, name)
  end
end

--- Checks the option `fallback`; `predibase.client` checks that its entries are clients.
local function clients (value, name)
  if type(value) ~= "table" then return wrong(name, "an array of clients", value) end
  local count, why = checks.array(value)
  if not count then return nil, ("%s must be an array of clients, but it %s"):format(name, why) end
  if count > M.MAX_SERVERS then
    return nil, ("%s takes at most %d clients, got %d"):format(name, M.MAX_SERVERS, count)
  end
  local list = {}
  for i = 1, count do list[i] = rawget(value, i) end
  return count > 0 and list
end

local RATE_FIELDS = { requests = true, seconds = true, tokens = true }

local RATE_CHECKS = { { "requests", integer(1, M.MAX_REQUESTS) }, { "seconds", seconds },
  { "tokens", integer(1, M.MAX_TOKENS) } }

--- Checks the option `rate_limit`. Raises for a field that does not exist.
local function rate_limit (value, name)
  if type(value) ~= "table" then
    return wrong(name, "a table such as { requests = 1, seconds = 1 }", value)
  end
  names.check(value, RATE_FIELDS, "field of rate_limit")
  value = json.present(value)
  local made = { seconds = 1 }
  if value.requests == nil and value.tokens == nil then
    return nil, name .. " needs requests, tokens, or both"
  end
  for _, field in ipairs(RATE_CHECKS) do
    local key, check = field[1], field[2]
    if value[key] ~= nil then
      local checked, problem = check(value[key], name .. "." .. key)
      if problem then return nil, problem end
      made[key] = checked
    end
  end
  return made
end

--- Checks the number of retries.
M.retries = integer(0, M.MAX_RETRIES)

--- The options of `predibase.new`. The environment supplies what is missing, see
-- `predibase.config`.
-- @table ClientOptions
-- @extends CallOptions, TextOptions
-- @tfield ?string|false|fun():(string?,any) api_token the API token of Predibase, or a function
-- that returns it (or nil and why there is none), called before each attempt; `false` sends none
-- @tfield ?string tenant_id the tenant at Predibase
-- @tfield ?string deployment the deployment at Predibase
-- @tfield ?string|string[] base_url the part of the URL before `/generate`; replaces tenant and
-- deployment; an array for several servers that serve the same
-- @tfield ?ClientDefaults defaults parameters for every call
-- @tfield ?string|false proxy a URL with `http`, `https`, `socks5` or `socks5h`; `false`: no proxy,
-- even if the environment names one
-- @tfield ?string ca_file the path of a file with certificate authorities (PEM)
-- @tfield ?string client_cert the path of the client's certificate (PEM)
-- @tfield ?string client_key the path of its key (PEM)
-- @tfield ?string client_key_password the password of the key
-- @tfield ?boolean verify check the server's certificate (default true)
-- @tfield ?"1.1"|"2" http_version the version of HTTP (default: the best one that the server
-- supports)
-- @tfield ?"lorax"|"openai" server the API that the server has (default `"lorax"`)
-- @tfield ?boolean allow_plain_http send the token over plain HTTP to addresses that are not
-- loopback (default false)
-- @tfield ?integer max_event_bytes largest event of a stream (default 8 MiB)
-- @tfield ?integer max_response_bytes largest whole response (default 64 MiB)
-- @tfield ?string user_agent is put in front of the library's own name
-- @tfield ?Loop loop how the client waits (default: it blocks, or yields in a task of
-- `predibase.async`)
-- @tfield ?table transport replaces libcurl, for tests
-- @tfield ?integer|false concurrency most requests at the same time
-- @tfield ?RateLimit|false rate_limit most requests and tokens in a time
-- @tfield ?Client[]|false fallback clients that are asked when this one fails
-- @tfield ?boolean keep_text keep the texts of streams for their results (default true)
-- @tfield ?boolean stop_on_server let `generate` stop the model at a sequence of `client_stop`
-- (default false)
-- @tfield ?fun(token:Token|Delta) on_token receives each token of a stream

--- The options of every call.
-- @table CallOptions
-- @tfield ?number|Timeouts timeout seconds for the whole call with its retries (default 600;
-- streams have no limit), or a table of timeouts
-- @tfield ?integer max_retries attempts after the first one, 0 to 100 (default 2)
-- @tfield ?table<string,string> headers further headers of the request
-- @tfield ?number|false cold_start seconds for which the call waits while the deployment starts
-- @tfield ?string|false|fun():(string|table|nil) traceparent the trace that the call belongs to,
-- see docs/deployments.md
-- @tfield ?fun(request:RequestInfo) on_request is called before each attempt
-- @tfield ?fun(response:ResponseInfo) on_response is called when the head of a response has come
-- @tfield ?fun(retry:RetryInfo) on_retry is called before each further attempt
-- @tfield ?fun(err:Error) on_error observes the final error of the call
-- @tfield ?fun(record:WireRecord) on_wire is called with what is sent and received, without
-- secrets; over libcurl only

--- The options of calls that generate text.
-- @table TextOptions
-- @tfield ?boolean trim_stop remove the sequence of `stop` at which the server stopped from the end
-- of the text (default false)
-- @tfield ?string|string[] client_stop end the text before the first of these sequences
-- @tfield ?boolean|Marks reasoning separate what the model writes before its answer: between the
-- marks of the chat format (`true`), between these marks, or not at all (`false`)
-- @tfield ?string|ChatFormat format the chat format of the prompt, or its name
-- @tfield ?boolean check_schema refuse a schema that the server cannot turn into a grammar (default
-- true)
-- @tfield ?ServerLimits|false check_limits what `client:info()` says: the call is checked before it
-- is sent

--- The timeouts of a call, in seconds.
-- @table Timeouts
-- @tfield ?number connect name look-up, TCP, proxy and TLS together (default 10)
-- @tfield ?number first_token from sending a stream's request to its first token (default 600)
-- @tfield ?number token from one token to the next (default 120)
-- @tfield ?number idle time without any byte, once the response has begun (default 60)
-- @tfield ?number|false total the call including its retries; `false`: no limit

--- A limit of requests and tokens in a time.
-- @table RateLimit
-- @tfield ?integer requests most requests in the time
-- @tfield ?integer tokens most tokens in the time
-- @tfield ?number seconds the time (default 1)

--- The limits of a server that are checked before a call is sent.
-- @table ServerLimits
-- @tfield ?integer max_input_length most tokens of a prompt
-- @tfield ?integer max_total_tokens most tokens of prompt and answer together
-- @tfield ?integer max_best_of largest `best_of`
-- @tfield ?integer max_stop_sequences most sequences in `stop`

--- What `on_request` is called with. Secrets are removed.
-- @table RequestInfo
-- @tfield string method of HTTP
-- @tfield string url of the request
-- @tfield table<string,string> headers of the request
-- @tfield integer attempt the number of the attempt, from 1

--- What `on_response` is called with.
-- @table ResponseInfo
-- @tfield integer status of HTTP
-- @tfield table<string,string> headers lower-case name -> value
-- @tfield integer attempt the number of the attempt, from 1

--- What `on_retry` is called with.
-- @table RetryInfo
-- @tfield Error error why the attempt failed
-- @tfield integer attempt the number of the attempt that failed, from 1
-- @tfield number delay seconds until the next attempt

--- What `on_wire` is called with. Secrets are removed from its text.
-- @table WireRecord
-- @tfield string kind "info" (about the connection), "request" (the head of a request), "sent" (its
-- body), "response" (the head of a response), "body" (its body) or "event" (an event of a stream)
-- @tfield string text lines without the last line end; at most 64 KiB of a body or event
-- @tfield ?integer size bytes of the whole body or event
-- @tfield integer request the number of the request in this process
-- @tfield integer attempt the number of the attempt, from 1
-- @tfield number time seconds since the call began

--- Options of a client that are kept in the configuration under their own names. They are checked
-- in this order.
M.plain = {
  { name = "max_retries", check = M.retries, default = 2 },
  { name = "ca_file", check = file },
  { name = "client_cert", check = file },
  { name = "client_key", check = file },
  { name = "verify", check = boolean, default = true },
  { name = "http_version", check = http_version },
  { name = "server", check = server, default = "lorax" },
  { name = "allow_plain_http", check = boolean, default = false },
  { name = "max_event_bytes", check = integer(1, M.MAX_BYTES), default = 8 * 1024 * 1024 },
  { name = "max_response_bytes", check = integer(1, M.MAX_BYTES), default = 64 * 1024 * 1024 },
  { name = "user_agent", check = user_agent },
  { name = "loop", check = loop },
  { name = "transport", check = transport },
  { name = "concurrency", check = or_false(integer(1, M.MAX_REQUESTS)) },
  { name = "rate_limit", check = or_false(rate_limit) },
  { name = "fallback", check = or_false(clients), default = false },
}

M.password = password

--- Options of a client or a call that do not depend on others. They are checked in this order.
M.text = {
  { name = "client_stop", check = sequences, default = {} },
  { name = "trim_stop", check = boolean, default = false },
  { name = "stop_on_server", check = boolean, default = false },
  { name = "keep_text", check = boolean, default = true },
  { name = "check_schema", check = boolean, default = true },
  { name = "reasoning", check = function (...) return reasoning.check(...) end },
  { name = "format", check = chat_format },
  { name = "cold_start", check = or_false(seconds), default = false },
  { name = "check_limits", check = function (...) return server_limits.read(...) end,
    default = false },
  { name = "traceparent", check = function (...) return trace_context.read(...) end,
    default = false },
}

--- Names of the hooks.
M.hook_names = { "on_request", "on_response", "on_retry", "on_token", "on_error", "on_wire" }

--- Reads the hooks of a client or a call.
-- @tparam table given options
-- @tparam table base hooks to use where `given` has none
-- @treturn[1] table new: name -> function
-- @treturn[2] nil
-- @treturn[2] string what is wrong
function M.hooks (given, base)
  local hooks = {}
  for _, name in ipairs(M.hook_names) do
    local hook = given[name]
    if hook ~= nil then
      local checked, problem = callable(hook, name)
      if not checked then return nil, problem end
    else
      hook = base[name]
    end
    hooks[name] = hook
  end
  return hooks
end

local timeout_names = { "connect", "first_token", "token", "idle", "total" }
local timeout_set = {}
for _, name in ipairs(timeout_names) do timeout_set[name] = true end

--- Reads the timeouts of a client or a call. Raises for a timeout that does not exist.
-- @param value number of seconds for the whole call, or a table of timeouts; `total = false` means
-- no limit for the whole call
-- @tparam table base timeouts to use where `value` has none
-- @treturn[1] table new: name -> seconds, `total` may be false
-- @treturn[2] nil
-- @treturn[2] string what is wrong
function M.timeout (value, base)
  local timeouts = {}
  for _, name in ipairs(timeout_names) do timeouts[name] = base[name] end
  if value == nil then return timeouts end
  if type(value) ~= "table" then
    local hint = value == false and "timeout = { total = false } removes the limit" or nil
    local total, problem = seconds(value, "timeout", hint)
    timeouts.total = total
    if not total then return nil, problem end
    return timeouts
  end
  names.check(value, timeout_set, "timeout")
  value = json.present(value)
  for _, name in ipairs(timeout_names) do
    local given = rawget(value, name)
    if name == "total" and given == false then
      timeouts.total = false
    elseif given ~= nil then
      local checked, problem = seconds(given, "timeout." .. name)
      if not checked then return nil, problem end
      timeouts[name] = checked
    end
  end
  return timeouts
end

return M
