-- SPDX-License-Identifier: MIT
--- Counts how often each class was answered as which class, in bounded memory.
-- @module predibase.bulk.evaluation.confusion

local examples = require "predibase.bulk.examples"

local M = {}

--- Most classes of a matrix. The less frequent ones are counted together.
M.MAX_CLASSES = 50

-- A longer text is not the name of a class.
local MAX_NAME = 100

-- How many names are told apart: of classes and answers together, and of answers. Texts that
-- people expect may all be different, and so may answers.
local MAX_NAMES, MAX_ANSWERS = 2000, 1000

-- How many pairs of a class and an answer are told apart.
local MAX_PAIRS = 5000

-- Examples of each pair, and of all pairs without names together; most bytes of each of their
-- texts.
local EXAMPLES, NAMELESS_EXAMPLES, EXAMPLE_BYTES = 3, 10, 200

-- The number of pairs with examples, and of answers that are no class, in a result.
local WORST, STRAYS = 10, 10

-- The number that stands for all names that are not told apart.
local OTHER = 0

-- Texts with fewer rows each than this are no classes, if there are more than MAX_CLASSES.
local FEWEST_ROWS = 2

local Confusion = {}
Confusion.__index = Confusion

--- Returns the number of a name, from 1; OTHER for a name that is not told apart.
local function number_of (self, name, most)
  if not name or #name > MAX_NAME then return OTHER end
  local number = self.numbers[name]
  if number then return number end
  if #self.names >= most then return OTHER end
  number = #self.names + 1
  self.names[number], self.numbers[name] = name, number
  return number
end

local function pair_of (self, expected, answered)
  local key = expected * (MAX_NAMES + 1) + answered
  local pair = self.pairs[key]
  if pair then return pair end
  if self.pair_count >= MAX_PAIRS and answered ~= OTHER then
    self.complete = false
    return pair_of(self, expected, OTHER)
  end
  local size = expected == OTHER and answered == OTHER and NAMELESS_EXAMPLES or EXAMPLES
  pair = { expected = expected, answered = answered, rows = 0, right = 0,
    examples = examples.new(size) }
  self.pairs[key], self.pair_count = pair, self.pair_count + 1
  return pair
end

--- Counts a row.
-- @tparam ?string expected the name of its class
-- @tparam ?string answered the name of the class that was answered
-- @tparam boolean right whether the answer is right
-- @tparam table row `number`, `line`, and the texts `input`, `expected` and `answer`
function Confusion:add (expected, answered, right, row)
  local class = number_of(self, expected, MAX_NAMES)
  if class == OTHER then self.complete = false end
  local pair = pair_of(self, class, number_of(self, answered, MAX_ANSWERS))
  pair.rows = pair.rows + 1
  if right then
    pair.right = pair.right + 1
  elseif pair.examples:wants(row.number) then
    local example = { number = row.number, line = row.line }
    example.input, example.input_bytes = examples.excerpt(row.input, EXAMPLE_BYTES)
    example.expected, example.expected_bytes = examples.excerpt(row.expected, EXAMPLE_BYTES)
    example.answer, example.answer_bytes = examples.excerpt(row.answer, EXAMPLE_BYTES)
    pair.examples:put(row.number, example)
  end
end

-- What is read as a number to sort classes: ratings, identifiers.
local NUMBER = "^%-?%d+%.?%d*$"

--- Sorts classes by frequency.
local function by_frequency (a, b)
  if a.rows ~= b.rows then return a.rows > b.rows end
  return a.name < b.name
end

--- Sorts classes by value if all of them are numbers.
local function sort_numbers (classes)
  for _, class in ipairs(classes) do
    if not class.name:find(NUMBER) then return end
  end
  table.sort(classes, function (a, b)
    local x, y = tonumber(a.name), tonumber(b.name)
    if x ~= y then return x < y end
    return a.name < b.name
  end)
end

