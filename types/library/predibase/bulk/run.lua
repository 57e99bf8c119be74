---@meta predibase.bulk.run
-- SPDX-License-Identifier: MIT
-- Made from lua/predibase/bulk/run.lua by `make types`; do not edit.

---Where a row is.
---@class predibase.RowPlace
---@field number integer of the row, from 1
---@field line integer the number of its first line in the file, or its own number
---@field id? string|number of the row
---@field hash? string of the row and its options

---How far a run is.
---@class predibase.BulkProgress
---@field rows predibase.RowCounts how many rows are done
---@field rates predibase.RowRates the speed over the last ten seconds
---@field open integer requests under way
---@field concurrency integer how many may be
---@field pause number seconds until the server may be asked again; 0 without a pause
---@field read integer bytes of the input read so far
---@field size? integer bytes of the input
---@field is_read boolean the input was read to its end

---What a run has done.
---@class predibase.BulkSummary : predibase.FigureSummary
---@field reason? string why the run ended before the end of its rows: "stopped", "max_tokens", "max_cost", or what the error is about
---@field cost? number nil without prices
---@field open integer requests under way
---@field concurrency integer how many may be
---@field read integer bytes of the input read so far
---@field size? integer bytes of the input
---@field changed integer rows that have changed since they were answered
---@field stray? integer answers whose rows the input does not have any more
---@field evaluation? table see `predibase.bulk.evaluation`
---@field failed_path? string of the file of failed rows, when the run has ended and there are some

---@class predibase.BulkRun
---@overload fun(): table?, any, predibase.Error?, predibase.RowPlace
local BulkRun = {}

---Waits for the next row that is answered or has failed.
---@param seconds? number longest time to wait; nil waits until a row has ended
---@return (table|false)? # the row; or the row; empty when it could not be read; or nil all rows have ended, or the run was stopped, or has reached `max_tokens` or `max_cost`; or no row has ended in that time
---@return any # its result, as the method returns it to which the row belongs
---@return predibase.Error? # its error; or the error that ended the run
---@return predibase.RowPlace? # where the row is: `number`, `line`, `id` and `hash`; or where it is
---@return_overload table, any, nil, predibase.RowPlace
---@return_overload table, nil, predibase.Error, predibase.RowPlace
---@return_overload nil
---@return_overload nil, nil, predibase.Error
---@return_overload false
function BulkRun:next(seconds) end

---Answers all rows.
---@return predibase.BulkSummary? # the summary
---@return predibase.Error # the error that ended the run
---@return_overload predibase.BulkSummary
---@return_overload nil, predibase.Error
function BulkRun:finish() end

---Takes no more rows; those that are under way still end. May be called at any time.
function BulkRun:stop() end

---Ends the run at once. The rows that are under way get no answer. May be called any number of
---times.
function BulkRun:close() end

---Returns how far the run is, to be shown while it runs.
---@return predibase.BulkProgress # `rows` and `rates` of `predibase.bulk.figures`, `open` (requests under way), `concurrency` (how many may be), `pause` (seconds until the server may be asked again; 0 without a pause), `read` (bytes of the input read so far), `size` (bytes of the input, nil when unknown), `is_read` (boolean: the input was read to its end)
function BulkRun:progress() end

---Returns what was counted up to now.
---@return predibase.BulkSummary # the fields of `predibase.bulk.figures`, and `reason` (why the run ended before the end of its rows: "stopped", "max_tokens", "max_cost", or what the error is about; nil otherwise), `cost` (nil without prices), `open` (requests under way), `concurrency` (how many may be), `read` (bytes of the input read so far), `size` (bytes of the input, nil when unknown), `changed` (rows that have changed since they were answered), `stray` (answers whose rows the input does not have any more, when it was read to its end), `evaluation`, `failed_path` (of the file of failed rows, when the run has ended and there are some)
function BulkRun:summary() end

---A bulk run: rows in, answers out. `client:run_bulk` makes it.
---
---    for row, result, err, at in client:run_bulk { input = "in.csv", template = t } do … end
---
---    local run = assert(client:run_bulk { input = "in.csv", template = t, out = "out.jsonl" })
---    local summary, err = run:finish()
---
---A run reads the next row when a request may begin, so its memory does not depend on the number of
---rows. With `out` it appends each answer to a file, and leaves out the rows that the file has
---already.
---
---A row fails alone. What concerns every row ends the run: a token that is refused, a server that
---has not answered for `PATIENCE` seconds, a full disk. The rows that have no answer then are not
---failed rows; the same run, made again, goes on with them.
---@class predibase.bulk.run
---@field ORDER_WINDOW integer How many times the largest number of requests the rows may be that wait, with `ordered`, for the answer of an earlier row. Their answers are in memory.
local M = {}

---Makes a run that has failed already: its `next` returns the error.
---@param err predibase.Error
---@return predibase.BulkRun
function M.failed(err) end

---Makes a run.
---@param client predibase.Client
---@param parts table `source`, `dialect`, `output`, `choice`, `figures`, `spending`, `evaluation` (or nil), and the options `most`, `start`, `adaptive`, `patience`, `ordered` and `keep_changed`
---@return predibase.BulkRun
function M.new(client, parts) end

return M
