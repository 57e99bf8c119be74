-- SPDX-License-Identifier: MIT
-- Prints measurements as the benchmark's table, or as JSON.
-- usage: report.lua RESULTS FACTS [--json|--bars]
-- With --bars it prints only the rows that have a limit.
-- The file RESULTS has lines "ROUND WHO/SETTING/NAME VALUE". The file FACTS has lines "NAME VALUE"
-- that describe the machine and the run. docs/performance.md describes the JSON.

local M = {}

--- Reads measurements.
-- @tparam string text
-- @treturn table for each name, an array of the values by round
function M.parse (text)
  local values = {}
  for line in text:gmatch "[^\n]+" do
    local round, name, value = line:match "^(%d+) (%S+) (%S+)$"
    local number = tonumber(value)
    if not number then error("not a measurement: " .. line, 0) end
    values[name] = values[name] or {}
    values[name][tonumber(round)] = number
  end
  return values
end

--- Returns the median.
-- @tparam table list
-- @treturn number
function M.median (list)
  local sorted = {}
  for i, value in ipairs(list) do sorted[i] = value end
  table.sort(sorted)
  local n = #sorted
  local middle = (n + n % 2) / 2
  if n % 2 == 1 then return sorted[middle] end
  return (sorted[middle] + sorted[middle + 1]) / 2
end

local function complete (values, name, rounds, title)
  local list = values[name]
  for i = 1, rounds do
    if not (list and list[i]) then
      error(("no measurement %s in round %d, for the row '%s'"):format(name, i, title), 0)
    end
  end
  return list
end

--- Computes one row. The ratio is the median of the ratios of the rounds.
-- @tparam table row of bench/rows.lua
-- @tparam table values of `parse`
-- @tparam number rounds
-- @treturn table the row with `ours`, `baseline`, `ratio`, `verdict`
-- @raise when a measurement is missing
function M.compute (row, values, rounds)
  local out = { id = row.id, title = row.title, full = row.full, measurement = row.ours,
    baseline_measurement = row.base }
  if row.bar then out.bar = { of = row.bar[1], is = row.bar[2], limit = row.bar[3] } end
  if row.once then rounds = 1 end
  if row.missing and not values[row.ours] then
    out.missing = row.missing
    return out
  end
  out.ours_values = complete(values, row.ours, rounds, row.title)
  out.ours = M.median(out.ours_values)
  if row.base and (values[row.base] or not row.missing) then
    out.baseline_values = complete(values, row.base, rounds, row.title)
    out.baseline = M.median(out.baseline_values)
    if not row.absolute then
      out.ratios = {}
      for i = 1, rounds do out.ratios[i] = out.ours_values[i] / out.baseline_values[i] end
      out.ratio = M.median(out.ratios)
    end
  end
  if row.base and not out.baseline then
    out.missing = row.missing
  elseif row.bar then
    local value, limit = out[row.bar[1]], row.bar[3]
    local met = row.bar[2] == "<=" and value <= limit or row.bar[2] == ">=" and value >= limit
    out.verdict = met and "met" or "missed"
  end
  return out
end

local function number_text (v)
  if not v then return "-" end
  return (v >= 1000 and "%.0f" or v >= 10 and "%.1f" or v >= 1 and "%.2f" or "%.3f"):format(v)
end

local FORMAT = "%-54s %9s %9s %6s  %-8s %s\n"

--- Formats the table as text.
-- @tparam table rows of `compute`
-- @tparam table facts array of `{ name, value }`
-- @treturn string
function M.text (rows, facts)
  local out, missed, missing = {}, 0, {}
  for _, fact in ipairs(facts) do out[#out + 1] = ("%-9s %s\n"):format(fact[1], fact[2]) end
  out[#out + 1] = "\n" .. FORMAT:format("", "ours", "baseline", "ratio", "must be", "")
  for _, row in ipairs(rows) do
    local bar, verdict = row.bar, row.verdict or ""
    if row.missing then
      missing[#missing + 1] = ("%s: %s\n"):format(row.title:gsub("^ +", ""), row.missing)
      verdict = "not measured"
    end
    if row.verdict == "missed" then missed = missed + 1 end
    out[#out + 1] = FORMAT:format(row.title, number_text(row.ours), number_text(row.baseline),
      row.ratio and ("%.2f"):format(row.ratio) or "-",
      bar and ("%s %s"):format(bar.is, number_text(bar.limit):gsub("%.?0+$", "")) or "", verdict)
      :gsub(" +\n$", "\n")
  end
  out[#out + 1] = "\n" .. table.concat(missing)
  out[#out + 1] = missed == 0 and "no bar was missed\n" or ("%d missed\n"):format(missed)
  return table.concat(out)
end

--- Formats the table as JSON.
-- @tparam table rows of `compute`
-- @tparam table facts array of `{ name, value }`
-- @tparam number rounds
-- @treturn string
function M.json (rows, facts, rounds)
  local measured_on = {}
  for _, fact in ipairs(facts) do measured_on[fact[1]] = fact[2] end
  local json = require "predibase.json"
  return assert(json.encode { schema = "predibase-bench/1", rounds = rounds,
    measured_on = measured_on, rows = rows }) .. "\n"
end

local function read (path)
  local file = assert(io.open(path))
  local text = file:read "*a"
  file:close()
  return text
end

local function main (results, facts_path, form)
  local values, rounds = M.parse(read(results)), 0
  for _, list in pairs(values) do rounds = math.max(rounds, #list) end
  local facts = {}
  for name, value in read(facts_path):gmatch "(%S+) ([^\n]*)\n" do
    facts[#facts + 1] = { name, value }
  end
  local rows = {}
  for _, row in ipairs(dofile "bench/rows.lua") do
    if form == "--bars" then row.title = row.full or row.title end
    local wanted = row.bar or form ~= "--bars"
    -- SKIP leaves out whole settings; anything else that is missing is an error.
    if os.getenv "SKIP" and not values[row.ours] then wanted = false end
    if wanted then rows[#rows + 1] = M.compute(row, values, rounds) end
  end
  io.write(form == "--json" and M.json(rows, facts, rounds) or M.text(rows, facts))
end

if arg and arg[0] and arg[0]:find "report%.lua$" then main(arg[1], arg[2], arg[3]) end

return M
