-- SPDX-License-Identifier: MIT
--- Pseudo-random numbers for property tests: the same on every Lua, and independent of
-- `math.random`. Lehmer's generator, x -> 16807 x mod (2^31 - 1); every product fits a double.
-- @module spec.support.random

local M = {}

M.__index = M

--- Returns a generator.
-- @tparam integer seed 1 to 2^31 - 2
function M.new (seed)
  return setmetatable({ x = seed }, M)
end

--- Returns an integer from `low` to `high`, both included.
function M:int (low, high)
  self.x = (self.x * 16807) % 2147483647
  return low + self.x % (high - low + 1)
end

--- Returns one of the elements of an array.
function M:pick (list)
  return list[self:int(1, #list)]
end

--- Returns `n` random bytes.
function M:bytes (n)
  local out = {}
  for i = 1, n do out[i] = string.char(self:int(0, 255)) end
  return table.concat(out)
end

--- Returns the text with one to three small changes: a byte changed, removed, doubled or inserted,
-- two pieces swapped, or the end cut off. `inserts` are the pieces that may be inserted.
function M:mutate (text, inserts)
  for _ = 1, self:int(1, 3) do
    local n = #text
    local at = self:int(1, n + 1)
    local head, tail = text:sub(1, at - 1), text:sub(at)
    local how = self:int(1, 6)
    if how == 1 then
      text = head .. string.char(self:int(0, 255)) .. tail:sub(2)
    elseif how == 2 then
      text = head .. tail:sub(1 + self:int(1, 8))
    elseif how == 3 then
      text = head .. tail:sub(1, self:int(1, 8)) .. tail
    elseif how == 4 then
      text = head .. self:pick(inserts) .. tail
    elseif how == 5 then
      text = head .. self:pick(inserts) .. tail:sub(1 + self:int(1, 12))
    else
      text = head
    end
  end
  return text
end

return M
