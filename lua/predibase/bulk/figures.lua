-- SPDX-License-Identifier: MIT
--- The figures of a bulk run: how many rows were answered, which failures there were, how long the
-- answers took, how many tokens they had, and how fast the run was at each time. The memory is
-- bounded, however many rows there are.
-- @module predibase.bulk.figures

local amounts = require "predibase.amounts"
local errors = require "predibase.errors"
local examples = require "predibase.bulk.examples"
local log_histogram = require "predibase.bulk.figures.log_histogram"
local timeline = require "predibase.bulk.figures.timeline"
local usage = require "predibase.usage"

local M = {}

--- How many rows are done.
-- @table RowCounts
-- @tfield integer answered in this run
-- @tfield integer failed in this run
-- @tfield integer resumed answered by earlier runs
-- @tfield integer skipped left out
-- @tfield integer total the sum of the four

--- The speed of a run.
-- @table RowRates
-- @tfield number rows answered or failed, per second
-- @tfield number tokens_in per second
-- @tfield number tokens_out per second

--- Everything that was counted, see `figures:summary`.
-- @table FigureSummary
-- @tfield number seconds the length of the run
-- @tfield RowCounts rows how many rows are done
-- @tfield {kind:string,rows:integer}[] failures the most frequent kind first
-- @tfield integer tokens_in tokens of the prompts of this run
-- @tfield integer tokens_out tokens of the answers of this run
-- @tfield integer resumed_tokens_in the same of earlier runs
-- @tfield integer resumed_tokens_out the same of earlier runs
-- @tfield number rows_per_second mean of the whole run
-- @tfield number tokens_in_per_second mean of the whole run
-- @tfield number tokens_out_per_second mean of the whole run
-- @tfield Distribution times of the answered rows in seconds
-- @tfield Distribution input_sizes their tokens
-- @tfield Distribution output_sizes their tokens
-- @tfield table timeline what was done when
-- @tfield table[] examples rows with their answers

--- How values are distributed. Without values there are only `count`, `sum` and an empty `bars`.
-- @table Distribution
-- @tfield integer count how many values there are
-- @tfield number sum of all values
-- @tfield ?number mean of all values
-- @tfield ?number least value
-- @tfield ?number greatest value
-- @tfield ?number p50 the median
-- @tfield ?number p95 the value that 95 % do not exceed
-- @tfield ?number p99 the value that 99 % do not exceed
-- @tfield {from:number,to:number,count:integer}[] bars of a histogram

--- Examples that are kept of the answered rows, and of each kind of failure.
M.EXAMPLES = 10

--- Most bytes that are kept of one text of an example. There are at most 190 examples of two texts.
M.EXAMPLE_BYTES = 2000

local Figures = {}
Figures.__index = Figures

--- Counts a row of a kind, and returns what is known of the kind.
local function group_of (self, kind)
  local group = self.groups[kind]
  if not group then
    group = { rows = 0, examples = examples.new(M.EXAMPLES) }
    self.groups[kind] = group
  end
  group.rows = group.rows + 1
  return group
end

--- Keeps a row as an example, if it is one of those that are kept.
local function keep (group, row, number)
  if not group.examples:wants(number) then return end
  local example = { number = row.number, line = row.line }
  example.input, example.input_bytes = examples.excerpt(row.input, M.EXAMPLE_BYTES)
  example.text, example.text_bytes = examples.excerpt(row.text, M.EXAMPLE_BYTES)
  example.message, example.message_bytes =
    examples.excerpt(row.err and tostring(row.err.message), M.EXAMPLE_BYTES)
  group.examples:put(number, example)
end

