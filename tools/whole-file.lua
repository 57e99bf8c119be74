-- SPDX-License-Identifier: MIT
-- Reads and writes whole files, for the programs of this folder:
-- `local whole_file = dofile "tools/whole-file.lua"`.

local M = {}

--- Returns the bytes of a file, or nil when it cannot be opened.
function M.read_if_there (path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local bytes = file:read "a"
  file:close()
  return bytes
end

--- Returns the bytes of a file, which must exist.
function M.read (path)
  return M.read_if_there(path) or error("cannot read " .. path, 2)
end

--- Writes a file, and makes its folder when there is none.
function M.write (path, bytes)
  local folder = path:match "^(.*)/"
  if folder then assert(os.execute(("mkdir -p '%s'"):format(folder))) end
  local file = assert(io.open(path, "wb"))
  assert(file:write(bytes))
  assert(file:close())
end

return M
