-- SPDX-License-Identifier: MIT
--- The one door to luv: loaded when a server is first asked for, with a helpful error if missing.
-- @module predibase.mock.loop

local M = {}

local MISSING = [[
the stand-in server needs the Lua library luv, which is not installed (%s)
  Debian, Ubuntu: apt install lua-luv
  LuaRocks:       luarocks install luv]]

--- The luv module.
-- @treturn[1] table
-- @treturn[2] nil
-- @treturn[2] string what to install
function M.find()
  local ok, uv = pcall(require, "luv")
  if ok then return uv end
  return nil, MISSING:format(tostring(uv):match("^[^\n]*"))
end

--- The luv module, or an error that says what to install.
-- @treturn table
function M.uv()
  local uv, message = M.find()
  if not uv then error(message, 0) end
  return uv
end

--- Monotonic seconds.
-- @tparam table uv
-- @treturn number
function M.now(uv)
  return uv.hrtime() / 1e9
end

--- Keeps a write to a socket whose other side has gone from ending the process: libuv 1.44 writes
-- without MSG_NOSIGNAL. The handle does not keep the loop alive; close it when nothing is written.
-- @tparam table uv
-- @return handle
function M.no_sigpipe(uv)
  local signal = uv.new_signal()
  uv.signal_start(signal, "sigpipe", function() end)
  uv.unref(signal)
  return signal
end

--- Closes a handle once, whatever state it is in. For use inside the loop, see `finish`.
-- @tparam table uv
-- @param handle
function M.close(uv, handle)
  if handle and not uv.is_closing(handle) then uv.close(handle) end
end

--- Closes handles from outside of the loop, nil among them or not. The loop is run for a moment,
-- unless it is running: luv 1.44 crashes when Lua ends with a handle half closed.
-- @tparam table uv
-- @param ... handles
function M.finish(uv, ...)
  for i = 1, select("#", ...) do M.close(uv, (select(i, ...))) end
  if not uv.loop_mode() then uv.run("nowait") end
end

return M
