-- SPDX-License-Identifier: MIT
--- Tells whether a function is still running, for marks that an error may have left behind.
--
-- An object that must not be entered twice marks that it is at work. An error from outside (Ctrl-C,
-- a time limit of the host program) can be raised at any instruction, also where nothing takes the
-- mark back. So code that finds a mark asks here whether the mark is still true.
-- @module predibase.active

local M = {}

local running = coroutine.running
local debug = rawget(_G, "debug")

--- Returns the coroutine that calls, as `runs` takes it.
-- @treturn thread|boolean true for the main program where that is not a coroutine (5.1, LuaJIT)
function M.here()
  return running() or true
end

--- Tells whether a coroutine is inside a function.
-- @tparam function f
-- @tparam thread|boolean by what `here` gave
-- @tparam[opt=0] integer own calls of `f` that do not count where `by` is the coroutine that asks:
-- 1 when `f` itself asks
-- @treturn boolean false also where there is no `debug` to ask
function M.runs(f, by, own)
  if not debug then return false end
  local elsewhere = by ~= M.here() and by or nil
  if elsewhere == true then return true end       -- the main program resumed this coroutine
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

--- Calls a function in a way that its caller learns of an error on the main program of Lua 5.1 and
-- LuaJIT, where `runs` cannot look: the mark can then be taken back.
-- @tparam thread|boolean by what `here` gave
-- @tparam function f
-- @param ... its arguments
-- @treturn boolean false when `f` raised on such a main program; elsewhere errors pass through
-- @return up to three results of `f`, or the error
function M.call(by, f, ...)
  if by == true then return pcall(f, ...) end
  return true, f(...)
end

return M
