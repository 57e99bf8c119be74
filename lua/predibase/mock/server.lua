-- SPDX-License-Identifier: MIT
--- The stand-in server: its options, its listening socket, its connections, scripts and log.
-- It runs on luv's default loop and does nothing while that loop does not run.
-- @module predibase.mock.server

local connection = require "predibase.mock.connection"
local faults = require "predibase.mock.faults"
local http = require "predibase.mock.http"
local model = require "predibase.mock.model"
local names = require "predibase.option_names"
local prometheus = require "predibase.mock.prometheus"
local random_faults = require "predibase.mock.random_faults"
local reply = require "predibase.mock.reply"
local routes = require "predibase.mock.routes"
local usage = require "predibase.usage"
local uv_of = require "predibase.mock.uv"

local M = {}

local BACKLOG = 1024
local MAX_LOG = 67108864       -- bytes of request bodies that the log keeps

--- The options of a stand-in server.
-- @table MockOptions
-- @tfield ?string host the address to listen at; loopback only (default `"127.0.0.1"`)
-- @tfield ?integer port 0: any free port (default 0)
-- @tfield ?string token requests without this bearer token get 401
-- @tfield ?number delay seconds between tokens (default 0)
-- @tfield ?number keepalive_interval seconds between comments while nothing is sent (default 15)
-- @tfield ?table<string,MockFaults|MockFaults[]> script path -> faults
-- @tfield ?string seed a decimal number of 64 bits from which seeds for requests are drawn
-- @tfield ?"lorax"|"openai" server the API (default `"lorax"`)
-- @tfield ?"lorax"|"managed" classify the form of `/classify` (default `"lorax"`)
-- @tfield ?string model_id the name of the model
-- @tfield ?string adapter_source of adapters in requests that name none (default `"pbase"`)
-- @tfield ?integer max_concurrent_requests as the router's option (default 1024)
-- @tfield ?integer max_best_of as the router's option (default 2)
-- @tfield ?integer max_stop_sequences as the router's option (default 10)
-- @tfield ?integer max_input_length most tokens of a prompt (default 1792)
-- @tfield ?integer max_total_tokens most tokens of prompt and answer together (default 2048)
-- @tfield ?integer embedding_size numbers of a vector (default 256)
-- @tfield ?number fault_rate how many requests fail by chance, from 0 to 1 (default 0)
-- @tfield ?number max_seconds after which the server closes itself
-- @tfield ?integer max_requests after which the server closes itself
-- @tfield ?integer log_limit requests that `log` remembers (default 1000)
-- @tfield ?fun(text:string) on_error called with the text of an error in the server itself

--- A stand-in server in this process.
-- @table MockServer
-- @tfield string url where it listens
-- @tfield string host the address
-- @tfield integer port the port

--- A request that a stand-in server got.
-- @table MockRequest
-- @tfield integer number of the request, from 1
-- @tfield string method of HTTP
-- @tfield string target as requested
-- @tfield string path without faults
-- @tfield ?string route that answered
-- @tfield string version of HTTP
-- @tfield table<string,string> headers lower-case name -> value
-- @tfield string body the bytes
-- @tfield ?integer status of the answer
-- @tfield ?integer tokens that were sent
-- @tfield ?boolean complete whether the answer was sent to its end
-- @tfield ?"client"|"server" closed_by who closed the connection
-- @tfield ?number seconds that it took
-- @tfield ?string error an error in the server itself

--- The numbers of connections and requests.
-- @table MockConnections
-- @tfield integer accepted connections so far
-- @tfield integer open connections
-- @tfield integer active requests

