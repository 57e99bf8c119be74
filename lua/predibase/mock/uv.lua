-- SPDX-License-Identifier: MIT
--- Loads luv, with an error that says what to install, and hides what luv 1.44 does wrong.
-- @module predibase.mock.uv

local paths = require "predibase.paths"

local M = {}

local MISSING = [[
the stand-in server needs the Lua library luv, which is not installed (%s)
  Debian, Ubuntu: apt install lua-luv
  LuaRocks:       luarocks install luv]]

--- Loads luv.
-- @treturn[1] table
-- @treturn[2] nil
-- @treturn[2] string what to install
function M.find ()
  local ok, uv = pcall(require, "luv")
  if ok then return uv end
  return nil, MISSING:format(tostring(uv):match("^[^\n]*"))
end

--- Loads luv, or raises an error that says what to install.
-- @treturn table
function M.load ()
  local uv, message = M.find()
  if not uv then error(message, 0) end
  return uv
end

--- Returns monotonic seconds.
-- @tparam table uv
-- @treturn number
function M.now (uv)
  return uv.hrtime() / 1e9
end

--- Ignores SIGPIPE, which would end the process at a write to a closed socket: libuv 1.44 writes
-- without MSG_NOSIGNAL. Windows has no such signal. The handle does not keep the loop alive; close
-- it when nothing is written.
-- @tparam table uv
-- @return handle
function M.no_sigpipe (uv)
  local signal = uv.new_signal()
  if not paths.on_windows() then uv.signal_start(signal, "sigpipe", function () end) end
  uv.unref(signal)
  return signal
end

--- Closes a handle unless it is closed already. For use inside the loop, see `finish`.
-- @tparam table uv
-- @param handle
function M.close (uv, handle)
  if handle and not uv.is_closing(handle) then uv.close(handle) end
end

--- Closes handles from outside the loop. The loop is run for a moment unless it is running, because
-- luv 1.44 crashes when Lua ends with a handle half closed.
-- @tparam table uv
-- @param ... handles, or nil
function M.finish (uv, ...)
  for i = 1, select("#", ...) do M.close(uv, (select(i, ...))) end
  if not uv.loop_mode() then uv.run("nowait") end
end

return M
