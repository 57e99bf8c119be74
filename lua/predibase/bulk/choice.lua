-- SPDX-License-Identifier: MIT
--- Chooses the rows of a run: the first ones (`limit`), a sample, or those of one shard. A run that
-- is started again with the same options chooses the same rows.
-- @module predibase.bulk.choice

local done = require "predibase.done"
local shards = require "predibase.bulk.shards"

local M = {}

local Choice = {}
Choice.__index = Choice

--- Returns a number in [0, 1) that depends on the number of a row alone. The hash is taken twice,
-- because the first digits of the hashes of short texts are alike.
local function lot (number)
  local digits = done.hash(done.hash("sample " .. number))
  return tonumber(digits:sub(1, 12), 16) / 2 ^ 48
end

--- Tells whether a row of the sample: each set of `sample` rows is as likely as any other
-- (selection sampling, Knuth, The Art of Computer Programming, volume 2, section 3.4.2).
local function is_drawn (self)
  local left = self.total - self.seen
  self.seen = self.seen + 1
  if lot(self.seen) * left >= self.sample - self.drawn then return false end
  self.drawn = self.drawn + 1
  return true
end

--- Tells whether the run takes a row. Must be called once for each row, in their order.
-- @tparam integer number of the row, from 1
-- @treturn boolean
function Choice:takes (number)
  if self.sample and not is_drawn(self) then return false end
  return self.shard == nil or shards.takes(self.shard, number)
end

--- Tells whether no later row is taken.
-- @tparam integer number of the next row
-- @treturn boolean
function Choice:is_over (number)
  return self.limit ~= nil and number > self.limit
    or self.sample ~= nil and self.drawn >= self.sample
end

--- Makes a choice.
-- @tparam table options `limit`, `sample`, `shard` (`index` from 0, and `count`)
-- @tparam ?integer total number of rows, for a sample
-- @treturn table
function M.new (options, total)
  return setmetatable({
    limit = options.limit, sample = options.sample, shard = options.shard,
    total = total, seen = 0, drawn = 0,
  }, Choice)
end

return M
