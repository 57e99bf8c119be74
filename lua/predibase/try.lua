-- SPDX-License-Identifier: MIT
--- A second look at an error that `pcall` caught: was it ours?
--
-- Ctrl-C, and the time limits that hosts set, raise their error in whatever code happens to run. A
-- `pcall` around a decoder would take it for bad input, and the signal would be lost.
-- @module predibase.try

local M = {}

--- Whether an error is Ctrl-C, as the interpreters of PUC Lua and LuaJIT raise it.
-- @param err what `pcall` caught
-- @treturn boolean
function M.interrupted(err)
  return type(err) == "string" and err:find("interrupted!$") ~= nil
end

--- Runs a function without side effects once more after it raised. When it succeeds now, the error
-- came from outside and is raised again; else it belongs to the function.
-- @param err what `pcall` caught
-- @tparam function f
-- @param x its argument
-- @return the error of the second run
function M.again(err, f, x)
  if M.interrupted(err) then error(err, 0) end
  local ok, second = pcall(f, x)
  if ok then error(err, 0) end
  return second
end

return M
