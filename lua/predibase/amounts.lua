-- SPDX-License-Identifier: MIT
--- Writes numbers, times and shares as people read them. The output is the same in every locale.
-- @module predibase.amounts

local M = {}

local floor, huge = math.floor, math.huge

--- Writes a number with a fixed number of decimals, and a point in every locale.
local function fixed (value, decimals)
  return (("%." .. decimals .. "f"):format(value):gsub(",", "."))
end

--- Writes a whole number with commas: `1,234,567`. A fraction is rounded.
-- @tparam number value
-- @treturn string
function M.count (value)
  if value ~= value or value == huge or value == -huge then return "unknown" end
  local sign = value < 0 and "-" or ""
  local digits = ("%.0f"):format(floor(math.abs(value) + 0.5))
  local head = #digits % 3
  local groups = { digits:sub(1, head) }
  if head == 0 then groups = {} end
  for i = head + 1, #digits, 3 do groups[#groups + 1] = digits:sub(i, i + 2) end
  return sign .. table.concat(groups, ",")
end

--- Writes a number that is at least 0 with about three digits: `0.034`, `1.25`, `12.5`, `1,250`.
-- @tparam number value
-- @treturn string
function M.number (value)
  if value ~= value or value == huge then return "unknown" end
  if value >= 99.95 or value == floor(value) then return M.count(value) end
  local decimals = value >= 9.995 and 1 or 2
  while value < 0.1 and value > 1e-9 and decimals < 9 and value * 10 ^ decimals < 10 do
    decimals = decimals + 1
  end
  return (fixed(value, decimals):gsub("0+$", ""):gsub("%.$", ""))
end

--- Writes a time: `410 ms`, `1.25 s`, `3 min 12 s`, `2 h 5 min`, `1 d 3 h`.
-- @tparam number seconds at least 0
-- @treturn string
function M.seconds (seconds)
  if seconds ~= seconds or seconds == huge then return "unknown" end
  if seconds > 0 and seconds < 0.9995 then return M.number(seconds * 1000) .. " ms" end
  if seconds < 59.95 then return M.number(seconds) .. " s" end
  local whole = floor(seconds + 0.5)
  for _, unit in ipairs { { 86400, "d", 3600, "h" }, { 3600, "h", 60, "min" },
    { 60, "min", 1, "s" } } do
    if whole >= unit[1] then
      local rest = floor(whole % unit[1] / unit[3])
      local text = M.count(floor(whole / unit[1])) .. " " .. unit[2]
      return rest == 0 and text or ("%s %d %s"):format(text, rest, unit[4])
    end
  end
end

--- Writes a share: `94.3%`. Only a share of 1 is written as `100%`, and only 0 as `0%`.
-- @tparam number share from 0 to 1
-- @treturn string
function M.percent (share)
  if share ~= share then return "unknown" end
  if share <= 0 then return "0%" end
  if share >= 1 then return "100%" end
  if share < 0.001 then return "<0.1%" end
  if share > 0.999 then return ">99.9%" end
  return fixed(share * 100, 1) .. "%"
end

--- Writes a number and its noun: `1 row`, `2 rows`.
-- @tparam number value
-- @tparam string noun in the singular; an `s` makes its plural
-- @treturn string
function M.of (value, noun)
  return M.count(value) .. " " .. noun .. (value == 1 and "" or "s")
end

return M
