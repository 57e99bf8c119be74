---@meta predibase.bulk.evaluation
-- SPDX-License-Identifier: MIT
-- Made from lua/predibase/bulk/evaluation.lua by `make types`; do not edit.

---@class predibase.Evaluation
local Evaluation = {}

---Compares an answer with what is expected.
---@param expected any the value of the column: a string, a number, a boolean, or a value of JSON. A row with nil, null or the empty string has no expectation.
---@param text? string the answer; nil for a row that was not answered
---@param at? table for examples: `number` of the row, from 1; `line`; `input`, or else `raw`: what the answer is about
function Evaluation:add(expected, text, at) end

---Compares the answer of a row with the row's column.
---@param row table
---@param answer any of the row; one that is not a text, as the vectors of embeddings, counts as none
---@param at table as for `add`
function Evaluation:add_row(row, answer, at) end

---Returns what was found, as a plain table.
---
---* `column`, `how`: as given
---* `rows`: answers that were compared; `without_expectation`: rows whose column was missing, null
---  or empty; `unanswered`: rows with an expectation that failed. What follows is about `rows`.
---* `right`, `accuracy`: right answers in the way `how`, as a number and as a share of `rows` from
---  0 to 1. The accuracy is nil when there are no rows.
---* `exact`, `normalised`: `{ right =, rows =, accuracy = }` in these ways
---* `json`: nil when no expected value is a JSON object. Otherwise `right`, `rows` and `accuracy`
---  (objects with the same fields and equal values, of the rows where an object is expected),
---  `not_objects` (answers that are no JSON object), `with_more` (answers with a field that is not
---  expected), `fields`, and `complete` (false when there were more than 100 fields). `fields` is
---  an array of `{ name =, rows =, right =, missing =, accuracy = }`, the field with the lowest
---  accuracy first.
---* `classes`: array of `{ name =, rows =, answered =, right =, precision =, recall =, f1 = }`: the
---  (at most 50) most frequent expected texts, numbers in their order, others by frequency. In the
---  way `"normalised"` these are normalised texts. `rows` were expected to be of the class,
---  `answered` were answered so. `precision` is nil when nothing was answered so. There are no
---  classes when there are more than 50 different texts and fewer than 2 rows of each.
---* `macro_f1`: the mean of the `f1` of these classes; nil without classes
---* `more_classes`: the number of further classes
---* `matrix`: `matrix[i][j]` rows of class `i` were answered as class `j`. The last row and the
---  last column are everything that is not in `classes`. Nil without classes.
---* `strays`: array of `{ answered =, rows = }`: the ten most frequent answers that are no class
---* `worst`: array of `{ expected =, answered =, rows =, examples = }`: answers have no score, so
---  the worst ones are the most frequent confusions. `expected` or `answered` is nil for all texts
---  that are too long (above 100 bytes) or too many to be told apart. `examples` is an array of up
---  to 3 wrong rows (10 where both are nil): `number`, `line`, `input`, `expected`, `answer`, and
---  `input_bytes`, `expected_bytes`, `answer_bytes`; the texts are cut at 200 bytes.
---* `complete`: whether all classes were told apart. They are, up to 2,000 different texts of at
---  most 100 bytes.
---@return table
function Evaluation:result() end

---Compares the answers of a bulk run with a column of expected answers. The memory is bounded,
---however many rows there are.
---@class predibase.bulk.evaluation
---@field ways table The ways to compare.
local M = {}

---Makes an evaluation without rows.
---
---Raises an error for anything but a table with a column.
---@param options table `column`: the name of the column, for the report; `how`: the way that counts: `"exact"` (the same bytes), `"normalised"` (the default: without regard to case, white space, quotes and the punctuation of sentences at the ends), or `"json"` (the same JSON object; a row where something else is expected is compared as in `"normalised"`)
---@return predibase.Evaluation?
---@return predibase.Error # the error, of kind "config": what is wrong with `how`
---@return_overload predibase.Evaluation
---@return_overload nil, predibase.Error
function M.new(options) end

---Writes a result as a few lines for a terminal.
---@param result table as `evaluation:result` returns it
---@return string[] # printable strings without line ends
function M.lines(result) end

return M
