-- SPDX-License-Identifier: MIT
--- A priority queue of values by time, the earliest first.
-- @module predibase.heap

local M = {}

local Heap = {}
Heap.__index = Heap

--- Adds a value.
-- @tparam number at its time
-- @param value anything but nil
-- @treturn table the entry `{ at, value }`; to cancel it, set its `value` to nil
function Heap:push (at, value)
  local entry, i = { at = at, value = value }, #self + 1
  while i > 1 do
    local parent = (i - i % 2) / 2
    if self[parent].at <= at then break end
    self[i], i = self[parent], parent
  end
  self[i] = entry
  return entry
end

--- Removes the earliest entry and returns it.
local function pop (self)
  local first, n = self[1], #self
  local last = self[n]
  self[n] = nil
  n = n - 1
  if n < 1 then return first end
  local i, child = 1, 2
  while child <= n do
    if child < n and self[child + 1].at < self[child].at then child = child + 1 end
    if last.at <= self[child].at then break end
    self[i], i = self[child], child
    child = 2 * i
  end
  self[i] = last
  return first
end

--- Removes all entries whose time has come and passes their values to a function. Cancelled entries
-- are removed when they are the earliest.
-- @tparam function clock returns the time; called only if an entry is left to compare it with
-- @tparam function f is called with each value, in the order of time
-- @treturn ?number the time until the next entry; nil when the heap is empty
function Heap:due (clock, f)
  local now
  while self[1] do
    local entry = self[1]
    local value = entry.value
    if value ~= nil then
      now = now or clock()
      if entry.at > now then return entry.at - now end
      entry.value = nil
    end
    pop(self)
    if value ~= nil then f(value) end     -- last, because it may call this function
  end
end

--- Makes an empty heap.
-- @treturn table
function M.new ()
  return setmetatable({}, Heap)
end

return M
