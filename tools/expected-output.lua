-- SPDX-License-Identifier: MIT
-- Compares the output of a program with what a page of the guide shows. A line `…` stands for any
-- lines, also for none, and `…` in a line for any text. Blanks at the ends of lines do not matter.
-- usage: lua5.4 tools/expected-output.lua EXPECTED OUTPUT

local function lines_of (path)
  local list = {}
  for line in io.lines(path) do list[#list + 1] = (line:gsub("%s+$", "")) end
  while list[#list] == "" do list[#list] = nil end
  return list
end

--- Tells whether a line has the form of an expected line.
local function fits (wanted, line)
  local pattern = wanted:gsub("%p", "%%%0"):gsub("…", ".*")
  return line:find("^" .. pattern .. "$") ~= nil
end

local expected, output = lines_of(arg[1]), lines_of(arg[2])

--- Compares the lines from two positions on.
local function compare (e, o)
  while expected[e] do
    if expected[e] == "…" then
      for from = o, #output + 1 do
        if compare(e + 1, from) then return true end
      end
      return false
    end
    if not output[o] or not fits(expected[e], output[o]) then return false end
    e, o = e + 1, o + 1
  end
  return output[o] == nil
end

if not compare(1, 1) then
  io.write("it should print:\n", table.concat(expected, "\n"), "\nand prints:\n",
    table.concat(output, "\n"), "\n")
  os.exit(1)
end
