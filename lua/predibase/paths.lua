-- SPDX-License-Identifier: MIT
--- Paths of files, which differ between systems: Windows also separates with `\`.
-- @module predibase.paths

local M = {}

-- The first character of package.config separates folders. Some hosts have no `package`.
local config = type(package) == "table" and package.config
local on_windows = type(config) == "string" and config:sub(1, 1) == "\\"

--- Tells whether the program runs on Windows.
-- @treturn boolean
function M.on_windows ()
  return on_windows
end

--- Divides a path into its folder and the name in it.
-- @tparam string path
-- @tparam[opt] boolean windows (default: whether this is Windows)
-- @treturn string the folder with the separator at its end; "" when the path has none
-- @treturn string the name
function M.split (path, windows)
  if windows == nil then windows = on_windows end
  -- `C:name` is relative to the current folder of the drive.
  return path:match(windows and "^(.-)([^/\\:]*)$" or "^(.-)([^/]*)$")
end

--- Returns the folder of the user.
-- @tparam[opt=os.getenv] function getenv
-- @treturn ?string nil when it is not known
function M.home (getenv)
  getenv = getenv or os.getenv
  local home = getenv "HOME"
  if (not home or home == "") and on_windows then home = getenv "USERPROFILE" end
  return home ~= "" and home or nil
end

--- Replaces a `~/` at the beginning of a path by the folder of the user, as a shell does.
-- @tparam string path
-- @tparam[opt=os.getenv] function getenv
-- @treturn string
function M.expand (path, getenv)
  local home = M.home(getenv)
  return home and path:gsub(on_windows and "^~[/\\]" or "^~/", function () return home .. "/" end)
    or path
end

--- The device that is empty and takes everything.
M.null_device = on_windows and "NUL" or "/dev/null"

return M