--- Counts a row of this run that was answered or failed. It counts at the time of the call.
-- @tparam table row
--
-- * `time`: seconds from the request to the whole answer; nil when nothing was sent
-- * `tokens_in`, `tokens_out`: tokens of the prompt and of the answer; nil when unknown
-- * `err`: the error object of a row that failed; nil for an answered row
-- * `number`: the number of the row in the input, from 1. It decides which rows become examples.
-- * `line`: the number of its first line in the file, from 1
-- * `input`: the prompt or the row as a string or a value, for examples
-- * `text`: the text of the answer, or what there was of it when it failed
function Figures:add (row)
  if type(row) ~= "table" then usage.fail("figures:add takes a table") end
  local err = row.err
  local kind = "answered"
  if err then kind = errors.kinds[err.kind] and err.kind or "other" end
  local tokens_in, tokens_out = row.tokens_in or 0, row.tokens_out or 0
  self.added = self.added + 1
  keep(group_of(self, kind), row, row.number or self.added)
  self.tokens_in, self.tokens_out = self.tokens_in + tokens_in, self.tokens_out + tokens_out
  if not err then
    if row.time then self.times:add(row.time) end
    if row.tokens_in then self.input_sizes:add(row.tokens_in) end
    if row.tokens_out then self.output_sizes:add(row.tokens_out) end
  end
  local done = self.done
  done.answered, done.failed = err and 0 or 1, err and 1 or 0
  done.tokens_in, done.tokens_out = tokens_in, tokens_out
  self.timeline:add(self:seconds(), done)
end

--- Counts a row that an earlier run answered.
-- @tparam ?table row `tokens_in`, `tokens_out`
function Figures:resumed (row)
  self.resumed_rows = self.resumed_rows + 1
  if not row then return end
  self.resumed_tokens_in = self.resumed_tokens_in + (row.tokens_in or 0)
  self.resumed_tokens_out = self.resumed_tokens_out + (row.tokens_out or 0)
end

--- Counts rows that were left out: by a limit, a sample or a shard.
-- @tparam[opt=1] number rows
function Figures:skip (rows)
  self.skipped = self.skipped + (rows or 1)
end

--- Returns the length of the run up to now. A clock that goes back does not shorten it.
-- @treturn number seconds
function Figures:seconds ()
  self.latest = math.max(self.latest, self.clock() - self.start)
  return self.latest
end

--- Returns the speed over the last ten seconds, for a line that shows the progress.
-- @treturn RowRates `rows` (answered or failed), `tokens_in` and `tokens_out`, each per second
function Figures:rates ()
  return self.timeline:rates(self:seconds())
end

--- Returns how many rows were done up to now.
-- @treturn RowCounts `answered` and `failed` in this run, `resumed` (answered by earlier runs),
-- `skipped`, and `total`, the sum of the four
function Figures:rows ()
  local answered = self.groups.answered and self.groups.answered.rows or 0
  local rows = { answered = answered, failed = self.added - answered, resumed = self.resumed_rows,
    skipped = self.skipped }
  rows.total = self.added + self.resumed_rows + self.skipped
  return rows
end

