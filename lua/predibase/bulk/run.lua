-- SPDX-License-Identifier: MIT
--- A bulk run: rows in, answers out. `client:run_bulk` makes it.
--
--     for row, result, err, at in client:run_bulk { input = "in.csv", template = t } do … end
--
--     local run = assert(client:run_bulk { input = "in.csv", template = t, out = "out.jsonl" })
--     local summary, err = run:finish()
--
-- A run reads the next row when a request may begin, so its memory does not depend on the number of
-- rows. With `out` it appends each answer to a file, and leaves out the rows that the file has
-- already.
--
-- A row fails alone. What concerns every row ends the run: a token that is refused, a server that
-- has not answered for `PATIENCE` seconds, a full disk. The rows that have no answer then are not
-- failed rows; the same run, made again, goes on with them.
-- @module predibase.bulk.run

local batches = require "predibase.batch"
local errors = require "predibase.errors"
local figures = require "predibase.bulk.figures"
local spendings = require "predibase.bulk.spending"
local usage = require "predibase.usage"

local M = {}

--- Where a row is.
-- @table RowPlace
-- @tfield integer number of the row, from 1
-- @tfield integer line the number of its first line in the file, or its own number
-- @tfield ?string|number id of the row
-- @tfield ?string hash of the row and its options

--- How far a run is.
-- @table BulkProgress
-- @tfield RowCounts rows how many rows are done
-- @tfield RowRates rates the speed over the last ten seconds
-- @tfield integer open requests under way
-- @tfield integer concurrency how many may be
-- @tfield number pause seconds until the server may be asked again; 0 without a pause
-- @tfield integer read bytes of the input read so far
-- @tfield ?integer size bytes of the input
-- @tfield boolean is_read the input was read to its end

--- What a run has done.
-- @table BulkSummary
-- @extends FigureSummary
-- @tfield ?string reason why the run ended before the end of its rows: "stopped", "max_tokens",
-- "max_cost", or what the error is about
-- @tfield ?number cost nil without prices
-- @tfield integer open requests under way
-- @tfield integer concurrency how many may be
-- @tfield integer read bytes of the input read so far
-- @tfield ?integer size bytes of the input
-- @tfield integer changed rows that have changed since they were answered
-- @tfield ?integer stray answers whose rows the input does not have any more
-- @tfield ?table evaluation see `predibase.bulk.evaluation`
-- @tfield ?string failed_path of the file of failed rows, when the run has ended and there are some

--- How many times the largest number of requests the rows may be that wait, with `ordered`, for the
-- answer of an earlier row. Their answers are in memory.
M.ORDER_WINDOW = 4

-- Most bytes of an id in a message.
local SHOWN_ID = 60

local Run = {}
Run.__index = Run

local function check_self (self, method)
  if getmetatable(self) ~= Run then
    usage.fail(("run:%s must be called with a colon on a bulk run"):format(method))
  end
end

-- Rows.

--- Takes no more rows. The error says why, unless the caller or a limit of the run wants it so.
local function stop (self, reason, err)
  if self.reason then return end
  self.reason, self.err = reason, err
end

--- Reads the next row that the run takes, and where it is; nil when there is none.
local function read_row (self)
  while not self.choice:is_over(self.number + 1) do
    local row, at, given = self.source:next()
    if row == nil then
      if given then stop(self, "input", given) end
      self.at_end = not given
      return nil
    end
    self.number = self.number + 1
    self.read_bytes = at.stop or self.read_bytes
    if self.choice:takes(self.number) then return row, at, given end
    self.figures:skip()
  end
end

--- Tells whether the output has the answer of a row already. A row that has changed since then ends
-- the run, unless the caller wants to keep the answers.
local function is_done (self, item)
  local state = self.output:state(item)
  if not state then return false end
  if state ~= "done" then
    self.changed = self.changed + 1
    if not self.keep_changed then
      stop(self, "changed", self.output:change(item))
      return true
    end
  end
  self.matched = self.matched + 1
  return true
end

