-- SPDX-License-Identifier: MIT
-- Creates, reads and removes temporary folders.

local uv = require "luv"

local M = {}

--- Creates a new folder that no other user can enter.
-- @treturn string its path
function M.new ()
  local parent = os.getenv("TMPDIR") or "/tmp"
  return assert(uv.fs_mkdtemp(parent .. "/predibase-XXXXXX"))
end

--- Removes a folder and its content.
function M.remove (path)
  local entries = uv.fs_scandir(path)
  while entries do
    local name, kind = uv.fs_scandir_next(entries)
    if not name then break end
    local entry = path .. "/" .. name
    if kind == "directory" then M.remove(entry) else uv.fs_unlink(entry) end
  end
  uv.fs_rmdir(path)
end

--- Returns the bytes of a file, or an empty string when it does not exist.
function M.read (path)
  local file = io.open(path, "rb")
  if not file then return "" end
  local bytes = file:read("*a")
  file:close()
  return bytes
end

function M.write (path, bytes)
  local file = assert(io.open(path, "wb"))
  assert(file:write(bytes))
  file:close()
end

return M
