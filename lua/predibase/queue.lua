-- SPDX-License-Identifier: MIT
--- A first-in, first-out queue.
-- @module predibase.queue

local M = {}

local Queue = {}
Queue.__index = Queue

--- Puts a value at the end.
-- @param value anything but nil
function Queue:push (value)
  local last = self.last + 1
  self[last] = value
  self.last = last
end

--- Removes the first value.
-- @return the value; nil when the queue is empty
function Queue:pop ()
  if self.first > self.last then return nil end
  local value = self[self.first]
  self[self.first] = nil
  self.first = self.first + 1
  return value
end

--- Returns the number of values.
-- @treturn integer
function Queue:size ()
  return self.last - self.first + 1
end

--- Makes an empty queue.
-- @treturn table
function M.new ()
  return setmetatable({ first = 1, last = 0 }, Queue)
end

return M
