-- SPDX-License-Identifier: MIT
-- only: luajit
-- Checks that the table of faults is complete, and that every test in it exists.

if not rawget(_G, "jit") then return end

local child = require "spec.support.child"
local fault_tests = require "spec.support.fault_tests"
local matrix = require "spec.support.fault_matrix"

local FAULTS = 53

--- Returns the names of the tests in a spec file, as a set.
local function tests_in (spec)
  local path, found = fault_tests.file(spec), {}
  if spec:find "^c/" then
    -- The names are in the program, alone in a string.
    local file = assert(io.open(path))
    for name in file:read "*a":gmatch '"([^"\n]+)"' do found[name] = true end
    file:close()
    return found
  end
  local process = child.start(child.interpreter(), { args = { "tools/busted.lua",
    "--run=installed", "--list", path } })
  assert(process:wait() == 0, path .. ": " .. process.stdout .. process.stderr)
  for name in process.stdout:gmatch "[^\n]-:%d+: ([^\n]+)" do found[name] = true end
  return found
end

describe("The table of faults", function ()
  it("has a row for each fault, in order, that says what is done and what must happen", function ()
    assert.equal(FAULTS, #matrix.rows)
    for i, row in ipairs(matrix.rows) do
      assert.equal("F" .. i, row.id)
      for _, name in ipairs { "fault", "injected", "must" } do
        assert.is_true(type(row[name]) == "string" and row[name] ~= "", row.id .. ": " .. name)
      end
      for _, column in ipairs(fault_tests.COLUMNS) do
        local tests, why = fault_tests.of(row, column)
        assert.is_true(tests and #tests > 0 or type(why) == "string", row.id .. ": " .. column)
      end
    end
  end)

  it("names only tests that exist", function ()
    local known, missing = {}, {}
    local function check (row, spec, name)
      known[spec] = known[spec] or tests_in(spec)
      if not known[spec][name] then
        missing[("%s: %s: %s"):format(row.id, spec, name)] = true
      end
    end
    fault_tests.each(function (row, column, test)
      check(row, test.spec, test.name)
      if column ~= "nginx" then return end
      -- Inside nginx run only the specs called resty, and those that they run.
      assert.is_true(test.via ~= nil or test.spec:find "^resty" ~= nil, row.id .. ": " .. test.spec)
      for _, outer in ipairs(test.via or {}) do check(row, test.via.spec, outer) end
    end)
    local list = {}
    for text in pairs(missing) do list[#list + 1] = text end
    table.sort(list)
    assert.equal("", table.concat(list, "\n"))
  end)
end)
