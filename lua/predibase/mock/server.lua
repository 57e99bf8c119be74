-- SPDX-License-Identifier: MIT
--- The stand-in server: a listening socket, its connections, its scripts and its log.
-- It runs on luv's default loop and does nothing while that loop does not run.
-- @module predibase.mock.server

local connection = require "predibase.mock.connection"
local faults = require "predibase.mock.faults"
local input = require "predibase.mock.input"
local loop = require "predibase.mock.loop"
local random = require "predibase.mock.random"
local reply = require "predibase.mock.reply"
local routes = require "predibase.mock.routes"

local M = {}

local BACKLOG = 1024
local MAX_LOG = 67108864       -- bytes of request bodies that the log keeps

local Server = {}
Server.__index = Server

-- What is known of a request, for `log`.
local function remember(self, request)
  self.requests = self.requests + 1
  local entry = {
    number = self.requests, method = request.method, target = request.target,
    path = request.path, headers = request.headers, version = request.version,
    body = "", tokens = 0,
  }
  self.entries[#self.entries + 1] = entry
  return entry
end

local function remember_body(self, entry, body)
  entry.body = body
  self.logged = self.logged + #body
  while #self.entries > 1
      and (#self.entries > self.options.log_limit or self.logged > MAX_LOG) do
    self.logged = self.logged - #table.remove(self.entries, 1).body
  end
end

local function release(self, context)
  if context.permit then
    context.permit = nil
    self.active = self.active - 1
  end
end

-- After `max_requests` nobody new is served, and who is waiting for nothing is sent away.
local function check_limit(self)
  local most = self.options.max_requests
  if not most or self.requests < most then return end
  self.ended = "max_requests"
  loop.close(self.uv, self.listener)
  local idle = {}
  for client in pairs(self.clients) do
    if not client.busy then idle[#idle + 1] = client end
  end
  for _, client in ipairs(idle) do client:drop("server") end
end

-- One request after the other, as long as the connection lives.
local function serve(self, client)
  while not client.closed do
    local request, status = input.request(client)
    if not request and not status then return end
    local context = {
      server = self, connection = client, request = request or { method = "GET" }, faults = {},
      began = loop.now(self.uv), keep_alive = request and request.keep_alive,
    }
    client.context, client.busy = context, true
    if not request then
      context.entry = remember(self, { headers = {} })
      remember_body(self, context.entry, "")
      reply.empty(context, status)
      return client:finish()
    end
    context.entry = remember(self, request)
    local body, refused = input.body(client, request, routes.MAX_BODY)
    remember_body(self, context.entry, body or "")
    local most = self.options.max_requests
    if most and self.requests >= most then context.keep_alive = false end
    if client.closed then
      context.entry.closed_by = "client"
      return
    end
    -- what is left of a refused body cannot be told from a next request
    if not body then context.refused, context.keep_alive = refused, false end
    if refused == 400 and not body then
      reply.empty(context, 400)
    else
      routes.answer(context)
    end
    release(self, context)
    client.slice = nil
    if not context.complete then
      context.entry.closed_by = context.entry.closed_by or client.closed_by
    end
    context.entry.complete = context.complete or false
    context.entry.seconds = loop.now(self.uv) - context.began
    client.busy = false
    check_limit(self)
    if not context.keep_alive or self.ended then return client:finish() end
  end
end

local function accept(self)
  local handle = self.uv.new_tcp()
  if not self.uv.accept(self.listener, handle) then return loop.close(self.uv, handle) end
  local client
  client = connection.new(handle, {
    on_close = function()
      self.clients[client] = nil
      self.open = self.open - 1
    end,
    on_error = function(message)
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
  client:start(function(one) serve(self, one) end)
end

--- Starts a server on luv's default loop.
-- @tparam table options see `predibase.mock.options`; already checked
-- @treturn[1] Server with `url`, `host` and `port`
-- @treturn[2] nil
-- @treturn[2] string why the address cannot be used
function M.new(options)
  local uv = loop.uv()
  local self = setmetatable({
    uv = uv, options = options, limits = options, host = options.host,
    clients = {}, entries = {}, scripts = {}, seen = {}, failures = {},
    accepted = 0, open = 0, active = 0, requests = 0, logged = 0,
  }, Server)
  self.random = random.new(options.seed or ("%.0f"):format(uv.hrtime() % 2 ^ 53))
  for path, script in pairs(options.script or {}) do self:script(path, script) end
  self.listener = uv.new_tcp()
  local ok, message = uv.tcp_bind(self.listener, options.host, options.port)
  if ok then
    ok, message = uv.listen(self.listener, BACKLOG, function(err)
      if not err then accept(self) end
    end)
  end
  if not ok then
    loop.finish(uv, self.listener)
    return nil, ("cannot listen on %s port %d: %s"):format(options.host, options.port, message)
  end
  self.signal = loop.no_sigpipe(uv)
  self.port = uv.tcp_getsockname(self.listener).port
  local host = options.host:find(":", 1, true) and "[" .. options.host .. "]" or options.host
  self.url = ("http://%s:%d"):format(host, self.port)
  if options.max_seconds then
    self.timer = uv.new_timer()
    self.timer:start(math.floor(math.min(options.max_seconds, 1e9) * 1000), 0, function()
      self.ended = "max_seconds"
      self:close()
    end)
  end
  return self
end

--- Sets what happens to requests for a path: a table of faults, or an array of them for one request
-- after the other (the last one stays). nil removes the script.
-- @tparam string path as requested without the host and without `~` segments; or a route such as
--   `/generate`, under whatever prefix; or `*` for every request
-- @tparam ?table script
-- @tparam[opt=1] integer level as in `error`: 1 blames the caller
function Server:script(path, script, level)
  level = (level or 1) + 1
  if type(path) ~= "string" then error("the path of a script must be a string", level) end
  self.scripts[path] = script and { list = faults.check_script(script, level), used = 0 } or nil
  self.seen["script " .. path] = nil
end

--- The faults of a request: those in its path over those of its script.
-- @tparam string path
-- @tparam ?string route
-- @tparam table found in the path
-- @treturn table
-- @treturn ?string under what name refusals by `overload` are counted
function Server:faults(path, route, found)
  local out, counter = {}, nil
  for _, key in ipairs { path, route or path, "*" } do
    local script = self.scripts[key]
    if script then
      script.used = math.min(script.used + 1, #script.list)
      for name, value in pairs(script.list[script.used]) do out[name] = value end
      counter = "script " .. key
      break
    end
  end
  if found.overload then counter = "path " .. path .. found.overload end
  for name, value in pairs(found) do out[name] = value end
  return out, counter
end

--- Takes one of the places for requests, if one is free.
-- @tparam table context
-- @treturn boolean true when there is none
function Server:overloaded(context)
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

--- A seed for a request that has none.
-- @treturn string decimal digits
function Server:seed()
  return random.seed(self.random)
end

--- What the server saw, oldest first: `{ number, method, target, path, route, version, headers,
-- body, status, tokens, complete, closed_by = nil|"client"|"server", seconds, error }`.
-- @treturn table array
function Server:log()
  return self.entries
end

--- How many connections there were and are.
-- @treturn table `{ accepted =, open =, active = }`
function Server:connections()
  return { accepted = self.accepted, open = self.open, active = self.active }
end

--- Closes the listening socket and every connection. Any number of times.
function Server:close()
  loop.close(self.uv, self.listener)
  local clients = {}
  for client in pairs(self.clients) do clients[#clients + 1] = client end
  for _, client in ipairs(clients) do client:drop("server") end
  loop.finish(self.uv, self.timer, self.signal)
end

return M
