-- SPDX-License-Identifier: MIT
--- Reads text files of any editor and system. A byte order mark at the beginning is not part of the
-- text, and CR LF is accepted as the end of a line.
-- @module predibase.files

local usage = require "predibase.usage"

local M = {}

local MARK = "\239\187\191"

--- Removes the byte order mark at the beginning of a text.
-- @tparam string text
-- @treturn string
function M.without_mark (text)
  if text:sub(1, #MARK) == MARK then return text:sub(#MARK + 1) end
  return text
end

--- Converts the line ends of a text from CR LF to LF.
-- @tparam string text
-- @treturn string
function M.unix (text)
  return (text:gsub("\r\n", "\n"))
end

local function first_bytes (path, bytes)
  local file, problem, code = io.open(path, "rb")
  if not file then return nil, problem, code end
  local text
  text, problem = file:read(bytes)
  file:close()
  if text then return text end
  if problem then return nil, path .. ": " .. problem end
  return ""                                      -- the file is empty
end

--- Reads a whole file.
-- @tparam string path
-- @tparam ?integer limit largest size of the file in bytes
-- @treturn[1] string without a byte order mark
-- @treturn[2] nil
-- @treturn[2] string what is wrong, with the path
-- @treturn[2] ?integer the system's error number when the file cannot be opened
function M.read (path, limit)
  local text, problem, code = first_bytes(path, limit and limit + 1 or "*a")
  if not text then return nil, problem, code end
  if limit and #text > limit then
    return nil, ("%s: is longer than %d bytes"):format(path, limit)
  end
  return M.without_mark(text)
end

--- The error number of a file that does not exist (`ENOENT`). It is the same on every system.
local MISSING = 2

--- Reads a file that may be missing.
-- @tparam string path
-- @tparam integer bytes largest number of bytes to read
-- @treturn ?string nil when the file is missing or cannot be read
-- @treturn ?string why an existing file cannot be read
function M.optional (path, bytes)
  local text, problem, code = first_bytes(path, bytes)
  if text then return M.without_mark(text) end
  return nil, code ~= MISSING and problem or nil
end

--- Tells whether there is a file that can be read.
-- @tparam string path
-- @treturn boolean
function M.exists (path)
  local file = io.open(path, "rb")
  if file then file:close() end
  return file ~= nil
end

--- Iterates over the lines of a file, without their line ends: for `client:generate_many`, or for
-- JSON line by line. The file is closed after its last line.
-- @tparam string path
-- @treturn fun():string? an iterator for `for`
-- @raise when the file cannot be opened
function M.lines (path)
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
