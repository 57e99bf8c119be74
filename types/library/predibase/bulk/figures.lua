---@meta predibase.bulk.figures
-- SPDX-License-Identifier: MIT
-- Made from lua/predibase/bulk/figures.lua by `make types`; do not edit.

---How many rows are done.
---@class predibase.RowCounts
---@field answered integer in this run
---@field failed integer in this run
---@field resumed integer answered by earlier runs
---@field skipped integer left out
---@field total integer the sum of the four

---The speed of a run.
---@class predibase.RowRates
---@field rows number answered or failed, per second
---@field tokens_in number per second
---@field tokens_out number per second

---Everything that was counted, see `figures:summary`.
---@class predibase.FigureSummary
---@field seconds number the length of the run
---@field rows predibase.RowCounts how many rows are done
---@field failures {kind: string, rows: integer}[] the most frequent kind first
---@field tokens_in integer tokens of the prompts of this run
---@field tokens_out integer tokens of the answers of this run
---@field resumed_tokens_in integer the same of earlier runs
---@field resumed_tokens_out integer the same of earlier runs
---@field rows_per_second number mean of the whole run
---@field tokens_in_per_second number mean of the whole run
---@field tokens_out_per_second number mean of the whole run
---@field times predibase.Distribution of the answered rows in seconds
---@field input_sizes predibase.Distribution their tokens
---@field output_sizes predibase.Distribution their tokens
---@field timeline table what was done when
---@field examples table[] rows with their answers

---How values are distributed. Without values there are only `count`, `sum` and an empty `bars`.
---@class predibase.Distribution
---@field count integer how many values there are
---@field sum number of all values
---@field mean? number of all values
---@field least? number value
---@field greatest? number value
---@field p50? number the median
---@field p95? number the value that 95 % do not exceed
---@field p99? number the value that 99 % do not exceed
---@field bars {from: number, to: number, count: integer}[] of a histogram

---@class predibase.Figures
local Figures = {}

---Counts a row of this run that was answered or failed. It counts at the time of the call.
---@param row table * `time`: seconds from the request to the whole answer; nil when nothing was sent * `tokens_in`, `tokens_out`: tokens of the prompt and of the answer; nil when unknown * `err`: the error object of a row that failed; nil for an answered row * `number`: the number of the row in the input, from 1. It decides which rows become examples. * `line`: the number of its first line in the file, from 1 * `input`: the prompt or the row as a string or a value, for examples * `text`: the text of the answer, or what there was of it when it failed
function Figures:add(row) end

---Counts a row that an earlier run answered.
---@param row? table `tokens_in`, `tokens_out`
function Figures:resumed(row) end

---Counts rows that were left out: by a limit, a sample or a shard.
---@param rows? number
function Figures:skip(rows) end

---Returns the length of the run up to now. A clock that goes back does not shorten it.
---@return number # seconds
function Figures:seconds() end

---Returns the speed over the last ten seconds, for a line that shows the progress.
---@return predibase.RowRates # `rows` (answered or failed), `tokens_in` and `tokens_out`, each per second
function Figures:rates() end

---Returns how many rows were done up to now.
---@return predibase.RowCounts # `answered` and `failed` in this run, `resumed` (answered by earlier runs), `skipped`, and `total`, the sum of the four
function Figures:rows() end

---Returns everything that was counted, as a plain table that does not change any more.
---
---* `seconds`: the length of the run
---* `rows`: `answered`, `failed`, `resumed`, `skipped`, `total`, see `rows`
---* `failures`: array of `{ kind =, rows = }`, the most frequent kind first; `kind` as in
---  `predibase.errors`
---* `tokens_in`, `tokens_out`: tokens of the prompts and of the answers of this run, those of
---  failed rows included
---* `resumed_tokens_in`, `resumed_tokens_out`: the same of the earlier runs
---* `rows_per_second` (answered and failed), `tokens_in_per_second`, `tokens_out_per_second`: means
---  over the whole run
---* `times`: the times of the answered rows in seconds; `input_sizes`, `output_sizes`: their
---  tokens. Each is a distribution: `count`, `sum`, `mean`, `least`, `greatest`, `p50`, `p95`,
---  `p99` (within 1 %) and `bars`, an array of `{ from =, to =, count = }` with the values from
---  `from` up to but not including `to`. Without values there are only `count`, `sum` and an empty
---  `bars`.
---* `timeline`: `width`, the length of a part in seconds, and `bins`, an array of
---  `{ from =, to =, answered =, failed =, tokens_in =, tokens_out = }`: what was done from `from`
---  to `to`, in seconds since the beginning
---* `examples`: array of `{ kind =, rows =, examples = }`, first `"answered"`, then the kinds of
---  failures in the order of `failures`. `examples` is an array of at most ten rows in the order of
---  their numbers: `number`, `line`, `input`, `text`, `message` (of the error), and the sizes of
---  these texts before they were cut, in bytes: `input_bytes`, `text_bytes`, `message_bytes`
---@return predibase.FigureSummary
function Figures:summary() end

---The figures of a bulk run: how many rows were answered, which failures there were, how long the
---answers took, how many tokens they had, and how fast the run was at each time. The memory is
---bounded, however many rows there are.
---@class predibase.bulk.figures
---@field EXAMPLES integer Examples that are kept of the answered rows, and of each kind of failure.
---@field EXAMPLE_BYTES integer Most bytes that are kept of one text of an example. There are at most 190 examples of two texts.
local M = {}

---Makes figures of a run that begins now.
---
---Raises an error without a clock.
---@param options table `clock`: a function that returns seconds with a fraction, on any clock
---@return predibase.Figures # the figures
function M.new(options) end

---Writes a summary as a few lines for a terminal.
---@param summary predibase.FigureSummary as `figures:summary` returns it
---@return string[] # strings without line ends
function M.lines(summary) end

return M
