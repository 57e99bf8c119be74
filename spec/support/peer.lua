-- SPDX-License-Identifier: MIT
-- Servers for the accidents that a good server has no way to cause: small Python programs of this
-- folder (peer.py says what they have in common). Each listens on many ports, one per accident.

local uv = require "luv"
local child = require "spec.support.child"

local M = {}

local running = {}

local Peer = {}
Peer.__index = Peer

--- How often it has said so, so far. What it says, it says before it goes on.
function Peer:count(text)
  uv.run "nowait"
  local n = 0
  for line in self.process.stdout:gmatch("[^\n]+") do
    if line == text then n = n + 1 end
  end
  return n
end

--- Waits until it has said so `times` (1) times.
function Peer:wait_for(text, times)
  child.wait(function()
    return self.process.code or self:count(text) >= (times or 1)
  end, ("%q of a peer, which said:\n%s"):format(text, self.process.stdout))
  assert(not self.process.code, self.process.stderr)
end

--- Tells it to go on where it waits to be told.
function Peer:go()
  self.process.stdin:write("go\n")
  uv.run "nowait"
end

--- Starts one.
-- @tparam string name of the program, without its folder and `.py`
-- @param ... arguments
-- @treturn table `port`: by the name of the accident
function M.start(name, ...)
  local args = { "-B", "spec/support/" .. name .. ".py", ... }
  local self = setmetatable({ port = {} }, Peer)
  self.process = child.start("python3", {
    args = args, keep_stdin = true, env = child.STRANGER,
  })
  running[#running + 1] = self
  self:wait_for("ready")
  for accident, port in self.process.stdout:gmatch("listening (%S+) (%d+)") do
    self.port[accident] = tonumber(port)
  end
  return self
end

--- Stops one; fails when it met an error of its own.
function Peer:stop()
  if self.stopped then return end
  self.stopped = true
  self.process.stdin:close()
  self.process.stdin = nil
  local code = self.process:wait()
  if code ~= 0 or self.process.stderr ~= "" then error(self.process.stderr, 0) end
end

--- Stops all.
function M.stop()
  local list = running
  running = {}
  for _, self in ipairs(list) do self:stop() end
end

return M
