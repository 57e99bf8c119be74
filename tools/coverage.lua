-- SPDX-License-Identifier: MIT
-- The report of `make coverage`: which lines of src, lua and bin the tests ran.
-- usage: lua5.4 tools/coverage.lua BUILD
-- Prints a table of the files, then the lines that did not run, then the totals. Fails when less
-- than 95 % of the lines of C or of Lua ran, when lines did not run for which
-- spec/coverage_left.lua has no reason, and when a reason there has no such lines.

package.path = "tools/coverage/?.lua;" .. package.path
local c_lines = require "c_lines"
local lua_lines = require "lua_lines"
local reasons = require "reasons"

local WANTED = 95       -- percent
local build = assert(arg[1], "usage: lua5.4 tools/coverage.lua BUILD")

local function list (command)
  local paths, pipe = {}, assert(io.popen(command))
  for path in pipe:lines() do paths[#paths + 1] = path end
  assert(pipe:close(), command)
  return paths
end

local function text_of (path)
  local lines = {}
  for line in io.lines(path) do lines[#lines + 1] = line end
  return lines
end

--- Counts the lines of a file, and joins those that did not run to ranges, which lines without code
-- do not divide.
local function summary (path, lines)
  local s = { path = path, lines = 0, hit = 0, ranges = {} }
  local text, range = text_of(path), nil
  for number = 1, #text do
    local ran = lines[number]
    if ran ~= nil then s.lines = s.lines + 1 end
    if ran then
      s.hit = s.hit + 1
      range = nil
    elseif ran == false then
      if not range then
        range = { path = path, first = number, lines = 0, text = text[number]:match "^%s*(.-)%s*$" }
        s.ranges[#s.ranges + 1] = range
      end
      range.last, range.lines = number, range.lines + 1
    end
  end
  return s
end

local function percent (s)
  return s.lines == 0 and 100 or 100 * s.hit / s.lines
end

local ROW = "%-52s %6d %6d %7.2f %%"

local function table_of (language, found)
  local paths, all = {}, { lines = 0, hit = 0, ranges = {} }
  for path in pairs(found) do paths[#paths + 1] = path end
  table.sort(paths)
  print(("%-52s %6s %6s"):format(language, "lines", "ran"))
  for _, path in ipairs(paths) do
    local s = summary(path, found[path])
    print(ROW:format(path, s.lines, s.hit, percent(s)))
    all.lines, all.hit = all.lines + s.lines, all.hit + s.hit
    for _, range in ipairs(s.ranges) do all.ranges[#all.ranges + 1] = range end
  end
  print(ROW:format("all of " .. language, all.lines, all.hit, percent(all)) .. "\n")
  return all
end

local passed, failed = 0, 0
local function check (good, ...)
  if good then passed = passed + 1 else failed = failed + 1 end
  print((good and "ok: " or "FAILED: ") .. string.format(...))
end

local lua = lua_lines.read(list "find lua -name '*.lua'; echo bin/predibase", build .. "/lines")
local c = c_lines.read(build)
local totals = { C = table_of("C", c), Lua = table_of("Lua", lua) }

local ranges = {}
for _, all in pairs(totals) do
  for _, range in ipairs(all.ranges) do ranges[#ranges + 1] = range end
end
table.sort(ranges, function (a, b)
  if a.path ~= b.path then return a.path < b.path end
  return a.first < b.first
end)
local stale = reasons.give(ranges)

print "Lines that did not run:"
local without = 0
for _, range in ipairs(ranges) do
  local place = range.first == range.last and range.first or range.first .. "-" .. range.last
  print(("  %s:%s: %s\n      %s"):format(range.path, place, range.text,
    range.reason or "NO REASON"))
  if not range.reason then without = without + 1 end
end
for _, problem in ipairs(stale) do print("  " .. problem) end
print()

-- A file whose code is for Windows alone has no lines here, but it was compiled.
for _, path in ipairs(list "ls src/*.c") do
  local notes = list(("find '%s' -name '*%s.gcno'"):format(build, path:match "([^/]+)%.c$"))
  if #notes == 0 then check(false, "%s was not compiled with --coverage", path) end
end
check(without == 0, "%d ranges of lines that did not run have no reason in %s", without,
  reasons.FILE)
check(#stale == 0, "%d reasons of %s have no such lines", #stale, reasons.FILE)
for _, language in ipairs { "C", "Lua" } do
  local all = totals[language]
  check(percent(all) >= WANTED, "%d of %d lines of %s ran: %.2f %%, and %d %% should", all.hit,
    all.lines, language, percent(all), WANTED)
end
print(("%d passed, %d failed"):format(passed, failed))
os.exit(failed == 0)
