-- SPDX-License-Identifier: MIT
--- Standard output for people and for pipes.
--
-- A pipe or a file gets the bytes as they are. A terminal obeys control characters, and the text
-- of a model is not to be trusted with that: there they are replaced.
-- @module predibase.cli.output

local failures = require "predibase.cli.failures"

local M = {}

local REPLACEMENT = "\239\191\189"      -- U+FFFD

--- Tells whether a descriptor is a terminal. The shell's `test` knows; asking it costs a
-- millisecond and needs no library that the command does not need otherwise.
-- @tparam integer descriptor
-- @treturn boolean
function M.is_terminal(descriptor)
  local status = os.execute(("test -t %d"):format(descriptor))
  return status == true or status == 0  -- Lua 5.1 gives the number
end

--- A text without control characters save line ends and tabs, C1 controls included.
-- @tparam string text valid UTF-8, cut between characters
-- @treturn string
function M.safe(text)
  text = text:gsub("\r\n", "\n"):gsub("[%z\1-\8\11-\31\127]", REPLACEMENT)
  return (text:gsub("\194[\128-\159]", REPLACEMENT))
end

local methods = {}
local mt = { __index = methods }

--- Standard output.
-- @tparam[opt] table options `file` and `terminal` (boolean) in place of standard output
-- @treturn table with `write` and `end_line`
function M.new(options)
  options = options or {}
  local terminal = options.terminal
  if terminal == nil then terminal = M.is_terminal(1) end
  return setmetatable({
    file = options.file or io.stdout,
    terminal = terminal,
    at_line_start = true,               -- nothing stands on the present line
  }, mt)
end

--- Writes and flushes. Raises a failure when that cannot be done.
-- @tparam string text
function methods:write(text)
  if text == "" then return end
  self.at_line_start = text:sub(-1) == "\n"
  if self.terminal then text = M.safe(text) end
  local ok, message, number = self.file:write(text)
  if ok then ok, message, number = self.file:flush() end
  if not ok then failures.output(message, number) end
end

--- Ends the line on a terminal, so that what follows begins a new one. Elsewhere the output is
-- the text and nothing else: for when nothing follows on standard error.
function methods:end_line()
  if self.terminal and not self.at_line_start then self:write("\n") end
end

--- Ends the line, also in a pipe: answers stand on lines of their own, and so does what goes to
-- standard error, which is often the same terminal or file in the end.
-- @tparam ?boolean always also when nothing stands on it
function methods:line(always)
  if always or not self.at_line_start then self:write("\n") end
end

return M
