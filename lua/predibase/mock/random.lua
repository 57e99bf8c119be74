-- SPDX-License-Identifier: MIT
--- Random numbers that are the same for the same seed on every Lua.
-- The generator is MRG32k3a (P. L'Ecuyer, "Good Parameters and Implementations for Combined
-- Multiple Recursive Random Number Generators", Operations Research 47, 1999): all its products
-- stay below 2^53, so doubles and 64-bit integers give the same numbers.
-- A seed is a decimal string, because a u64 fits neither a double nor a Lua integer.
-- @module predibase.mock.random

local floor = math.floor

local M = {}

local M1, M2 = 4294967087, 4294944443
local TWO32 = 4294967296

-- Decimal text to two 32-bit halves; nil above 2^64 - 1.
local function halves(text)
  local high, low = 0, 0
  for digit in text:gmatch("%d") do
    low = low * 10 + tonumber(digit)
    local carry = floor(low / TWO32)
    low = low - carry * TWO32
    high = high * 10 + carry
    if high >= TWO32 then return nil end
  end
  return high, low
end

--- Whether a string of digits is at most 18446744073709551615.
-- @tparam string text decimal digits
-- @treturn boolean
function M.is_u64(text)
  return halves(text) ~= nil
end

--- The decimal text of a number given as two 32-bit halves.
-- @tparam number high
-- @tparam number low
-- @treturn string
function M.decimal(high, low)
  local digits = {}
  repeat
    local carry = high % 10
    high = floor(high / 10)
    low = low + carry * TWO32
    digits[#digits + 1] = string.format("%d", low % 10)
    low = floor(low / 10)
  until high == 0 and low == 0
  return table.concat(digits):reverse()
end

--- A generator of numbers in [0, 1).
-- @tparam string seed decimal digits of a u64
-- @treturn function
function M.new(seed)
  local high, low = halves(seed)
  -- The six words of state come from the seed by a small linear generator, so that neighbouring
  -- seeds start far apart. None of them may be zero throughout.
  local word = (high * 31 + low * 17 + 12345) % M2
  local state = {}
  for i = 1, 6 do
    word = (word * 1140671 + (i % 2 == 0 and high or low) + 1013904223) % M2
    state[i] = word % (M2 - 1) + 1
  end
  local a, b, c, d, e, f = state[1], state[2], state[3], state[4], state[5], state[6]
  local function next_number()
    local p = (1403580 * b - 810728 * a) % M1
    a, b, c = b, c, p
    local q = (527612 * f - 1370589 * d) % M2
    d, e, f = e, f, q
    return ((p - q) % M1) / M1
  end
  for _ = 1, 20 do next_number() end
  return next_number
end

--- A seed nobody has asked for: from a generator's own numbers.
-- @tparam function random as `new` returns it
-- @treturn string decimal digits of a u64
function M.seed(random)
  return M.decimal(floor(random() * TWO32), floor(random() * TWO32))
end

return M
