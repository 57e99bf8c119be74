-- SPDX-License-Identifier: MIT
--- Compares the answers of a bulk run with a column of expected answers. The memory is bounded,
-- however many rows there are.
-- @module predibase.bulk.evaluation

local amounts = require "predibase.amounts"
local checks = require "predibase.value_checks"
local confusion = require "predibase.bulk.evaluation.confusion"
local errors = require "predibase.errors"
local json = require "predibase.json"
local normal_text = require "predibase.bulk.evaluation.normal_text"
local objects = require "predibase.bulk.evaluation.objects"
local option_names = require "predibase.option_names"
local usage = require "predibase.usage"

local M = {}

--- The ways to compare.
M.ways = { exact = true, normalised = true, json = true }

local OPTIONS = { column = true, how = true }

local Evaluation = {}
Evaluation.__index = Evaluation

--- Returns an expected value as text; nil when the row does not say what is expected.
local function text_of (value)
  if value == nil or value == json.null or value == "" then return nil end
  if type(value) == "string" then return value end
  if type(value) == "number" then return checks.number(value) end
  return json.encode(value) or tostring(value)
end

--- Tells whether the answer is right in the chosen way, and returns the names of the classes.
local function judge (self, row, normal_expected, normal_answer)
  if self.how == "exact" then return row.expected == row.answer, row.expected, row.answer end
  if self.how == "json" and row.object then
    local name, answered = json.encode(row.object), row.answer
    if row.answer_object then answered = json.encode(row.answer_object) end
    return row.objects_equal, name, row.objects_equal and name or answered
  end
  return normal_expected == normal_answer, normal_expected, normal_answer
end

--- Compares an answer with what is expected.
-- @param expected the value of the column: a string, a number, a boolean, or a value of JSON. A row
-- with nil, null or the empty string has no expectation.
-- @tparam ?string text the answer; nil for a row that was not answered
-- @tparam ?table at for examples: `number` of the row, from 1; `line`; `input`, or else `raw`: what
-- the answer is about
function Evaluation:add (expected, text, at)
  if text ~= nil and type(text) ~= "string" then
    usage.fail("evaluation:add takes the answer as a string, got " .. checks.describe(text))
  end
  self.added = self.added + 1
  local row = { expected = text_of(expected), answer = text,
    number = at and at.number or self.added, line = at and at.line,
    input = at and (at.input or at.raw) }
  if not row.expected then
    self.without_expectation = self.without_expectation + 1
  elseif not text then
    self.unanswered = self.unanswered + 1
  else
    self.rows = self.rows + 1
    local normal_expected, normal_answer = normal_text.of(row.expected), normal_text.of(text)
    if row.expected == text then self.exact = self.exact + 1 end
    if normal_expected == normal_answer then self.normalised = self.normalised + 1 end
    row.object = objects.read(expected)
    if row.object then
      row.answer_object = objects.read(text)
      row.objects_equal = self.objects:compare(row.object, row.answer_object)
    end
    local right, class, answered = judge(self, row, normal_expected, normal_answer)
    if right then self.right = self.right + 1 end
    self.confusion:add(class, answered, right, row)
  end
end

--- Compares the answer of a row with the row's column.
-- @tparam table row
-- @param answer of the row; one that is not a text, as the vectors of embeddings, counts as none
-- @tparam table at as for `add`
function Evaluation:add_row (row, answer, at)
  self:add(row[self.column], type(answer) == "string" and answer or nil, at)
end

local function measure (right, rows)
  return { right = right, rows = rows, accuracy = rows > 0 and right / rows or nil }
end

