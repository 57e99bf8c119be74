---@meta predibase.similarity
-- SPDX-License-Identifier: MIT
-- Made from lua/predibase/similarity.lua by `make types`; do not edit.

---Compares vectors of `client:embed`.
---@class predibase.similarity
local M = {}

---Returns the cosine of the angle between two vectors: 1 for the same direction, 0 for vectors
---that have nothing in common, -1 for opposite directions. The lengths of the vectors do not
---matter. A vector of zeros has no direction, so its similarity to any vector is 0.
---
---Raises an error for anything else.
---@param a number[] array of numbers
---@param b number[] array of as many numbers
---@return number # from -1 to 1
function M.cosine(a, b) end

return M
