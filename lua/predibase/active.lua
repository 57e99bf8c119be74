-- SPDX-License-Identifier: MIT
--- Tells whether a function is still running.
--
-- Some functions must not be called while another call of them runs. Their object has a flag that
-- is set while the function runs. Ctrl-C or a time limit of the host program can interrupt the
-- function at any instruction, and then the flag stays set. Code that finds the flag set asks this
-- module whether the function is really running.
-- @module predibase.active

local M = {}

local running = coroutine.running
local debug = rawget(_G, "debug")

--- Returns the current coroutine in the form that `runs` and `call` take.
-- @treturn thread|boolean true for the main program on Lua 5.1 and LuaJIT, where it has no
-- coroutine
function M.here ()
  return running() or true
end

--- Tells whether a coroutine is currently inside a call of a function.
-- @tparam function f
-- @tparam thread|boolean by the coroutine, as `here` returned it
-- @tparam[opt=0] integer own number of calls of `f` to ignore when `by` is the current coroutine:
-- 1 when the caller is `f` itself
-- @treturn boolean always false where the `debug` library is missing
function M.runs (f, by, own)
  if not debug then return false end
  local elsewhere = by ~= M.here() and by or nil
  -- The main program of Lua 5.1 or LuaJIT, whose stack cannot be read from a coroutine. It has
  -- resumed this coroutine, perhaps from inside `f`.
  if elsewhere == true then return true end
  if elsewhere and coroutine.status(elsewhere) == "dead" then return false end
  local level, left = 0, elsewhere and 0 or own or 0
  while true do
    local info
    if elsewhere then info = debug.getinfo(elsewhere, level, "f")
    else info = debug.getinfo(level, "f") end
    if not info then return false end
    if info.func == f then
      if left == 0 then return true end
      left = left - 1
    end
    level = level + 1
  end
end

--- Calls a function. In the main program of Lua 5.1 and LuaJIT, it also catches the error of the
-- function: `runs` cannot read the stack of that main program, so the caller must reset its flag
-- itself.
-- @tparam thread|boolean by the current coroutine, as `here` returned it
-- @tparam function f
-- @param ... its arguments
-- @treturn boolean false when `f` raised an error in such a main program; elsewhere the error is
-- raised
-- @return up to three results of `f`, or the error
function M.call (by, f, ...)
  if by == true then return pcall(f, ...) end
  return true, f(...)
end

-- PUC Lua 5.1 cannot yield inside `pcall`.
local RESUMABLE = _VERSION ~= "Lua 5.1" or rawget(_G, "jit") ~= nil

--- Calls a function in protected mode where it can still yield in it: everywhere except in a
-- coroutine of PUC Lua 5.1, where an error of the function is raised.
-- @tparam function f
-- @param ... its arguments
-- @treturn boolean false when the function raised an error
-- @return the results, or the error
function M.protected (f, ...)
  if RESUMABLE or not running() then return pcall(f, ...) end
  return true, f(...)
end

return M
