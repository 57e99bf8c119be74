-- SPDX-License-Identifier: MIT
--- Reads files that people made with editors of all systems: a byte order mark in front is no part
-- of the text, and where lines matter, CR LF is a line end.
-- @module predibase.files

local usage = require "predibase.usage"

local M = {}

local MARK = "\239\187\191"

--- A text without the byte order mark in front.
-- @tparam string text
-- @treturn string
function M.without_mark(text)
  if text:sub(1, #MARK) == MARK then return text:sub(#MARK + 1) end
  return text
end

--- A text whose lines end in LF.
-- @tparam string text
-- @treturn string
function M.unix(text)
  return (text:gsub("\r\n", "\n"))
end

local function first_bytes(path, bytes)
  local file, problem, code = io.open(path, "rb")
  if not file then return nil, problem, code end
  local text
  text, problem = file:read(bytes)
  file:close()
  if text then return text end
  if problem then return nil, path .. ": " .. problem end
  return ""                                      -- there was nothing to read
end

--- Reads a whole file.
-- @tparam string path
-- @tparam ?integer limit most bytes
-- @treturn[1] string without a byte order mark
-- @treturn[2] nil
-- @treturn[2] string what is wrong, with the path
-- @treturn[2] ?integer the system's number of the error when the file cannot be opened
function M.read(path, limit)
  local text, problem, code = first_bytes(path, limit and limit + 1 or "*a")
  if not text then return nil, problem, code end
  if limit and #text > limit then
    return nil, ("%s: is longer than %d bytes"):format(path, limit)
  end
  return M.without_mark(text)
end

--- The number of the error for a file that does not exist (`ENOENT`), the same on every system.
local MISSING = 2

--- Reads a file that need not be there.
-- @tparam string path
-- @tparam integer bytes how many are read at most
-- @treturn ?string nil when it is not there, or cannot be read
-- @treturn ?string why it cannot be read
function M.optional(path, bytes)
  local text, problem, code = first_bytes(path, bytes)
  if text then return M.without_mark(text) end
  return nil, code ~= MISSING and problem or nil
end

--- Iterates over the lines of a file, without their ends; for `client:generate_many`, or for JSON
-- line by line. The file is closed behind the last one.
-- @tparam string path
-- @treturn function
-- @raise when the file cannot be opened
function M.lines(path)
  local file, problem = io.open(path, "rb")
  if not file then usage.fail(problem) end
  local first = true
  return function ()
    local line = file and file:read "*l"
    if not line then
      if file then file:close() end
      file = nil
      return nil
    end
    if first then line, first = M.without_mark(line), false end
    return (line:gsub("\r$", ""))
  end
end

return M
