-- SPDX-License-Identifier: MIT
--- Whether a function is still running, for marks that an error may have left behind.
--
-- An object that must not be entered twice marks that it is at work. An error from outside (Ctrl-C,
-- a time limit of the host program) can be raised at any instruction, also where nothing takes the
-- mark back. So who finds a mark asks here whether it still holds.
-- @module predibase.active

local M = {}

local running = coroutine.running
local debug = rawget(_G, "debug")

--- What `runs` takes for the coroutine that calls.
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

return M
