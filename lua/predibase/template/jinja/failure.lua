-- SPDX-License-Identifier: MIT
--- How a template's errors travel inside the interpreter, and what tells them from others.
-- @module predibase.template.jinja.failure

local M = {}

local Failure = {}
Failure.__index = Failure

--- Raises an error of the template.
-- @tparam string message
-- @tparam ?integer line of the source; the statement that was under way when nil
function M.raise(message, line)
  error(setmetatable({ message = message, line = line }, Failure), 0)
end

--- Tells whether something that `pcall` caught is an error of the template.
-- @param value anything
-- @treturn boolean
function M.is(value)
  return getmetatable(value) == Failure
end

return M
