-- SPDX-License-Identifier: MIT
-- Temporary folders: made, read and removed with everything in them.

local uv = require "luv"

local M = {}

--- A new folder that nobody else can enter.
-- @treturn string its path
function M.new()
  local parent = os.getenv("TMPDIR") or "/tmp"
  return assert(uv.fs_mkdtemp(parent .. "/predibase-XXXXXX"))
end

--- Removes a folder and what is in it.
function M.remove(path)
  local entries = uv.fs_scandir(path)
  while entries do
    local name, kind = uv.fs_scandir_next(entries)
    if not name then break end
    local entry = path .. "/" .. name
    if kind == "directory" then M.remove(entry) else uv.fs_unlink(entry) end
  end
  uv.fs_rmdir(path)
end

--- The bytes of a file; an empty string when there is none.
function M.read(path)
  local file = io.open(path, "rb")
  if not file then return "" end
  local bytes = file:read("*a")
  file:close()
  return bytes
end

function M.write(path, bytes)
  local file = assert(io.open(path, "wb"))
  assert(file:write(bytes))
  file:close()
end

return M
