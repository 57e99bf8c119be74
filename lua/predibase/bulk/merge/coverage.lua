-- SPDX-License-Identifier: MIT
--- Finds rows of the input that have no answer in any shard.
--
-- An output has the line number of each row, but not the row's own number. If every row is one
-- line, a missing line number is a missing row. Rows of CSV may have many lines, so only the input
-- can tell for them.
-- @module predibase.bulk.merge.coverage

local done = require "predibase.done"
local records = require "predibase.bulk.records"
local rows = require "predibase.bulk.rows"
local shards = require "predibase.bulk.shards"

local M = {}

--- How many missing rows are listed.
M.SHOWN = 10

--- The digits of the options in a hash when the options do not matter.
M.NO_OPTIONS = "00000000"

local Lines = {}
Lines.__index = Lines

--- Makes what counts the line numbers of the answers.
-- @tparam integer count the number of shards
-- @treturn table
function M.new_lines (count)
  return setmetatable({ count = count, rows = 0, last = 0 }, Lines)
end

--- Adds an answer.
-- @function lines:add
-- @tparam integer index the index of its shard
-- @tparam ?integer line nil when the output has no line numbers
function Lines:add (index, line)
  if not line then
    self.uneven = true
    return
  end
  -- When every row is one line, this is the number of lines before the first row, for all answers.
  local before = (line - 1 - index) % self.count
  if self.before and self.before ~= before then self.uneven = true end
  self.before = before
  self.rows = self.rows + 1
  if line > self.last then self.last = line end
end

--- Counts the lines up to the last answer that have none.
-- @function lines:gaps
-- @treturn ?integer nil when rows may be longer than a line. With one shard this is never known
function Lines:gaps ()
  if self.uneven or self.count == 1 or self.rows == 0 then return nil end
  return math.max(0, self.last - self.before - self.rows)
end

--- Returns the columns `id` and line number by which the set knows a row.
local function key_of (row, at, openai)
  if not openai then return nil, at.line end
  return type(row.custom_id) == "string" and row.custom_id or "", nil
end

--- Compares the input with the answers.
-- @tparam string|table source the input, see `rows.open`
-- @tparam ?table options of `rows.open`
-- @tparam table answers the set of `predibase.done` with the answers
-- @tparam integer count the number of shards
-- @tparam boolean openai whether the rows are known by their ids
-- @treturn[1] table `rows` (how many the input has), `missing` (how many have no answer),
-- `missing_rows` (array of the first: `{ number, line, shard }`), `missing_of` (index of a shard ->
-- how many of its rows have no answer), `changed` (how many were changed since they were answered)
-- and `stray` (how many answers belong to no row)
-- @treturn[2] nil
-- @treturn[2] table the error of `rows`
function M.compare (source, options, answers, count, openai)
  local reader, err = rows.open(source, options)
  if not reader then return nil, err end
  local found = { rows = 0, missing = 0, missing_rows = {}, missing_of = {}, changed = 0 }
  local layout = records.new { format = "jsonl", input = reader.format, columns = reader.columns }
  local matched = 0
  for row, at in reader do
    local id, line = key_of(row, at, openai)
    local hash = not at.err and layout:hash(row, at, M.NO_OPTIONS)
      or done.hash(at.raw) .. "-" .. M.NO_OPTIONS
    local state = answers:state(id, line, hash)
    found.rows = found.rows + 1
    if state then
      matched = matched + 1
      if state == "row_changed" then found.changed = found.changed + 1 end
    else
      local shard = shards.of(count, at.number)
      found.missing = found.missing + 1
      found.missing_of[shard] = (found.missing_of[shard] or 0) + 1
      if #found.missing_rows < M.SHOWN then
        table.insert(found.missing_rows, { number = at.number, line = at.line, shard = shard })
      end
    end
  end
  reader:close()
  if reader.err then return nil, reader.err end
  found.stray = math.max(0, answers:count() - matched)
  return found
end

--- Iterates over the ids of an input in the form of OpenAI's batches.
-- @tparam string|table source
-- @tparam ?table options
-- @treturn[1] function an iterator
-- @treturn[1] table the reader, to be closed; its field `err` says why the reading ended early
-- @treturn[2] nil
-- @treturn[2] table the error of `rows`
function M.ids (source, options)
  local reader, err = rows.open(source, options)
  if not reader then return nil, err end
  return function ()
    local row = reader:next()
    return row and (type(row.custom_id) == "string" and row.custom_id or "") or nil
  end, reader
end

return M
