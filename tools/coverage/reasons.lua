-- SPDX-License-Identifier: MIT
-- Finds the reasons of lines that no test runs in spec/coverage_left.lua, which explains its form.

local M = {}

M.FILE = "spec/coverage_left.lua"

--- Returns the ranges of a file that begin with a text: a map from the text to an array.
local function by_text (ranges)
  local found = {}
  for _, range in ipairs(ranges) do
    local key = range.path .. "\n" .. range.text
    found[key] = found[key] or {}
    table.insert(found[key], range)
  end
  return found
end

--- Sets the field `reason` of ranges.
-- @tparam table ranges arrays of `{ path, text, lines }`, in the order of the files
-- @treturn table texts about reasons that fit no range
function M.give (ranges)
  local found, stale = by_text(ranges), {}
  for _, group in ipairs(dofile(M.FILE)) do
    for path, entries in pairs(group.files) do
      for _, entry in ipairs(entries) do
        local text, lines = entry, 1
        if type(entry) == "table" then text, lines = entry[1], entry[2] end
        local same, taken = found[path .. "\n" .. text] or {}, false
        for i, range in ipairs(same) do
          if range.lines == lines and not range.reason then
            same[i].reason, taken = group.reason, true
            break
          end
        end
        if not taken and not group.sometimes then
          stale[#stale + 1] = ("%s: no range of %d lines that did not run begins with: %s")
            :format(path, lines, text)
        end
      end
    end
  end
  return stale
end

return M
