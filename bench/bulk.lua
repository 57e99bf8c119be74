-- SPDX-License-Identifier: MIT
-- Measures a bulk run: `bulk.lua URL FILE ROWS [OUT]` asks for an answer to each row of a CSV file
-- of csv.lua, with 32 requests at the same time. It appends the answers to OUT, and goes on where
-- OUT ends, as every run does; without OUT it only counts them. Prints lines "NAME VALUE".
-- lorax_bulk.py does the same in Python.

local predibase = require "predibase"

local url, path, count, out = arg[1], arg[2], tonumber(arg[3]), arg[4]

local CONCURRENCY = 32

--- Returns the most resident memory that the process has had, in MiB.
local function peak_mib ()
  local file = assert(io.open "/proc/self/status")
  local peak = file:read "*a":match "VmHWM:%s+(%d+) kB"
  file:close()
  return tonumber(peak) / 1024
end

local client = assert(predibase.new { base_url = url, max_retries = 0 })
local cpu = os.clock()
local summary = assert(client:run_bulk {
  input = path,
  template = "Which label has this mail: a, b or c?\n\n{text}\n\nLabel:",
  options = { max_new_tokens = 8 },
  concurrency = CONCURRENCY,
  out = out,
}:finish())
cpu = os.clock() - cpu
local rows = summary.rows
assert(rows.answered + rows.resumed == count and rows.failed == 0, "rows are missing")
print(("rows_per_cpu_s %.1f"):format(count / cpu))
print(("peak_mib %.2f"):format(peak_mib()))
client:close()
