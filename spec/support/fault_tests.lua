-- SPDX-License-Identifier: MIT
-- Finds the tests that spec/support/fault_matrix.lua names.

local matrix = require "spec.support.fault_matrix"

local M = {}

--- The columns of the table that `make faults` prints: where a test runs.
M.COLUMNS = { "lua5.4", "luajit", "nginx" }

--- Returns the file of a spec: `name` is as in the matrix.
function M.file (name)
  if name:find "^c/" then return "spec/" .. name .. ".c" end
  if name:find "/" then return "spec/" .. name .. ".lua" end
  return "spec/" .. name .. "_spec.lua"
end

--- Replaces `{a|b}` in a name by each alternative; `list` gets the names.
local function expand (name, list)
  local before, choices, after = name:match "^(.-){([^}]*)}(.*)$"
  if not before then
    list[#list + 1] = name
    return list
  end
  choices = matrix.ways[choices] or choices
  for choice in (choices .. "|"):gmatch "([^|]*)|" do expand(before .. choice .. after, list) end
  return list
end

--- Returns the tests of a row in a column.
-- @tparam table row
-- @tparam string column
-- @treturn[1] table array of `{ spec, name, via }`. `via`: the spec that runs that one inside
-- nginx, with the name of its test.
-- @treturn[2] nil
-- @treturn[2] string why the row does not apply
function M.of (row, column)
  local groups, list = row.curl, {}
  if column == "nginx" then
    if type(row.nginx) == "string" then return nil, row.nginx end
    if row.nginx ~= true then groups = row.nginx end
  end
  for _, group in ipairs(groups) do
    local via = column == "nginx" and matrix.inside[group[1]] or nil
    if not group.on or group.on == column then
      for i = 2, #group do
        for _, name in ipairs(expand(group[i], {})) do
          list[#list + 1] = { spec = group[1], name = name, via = via }
        end
      end
    end
  end
  return list
end

--- Calls a function for every test of every row and column.
-- @tparam function f gets the row, the column and the test
function M.each (f)
  for _, row in ipairs(matrix.rows) do
    for _, column in ipairs(M.COLUMNS) do
      for _, test in ipairs(M.of(row, column) or {}) do f(row, column, test) end
    end
  end
end

return M
