-- SPDX-License-Identifier: MIT
--- Shared by the specs of `predibase.curl`: a server for all tests of a spec, and a pool for each.
--
--     local s, pool
--     setup(pools.start)
--     teardown(pools.stop)
--     before_each(function () s, pool = pools.open() end)
--     after_each(function () pools.close(pool) end)

local curl = require "predibase.curl"
local lifetime = require "spec.support.lifetime"
local server = require "spec.support.server"

local M = {}

local s, pool

function M.start () s = lifetime.serve() end

function M.stop () server.stop() end

--- Returns the server, see `spec.support.lifetime`, and a new pool.
function M.open ()
  pool = assert(curl.pool())
  return s, pool
end

--- Closes a pool. Fails if it leaves a connection open.
function M.close (last)
  last:close()
  assert(lifetime.quiet(s), "a connection was left open")
end

--- Returns the fields of a request to a path of the server; `more` are further ones.
function M.request (path, more)
  local spec = { url = s.url .. path, proxy = "" }
  for name, value in pairs(more or {}) do spec[name] = value end
  return spec
end

--- Reads an exchange to its end; returns its events and "done" or "failed".
function M.finish (x)
  local events = {}
  while true do
    local data, state = x:next()
    if data then
      events[#events + 1] = data
    elseif state == "pending" then
      pool:step(nil, {})
    else
      return events, state
    end
  end
end

--- Returns an exchange that requests a stream; `more` are further fields.
function M.stream (path, more)
  return lifetime.stream(pool, s.url .. path, more)
end

--- Returns the last request that the server has seen.
function M.last_request ()
  local log = s:log()
  return log[#log]
end

return M