--- Makes what the run knows of a row: `row`, `at` and `given` as the source returns them, `line`
-- (or its number where it has none), `id`, `hash`, and `entry` of the dialect or the `problem` of a
-- row that cannot be sent. Returns nil when the row is not to be sent.
local function read_item (self, row, at, given)
  local item = { row = row, at = at, given = given, line = at.line or at.number,
    problem = at.err }
  if not item.problem then item.id, item.problem = self.dialect:read_id(row, at) end
  if item.id and self.output:repeats(item.id) then
    item.problem = errors.new { kind = "validation", phase = "request", line = at.line,
      message = ('line %d: an earlier row has the same id, "%s"'):format(item.line,
        errors.excerpt(item.id, SHOWN_ID)) }
  end
  if not item.problem then item.hash, item.problem = self.output:hash(row, at) end
  if not item.problem and is_done(self, item) then return nil end
  if not item.problem then item.entry, item.problem = self.dialect:prepare(row, at) end
  return item
end

--- Returns the next row to be sent; nil when there is none.
local function next_item (self)
  while not self.reason do
    local row, at, given = read_row(self)
    if row == nil then return nil end
    local item = read_item(self, row, at, given)
    if item then
      self.taken = self.taken + 1
      self.items[self.taken] = item
      return item
    end
  end
end

--- Makes the call of a row; or returns nil and an error. Options that are wrong without those of
-- the row are wrong for every row, and end the run.
local function prepare (self, item)
  if item.problem then return nil, item.problem end
  local made, err = self.dialect:call(item.entry)
  if made then return made end
  if not item.entry.own and not self.dialect:plan(item.entry) then stop(self, "options", err) end
  return nil, err
end

--- Tells whether the next row may be taken now.
local function may_take (self)
  if self.reason then return false end
  if self.ordered and self.taken - self.returned >= self.window then return false end
  local under_way = self.taken - self.ended
  -- To wait for a row would keep the answers of the others waiting.
  if under_way > 0 and not self.source:is_ready() then return false end
  local limit = self.spending:exceeded(under_way)
  if limit and under_way == 0 then stop(self, limit) end
  return limit == nil
end

-- Outcomes.

-- Kinds of errors that every row would have.
local COMMON = { authentication = true, config = true, cancelled = true }

-- Kinds of errors that every row would have when no row has had an answer.
local COMMON_AT_FIRST = { permission = true, not_found = true, tls = true }

--- Tells whether an error is not that of one row: it ends the run, or comes from its end.
local function ends_run (self, err)
  local halted = self.batch:halted()
  if halted then
    stop(self, "server", errors.new(halted))
    if err.retryable or err.sent == false then return true end
  end
  if self.reason == "options" and err == self.err then return true end
  if COMMON[err.kind] or COMMON_AT_FIRST[err.kind] and self.answered == 0 then
    stop(self, "server", err)
    return true
  end
  return self.reason ~= nil and err.retryable
end

--- Returns what the answer of a row is in an output: a text, or the vectors of embeddings.
local function answer_of (result)
  return result.text or result.embedding or result.embeddings
end

--- Counts and writes the outcome of a row. Returns nil and an error when it cannot be written.
local function settle (self, item, result, err)
  local counts = result and result.usage or {}
  local outcome = {
    row = item.row, at = item.at, line = item.line, id = item.id, hash = item.hash, err = err,
    text = result and answer_of(result), finish_reason = result and result.finish_reason,
    tokens_in = counts.prompt_tokens, tokens_out = counts.completion_tokens,
    time = result and result.timing and result.timing.total, status = result and result.status,
    request_id = result and result.request_id, raw_body = result and result.raw_body,
  }
  self.figures:add {
    time = outcome.time, err = err, number = item.at.number, line = item.at.line,
    tokens_in = outcome.tokens_in, tokens_out = outcome.tokens_out, input = item.at.raw,
    text = type(outcome.text) == "string" and outcome.text or err and err.partial_text or nil,
  }
  if self.evaluation then self.evaluation:add_row(item.row, outcome.text, item.at) end
  if err then return self.output:failed(outcome) end
  self.answered = self.answered + 1
  self.spending:add(outcome.tokens_in, outcome.tokens_out)
  if self.spending:is_uncounted() then
    stop(self, "limits", errors.new { kind = "config", message = "the server does not say how many "
      .. "tokens it used, so max_tokens and max_cost cannot be kept" })
  end
  return self.output:answered(outcome)