--- Returns the most frequent classes in the order of the matrix, the number of the other ones, and
-- a table from the numbers of names to positions in the list.
local function choose_classes (self)
  local by_number, list, rows = {}, {}, 0
  for _, pair in pairs(self.pairs) do
    local class = by_number[pair.expected]
    if pair.expected ~= OTHER and not class then
      class = { name = self.names[pair.expected], number = pair.expected, rows = 0, answered = 0,
        right = 0 }
      by_number[pair.expected], list[#list + 1] = class, class
    end
    if class then class.rows = class.rows + pair.rows end
    rows = rows + pair.rows
  end
  table.sort(list, by_frequency)
  local more = math.max(0, #list - M.MAX_CLASSES)
  if #list == 0 or more > 0 and rows < FEWEST_ROWS * #list then return {}, #list, {} end
  for i = #list, M.MAX_CLASSES + 1, -1 do list[i] = nil end
  sort_numbers(list)
  local positions = {}
  for i, class in ipairs(list) do positions[class.number] = i end
  return list, more, positions
end

local function ratio (part, whole)
  if whole > 0 then return part / whole end
end

--- Returns the matrix, and counts the right and the answered rows of the classes.
local function fill (self, classes, positions)
  local size, matrix = #classes + 1, {}
  for i = 1, size do
    matrix[i] = {}
    for j = 1, size do matrix[i][j] = 0 end
  end
  for _, pair in pairs(self.pairs) do
    local i, j = positions[pair.expected] or size, positions[pair.answered] or size
    matrix[i][j] = matrix[i][j] + pair.rows
    if classes[i] then classes[i].right = classes[i].right + pair.right end
    if classes[j] then classes[j].answered = classes[j].answered + pair.rows end
  end
  return matrix
end

--- Returns the classes with their measures, and the mean F1.
local function measure (classes)
  local list, sum = {}, 0
  for i, class in ipairs(classes) do
    local f1 = 2 * class.right / (class.rows + class.answered)
    sum = sum + f1
    list[i] = { name = class.name, rows = class.rows, answered = class.answered,
      right = class.right, precision = ratio(class.right, class.answered),
      recall = ratio(class.right, class.rows), f1 = f1 }
  end
  return list, ratio(sum, #classes)
end

local function by_rows (a, b)
  if a.rows ~= b.rows then return a.rows > b.rows end
  if a.expected ~= b.expected then return (a.expected or "\255") < (b.expected or "\255") end
  return (a.answered or "\255") < (b.answered or "\255")
end

local function first_of (list, most)
  table.sort(list, by_rows)
  for i = #list, most + 1, -1 do list[i] = nil end
  return list
end

--- Returns the pairs with most wrong rows, with examples.
local function worst (self)
  local list = {}
  for _, pair in pairs(self.pairs) do
    if pair.rows > pair.right then
      list[#list + 1] = { expected = self.names[pair.expected],
        answered = self.names[pair.answered], rows = pair.rows - pair.right, kept = pair.examples }
    end
  end
  for _, entry in ipairs(first_of(list, WORST)) do
    entry.examples, entry.kept = entry.kept:list(), nil
  end
  return list
end

--- Returns the most frequent answers that are no class.
local function strays (self)
  local classes, rows, list = {}, {}, {}
  for _, pair in pairs(self.pairs) do classes[pair.expected] = true end
  for _, pair in pairs(self.pairs) do
    local answered = pair.answered
    if answered ~= OTHER and not classes[answered] then
      rows[answered] = (rows[answered] or 0) + pair.rows
    end
  end
  for number, count in pairs(rows) do
    list[#list + 1] = { answered = self.names[number], rows = count }
  end
  return first_of(list, STRAYS)
end

--- Returns what was counted.
-- @treturn table the fields from `classes` on, see `predibase.bulk.evaluation`
function Confusion:result ()
  local classes, more, positions = choose_classes(self)
  local result = { more_classes = more, complete = self.complete, strays = strays(self),
    worst = worst(self) }
  if #classes > 0 then result.matrix = fill(self, classes, positions) end
  result.classes, result.macro_f1 = measure(classes)
  return result
end

--- Makes an empty matrix.
-- @treturn table
function M.new ()
  return setmetatable({ numbers = {}, names = {}, pairs = {}, pair_count = 0, complete = true },
    Confusion)
end

return M