--- Returns the kinds of failures, those with most rows first.
local function failures (self)
  local list = {}
  for kind, group in pairs(self.groups) do
    if kind ~= "answered" then list[#list + 1] = { kind = kind, rows = group.rows } end
  end
  table.sort(list, function (a, b)
    if a.rows ~= b.rows then return a.rows > b.rows end
    return a.kind < b.kind
  end)
  return list
end

--- Returns everything that was counted, as a plain table that does not change any more.
--
-- * `seconds`: the length of the run
-- * `rows`: `answered`, `failed`, `resumed`, `skipped`, `total`, see `rows`
-- * `failures`: array of `{ kind =, rows = }`, the most frequent kind first; `kind` as in
--   `predibase.errors`
-- * `tokens_in`, `tokens_out`: tokens of the prompts and of the answers of this run, those of
--   failed rows included
-- * `resumed_tokens_in`, `resumed_tokens_out`: the same of the earlier runs
-- * `rows_per_second` (answered and failed), `tokens_in_per_second`, `tokens_out_per_second`: means
--   over the whole run
-- * `times`: the times of the answered rows in seconds; `input_sizes`, `output_sizes`: their
--   tokens. Each is a distribution: `count`, `sum`, `mean`, `least`, `greatest`, `p50`, `p95`,
--   `p99` (within 1 %) and `bars`, an array of `{ from =, to =, count = }` with the values from
--   `from` up to but not including `to`. Without values there are only `count`, `sum` and an empty
--   `bars`.
-- * `timeline`: `width`, the length of a part in seconds, and `bins`, an array of
--   `{ from =, to =, answered =, failed =, tokens_in =, tokens_out = }`: what was done from `from`
--   to `to`, in seconds since the beginning
-- * `examples`: array of `{ kind =, rows =, examples = }`, first `"answered"`, then the kinds of
--   failures in the order of `failures`. `examples` is an array of at most ten rows in the order of
--   their numbers: `number`, `line`, `input`, `text`, `message` (of the error), and the sizes of
--   these texts before they were cut, in bytes: `input_bytes`, `text_bytes`, `message_bytes`
-- @treturn FigureSummary
function Figures:summary ()
  local seconds = self:seconds()
  local span = math.max(seconds, 1e-9)
  local summary = {
    seconds = seconds, rows = self:rows(), failures = failures(self),
    tokens_in = self.tokens_in, tokens_out = self.tokens_out,
    resumed_tokens_in = self.resumed_tokens_in, resumed_tokens_out = self.resumed_tokens_out,
    rows_per_second = self.added / span, tokens_in_per_second = self.tokens_in / span,
    tokens_out_per_second = self.tokens_out / span,
    times = self.times:distribution(), input_sizes = self.input_sizes:distribution(),
    output_sizes = self.output_sizes:distribution(), timeline = self.timeline:parts(seconds),
    examples = {},
  }
  local kinds = { { kind = "answered" } }
  for _, failure in ipairs(summary.failures) do kinds[#kinds + 1] = failure end
  for _, entry in ipairs(kinds) do
    local group = self.groups[entry.kind]
    if group then
      summary.examples[#summary.examples + 1] = { kind = entry.kind, rows = group.rows,
        examples = group.examples:list() }
    end
  end
  return summary
end

--- Makes figures of a run that begins now.
-- @tparam table options `clock`: a function that returns seconds with a fraction, on any clock
-- @treturn Figures the figures
-- @raise without a clock
function M.new (options)
  if type(options) ~= "table" or type(options.clock) ~= "function" then
    usage.fail("figures.new takes a table with the function clock")
  end
  return setmetatable({ clock = options.clock, start = options.clock(), latest = 0,
    added = 0, resumed_rows = 0, skipped = 0, tokens_in = 0, tokens_out = 0,
    resumed_tokens_in = 0, resumed_tokens_out = 0, groups = {}, done = {},
    times = log_histogram.new(), input_sizes = log_histogram.new(true),
    output_sizes = log_histogram.new(true), timeline = timeline.new() }, Figures)
end

--- Adds a part to a line for each number above 0.
local function parts_above_0 (pairs_of)
  local parts = {}
  for _, pair in ipairs(pairs_of) do
    if pair[1] > 0 then parts[#parts + 1] = amounts.count(pair[1]) .. " " .. pair[2] end
  end
  return table.concat(parts, ", ")
end

--- Writes a summary as a few lines for a terminal.
-- @tparam FigureSummary summary as `figures:summary` returns it
-- @treturn string[] strings without line ends
function M.lines (summary)
  local rows, times, lines = summary.rows, summary.times, {}
  local function add (name, format, ...)
    lines[#lines + 1] = ("%-8s  "):format(name) .. format:format(...)
  end
  local others = parts_above_0 { { rows.failed, "failed" },
    { rows.resumed, "answered before" }, { rows.skipped, "left out" } }
  add("rows", "%s answered%s", amounts.count(rows.answered), others == "" and "" or ", " .. others)
  local kinds = {}
  for i, failure in ipairs(summary.failures) do kinds[i] = { failure.rows, failure.kind } end
  if #kinds > 0 then add("failed", "%s", parts_above_0(kinds)) end
  add("tokens", "%s in, %s out", amounts.count(summary.tokens_in),
    amounts.count(summary.tokens_out))
  if summary.resumed_tokens_in + summary.resumed_tokens_out > 0 then
    add("", "%s in, %s out with the earlier runs",
      amounts.count(summary.tokens_in + summary.resumed_tokens_in),
      amounts.count(summary.tokens_out + summary.resumed_tokens_out))
  end
  add("duration", "%s; %s rows/s, %s tokens/s out", amounts.seconds(summary.seconds),
    amounts.number(summary.rows_per_second), amounts.number(summary.tokens_out_per_second))
  if times.count > 0 then
    add("answers", "p50 %s, p95 %s, p99 %s, longest %s", amounts.seconds(times.p50),
      amounts.seconds(times.p95), amounts.seconds(times.p99), amounts.seconds(times.greatest))
  end
  return lines
end

return M
