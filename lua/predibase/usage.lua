-- SPDX-License-Identifier: MIT
--- Raises errors about misuse of the library, with the position of the caller's line.
-- Misuse is what no program should contain: an argument of the wrong type, an option that does not
-- exist, a method on a closed object. Every other failure is returned, see `predibase.errors`.
-- @module predibase.usage

local M = {}

-- The library's own chunks have names that begin with this. It is taken from this very file,
-- because a folder of the program may be called predibase, too. Nil when the library was compiled
-- into something else: errors then have no position.
local own, inspect
if type(debug) == "table" and debug.getinfo then
  inspect = debug.getinfo
  own = inspect(1, "S").source:match("^(@.*)usage%.lua$")
end

local raised, reason          -- the last error as it was raised, and without its position

-- A frame of C, or of a call that a tail call replaced (Lua 5.1), has no line to show.
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

--- Raises an error that names the first line on the stack that is not the library's own.
-- @tparam string message
-- @raise always
function M.fail (message)
  raised, reason = position() .. message, message
  error(raised, 0)
end

--- Calls a function that may find misuse, for callers that want the message as a value.
-- @tparam function f
-- @param ... its arguments
-- @treturn[1] boolean true
-- @treturn[1] ... up to two results
-- @treturn[2] boolean false
-- @treturn[2] string the message, without a position
function M.catch (f, ...)
  local ok, first, second = pcall(f, ...)
  if not ok and first == raised then first = reason end
  return ok, first, second
end

return M
