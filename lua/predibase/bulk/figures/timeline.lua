-- SPDX-License-Identifier: MIT
--- What was done in each part of a run of any length, and in its last seconds. The memory is
-- bounded: when there are too many parts, two neighbours become one that is twice as long.
-- @module predibase.bulk.figures.timeline

local M = {}

local floor = math.floor

-- Most parts of a run. A plot on a screen cannot show more.
local MAX_BINS = 240

-- The length of a part at the beginning, in seconds. Two minutes are shown with this precision.
local FIRST_WIDTH = 0.5

-- How many seconds the present rate looks back.
local RECENT = 10

local Timeline = {}
Timeline.__index = Timeline

local function empty ()
  return { answered = 0, failed = 0, tokens_in = 0, tokens_out = 0 }
end

local function add_to (bin, other)
  bin.answered, bin.failed = bin.answered + other.answered, bin.failed + other.failed
  bin.tokens_in, bin.tokens_out = bin.tokens_in + other.tokens_in, bin.tokens_out + other.tokens_out
end

--- Doubles the width of the bins.
local function double (self)
  local bins, halved = self.bins, {}
  for i, bin in ipairs(bins) do
    if i % 2 == 1 then halved[#halved + 1] = bin else add_to(halved[#halved], bin) end
  end
  self.bins, self.width = halved, self.width * 2
end

--- Counts a row.
-- @tparam number at seconds since the beginning
-- @tparam table row `answered` and `failed` (0 or 1), `tokens_in`, `tokens_out`
function Timeline:add (at, row)
  while at >= MAX_BINS * self.width do double(self) end
  local index = floor(at / self.width) + 1
  for i = #self.bins + 1, index do self.bins[i] = empty() end
  add_to(self.bins[index], row)
  local second = floor(at)
  local slot = self.recent[second % RECENT]
  if not slot or slot.second ~= second then
    slot = empty()
    slot.second = second
    self.recent[second % RECENT] = slot
  end
  add_to(slot, row)
end

--- Returns what was done per second in the last seconds.
-- @tparam number at seconds since the beginning
-- @treturn table `rows` (answered and failed), `tokens_in` and `tokens_out`, each per second
function Timeline:rates (at)
  local from, sum = floor(at) - RECENT + 1, empty()
  for _, slot in pairs(self.recent) do
    if slot.second >= from and slot.second <= at then add_to(sum, slot) end
  end
  -- A rate over less than half a second would say little.
  local span = math.max(at - math.max(from, 0), 0.5)
  return { rows = (sum.answered + sum.failed) / span, tokens_in = sum.tokens_in / span,
    tokens_out = sum.tokens_out / span }
end

--- Returns the parts of the run.
-- @tparam number at seconds since the beginning: the last part ends there
-- @treturn table `width` in seconds, and `bins`, an array of
-- `{ from =, to =, answered =, failed =, tokens_in =, tokens_out = }`, `from` and `to` in seconds
-- since the beginning
function Timeline:parts (at)
  local parts, width = { width = self.width, bins = {} }, self.width
  for i = 1, math.max(#self.bins, math.min(MAX_BINS, -floor(-at / width))) do
    local bin = empty()
    if self.bins[i] then add_to(bin, self.bins[i]) end
    bin.from, bin.to = (i - 1) * width, i * width
    parts.bins[i] = bin
  end
  local last = parts.bins[#parts.bins]
  if last and at > last.from and at < last.to then last.to = at end
  return parts
end

--- Makes an empty timeline.
-- @treturn table
function M.new ()
  return setmetatable({ width = FIRST_WIDTH, bins = {}, recent = {} }, Timeline)
end

return M
