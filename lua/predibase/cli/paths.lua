-- SPDX-License-Identifier: MIT
--- Paths of files as a person types them.
-- @module predibase.cli.paths

local M = {}

--- A path as a shell would read its first character.
-- @tparam string path
-- @treturn string
function M.expanded(path)
  local home = os.getenv "HOME"
  return home and path:gsub("^~/", function () return home .. "/" end) or path
end

--- The files that a path may be about to name.
-- @tparam string beginning
-- @treturn table array of paths that begin so; those of folders end in a slash
function M.matching(beginning)
  local found, folder, name = {}, beginning:match "^(.-)([^/]*)$"
  local place = folder == "" and "./" or M.expanded(folder)
  if place:sub(1, 1) == "-" then place = "./" .. place end
  local listing = io.popen("ls -1Ap '" .. place:gsub("'", "'\\''") .. "' 2>/dev/null")
  if not listing then return found end
  for entry in listing:lines() do
    -- Hidden ones only for those who ask for them, as shells do.
    if entry:sub(1, #name) == name and (name ~= "" or entry:sub(1, 1) ~= ".") then
      found[#found + 1] = folder .. entry
    end
  end
  listing:close()
  return found
end

return M
