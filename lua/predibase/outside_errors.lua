-- SPDX-License-Identifier: MIT
--- Distinguishes errors of a function that `pcall` caught from errors that come from outside.
--
-- Ctrl-C and time limits of host programs raise their error in any code that is running. A `pcall`
-- around a decoder would treat such an error as bad input, and the interruption would be lost.
-- @module predibase.outside_errors

local M = {}

--- Tells whether an error is Ctrl-C, as the interpreters of PUC Lua and LuaJIT raise it.
-- @param err the error that `pcall` caught
-- @treturn boolean
function M.is_interrupt (err)
  return type(err) == "string" and err:find("interrupted!$") ~= nil
end

--- Calls a function without side effects again after it raised an error. If it succeeds now, the
-- error came from outside and is raised again. Otherwise it is an error of the function.
-- @param err the error that `pcall` caught
-- @tparam function f
-- @param x its argument
-- @return the error of the second call
function M.raise_if_outside (err, f, x)
  if M.is_interrupt(err) then error(err, 0) end
  local ok, second = pcall(f, x)
  if ok then error(err, 0) end
  return second
end

return M
