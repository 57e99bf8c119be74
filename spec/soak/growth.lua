-- SPDX-License-Identifier: MIT
-- Tells whether a quantity that was sampled again and again grows steadily.
--
-- The memory of a process jumps, and a busy machine makes it jump more, so single samples say
-- little. A leak differs from jumps in that what it has taken never comes back: then even the
-- smallest sample of a later part is above the largest one of an earlier part.

local M = {}

-- The samples of the first part of a run are left out: caches and pools are still filling then.
local WARM_UP = 0.25

-- What even a steady process may grow by: pieces of memory that the allocator cannot use again.
local SHARE = 0.05

local function extremes (samples, first, last)
  local least, most = math.huge, -math.huge
  for i = first, last do
    least, most = math.min(least, samples[i]), math.max(most, samples[i])
  end
  return least, most
end

--- The fewest samples from which growth can be told.
M.FEWEST = 12

--- Tells whether a quantity grows steadily. After the warm-up the samples are divided into three
-- parts. The quantity grows when the smallest sample of each part is larger than that of the part
-- before, and the smallest of the last part exceeds the largest of the first by 5 % and `slack`.
-- @tparam number[] samples at equal distances, at least `FEWEST`
-- @tparam number slack growth that is allowed in any case, in the unit of the samples
-- @treturn ?string how it grows; nil if it does not
function M.steady (samples, slack)
  assert(#samples >= M.FEWEST, "too few samples to judge: " .. #samples)
  local skipped = math.floor(#samples * WARM_UP)
  local size = math.floor((#samples - skipped) / 3)
  local first_least, first_most = extremes(samples, skipped + 1, skipped + size)
  local middle_least = extremes(samples, skipped + size + 1, #samples - size)
  local last_least = extremes(samples, #samples - size + 1, #samples)
  if last_least > first_most * (1 + SHARE) + slack and last_least > middle_least
    and middle_least > first_least then
    return ("at most %.0f in the first part, at least %.0f in the last"):format(first_most,
      last_least)
  end
end

return M
