-- SPDX-License-Identifier: MIT
--- Keeps examples: a few rows of any number of rows, always the same ones. Which rows are kept
-- depends on their numbers only, and not on the order in which their answers arrive.
-- @module predibase.bulk.examples

local json = require "predibase.json"
local utf8 = require "predibase.utf8"

local M = {}

-- The fractions of the multiples of this number are spread evenly over 0 to 1 (D. Knuth, The Art of
-- Computer Programming, section 6.4), so that the rows with the smallest fractions are spread over
-- the whole file.
local GOLDEN = (math.sqrt(5) - 1) / 2

local Examples = {}
Examples.__index = Examples

--- Tells whether a row would be kept now. Ask before making an example, which costs more.
-- @tparam number number of the row
-- @treturn boolean
function Examples:wants (number)
  return #self.kept < self.size or number * GOLDEN % 1 < self.kept[self.size].key
end

--- Keeps an example, in place of another one when there are too many.
-- @tparam number number of the row
-- @param example anything
function Examples:put (number, example)
  local kept, key = self.kept, number * GOLDEN % 1
  local i = math.min(#kept + 1, self.size)
  while i > 1 and kept[i - 1].key > key do
    kept[i] = kept[i - 1]
    i = i - 1
  end
  kept[i] = { key = key, number = number, example = example }
end

--- Returns the kept examples in the order of their rows.
-- @treturn table array
function Examples:list ()
  local sorted, list = {}, {}
  for i, entry in ipairs(self.kept) do sorted[i] = entry end
  table.sort(sorted, function (a, b)
    if a.number ~= b.number then return a.number < b.number end
    return a.key < b.key
  end)
  for i, entry in ipairs(sorted) do list[i] = entry.example end
  return list
end

--- Makes a set without examples.
-- @tparam number size how many examples it may keep, at least 1
-- @treturn table
function M.new (size)
  return setmetatable({ size = size, kept = {} }, Examples)
end

--- Cuts a value to a text that can be kept.
-- @param value a string; another value is written as JSON
-- @tparam number limit largest size of the text in bytes
-- @treturn[1] string text no character is cut in half
-- @treturn[1] number the size of the whole text in bytes
-- @treturn[2] nil the value is nil
function M.excerpt (value, limit)
  if value == nil then return nil end
  local text = value
  if type(text) ~= "string" then text = json.encode(value) or tostring(value) end
  if #text <= limit then return text, #text end
  return (utf8.split(text:sub(1, limit))), #text
end

return M
