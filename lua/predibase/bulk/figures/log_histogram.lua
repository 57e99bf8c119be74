-- SPDX-License-Identifier: MIT
--- A histogram of any number of values in little memory. Every bucket is 2 % wider than the one
-- before it, so that each value is known within 1 %.
--
-- The bounds of the buckets are the powers of `(1 + e) / (1 - e)` with `e` = 0.01, as in DDSketch
-- (Masson, Rim, Lee: "DDSketch", VLDB 2019).
-- @module predibase.bulk.figures.log_histogram

local M = {}

local floor, log = math.floor, math.log

-- How far a quantile may be from the true value, as a share of it.
local ERROR = 0.01

local GROWTH = (1 + ERROR) / (1 - ERROR)
local LOG_GROWTH = log(GROWTH)

-- Smaller values are counted in the first bucket, greater ones as the greatest. A microsecond is
-- less than any time to answer, and 10^9 seconds or tokens do not occur. There are at most 1,728
-- buckets in between.
local LEAST, GREATEST = 1e-6, 1e9

-- Bars of a plot: at least this many where the values allow it.
local BARS = 16

-- Bars per power of ten that are tried, the fewest first.
local STEPS = { 5, 10, 20, 40, 80 }

local Histogram = {}
Histogram.__index = Histogram

--- Counts a value.
-- @tparam number value less than 0 counts as 0
function Histogram:add (value)
  if value ~= value then return end
  if value < 0 then value = 0 elseif value > GREATEST then value = GREATEST end
  self.count, self.sum = self.count + 1, self.sum + value
  if self.count == 1 or value < self.least then self.least = value end
  if self.count == 1 or value > self.greatest then self.greatest = value end
  if value == 0 then
    self.zeros = self.zeros + 1
    return
  end
  local bucket = -floor(-log(value < LEAST and LEAST or value) / LOG_GROWTH)
  self.buckets[bucket] = (self.buckets[bucket] or 0) + 1
end

--- Returns the values of the buckets in ascending order, as arrays of values and of counts.
local function in_order (self)
  local numbers, values, counts = {}, {}, {}
  for bucket in pairs(self.buckets) do numbers[#numbers + 1] = bucket end
  table.sort(numbers)
  if self.zeros > 0 then values[1], counts[1] = 0, self.zeros end
  for _, bucket in ipairs(numbers) do
    local value = 2 * GROWTH ^ bucket / (GROWTH + 1)
    if self.integers then value = floor(value + 0.5) end
    values[#values + 1] = math.max(self.least, math.min(self.greatest, value))
    counts[#counts + 1] = self.buckets[bucket]
  end
  return values, counts
end

--- Returns the smallest value that at least a share of all values does not exceed.
local function quantile (self, values, counts, share)
  local wanted, seen = math.max(1, -floor(-share * self.count)), 0
  for i, value in ipairs(values) do
    seen = seen + counts[i]
    if seen >= wanted then return value end
  end
end

--- Returns the bound number `k` of bars of which there are `steps` per power of ten.
local function bound (self, k, steps)
  local value = 10 ^ (k / steps)
  local digits = 10 ^ ((steps > 20 and 2 or 1) - floor(k / steps))
  value = floor(value * digits + 0.5) / digits
  return self.integers and floor(value + 0.5) or value
end

--- Returns the bounds of bars that contain all values, in ascending order.
local function bounds (self, least, steps)
  local k = floor(log(least) / log(10) * steps)
  while bound(self, k, steps) > least do k = k - 1 end
  while bound(self, k + 1, steps) <= least do k = k + 1 end
  local list = { bound(self, k, steps) }
  if self.zeros > 0 and list[1] > 0 then table.insert(list, 1, 0) end
  while #list < 2 or list[#list] <= self.greatest do
    k = k + 1
    local value = bound(self, k, steps)
    if value > list[#list] then list[#list + 1] = value end
  end
  return list
end

--- Returns the bars of a plot: `{ from =, to =, count = }` in ascending order without gaps. A value
-- is in a bar when it is at least `from` and less than `to`.
local function bars (self, values, counts)
  if self.count == 0 then return {} end
  local least = self.integers and 1 or values[2] or LEAST      -- if the first bar is that of 0
  if self.zeros == 0 then least = math.max(self.least, LEAST) end
  local list
  for _, steps in ipairs(STEPS) do
    list = bounds(self, least, steps)
    if #list > BARS then break end
  end
  local out = {}
  for i = 1, #list - 1 do out[i] = { from = list[i], to = list[i + 1], count = 0 } end
  local bar = 1
  for i, value in ipairs(values) do
    while bar < #out and value >= out[bar].to do bar = bar + 1 end
    out[bar].count = out[bar].count + counts[i]
  end
  return out
end

--- Returns the distribution of the values.
-- @treturn table `count`, `sum`, and `bars` (array of `{ from =, to =, count = }`: `count` values
-- are at least `from` and less than `to`); if there are values also `mean`, `least`, `greatest`,
-- and `p50`, `p95` and `p99`, each within 1 % of a value that at least 50, 95 or 99 % of the values
-- do not exceed
function Histogram:distribution ()
  local values, counts = in_order(self)
  local result = { count = self.count, sum = self.sum, bars = bars(self, values, counts) }
  if self.count == 0 then return result end
  result.mean, result.least, result.greatest = self.sum / self.count, self.least, self.greatest
  result.p50 = quantile(self, values, counts, 0.50)
  result.p95 = quantile(self, values, counts, 0.95)
  result.p99 = quantile(self, values, counts, 0.99)
  return result
end

--- Makes an empty histogram.
-- @tparam ?boolean integers all values are integers; the bounds of bars are integers then
-- @treturn table
function M.new (integers)
  return setmetatable({ count = 0, sum = 0, zeros = 0, buckets = {}, integers = integers },
    Histogram)
end

return M