end

--- Ends the run: closes its files.
local function end_run (self, err)
  if self.over then return end
  self.over = true
  if err then stop(self, "closed", err) end
  self.batch:close()
  self.source:close()
  self.failed_path = self.output:failed_path()
  local ok, problem = self.output:close(self.reason ~= nil)
  if not ok and not self.err then self.reason, self.err = "output", problem end
end

--- Handles an outcome of the batch. Returns the row, its result, its error and where it is; or nil
-- when the caller does not get it.
local function handle (self, index, result, err)
  local item = self.items[index]
  self.items[index] = nil
  self.ended = self.ended + 1
  if self.gap or err and ends_run(self, err) then
    self.gap = self.ordered
    return nil
  end
  local ok, problem = settle(self, item, result, err)
  if not ok then
    stop(self, "output", problem)
    return nil
  end
  return item.given, result, err, { number = item.at.number, line = item.line, id = item.id,
    hash = item.hash }
end

--- Returns the next outcome, in the order of the rows if the run is `ordered`. False: at the time
-- `at` there was none.
local function next_outcome (self, seconds)
  while true do
    local waiting = self.ordered and self.waiting[self.returned + 1]
    if waiting then
      self.waiting[self.returned + 1] = nil
      self.returned = self.returned + 1
      return self.returned, waiting.result, waiting.err
    end
    if self.reason and not self.stopped then
      self.stopped = true
      self.batch:stop()
    end
    local index, result, err = self.batch:next(seconds)
    if not index or not self.ordered then return index, result, err end
    self.waiting[index] = { result = result, err = err }
  end
end

-- Public methods.

--- Waits for the next row that is answered or has failed.
-- @tparam ?number seconds longest time to wait; nil waits until a row has ended
-- @treturn[1] table the row
-- @treturn[1] any its result, as the method returns it to which the row belongs
-- @treturn[1] nil
-- @treturn[1] RowPlace where the row is: `number`, `line`, `id` and `hash`
-- @treturn[2] table the row; empty when it could not be read
-- @treturn[2] nil
-- @treturn[2] Error its error
-- @treturn[2] RowPlace where it is
-- @treturn[3] nil all rows have ended, or the run was stopped, or has reached `max_tokens` or
-- `max_cost`
-- @treturn[4] nil
-- @treturn[4] nil
-- @treturn[4] Error the error that ended the run
-- @treturn[5] false no row has ended in that time
function Run:next (seconds)
  check_self(self, "next")
  while not self.over do
    local ok, problem = self.output:sync_if_due()
    if not ok then stop(self, "output", problem) end
    local index, result, err = next_outcome(self, seconds)
    if index == false then return false end
    if not index then
      end_run(self, err)
      break
    end
    local row, answer, failure, at = handle(self, index, result, err)
    if row ~= nil then return row, answer, failure, at end
  end
  return nil, nil, self.err
end

--- For `for row, result, err, at in run do`: returns what `next` returns, and raises the error that
-- ended the run.
-- @treturn ?table the row; nil at the end
-- @treturn any its result; nil when it failed
-- @treturn ?Error its error
-- @treturn RowPlace where it is
function Run:__call ()
  local row, result, err, at = self:next()
  if row == nil and err then error(err, 0) end
  return row, result, err, at
end

--- Answers all rows.
-- @treturn[1] BulkSummary the summary
-- @treturn[2] nil
-- @treturn[2] Error the error that ended the run
function Run:finish ()
  check_self(self, "finish")
  while self:next() ~= nil do end
  if self.err then return nil, self.err end
  return self:summary()
end

--- Takes no more rows; those that are under way still end. May be called at any time.
function Run:stop ()
  check_self(self, "stop")
  stop(self, "stopped")
end

--- Ends the run at once. The rows that are under way get no answer. May be called any number of
-- times.
function Run:close ()
  check_self(self, "close")
  stop(self, "stopped")
  end_run(self)
end

Run.__close = Run.close

