-- SPDX-License-Identifier: MIT
-- Finds the reasons of lines that no test runs in spec/coverage_left.lua, which explains its form.

local M = {}

M.FILE = "spec/coverage_left.lua"

--- Sets the field `reason` of the first range of a file that an entry fits. Returns whether there
-- is one.
local function give (ranges, text, lines, reason)
  for _, range in ipairs(ranges) do
    if not range.reason and range.lines == lines and range.text:sub(1, #text) == text then
      range.reason = reason
      return true
    end
  end
  return false
end

--- Sets the field `reason` of ranges.
-- @tparam table ranges arrays of `{ path, text, lines }`, in the order of the files
-- @treturn table texts about reasons that fit no range
function M.give (ranges)
  local of_path, stale = {}, {}
  for _, range in ipairs(ranges) do
    of_path[range.path] = of_path[range.path] or {}
    table.insert(of_path[range.path], range)
  end
  for _, group in ipairs(dofile(M.FILE)) do
    for path, entries in pairs(group.files) do
      for _, entry in ipairs(entries) do
        local text, lines = entry, 1
        if type(entry) == "table" then text, lines = entry[1], entry[2] end
        if not give(of_path[path] or {}, text, lines, group.reason) and not group.sometimes then
          stale[#stale + 1] = ("%s: no range of %d lines that did not run begins with: %s")
            :format(path, lines, text)
        end
      end
    end
  end
  return stale
end

return M
