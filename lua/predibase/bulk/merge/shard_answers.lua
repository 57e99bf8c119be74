-- SPDX-License-Identifier: MIT
--- Reads the answers of a shard, and refuses everything else.
-- @module predibase.bulk.merge.shard_answers

local answer_file = require "predibase.bulk.answer_file"
local errors = require "predibase.errors"
local records = require "predibase.bulk.records"
local rows = require "predibase.bulk.rows"

local M = {}

local Shards = {}
Shards.__index = Shards

-- The last columns of an output: the names and order of `records`, with `time` and without.
local OURS = { #records.new { format = "csv", columns = {} }.all,
  #records.new { format = "csv", columns = {}, timing = true }.all }

local function refused (kind, message, ...)
  return nil, errors.new { kind = kind, message = message:format(...) }
end

--- Returns what a user does about a shard that is not complete.
-- @tparam table file an entry of `shard_files.find`
-- @treturn string a sentence without its full stop
function M.run_again (file)
  return ("Run this shard again with the same command (--shard %d/%d), which goes on where it "
    .. "stopped, then merge"):format(file.index, file.count)
end

--- Returns the bytes of a record with its line end.
-- @tparam table at see `predibase.bulk.rows`
-- @treturn string
function M.bytes (at)
  return at.raw .. (at.stop - at.first == #at.raw + 2 and "\r\n" or "\n")
end

--- Makes the layout of an output from its columns: the last ones are those of `records`.
local function layout_of_columns (format, columns)
  for i, ours in ipairs(OURS) do
    local own = {}
    for k = 1, #columns - ours do own[k] = columns[k] end
    local layout = records.new { format = format, columns = own, timing = i == 2 }
    if layout:has_columns(columns) then return layout end
  end
end

--- Returns the layout of a file whose header has been read. That of the first file is the layout of
-- all.
local function layout_of_header (self, file, reader)
  local header = M.bytes(reader.header)
  if not reader.header.ended then
    return refused("config", "%s: line 1 is not complete: the run of this shard was interrupted. "
      .. "%s", file.path, M.run_again(file))
  end
  if not self.header then
    self.layout = layout_of_columns(self.format, reader.columns)
    self.header, self.first = header, file
  elseif header ~= self.header then
    return refused("validation", "%s has other columns than %s: these are not outputs of the same "
      .. "run", file.path, self.first.path)
  end
  if self.layout then return self.layout end
  return refused("validation", "%s is not an output of predibase batch: its columns do not end "
    .. "with hash, text, …. Move it away if it is another file", file.path)
end

--- Returns the layout of JSON Lines: that of OpenAI's batches if the first record has it.
local function layout_of_record (self, row)
  if not self.layout then
    local copy = {}
    for name, value in next, row do copy[name] = value end
    local openai = records.new { format = "openai" }
    self.layout = openai:read(copy) and openai or records.new { format = "jsonl" }
  end
  return self.layout
end

--- Reads one record, or returns an error that names the file and the line.
local function read_record (self, file, row, at)
  if not at.ended then
    return refused("config", "%s: line %.0f is not complete: the run of this shard was "
      .. "interrupted. %s", file.path, at.line, M.run_again(file))
  elseif at.err or at.raw:find("\0", 1, true) then
    local problem = at.err and at.err.message or ("line %.0f: it has zero bytes"):format(at.line)
    return refused("validation", "%s: %s. The file was damaged or changed: remove the record and "
      .. "run this shard again (--shard %d/%d)", file.path, problem, file.index, file.count)
  end
  local layout = self.layout or layout_of_record(self, row)
  local record, problem = layout:read(row)
  if record then return record end
  return refused("validation", "%s: line %.0f is not an answer of predibase batch: %s. Remove it, "
    .. "or move the file away if it is another one", file.path, at.line, problem)
end

--- Reads the answers of a shard.
-- @function shards:read
-- @tparam table file an entry of `shard_files.find`
-- @tparam function visit is called with each record of `records` and its `at`; returns true, or nil
-- and an error
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] table an error of kind `config` when the shard is not complete or cannot be read, and
-- of kind `validation` when it has something else than answers
function Shards:read (file, visit)
  local reader, err = rows.open(file.path, {
    format = self.format, max_record = answer_file.MAX_RECORD })
  if not reader then return nil, err end
  local ok = true
  if reader.header then ok, err = layout_of_header(self, file, reader) end
  while ok do
    local row, at, problem = reader:next()
    if not row then
      ok, err = not problem, problem
      break
    end
    ok, err = read_record(self, file, row, at)
    if ok then ok, err = visit(ok, at) end
  end
  reader:close()
  if ok then return true end
  return nil, err
end

--- Makes a reader of shards that have to be outputs of the same run.
-- @tparam string format "jsonl", "csv" or "tsv"
-- @treturn table the reader. Its fields `layout` (see `predibase.bulk.records`) and `header` (the
-- bytes of the header line, nil without one) are known when the first shard has been read
function M.new (format)
  return setmetatable({ format = format, layout = nil, header = nil, first = nil }, Shards)
end

return M
