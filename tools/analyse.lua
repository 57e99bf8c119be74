-- SPDX-License-Identifier: MIT
-- Reads what EmmyLua reports (JSON of emmylua_check), and compares it with what the files expect: a
-- line that ends in `-- expect: CODE` has to be reported with this code, and no other line. Prints
-- the differences and `N passed, N failed`; each file is one result.
-- usage: lua5.4 tools/analyse.lua REPORT FILE...

local cjson = require "cjson"
local whole_file = dofile "tools/whole-file.lua"

--- Returns the reports by file and line: the base name of the file -> line -> code -> message.
local function read_reports (path)
  local files = {}
  for _, entry in ipairs(cjson.decode(whole_file.read(path))) do
    local lines = {}
    files[entry.file:match "[^/]+$"] = lines
    for _, report in ipairs(entry.diagnostics) do
      -- Severity 1 is an error, 2 a warning. Others are hints for editors, such as unused names.
      if report.severity <= 2 then
        local line = report.range.start.line + 1
        lines[line] = lines[line] or {}
        lines[line][report.code] = report.message
      end
    end
  end
  return files
end

--- Compares the reports of a file with its lines. Returns the number of differences.
local function compare (path, reports)
  local wrong, number = 0, 0
  local function say (...)
    wrong = wrong + 1
    print(("%s:%d: %s"):format(path, number, string.format(...)))
  end
  for line in io.lines(path) do
    number = number + 1
    local wanted = line:match "%-%- expect: ([%w-]+)$"
    local found = reports[number] or {}
    if wanted and not found[wanted] then say("%s was not reported", wanted) end
    for code, message in pairs(found) do
      if code ~= wanted then say("%s [%s]", message, code) end
    end
  end
  return wrong
end

local reports = read_reports(arg[1])
local passed, failed = 0, 0
for i = 2, #arg do
  local wrong = compare(arg[i], reports[arg[i]:match "[^/]+$"] or {})
  if wrong == 0 then passed = passed + 1 else failed = failed + 1 end
end
print(("%d passed, %d failed"):format(passed, failed))
os.exit(failed == 0 and passed > 0 and 0 or 1)