--- Returns what was found, as a plain table.
--
-- * `column`, `how`: as given
-- * `rows`: answers that were compared; `without_expectation`: rows whose column was missing, null
--   or empty; `unanswered`: rows with an expectation that failed. What follows is about `rows`.
-- * `right`, `accuracy`: right answers in the way `how`, as a number and as a share of `rows` from
--   0 to 1. The accuracy is nil when there are no rows.
-- * `exact`, `normalised`: `{ right =, rows =, accuracy = }` in these ways
-- * `json`: nil when no expected value is a JSON object. Otherwise `right`, `rows` and `accuracy`
--   (objects with the same fields and equal values, of the rows where an object is expected),
--   `not_objects` (answers that are no JSON object), `with_more` (answers with a field that is not
--   expected), `fields`, and `complete` (false when there were more than 100 fields). `fields` is
--   an array of `{ name =, rows =, right =, missing =, accuracy = }`, the field with the lowest
--   accuracy first.
-- * `classes`: array of `{ name =, rows =, answered =, right =, precision =, recall =, f1 = }`: the
--   (at most 50) most frequent expected texts, numbers in their order, others by frequency. In the
--   way `"normalised"` these are normalised texts. `rows` were expected to be of the class,
--   `answered` were answered so. `precision` is nil when nothing was answered so. There are no
--   classes when there are more than 50 different texts and fewer than 2 rows of each.
-- * `macro_f1`: the mean of the `f1` of these classes; nil without classes
-- * `more_classes`: the number of further classes
-- * `matrix`: `matrix[i][j]` rows of class `i` were answered as class `j`. The last row and the
--   last column are everything that is not in `classes`. Nil without classes.
-- * `strays`: array of `{ answered =, rows = }`: the ten most frequent answers that are no class
-- * `worst`: array of `{ expected =, answered =, rows =, examples = }`: answers have no score, so
--   the worst ones are the most frequent confusions. `expected` or `answered` is nil for all texts
--   that are too long (above 100 bytes) or too many to be told apart. `examples` is an array of up
--   to 3 wrong rows (10 where both are nil): `number`, `line`, `input`, `expected`, `answer`, and
--   `input_bytes`, `expected_bytes`, `answer_bytes`; the texts are cut at 200 bytes.
-- * `complete`: whether all classes were told apart. They are, up to 2,000 different texts of at
--   most 100 bytes.
-- @treturn table
function Evaluation:result ()
  local result = measure(self.right, self.rows)
  result.column, result.how = self.column, self.how
  result.without_expectation, result.unanswered = self.without_expectation, self.unanswered
  result.exact = measure(self.exact, self.rows)
  result.normalised = measure(self.normalised, self.rows)
  result.json = self.objects:result()
  for name, value in next, self.confusion:result() do result[name] = value end
  return result
end

--- Makes an evaluation without rows.
-- @tparam table options `column`: the name of the column, for the report; `how`: the way that
-- counts: `"exact"` (the same bytes), `"normalised"` (the default: without regard to case, white
-- space, quotes and the punctuation of sentences at the ends), or `"json"` (the same JSON object; a
-- row where something else is expected is compared as in `"normalised"`)
-- @treturn[1] Evaluation
-- @treturn[2] nil
-- @treturn[2] Error the error, of kind "config": what is wrong with `how`
-- @raise for anything but a table with a column
function M.new (options)
  if type(options) ~= "table" or type(options.column) ~= "string" then
    usage.fail("evaluation.new takes a table with the name of a column")
  end
  option_names.check(options, OPTIONS, "option")
  local how = options.how or "normalised"
  if not M.ways[how] then
    return nil, errors.new { kind = "config", phase = "request", message =
      'evaluate: how must be "exact", "normalised" or "json", got ' .. checks.describe(how) }
  end
  return setmetatable({ column = options.column, how = how, added = 0, rows = 0, right = 0,
    exact = 0, normalised = 0, without_expectation = 0, unanswered = 0,
    objects = objects.new(), confusion = confusion.new() }, Evaluation)
end

-- Most bytes of the name of a class in a line.
local SHOWN = 60

local function quoted (name)
  return name and '"' .. errors.excerpt(name, SHOWN) .. '"' or "other texts"
end

--- Writes a result as a few lines for a terminal.
-- @tparam table result as `evaluation:result` returns it
-- @treturn string[] printable strings without line ends
function M.lines (result)
  local lines = {}
  local function add (name, format, ...)
    lines[#lines + 1] = ("%-8s  "):format(name) .. format:format(...)
  end
  if result.rows == 0 then
    add("accuracy", "no row has both an answer and the column %s", result.column)
    return lines
  end
  add("accuracy", "%s of %s (%s)", amounts.percent(result.accuracy),
    amounts.of(result.rows, "row"), result.how)
  for _, way in ipairs { "exact", "normalised", "json" } do
    local measured = result[way]
    if measured and way ~= result.how then
      add("", "%s of %s (%s)", amounts.percent(measured.accuracy),
        amounts.of(measured.rows, "row"), way)
    end
  end
  if result.without_expectation + result.unanswered > 0 then
    add("", "%s without %s, %s not answered", amounts.of(result.without_expectation, "row"),
      result.column, amounts.count(result.unanswered))
  end
  if result.macro_f1 then
    add("classes", "%s%s, mean F1 %.3f", amounts.count(#result.classes),
      result.more_classes > 0 and " of " .. amounts.count(#result.classes + result.more_classes)
      or "", result.macro_f1)
  end
  for i = 1, math.min(3, #result.worst) do
    local entry = result.worst[i]
    add(i == 1 and "confused" or "", "%s answered as %s: %s", quoted(entry.expected),
      quoted(entry.answered), amounts.of(entry.rows, "row"))
  end
  return lines
end

return M
