-- SPDX-License-Identifier: MIT
-- `make faults` runs some tests of each spec: the folder SELECTED has a file for each spec, with a
-- pattern in each line. Without SELECTED every test runs.

local M = {}

local folder = os.getenv "SELECTED"

--- Returns the name of a spec file: "tls" for "spec/nginx/tls.lua", "tls_spec" for
-- "spec/tls_spec.lua".
function M.name (file)
  return file:match "([^/]+)%.lua$"
end

--- Returns the patterns of a spec file; none if all its tests run.
function M.patterns (file)
  local list, lines = {}, folder and io.open(folder .. "/" .. M.name(file))
  if not lines then return list end
  for pattern in lines:lines() do list[#list + 1] = pattern end
  lines:close()
  return list
end

--- Appends what tests printed (TAP) to a file of that folder, if there is one.
function M.keep (name, output)
  if not folder then return end
  local file = assert(io.open(folder .. "/" .. name .. ".tap", "a"))
  file:write(output)
  file:close()
end

return M
