-- SPDX-License-Identifier: MIT
--- What a call needs before each of its attempts: one of several servers, its turn, and a token.
--
-- The calls of a client without `base_url = { … }`, `concurrency`, `rate_limit` and a function
-- `api_token` need none of these, and have no such object.
-- @module predibase.call.admission

local active = require "predibase.active"
local checks = require "predibase.value_checks"
local errors = require "predibase.errors"
local replicas = require "predibase.replicas"
local throttle = require "predibase.throttle"

local M = {}

local Admission = {}
Admission.__index = Admission

-- Choosing one of several servers.

--- Begins to ask a server whether it is well (LoRAX: GET /health). The token is not sent.
local function open_probe (self, server)
  local client = self.client
  local seconds = replicas.PROBE
  return client.sites[server].transport:open({
    method = "GET", url = server.url .. "/health", headers = client.probe_headers,
  }, {
    events = false, deadline = client.now() + seconds,
    timeout = { connect = seconds, first_token = seconds, token = seconds, idle = seconds },
  })
end

--- Reads the answer of a server that was asked. Returns whether it is well; nil while the answer
-- has not come. A server without this route is well, too.
local function read_probe (probe, how)
  local problem
  if how == "poll" then
    local data
    repeat data, problem = probe:poll() until not data
    if problem == "pending" then return nil end
  else
    problem = select(2, probe:body())
  end
  local status = probe:status()
  probe:release()
  return not problem and status ~= nil and status < 500
end

--- Chooses the server of the next attempt. Returns false while a server was asked and has not
-- answered.
local function choose (self, how)
  local all = self.client.replicas
  while not self.server do
    local probe, asked = self.probe, self.asked
    if not probe then
      local server, ask = all:choose(self.key, self.tried)
      if not ask then
        self.server = server
        return true
      end
      all:probing(server)
      self.asked, self.probe = server, open_probe(self, server)
      if not self.probe then all:failed(server) end
    else
      local well = read_probe(probe, how)
      if well == nil then return false end
      self.probe = nil
      if well then
        all:answered(asked)
        self.server = asked
      else
        all:failed(asked)
      end
    end
  end
  return true
end

-- The token.

local function no_token (message)
  return nil, { kind = "authentication", phase = "request", retryable = false, sent = false,
    message = "the function api_token " .. message }
end

--- Calls the function `api_token`. It runs in the coroutine of the caller and may wait. Returns the
-- token; or nil and a failure.
local function ask_for_token (self)
  local ok, token, err = active.protected(self.client.token)
  if not ok then
    self:leave()
    error(token, 0)
  end
  if token == nil then
    if err == nil then return no_token "returned no token and no error" end
    local text = errors.is(err) and err.message or tostring(err)
    return no_token("returned no token: " .. errors.excerpt(text, 500))
  end
  if type(token) ~= "string" then
    return no_token("must return a string, but it returned a " .. type(token))
  end
  local problem = checks.token(token)
  if problem then return no_token("returned a token that " .. problem) end
  return token
end

-- The methods, which the call uses.

--- Waits for the turn, or only looks. Returns true; or nil, "pending" or the failure, and when to
-- look again.
local function take_turn (self, how, deadline)
  if how == "next" then return self.turn:wait(self.client.transport, deadline) end
  return self.turn:poll(deadline)
end

--- Gets everything that the next attempt needs.
-- @tparam string how "next" waits for what has not come yet; "poll" does not; "group" waits only
-- for the answer of a server that is asked whether it is well, and for the token
-- @tparam ?number deadline of the call, on the clock of the transport
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] string "pending"
-- @treturn[2] ?number when to try again, at the latest
-- @treturn[3] nil
-- @treturn[3] table the failure
function Admission:ready (how, deadline)
  local all = self.client.replicas
  if all and not choose(self, how) then return nil, "pending" end
  if self.turn then
    local ok, why, at = take_turn(self, how, deadline)
    if not ok then return nil, why, at end
  end
  -- Other calls may have found out meanwhile that the server fails.
  if all and not all:is_well(self.server) then
    self.server = nil
    if not choose(self, how) then return nil, "pending" end
  end
  if self.client.token and not self.has_token then
    local token, failure = ask_for_token(self)
    if not token then
      self:leave()
      return nil, failure
    end
    -- In a closure, so that code that walks over the tables of a stream finds no token.
    self.has_token, self.token = true, function () return token end
  end
  return true
end

--- Begins the attempt. The next one needs everything again.
-- @tparam ?number delay seconds before the attempt
-- @treturn ?number the delay that is left: none after a turn, which comes only after the delay
-- @treturn ?function must be called when the request has ended
function Admission:begin (delay)
  self.has_token, self.token = false, function () end
  if not self.turn then return delay, nil end
  return nil, self.turn:begin()
end

--- Sets what is called when it is time to call `ready` again, for callers that wait for several
-- things.
-- @tparam function wake
function Admission:wake_by (wake)
  if self.turn then self.turn:wake_by(wake) end
end

local function is_busy (err)
  return err.kind == "overloaded" or err.kind == "rate_limited" or err.status == 429
    or err.status == 503
end

local function is_failing (err)
  if err.status then return err.retryable and (err.status == 502 or err.status == 504) end
  return err.kind == "connection" or err.kind == "tls"
    or err.kind == "timeout" and err.phase == "connect"
end

--- Records the outcome of an attempt for the choice of the next server.
-- @tparam ?table err nil after a success
function Admission:noted (err)
  local server, all = self.server, self.client.replicas
  if not server then return end
  if not err then return all:answered(server) end
  self.server, self.tried[server] = nil, true
  if is_busy(err) then all:overloaded(server, err.retry_after)
  elseif is_failing(err) then all:failed(server)
  elseif err.status then all:answered(server) end
end

--- Tells whether the call should be sent to another server at once after an error.
-- @tparam table err
-- @treturn boolean
function Admission:spills (err)
  local all = self.client.replicas
  if not all or not (is_busy(err) or is_failing(err)) then return false end
  if all:has_other(self.tried) then return true end
  self.tried = {}
  return false
end

--- Prepares another attempt of the same call.
-- @tparam number delay seconds before it
function Admission:again (delay)
  if self.turn then self.turn:renew(delay) end
end

--- Corrects the number of tokens that the last attempt was counted with.
-- @tparam table usage of the result
function Admission:used (usage)
  if self.turn then self.turn:used(usage) end
end

--- Gives everything back, and ends a wait of another coroutine. May be called any number of times.
function Admission:leave ()
  if self.turn then self.turn:leave() end
  local probe = self.probe
  if probe then
    self.probe = nil
    probe:close()
  end
end

--- Makes the object for a call.
-- @tparam table client the data that all calls share, see `predibase.call`
-- @tparam table plan of `predibase.request`
-- @treturn table its field `server` is the server of the next attempt, or nil where there is only
-- one; its field `token` is a function that returns the token of the next attempt, or nil
function M.new (client, plan)
  return setmetatable({
    client = client,
    key = plan.adapter_id or client.owner.cfg.server == "openai" and plan.model or "",
    turn = client.limits and throttle.new(client.limits, plan.max_new_tokens or 0),
    tried = {},               -- set of the servers that this call has tried
    server = nil,
    asked = nil, probe = nil, -- the server that is asked whether it is well, and the exchange
    has_token = false,
    token = function () end,
  }, Admission)
end

return M
