-- SPDX-License-Identifier: MIT
-- Starts stand-in servers for specs with one call; stops and checks them in `after_each`.
--
--    local server = require "spec.support.server"
--    after_each(server.stop)
--    local s = server.spawn { script = { ["/generate"] = { overload = 1 } } }   -- own process
--    local s = server.listen {}                                                 -- luv's loop

local mock = require "predibase.mock"
local transport = require "predibase.transport"
local uv = require "luv"

local M = {}

local running = {}

local function keep (server, message)
  assert(server, message)
  running[#running + 1] = server
  return server
end

--- Starts a server in its own process, for at most a minute; options as for `predibase.mock.spawn`.
function M.spawn (options)
  local copy = { max_seconds = 60 }
  for name, value in pairs(options or {}) do copy[name] = value end
  return keep(mock.spawn(copy))
end

--- Starts a server on luv's loop in this process; options as for `predibase.mock.listen`.
function M.listen (options)
  return keep(mock.listen(options))
end

--- Runs luv's loop until a condition is true, which need not depend on the loop; returns false
-- after `seconds` (10).
function M.run_until (condition, seconds)
  local timer, late = uv.new_timer(), false
  uv.update_time()
  local ends = uv.now() + (seconds or 10) * 1000
  timer:start(10, 10, function () late = uv.now() >= ends end)
  local result = condition()
  while not result and not late do
    uv.run("once")
    result = condition()
  end
  timer:close()
  return result or false
end

--- Returns whether no client has an open connection. Inside nginx, unused connections belong to
-- nginx and stay open; there, checks that no request is unfinished.
function M.left_alone (server)
  if not transport.in_nginx() then return server:connections().open == 0 end
  rawget(_G, "ngx").sleep(0.001)      -- requests can only finish while nginx's loop runs
  for _, entry in ipairs(server:log()) do
    if entry.complete == nil then return false end
  end
  return true
end

--- Stops every server of the test. Fails when a connection is still open, or when a server itself
-- failed.
function M.stop ()
  local list, complaints = running, {}
  running = {}
  for _, server in ipairs(list) do
    local function quiet () return M.left_alone(server) end
    local spawned = server.pid ~= nil
    local closed
    if spawned then closed = server:wait(quiet, 5) else closed = M.run_until(quiet, 5) end
    if not closed then complaints[#complaints + 1] = "a connection to the server was left open" end
    local failures = server.failures
    if spawned then failures = server:failures() end
    for _, text in ipairs(failures) do complaints[#complaints + 1] = text end
    server:close()
  end
  uv.run("nowait")
  if #complaints > 0 then error(table.concat(complaints, "\n"), 0) end
end

return M
