-- SPDX-License-Identifier: MIT
-- Programs that serve: their ports, their start and their end.

local child = require "spec.support.child"
local scratch = require "spec.support.scratch"
local tasks = require "spec.gateways.tasks"
local uv = require "luv"

local M = {}

-- A shell starts the program, prints its process id, and ends it when its own standard input is
-- closed: also when the program that started the shell dies.
local KEEPER = [[
log=$1
shift
"$@" </dev/null >>"$log" 2>&1 &
pid=$!
echo "$pid"
read -r _ || :
kill -TERM "$pid" 2>/dev/null
(sleep 10; kill -KILL "$pid" 2>/dev/null) >/dev/null 2>&1 &
wait "$pid"
kill "$!" 2>/dev/null
]]

local held = {}

--- Returns a free port of 127.0.0.1. It stays reserved: a socket that is bound and does not listen
-- keeps the kernel from giving the port to anybody else, connections to it are refused, and a
-- server that sets SO_REUSEADDR can still listen there.
function M.port ()
  local socket = uv.new_tcp()
  assert(socket:bind("127.0.0.1", 0))
  held[#held + 1] = socket
  return socket:getsockname().port
end

--- Gives up the ports.
function M.release ()
  for _, socket in ipairs(held) do socket:close() end
  held = {}
end

local Process = {}
Process.__index = Process

--- Returns what the program has written.
function Process:output ()
  return scratch.read(self.log)
end

--- Sends the program a signal, such as "sigterm".
function Process:signal (name)
  uv.kill(self.pid, name)
end

--- Ends the program; returns in a task when it has ended.
function Process:stop ()
  if self.keeper.stdin then
    self.keeper.stdin:close()
    self.keeper.stdin = nil
  end
  tasks.wait(function () return self.keeper.code end, "the end of " .. self.name)
end

--- Starts a program in a task.
-- @tparam string name for messages
-- @tparam table command the program and its arguments
-- @tparam string log path of the file for its output
-- @tparam ?table env variables
function M.start (name, command, log, env)
  local args = { "-c", KEEPER, "sh", log }
  for _, word in ipairs(command) do args[#args + 1] = word end
  local all = { LD_PRELOAD = "", PATH = os.getenv "PATH" .. ":/usr/sbin:/sbin" }
  for key, value in pairs(env or {}) do all[key] = value end
  local self = setmetatable({ name = name, log = log }, Process)
  self.keeper = child.start("sh", { args = args, env = all, keep_stdin = true })
  tasks.wait(function () return self.keeper.stdout:find "\n" end, "the start of " .. name)
  self.pid = tonumber(self.keeper.stdout:match "%d+")
  return self
end

--- Waits in a task until somebody listens at a port of 127.0.0.1.
function M.wait_for_port (process, port)
  local open, trying
  tasks.wait(function ()
    if open or trying then return open end
    trying = uv.new_tcp()
    trying:connect("127.0.0.1", port, function (problem)
      trying:close()
      trying, open = nil, not problem
    end)
    if uv.kill(process.pid, 0) ~= 0 then
      error(process.name .. " did not start:\n" .. process:output(), 0)
    end
  end, process.name .. " to listen")
end

return M
