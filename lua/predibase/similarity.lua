-- SPDX-License-Identifier: MIT
--- Compares vectors of `client:embed`.
-- @module predibase.similarity

local checks = require "predibase.value_checks"
local usage = require "predibase.usage"

local M = {}

local function check (vector, what)
  local size = type(vector) == "table" and #vector or 0
  if size == 0 then
    usage.fail(("similarity takes two vectors, which are arrays of numbers; the %s is %s"):format(
      what, type(vector) == "table" and "empty" or checks.describe(vector)))
  end
  local largest = 0
  for i = 1, size do
    local value = vector[i]
    if type(value) ~= "number" or value - value ~= 0 then
      usage.fail(("similarity takes two vectors of numbers; the %s has %s at position %d"):format(
        what, checks.describe(value), i))
    end
    largest = math.max(largest, math.abs(value))
  end
  return size, largest
end

--- Returns the cosine of the angle between two vectors: 1 for the same direction, 0 for vectors
-- that have nothing in common, -1 for opposite directions. The lengths of the vectors do not
-- matter. A vector of zeros has no direction, so its similarity to any vector is 0.
-- @tparam number[] a array of numbers
-- @tparam number[] b array of as many numbers
-- @treturn number from -1 to 1
-- @raise for anything else
function M.cosine (a, b)
  local size, largest_a = check(a, "first")
  local other, largest_b = check(b, "second")
  if size ~= other then
    usage.fail(("similarity takes two vectors of the same size, got %d and %d numbers"):format(
      size, other))
  end
  if largest_a == 0 or largest_b == 0 then return 0 end
  -- Dividing by the largest number first keeps the squares from overflowing.
  local product, square_a, square_b = 0, 0, 0
  for i = 1, size do
    local x, y = a[i] / largest_a, b[i] / largest_b
    product, square_a, square_b = product + x * y, square_a + x * x, square_b + y * y
  end
  local cosine = product / math.sqrt(square_a) / math.sqrt(square_b)
  return math.max(-1, math.min(1, cosine))
end

return M
