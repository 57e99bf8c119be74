-- SPDX-License-Identifier: MIT
-- Starts servers for faults that a correct server cannot cause: small Python programs in this
-- folder (peer.py contains what they share). Each listens on many ports, one per fault.

local uv = require "luv"
local child = require "spec.support.child"

local M = {}

local running = {}

local Peer = {}
Peer.__index = Peer

--- Returns how often the peer has printed a line. It prints the line before it continues.
function Peer:count (text)
  uv.run "nowait"
  local n = 0
  for line in self.process.stdout:gmatch("[^\n]+") do
    if line == text then n = n + 1 end
  end
  return n
end

--- Waits until the peer has printed a line `times` (1) times.
function Peer:wait_for (text, times)
  child.wait(function ()
    return self.process.code or self:count(text) >= (times or 1)
  end, ("%q of a peer, which said:\n%s"):format(text, self.process.stdout))
  assert(not self.process.code, self.process.stderr)
end

--- Tells a waiting peer to continue.
function Peer:go ()
  self.process.stdin:write("go\n")
  uv.run "nowait"
end

--- Starts a peer.
-- @tparam string name of the program, without its folder and `.py`
-- @param ... arguments
-- @treturn table `port`: the port for each fault, by name
function M.start (name, ...)
  local args = { "-B", "spec/support/" .. name .. ".py", ... }
  local self = setmetatable({ port = {} }, Peer)
  self.process = child.start("python3", {
    args = args, keep_stdin = true, env = child.STRANGER,
  })
  running[#running + 1] = self
  self:wait_for("ready")
  for fault, port in self.process.stdout:gmatch("listening (%S+) (%d+)") do
    self.port[fault] = tonumber(port)
  end
  return self
end

--- Stops a peer; fails when the program itself failed.
function Peer:stop ()
  if self.stopped then return end
  self.stopped = true
  self.process.stdin:close()
  self.process.stdin = nil
  local code = self.process:wait()
  if code ~= 0 or self.process.stderr ~= "" then error(self.process.stderr, 0) end
end

--- Stops all peers.
function M.stop ()
  local list = running
  running = {}
  for _, self in ipairs(list) do self:stop() end
end

return M