--- Every option: its default, or its type where there is none.
M.options = {
  host = "127.0.0.1",               -- loopback only
  port = 0,                         -- 0: any free port
  token = { "string" },             -- requests without this bearer token get 401
  delay = 0,                        -- seconds between tokens
  keepalive_interval = 15,          -- seconds between comments while nothing is sent
  script = { "table" },             -- path -> faults, or array of faults
  seed = { "string" },              -- decimal u64 from which seeds for requests are drawn
  server = "lorax",                 -- or "openai": another API
  classify = "lorax",               -- or "managed": the managed service's `/classify`
  model_id = "predibase/stand-in",
  adapter_source = "pbase",         -- of adapters in requests that name none
  max_concurrent_requests = 1024,
  max_best_of = 2,
  max_stop_sequences = 10,
  max_input_length = 1792,          -- tokens
  max_total_tokens = 2048,          -- tokens of prompt and answer together
  embedding_size = 256,             -- numbers of a vector
  fault_rate = 0,                   -- how many requests fail by chance, from 0 to 1
  max_seconds = { "number" },       -- after which the server closes itself
  max_requests = { "number" },      -- after which the server closes itself
  log_limit = 1000,                 -- requests that `log` remembers
  on_error = { "function" },        -- called with the text of an error in the server itself
}

-- Options that must be whole numbers.
local WHOLE = {
  max_concurrent_requests = true, max_best_of = true, max_stop_sequences = true,
  max_input_length = true, max_total_tokens = true, max_requests = true, log_limit = true,
  embedding_size = true,
}

-- Options that have one of two values.
local CHOICES = { server = { "lorax", "openai" }, classify = { "lorax", "managed" } }

local function fail (name, message, ...)
  usage.fail(('the option "%s" ' .. message):format(name, ...))
end

local function check_value (name, default, value)
  local expected = type(default) == "table" and default[1] or type(default)
  if type(value) ~= expected then fail(name, "must be a %s, got %s", expected, type(value)) end
  local choices = CHOICES[name]
  if choices and value ~= choices[1] and value ~= choices[2] then
    fail(name, "must be %q or %q, got %q", choices[1], choices[2], value)
  end
  if type(value) ~= "number" then return end
  if value ~= value or value < 0 then fail(name, "must not be negative") end
  if WHOLE[name] and value % 1 ~= 0 then
    fail(name, "must be a whole number, got %s", tostring(value))
  end
end

--- Checks options and fills in what is missing. Raises an error for a wrong type, an address that
-- is not loopback, and an unknown name, with the nearest existing one.
-- @tparam ?table options
-- @tparam[opt] table more further options in the form of `M.options`; their defaults win
-- @treturn table
function M.check (options, more)
  options = options or {}
  if type(options) ~= "table" then
    usage.fail(("options must be a table, got %s"):format(type(options)))
  end
  local known, out, allowed = {}, {}, {}
  for name, default in pairs(M.options) do known[name] = default end
  for name, default in pairs(more or {}) do known[name] = default end
  for name in pairs(known) do allowed[name] = true end
  names.check(options, allowed, "option")
  for name, default in pairs(known) do
    local value = options[name]
    if value == nil and type(default) ~= "table" then value = default end
    if value ~= nil then check_value(name, default, value) end
    out[name] = value
  end
  if out.host == "localhost" then out.host = "127.0.0.1" end
  if out.host ~= "::1" and not out.host:find("^127%.%d+%.%d+%.%d+$") then
    fail("host", "must be a loopback address (127.0.0.1, ::1, localhost), got %q", out.host)
  end
  if out.port > 65535 or out.port % 1 ~= 0 then
    fail("port", "must be from 0 to 65535, got %s", tostring(out.port))
  end
  if out.embedding_size < 1 or out.embedding_size > 4096 then
    fail("embedding_size", "must be from 1 to 4096, got %s", tostring(out.embedding_size))
  end
  if out.fault_rate > 1 then
    fail("fault_rate", "must be from 0 to 1, got %s", tostring(out.fault_rate))
  end
  if out.seed and not out.seed:find("^%d+$") then
    fail("seed", "must be a string of decimal digits")
  end
  return out
end

local Server = {}
Server.__index = Server