--- Returns how far the run is, to be shown while it runs.
-- @treturn BulkProgress `rows` and `rates` of `predibase.bulk.figures`, `open` (requests under
-- way), `concurrency` (how many may be), `pause` (seconds until the server may be asked again; 0
-- without a pause), `read` (bytes of the input read so far), `size` (bytes of the input, nil when
-- unknown), `is_read` (boolean: the input was read to its end)
function Run:progress ()
  check_self(self, "progress")
  local open, limit, pause = self.batch:level()
  return { rows = self.figures:rows(), rates = self.figures:rates(), open = open,
    concurrency = math.floor(limit), pause = pause, read = self.read_bytes,
    size = self.source.size, is_read = self.at_end or false }
end

--- Returns what was counted up to now.
-- @treturn BulkSummary the fields of `predibase.bulk.figures`, and `reason` (why the run ended
-- before the end of its rows: "stopped", "max_tokens", "max_cost", or what the error is about; nil
-- otherwise), `cost` (nil without prices), `open` (requests under way), `concurrency` (how many may
-- be), `read` (bytes of the input read so far), `size` (bytes of the input, nil when unknown),
-- `changed` (rows that have changed since they were answered), `stray` (answers whose rows the
-- input does not have any more, when it was read to its end), `evaluation`, `failed_path` (of the
-- file of failed rows, when the run has ended and there are some)
function Run:summary ()
  check_self(self, "summary")
  local summary = self.figures:summary()
  local open, limit = self.batch:level()
  summary.reason, summary.cost = self.reason, self.spending:cost()
  summary.open, summary.concurrency = open, math.floor(limit)
  summary.read, summary.size = self.read_bytes, self.source.size
  summary.changed = self.changed
  if self.at_end and not self.is_part then summary.stray = self.output.done - self.matched end
  summary.evaluation = self.evaluation and self.evaluation:result()
  summary.failed_path = self.failed_path
  return summary
end

function Run:__tostring ()
  return ("predibase.bulk.run (%d rows taken%s)"):format(self.taken, self.over and ", ended" or "")
end

--- Makes a run that has failed already: its `next` returns the error.
-- @tparam Error err
-- @treturn BulkRun
function M.failed (err)
  return setmetatable({
    batch = batches.failed(err), err = err, reason = "options", over = true, taken = 0,
    figures = figures.new { clock = function () return 0 end }, spending = spendings.new {},
    source = {}, output = {}, read_bytes = 0, changed = 0,
  }, Run)
end

--- Makes a run.
-- @tparam Client client
-- @tparam table parts `source`, `dialect`, `output`, `choice`, `figures`, `spending`, `evaluation`
-- (or nil), and the options `most`, `start`, `adaptive`, `patience`, `ordered` and `keep_changed`
-- @treturn BulkRun
function M.new (client, parts)
  local run = setmetatable({
    source = parts.source, dialect = parts.dialect, output = parts.output, choice = parts.choice,
    figures = parts.figures, spending = parts.spending, evaluation = parts.evaluation,
    ordered = parts.ordered or false, window = parts.most * M.ORDER_WINDOW,
    keep_changed = parts.keep_changed or false, is_part = parts.is_part or false,
    batch = nil,
    items = {},               -- index of a taken row -> what is known of it
    waiting = {},             -- `ordered`: index -> outcome of a row that has ended before another
    number = 0,               -- of the last row that was read
    read_bytes = 0,
    taken = 0, ended = 0, returned = 0, answered = 0,       -- numbers of rows
    matched = 0, changed = 0, -- rows that the output had already, and those among them that differ
    failed_path = nil,        -- of the file of failed rows, when the run has ended with some
    reason = nil, err = nil,  -- why no more rows are taken
    stopped = false,          -- the batch knows it
    gap = false,              -- `ordered`: a row has no outcome, so those after it get none, either
    at_end = false,           -- all rows were read
    over = false,
  }, Run)
  run.batch = batches.of_calls(client, {
    next = function () return next_item(run) end,
    prepare = function (item) return prepare(run, item) end,
    may_take = function () return may_take(run) end,
    most = parts.most, on_error = parts.dialect.on_error,
    limiter = { start = parts.start, adaptive = parts.adaptive, patience = parts.patience },
  })
  return run
end

return M
