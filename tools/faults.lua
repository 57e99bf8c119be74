-- SPDX-License-Identifier: MIT
-- The two ends of `make faults`, between which tools/test.sh runs the tests.
-- `lua5.4 tools/faults.lua plan FOLDER` writes the names of the tests into FOLDER, a file for each
-- spec, and prints the specs. `lua5.4 tools/faults.lua report FOLDER LOGS` prints the table.

package.path = "./?.lua;" .. package.path

local fault_tests = require "spec.support.fault_tests"
local matrix = require "spec.support.fault_matrix"

local TITLES = { ["lua5.4"] = "libcurl, 5.4", luajit = "libcurl, LuaJIT", nginx = "nginx" }

local function base_name (spec)
  return fault_tests.file(spec):match "([^/]+)%.%a+$"
end

local function pattern (name)
  return "^" .. name:gsub("%p", "%%%0") .. "$"
end

local function plan (folder)
  local files, patterns = {}, {}
  local function add (spec, name)
    if not patterns[spec] then
      patterns[spec] = {}
      files[#files + 1] = spec
    end
    patterns[spec][pattern(name)] = true
  end
  fault_tests.each(function (_, _, test)
    add(test.spec, test.name)
    for _, outer in ipairs(test.via or {}) do add(test.via.spec, outer) end
  end)
  local specs = {}
  for _, spec in ipairs(files) do
    local out = assert(io.open(folder .. "/" .. base_name(spec), "w"))
    for each in pairs(patterns[spec]) do out:write(each, "\n") end
    assert(out:close())
    -- what is in spec/nginx runs only through the spec that starts nginx
    if not spec:find "^nginx/" then specs[#specs + 1] = fault_tests.file(spec) end
  end
  print(table.concat(specs, " "))
end

--- Returns the results in a file of TAP: name -> "passed" or "failed".
local function results (path)
  local found, file = {}, io.open(path)
  if not file then return found end
  for line in file:lines() do
    local bad, name = line:match "^(n?o?t? ?)ok %d+ %-? ?(.*)$"
    if name and not name:find "# [Ss][Kk][Ii][Pp]" then
      local failed = bad == "not " or found[name] == "failed"
      found[name] = failed and "failed" or "passed"
    end
  end
  file:close()
  return found
end

local function report (folder, logs)
  local read = {}
  local function outcome (column, test)
    local path = ("%s/%s.%s.tap"):format(logs, column == "nginx" and "luajit" or column,
      base_name(test.spec))
    if test.via then path = ("%s/nginx.%s.tap"):format(folder, base_name(test.spec)) end
    read[path] = read[path] or results(path)
    return read[path][test.name] or "no such test"
  end
  local RANK = { passed = 1, failed = 2, ["no such test"] = 3 }
  local passed, failed = 0, 0
  local FORMAT = "%-4s %-58s %-13s %-15s %s"
  print(FORMAT:format("", "fault", TITLES["lua5.4"], TITLES.luajit, TITLES.nginx))
  for _, row in ipairs(matrix.rows) do
    local cells, notes, good = {}, {}, true
    for i, column in ipairs(fault_tests.COLUMNS) do
      local tests, why = fault_tests.of(row, column)
      local worst = tests and (#tests == 0 and "no such test" or "passed") or "-"
      for _, test in ipairs(tests or {}) do
        local result = outcome(column, test)
        if result ~= "passed" then
          notes[#notes + 1] = ("%s: %s: %s: %s"):format(TITLES[column], result,
            fault_tests.file(test.spec), test.name)
          if RANK[result] > (RANK[worst] or 0) then worst = result end
        end
      end
      if why then notes[#notes + 1] = TITLES[column] .. ": does not apply: " .. why end
      if tests and worst ~= "passed" then good = false end
      cells[i] = worst
    end
    if good then passed = passed + 1 else failed = failed + 1 end
    print(FORMAT:format(row.id, row.fault, cells[1], cells[2], cells[3]))
    for _, note in ipairs(notes) do print("     " .. note) end
  end
  print(("%d passed, %d failed"):format(passed, failed))
  os.exit(failed == 0)
end

local command, folder, logs = arg[1], arg[2], arg[3]
if command == "plan" and folder then
  plan(folder)
elseif command == "report" and logs then
  report(folder, logs)
else
  io.stderr:write "usage: lua5.4 tools/faults.lua plan FOLDER | report FOLDER LOGS\n"
  os.exit(2)
end
