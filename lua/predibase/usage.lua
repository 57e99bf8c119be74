-- SPDX-License-Identifier: MIT
--- Raises errors about misuse of the library, with the position of the line that called it.
-- Misuse is a mistake in the program itself: an argument of the wrong type, an option that does not
-- exist, a method on a closed object. Every other failure is returned, see `predibase.errors`.
-- @module predibase.usage

local M = {}

-- `own` is the path of the library's folder: the names of the library's chunks begin with it. It is
-- taken from the chunk name of this file, because a folder of the program may be called predibase,
-- too. It is nil when this file was not loaded under its own name; errors then have no position.
local own, inspect
if type(debug) == "table" and debug.getinfo then
  inspect = debug.getinfo
  own = inspect(1, "S").source:match("^(@.*)usage%.lua$")
end

local raised, reason          -- the last error as it was raised, and without its position

--- Returns the position of the first stack frame outside the library. Frames without a line are
-- skipped: C functions, and on Lua 5.1 the entries that stand for tail calls.
local function position ()
  if not own then return "" end
  local depth = 3
  local frame = inspect(depth, "Sl")
  while frame do
    if frame.currentline > 0 and frame.source:sub(1, #own) ~= own then
      return ("%s:%d: "):format(frame.short_src, frame.currentline)
    end
    depth = depth + 1
    frame = inspect(depth, "Sl")
  end
  return ""
end

--- Raises an error with the position of the first stack frame that is not the library's own.
-- @tparam string message
-- @raise always
function M.fail (message)
  raised, reason = position() .. message, message
  error(raised, 0)
end

--- Calls a function and catches its error. The message of an error of `fail` is returned without
-- its position.
-- @tparam function f
-- @param ... its arguments
-- @treturn[1] boolean true
-- @treturn[1] ... up to two results
-- @treturn[2] boolean false
-- @treturn[2] any the error
function M.catch (f, ...)
  local ok, first, second = pcall(f, ...)
  if not ok and first == raised then first = reason end
  return ok, first, second
end

return M