-- Adds an entry for a request to the log.
local function remember (self, request)
  self.requests = self.requests + 1
  local entry = {
    number = self.requests, method = request.method, target = request.target,
    path = request.path, headers = request.headers, version = request.version,
    body = "", tokens = 0,
  }
  self.entries[#self.entries + 1] = entry
  return entry
end

local function remember_body (self, entry, body)
  entry.body = body
  self.logged = self.logged + #body
  while #self.entries > 1
      and (#self.entries > self.options.log_limit or self.logged > MAX_LOG) do
    self.logged = self.logged - #table.remove(self.entries, 1).body
  end
end

local function release (self, context)
  if context.permit then
    context.permit = nil
    self.active = self.active - 1
  end
end

-- After `max_requests` the server accepts no connection and closes those without a request.
local function check_limit (self)
  local most = self.options.max_requests
  if not most or self.requests < most then return end
  self.ended = "max_requests"
  uv_of.close(self.uv, self.listener)
  local idle = {}
  for client in pairs(self.clients) do
    if not client.busy then idle[#idle + 1] = client end
  end
  for _, client in ipairs(idle) do client:drop("server") end
end

-- Serves one request after the other, until the connection is closed.
local function serve (self, client)
  while not client.closed do
    local request, status = http.read_head(client)
    if not request and not status then return end
    local context = {
      server = self, connection = client, request = request or { method = "GET" }, faults = {},
      began = uv_of.now(self.uv), keep_alive = request and request.keep_alive,
    }
    client.context, client.busy = context, true
    if not request then
      context.malformed = true
      context.entry = remember(self, { headers = {} })
      remember_body(self, context.entry, "")
      reply.empty(context, status)
      return client:finish()
    end
    context.entry = remember(self, request)
    local body, refused = http.read_body(client, request, routes.MAX_BODY)
    remember_body(self, context.entry, body or "")
    local most = self.options.max_requests
    if most and self.requests >= most then context.keep_alive = false end
    if client.closed then
      context.entry.closed_by = "client"
      return
    end
    -- the rest of a refused body cannot be distinguished from a next request
    if not body then context.refused, context.keep_alive = refused, false end
    routes.answer(context)
    release(self, context)
    client.slice = nil
    if not context.complete then
      context.entry.closed_by = context.entry.closed_by or client.closed_by
    end
    context.entry.complete = context.complete or false
    context.entry.seconds = uv_of.now(self.uv) - context.began
    client.busy = false
    check_limit(self)
    if not context.keep_alive or self.ended then return client:finish() end
  end
end

local function accept (self)
  local handle = self.uv.new_tcp()
  if not self.uv.accept(self.listener, handle) then return uv_of.close(self.uv, handle) end
  local client
  client = connection.new(handle, {
    on_close = function ()
      self.clients[client] = nil
      self.open = self.open - 1
    end,
    on_error = function (message)
      if client.context then
        release(self, client.context)
        client.context.entry.error = message
      end
      self.failures[#self.failures + 1] = message
      if self.options.on_error then self.options.on_error(message) end
    end,
  })
  self.clients[client] = true
  self.accepted, self.open = self.accepted + 1, self.open + 1
  client:start(function (one) serve(self, one) end)
end

--- Starts a server on luv's default loop.
-- @tparam table options as `check` returns them
-- @treturn[1] MockServer with `url`, `host` and `port`
-- @treturn[2] nil
-- @treturn[2] string why the address cannot be used
function M.new (options)
  local uv = uv_of.load()
  local self = setmetatable({
    uv = uv, options = options, limits = options, host = options.host,
    clients = {}, entries = {}, scripts = {}, seen = {}, failures = {},
    metrics = prometheus.new(), accepted = 0, open = 0, active = 0, requests = 0, logged = 0,
  }, Server)
  self.random = model.random(options.seed or ("%.0f"):format(uv.hrtime() % 2 ^ 53))
  for path, script in pairs(options.script or {}) do self:script(path, script) end
  self.listener = uv.new_tcp()
  local ok, message = uv.tcp_bind(self.listener, options.host, options.port)
  if ok then
    ok, message = uv.listen(self.listener, BACKLOG, function (err)
      if not err then accept(self) end
    end)
  end
  if not ok then
    uv_of.finish(uv, self.listener)
    return nil, ("cannot listen on %s port %d: %s"):format(options.host, options.port, message)
  end
  self.signal = uv_of.no_sigpipe(uv)
  self.port = uv.tcp_getsockname(self.listener).port
  local host = options.host:find(":", 1, true) and "[" .. options.host .. "]" or options.host
  self.url = ("http://%s:%d"):format(host, self.port)
  if options.max_seconds then
    self.timer = uv.new_timer()
    self.timer:start(math.floor(math.min(options.max_seconds, 1e9) * 1000), 0, function ()
      self.ended = "max_seconds"
      self:close()
    end)
  end
  return self
end

--- Sets what happens to requests for a path: a table of faults, or an array of them. Those with
-- `when` are for requests whose body contains that text; of the others there is one for each
-- request in turn (the last one stays). nil removes the script.
-- @tparam string path as requested, without `~` segments; or a route such as `/generate`, which
--   means this route under any prefix; or `*` for every request
-- @tparam ?MockFaults|MockFaults[] script
function Server:script (path, script)
  if type(path) ~= "string" then usage.fail "the path of a script must be a string" end
  self.scripts[path] = nil
  if script then
    local turns, cases = {}, {}
    for _, one in ipairs(faults.check_script(script)) do
      local list = one.when and cases or turns
      list[#list + 1] = one
    end
    self.scripts[path] = { turns = turns, cases = cases, used = 0 }
  end
  self.seen["script " .. path] = nil
end

-- Returns the faults of a script for a request: those whose text the body contains, else the next.
local function faults_of (script, body)
  for _, case in ipairs(script.cases) do
    if body:find(case.when, 1, true) then return case end
  end
  script.used = math.min(script.used + 1, #script.turns)
  return script.turns[script.used] or {}
end

--- Returns the faults of a request; those in its path take precedence over those of its script.
-- Without either there may be one by chance, see `predibase.mock.random_faults`.
-- @tparam string path
-- @tparam ?string route
-- @tparam table found faults in the path
-- @tparam string body of the request
-- @treturn table
-- @treturn ?string the name under which refusals by `overload` are counted
function Server:faults (path, route, found, body)
  local out, counter = {}, nil
  for _, key in ipairs { path, route or path, "*" } do
    local script = self.scripts[key]
    if script then
      for name, value in pairs(faults_of(script, body)) do out[name] = value end
      counter = "script " .. key
      break
    end
  end
  if not counter and next(found) == nil then
    return random_faults.draw(self.options.fault_rate, self.random) or out
  end
  if found.overload then counter = "path " .. path .. found.overload end
  for name, value in pairs(found) do out[name] = value end
  return out, counter
end

--- Counts a request as active, unless `overload` or `max_concurrent_requests` refuse it.
-- @tparam table context
-- @treturn boolean true when it is refused
function Server:overloaded (context)
  local refusals = context.faults.overload
  if refusals then
    local key = context.counter
    self.seen[key] = (self.seen[key] or 0) + 1
    if self.seen[key] <= refusals then return true end
  end
  if self.active >= self.options.max_concurrent_requests then return true end
  self.active, context.permit = self.active + 1, true
  return false
end

--- Draws a seed for a request that has none.
-- @treturn string decimal digits
function Server:seed ()
  return model.seed(self.random)
end

--- Returns the requests, oldest first: `{ number, method, target, path, route, version, headers,
-- body, status, tokens, complete, closed_by = nil|"client"|"server", seconds, error }`.
-- @treturn MockRequest[]
function Server:log ()
  return self.entries
end

--- Counts connections and requests.
-- @treturn MockConnections `accepted` and `open` connections, `active` requests
function Server:connections ()
  return { accepted = self.accepted, open = self.open, active = self.active }
end

--- Returns the metrics, with the number of active requests.
-- @treturn table see `predibase.mock.prometheus`
function Server:metrics_now ()
  self.metrics:set("lorax_batch_current_size", self.active)
  return self.metrics
end

--- Makes every request fail that generates tokens, like the requests of one GPU batch of a real
-- server.
-- @tparam table except the context of the request that caused the error and fails by itself
function Server:fail_batch (except)
  for client in pairs(self.clients) do
    local context = client.context
    if client.busy and context ~= except and context.permit then context.failed = true end
  end
end

--- Behaves as if the router's process had ended: closes all connections and accepts no more.
function Server:crash ()
  self.ended = "crash"
  self:close()
end

--- Closes the listening socket and every connection. May be called again.
function Server:close ()
  uv_of.close(self.uv, self.listener)
  local clients = {}
  for client in pairs(self.clients) do clients[#clients + 1] = client end
  for _, client in ipairs(clients) do client:drop("server") end
  uv_of.finish(self.uv, self.timer, self.signal)
end

return M
