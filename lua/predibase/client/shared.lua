-- SPDX-License-Identifier: MIT
--- The data that all calls of a client share, see `prepare` of `predibase.call`.
-- @module predibase.client.shared

local lazy = require "predibase.lazy"
local errors = require "predibase.errors"
local replicas = lazy "predibase.replicas"
local throttle = lazy "predibase.throttle"

local M = {}

--- Returns host and port of a configuration, for messages.
local function place_of (cfg)
  return (cfg.host:find(":", 1, true) and "[%s]:%d" or "%s:%d"):format(cfg.host, cfg.port)
end

--- Makes the transport and the place of each server of `base_url = { … }`. Returns nil and a
-- message when nginx does not support its configuration.
local function sites_of (cfg, transport)
  local sites = {}
  for _, server in ipairs(cfg.servers) do
    local view, problem = transport:view(server)
    if not view then return nil, problem end
    sites[server] = { transport = view, place = place_of(server) }
  end
  return sites
end

local function refuse (message)
  return nil, errors.new { kind = "config", message = message }
end

--- Copies the data of a client of `fallback` for calls that go through the connections of another
-- client. A batch can only wait for exchanges of one transport, and a loop serves one.
local function borrow (shared, transport)
  local copy, owner = {}, shared.owner
  local problem
  for name, value in pairs(shared) do copy[name] = value end
  copy.transport, problem = transport:view(owner.cfg)
  if copy.transport and owner.cfg.servers then
    copy.sites, problem = sites_of(owner.cfg, transport)
  end
  if problem then return nil, problem end
  return copy
end

--- Makes the data of the clients of `fallback`.
local function fallback_of (cfg, transport, is_client)
  local list = {}
  for i, other in ipairs(cfg.fallback) do
    local name = ("fallback[%d]"):format(i)
    if not is_client(other) then return refuse(name .. " must be a client of predibase.new") end
    if other.closed then return refuse(name .. " is a closed client") end
    if other.cfg.transport ~= cfg.transport then
      return refuse(name .. " has another transport than this client")
    end
    local problem
    list[i], problem = borrow(other.shared, transport)
    if problem then return refuse(("%s: %s"):format(name, problem)) end
  end
  return list
end

--- Makes the limits of a client. A view shares those of its client that it was not given.
local function limits_of (cfg, now, base, own)
  if not base then
    return (cfg.concurrency or cfg.rate_limit) and throttle.limits(cfg, now) or nil
  end
  local given = {}
  for _, name in ipairs { "concurrency", "rate_limit" } do
    if own[name] then given[name] = cfg[name] or false end
  end
  if not (base.limits or given.concurrency or given.rate_limit) then return nil end
  return throttle.limits(given, now, base.limits)
end

--- Makes the data of a client.
-- @tparam table owner the client: `cfg`, `user_agent`, `transport`
-- @tparam table clock `now` (returns monotonic seconds), `random` (returns a number in [0, 1)),
-- `count` (nil, or begins to count a call)
-- @tparam function is_client tells whether a value is a client
-- @tparam ?table base the data of the client that `owner` is a view of
-- @tparam ?table own set of the options that were given to the view
-- @treturn[1] table
-- @treturn[2] nil
-- @treturn[2] table error of kind `config`
function M.new (owner, clock, is_client, base, own)
  local cfg, transport = owner.cfg, owner.transport
  local shared = {
    owner = owner, transport = transport, now = clock.now, wall = os.time, random = clock.random,
    count = clock.count,
    max_text = cfg.max_response_bytes, place = place_of(cfg), on_error = cfg.hooks.on_error,
    limits = limits_of(cfg, clock.now, base, own),
    token = cfg.api_token,
  }
  if cfg.servers then
    local problem
    shared.sites, problem = sites_of(cfg, transport)
    if problem then return refuse(problem) end
    shared.replicas = replicas.new(cfg.servers, clock.now)
    shared.probe_headers = { { "accept", "*/*" }, { "user-agent", owner.user_agent } }
  end
  if cfg.fallback then
    local err
    shared.fallback, err = fallback_of(cfg, transport, is_client)
    if err then return nil, err end
  end
  return shared
end

return M
