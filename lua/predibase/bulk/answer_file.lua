-- SPDX-License-Identifier: MIT
--- The output of a run: a file to which answers are appended, and beside it the file of the rows
-- that failed. A run that was interrupted at any instant goes on with the same file, and each row
-- is in it once.
--
-- What was done is read back from the output itself. A record that an interruption has torn can
-- only be the last one; it is cut off, and so are the zeros that a power loss may leave at the end.
-- Everything else in the file has to be a record of ours: a file of somebody else is refused and
-- not changed. A lock keeps two runs from writing to one output.
--
-- The file of failed rows is called `failed-NAME`, in the same folder. It is emptied when a run
-- writes its first row, because the failed rows are tried again, and removed at the end when no row
-- failed. A run is refused if it finds another file of this name. The file is ours when each of its
-- rows either has the column `predibase_error` or cannot be read; if none can be read, the output
-- must exist, too.
-- @module predibase.bulk.answer_file

local append = require "predibase.append"
local done = require "predibase.done"
local errors = require "predibase.errors"
local files = require "predibase.files"
local option_names = require "predibase.option_names"
local paths = require "predibase.paths"
local records = require "predibase.bulk.records"
local rows = require "predibase.bulk.rows"
local usage = require "predibase.usage"

local M = {}

--- Seconds between two flushes to the disk: at most the answers of this time are lost by a power
-- loss, and asked again. An interruption of the program alone loses nothing.
M.SYNC_INTERVAL = 1

--- Most bytes of a record that is read back. It holds the longest row, also when its quotes and
-- line ends are escaped, and its answer.
M.MAX_RECORD = 8 * rows.MAX_RECORD

local OPTIONS = { format = true, input = true, columns = true, timing = true, clock = true,
  on_done = true, input_path = true }
local FORMATS = { jsonl = true, csv = true, tsv = true, openai = true }
local ROW_FORMATS = { jsonl = "jsonl", openai = "jsonl", csv = "csv", tsv = "tsv" }

local File = {}
File.__index = File

local function refused (path, message)
  return nil, errors.new { kind = "config", message = path .. ": " .. message }
end

local function failed_by (message)
  return nil, errors.new { kind = "config", message = message }
end

--- Returns the path of the file of failed rows.
-- @tparam string path of the output
-- @tparam string format of the output: "jsonl", "csv", "tsv" or "openai"
-- @tparam string failed_format see `predibase.bulk.records`
-- @treturn string `failed-NAME` in the same folder; with `.jsonl` at the end when the output is CSV
-- or TSV and the failed rows are JSON Lines
function M.failed_path (path, format, failed_format)
  local folder, name = paths.split(path)
  local extension = ROW_FORMATS[format] ~= failed_format and "." .. failed_format or ""
  return folder .. "failed-" .. name .. extension
end

--- Opens a file and locks it. A run of this program that a loop has left with `break` keeps its
-- lock until it is collected, except in Lua 5.4, so a refused lock is tried again after that.
-- @tparam string path
-- @treturn ?userdata see `predibase.append`
-- @treturn ?string what is wrong
-- @treturn ?boolean whether the lock was refused
function M.open_locked (path)
  local handle, problem, locked = append.open(path)
  if handle or not locked then return handle, problem, locked end
  collectgarbage()
  collectgarbage()                       -- what only finalizers kept alive
  return append.open(path)
end

-- Reading back -----------------------------------------------------------------------------------

--- Makes a source for `rows.open` of the first bytes of an open file.
local function source_of (handle, limit)
  local at = 0
  return { read = function (_, n)
    if at >= limit then return nil end
    local piece, problem = handle:read(at, math.min(n, limit - at))
    if piece then at = at + #piece end
    return piece, problem
  end }
end

local OTHER = "this is no output of such a run, so it is left as it is; choose another file"

--- Says that a record in the middle is not ours.
local function damaged (path, line, reason)
  if line == 1 then return refused(path, ("line 1: %s; %s"):format(reason, OTHER)) end
  return refused(path, ("line %d: this is not a record of the output: %s; the file is left as it "
    .. "is. To go on, remove the record, or keep the first %d lines only"):format(line, reason,
    line - 1))
end

--- Checks the header of an output in CSV or TSV.
local function check_header (path, layout, columns)
  if layout:has_columns(columns) then return true end
  local found = {}
  for _, name in ipairs(columns) do found[name] = true end
  if not (found[layout.names.hash] or found.hash or found[records.PREFIX .. "hash"]) then
    return refused(path, "line 1: it has other columns than an output has; " .. OTHER)
  end
  return refused(path, ("the columns have changed: it has %s, and this run would write %s"):format(
    errors.excerpt(table.concat(columns, ", ")), errors.excerpt(table.concat(layout.all, ", "))))
end

--- Returns why a record that was read is not ours, or nil and the record.
local function examine (layout, row, at)
  if at.err then return at.err.message end
  -- Nothing of ours has a zero byte: JSON escapes it, and cells get another character.
  if at.raw:find("\0", 1, true) then return "it has zero bytes" end
  local record, reason = layout:read(row)
  return reason, record
end

--- Checks what follows the first record without a line end. When a quote was left open, pieces of
-- its record follow. A whole record of ours shows that the damage is not at the end of the file.
local function check_rest (path, layout, reader, torn)
  for row, at in reader do
    if at.ended and not examine(layout, row, at) then
      return damaged(path, torn.line, "a quote is not closed")
    end
  end
  if reader.err then return nil, reader.err end
  return true
end

--- Checks a torn record, which will be cut off. A whole JSON object that is not ours was not torn.
local function check_torn (path, layout, row, at, count)
  if count == 0 and not layout.all and not layout:may_begin(at.raw) then
    return damaged(path, 1, "it has no line end, and does not begin as a record does")
  end
  if not at.err and not layout.all then
    local reason = examine(layout, row, at)
    if reason then return damaged(path, at.line, reason) end
  end
  return true
end

--- Reads all records of a file that is not empty.
-- @treturn[1] number the offset where the file has to be cut
-- @treturn[2] nil
-- @treturn[2] table the error
local function read_records (self, reader, limit, on_done)
  local path, layout, set, count = self.path, self.layout, self.set, 0
  for row, at in reader do
    if not at.ended then
      local ok, err = check_torn(path, layout, row, at, count)
      if ok then ok, err = check_rest(path, layout, reader, at) end
      if not ok then return nil, err end
      return at.first
    end
    local reason, record = examine(layout, row, at)
    if reason then return damaged(path, at.line, reason) end
    if not set:add(record.id, record.line, record.hash) then self.repeated = self.repeated + 1 end
    count = count + 1
    local err = on_done and on_done(record, layout)
    if err then return nil, err end
  end
  if reader.err then return nil, reader.err end
  return limit
end

--- Reads back what was done, and returns the offset where the file has to be cut.
local function read_back (self, on_done)
  local path, handle, layout = self.path, self.handle, self.layout
  local limit, problem = handle:data_end()
  if not limit then return failed_by(problem) end
  local count
  count, problem = handle:count(layout.all ~= nil)
  if not count then return failed_by(problem) end
  self.set = done.new(math.max(count - (layout.all and 1 or 0), 0))
  if handle:size() == 0 then return 0 end
  if limit == 0 then return refused(path, "it contains zero bytes only; delete it to go on") end
  if layout.all and count == 0 then
    local text
    text, problem = handle:read(0, limit)
    if not text then return failed_by(problem) end
    if layout:may_begin(text) then return 0 end
    return damaged(path, 1, "it has other columns than an output has")
  end
  local reader, err = rows.open(source_of(handle, limit), {
    format = ROW_FORMATS[layout.format], max_record = M.MAX_RECORD })
  if not reader then return refused(path, err.message .. "; " .. OTHER) end
  local cut, ok = nil, true
  if layout.all then ok, err = check_header(path, layout, reader.columns) end
  if ok then cut, err = read_records(self, reader, limit, on_done) end
  reader:close()
  return cut, err
end

--- Cuts the file, and writes the header of a new one.
local function prepare (self, cut)
  local handle = self.handle
  self.cut = handle:size() - cut
  if self.cut > 0 then
    local ok, problem = handle:truncate(cut)
    if not ok then return failed_by(problem) end
  end
  if cut == 0 then
    local header, err = self.layout:header()
    if not header then return nil, err end
    if header ~= "" then
      local ok, problem = handle:write(header)
      if not ok then return failed_by(problem) end
    end
  end
  if self.cut == 0 and cut > 0 then return true end
  local ok, problem = handle:sync()
  if not ok then return failed_by(problem) end
  return true
end

-- The file of failed rows ------------------------------------------------------------------------

--- Looks for a row that is not ours in a file of failed rows.
-- @treturn[1] ?integer the line of such a row
-- @treturn[1] boolean whether there is a row that is certainly ours
-- @treturn[2] nil
-- @treturn[2] nil
-- @treturn[2] table the error
local function foreign_row (path, format)
  local reader, err = rows.open(path, { format = format })
  if not reader then return nil, nil, err end
  local foreign, certain = nil, false
  for row, at in reader do
    if row[records.FAILURE] ~= nil then
      certain = true
    elseif not at.err and at.ended then            -- the last record may be torn
      foreign = at.line
      break
    end
  end
  reader:close()
  return foreign, certain, reader.err
end

--- Tells whether a file that is there may be replaced by the file of failed rows.
local function check_failed_file (self)
  local beginning = files.optional(self.failed_path, 1)
  -- If it cannot be read, opening it will say what is wrong.
  if beginning == nil or beginning == "" then return true end
  local foreign, certain, err = foreign_row(self.failed_path, self.layout.failed_format)
  if err then return nil, err end
  if not foreign and (certain or files.exists(self.path)) then return true end
  return refused(self.failed_path, ("line %d has no %s, so this is not the file of failed rows of "
    .. "an earlier run and is left as it is; move it away"):format(foreign or 1, records.FAILURE))
end

--- Empties the file of failed rows of an earlier run, if there is one.
local function clear_failed_file (self)
  return not self.has_old_failures or self:open_failed()
end

--- Opens the file of failed rows, and empties it.
function File:open_failed ()
  local handle, problem = M.open_locked(self.failed_path)
  local ok
  if handle then ok, problem = handle:truncate(0) end
  local header
  if ok then
    header, problem = self.layout:failed_header()
    if not header then problem = problem.message end
  end
  if not header then
    if handle then handle:close() end
    return failed_by(problem)
  end
  self.failed_handle, self.failed_header, self.has_old_failures = handle, header, false
  return true
end

-- Files ------------------------------------------------------------------------------------------

local function check_options (path, options)
  if type(path) ~= "string" then usage.fail("expected a path, got a " .. type(path)) end
  if type(options) ~= "table" then
    usage.fail("expected a table of options, got a " .. type(options))
  end
  option_names.check(options, OPTIONS, "option")
  if not FORMATS[options.format] then
    usage.fail("format: expected jsonl, csv, tsv or openai")
  end
  if type(options.clock) ~= "function" then usage.fail("clock: expected a function") end
end

--- Refuses an output that is the input, and the file of failed rows as the input.
local function check_input (path, failed_path, input_path)
  if not input_path then return true end
  if append.same_file(path, input_path) then
    return refused(path, "the output is the input itself")
  end
  if append.same_file(failed_path, input_path) then
    return refused(input_path, "this is the file of failed rows of the output, which the run "
      .. "would empty; rename it, or choose another output")
  end
  return true
end

--- Opens an output, or makes it; reads back what was done, and cuts off a torn record. A file that
-- is refused has not changed.
-- @tparam string path
-- @tparam table options `format`, `input`, `columns` and `timing` as in `predibase.bulk.records`;
-- `clock`: a function that returns the time in seconds; `on_done`: a function that is called with
-- each record that is read back, see `layout:read`, and with the layout, and may return an error,
-- for which the file is refused; `input_path`: of the input, which must be another file
-- @treturn[1] table the file, with the fields `layout` (see `predibase.bulk.records`), `path`,
-- `failed_path`, `done` (number of records that were read back), `repeated` (how many of them have
-- the id, or the line number, of another one) and `cut` (bytes that were cut off)
-- @treturn[2] nil
-- @treturn[2] table the error, of kind "config"; with `locked` when another run uses the file, or
-- it cannot be locked
function M.open (path, options)
  check_options(path, options)
  local layout = records.new { format = options.format, input = options.input,
    columns = options.columns, timing = options.timing }
  local self = setmetatable({ path = path, layout = layout,
    failed_path = M.failed_path(path, options.format, layout.failed_format), repeated = 0,
    failed_count = 0, has_old_failures = false, clock = options.clock, dirty = false }, File)
  local ok, err = check_input(path, self.failed_path, options.input_path)
  if ok then ok, err = check_failed_file(self) end
  if not ok then return nil, err end
  local handle, problem, locked = M.open_locked(path)
  if not handle then
    return nil, errors.new { kind = "config", message = problem, locked = locked or nil }
  end
  self.handle = handle
  local cut
  cut, err = read_back(self, options.on_done)
  if cut then ok, err = prepare(self, cut) else ok = nil end
  if not ok then
    self:release()
    return nil, err
  end
  self.has_old_failures = files.exists(self.failed_path)
  self.done, self.synced = self.set:count(), self.clock()
  return self
end

--- Frees what the file owns, without flushing.
function File:release ()
  for _, name in ipairs { "handle", "failed_handle", "set" } do
    if self[name] then self[name]:close() end
    self[name] = nil
  end
end

local function check_open (self)
  if not self.handle then usage.fail("the file is closed") end
end

--- Tells whether the output has a row.
-- @function file:state
-- @tparam ?string id
-- @tparam integer line number of the row's first line, which identifies a row without an id
-- @tparam string hash see `layout:hash`
-- @treturn ?string nil, "done", "row_changed" or "options_changed"
function File:state (id, line, hash)
  check_open(self)
  return self.set:state(self.layout:id(id), line, hash)
end

--- Tells whether this run has met an id before, and remembers it.
-- @function file:repeats
-- @tparam string id
-- @treturn boolean
function File:repeats (id)
  check_open(self)
  id = self.layout:id(id)
  return id ~= nil and self.set:repeats(id)
end

--- Appends a record: completely or not at all.
-- @function file:append
-- @tparam string text with its line end, see `layout:write`
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] table the error, such as a full disk; the row is asked again by the next run
function File:append (text)
  check_open(self)
  if #text > M.MAX_RECORD then
    return refused(self.path, ("the record has %d bytes, at most %d can be read back"):format(#text,
      M.MAX_RECORD))
  end
  local cleared, err = clear_failed_file(self)
  if not cleared then return nil, err end
  local ok, problem = self.handle:write(text)
  if not ok then return failed_by(problem) end
  self.dirty = true
  return true
end

--- Appends a row to the file of failed rows.
-- @function file:fail
-- @tparam table row
-- @tparam table at
-- @tparam table err the error object
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] table the error
function File:fail (row, at, err)
  check_open(self)
  local text, problem = self.layout:failed(row, at, err)
  if not text then return nil, problem end
  if not self.failed_handle then
    local ok
    ok, problem = self:open_failed()
    if not ok then return nil, problem end
  end
  if self.failed_count == 0 then text = self.failed_header .. text end
  local ok
  ok, problem = self.failed_handle:write(text)
  if not ok then return failed_by(problem) end
  self.failed_count = self.failed_count + 1
  return true
end

--- Flushes the output to the disk.
-- @function file:sync
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] table the error: the disk failed, or the file was deleted or replaced
function File:sync ()
  check_open(self)
  local ok, problem = self.handle:sync()
  if not ok then return failed_by(problem) end
  self.dirty, self.synced = false, self.clock()
  return true
end

--- Flushes the output if something was appended and the last flush was a second ago or longer.
-- @function file:sync_if_due
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] table the error, as of `sync`
function File:sync_if_due ()
  check_open(self)
  if not self.dirty or self.clock() - self.synced < M.SYNC_INTERVAL then return true end
  return self:sync()
end

--- Flushes and closes both files, and removes the file of failed rows when no row failed. May be
-- called again.
-- @function file:close
-- @tparam ?boolean early the run has not come to its end: the failed rows of an earlier run are
-- kept when this one has not written anything
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] table the first error; the files are closed nevertheless
function File:close (early)
  if not self.handle then return true end
  local ok, err = self:sync()
  if ok and not early then ok, err = clear_failed_file(self) end
  local failed = self.failed_handle
  if failed then
    local ended, problem
    if self.failed_count == 0 then
      ended, problem = failed:remove()
    else
      ended, problem = failed:sync()
    end
    if ok and not ended then ok, err = failed_by(problem) end
  end
  local closed, problem = self.handle:close()
  if ok and not closed then ok, err = failed_by(problem) end
  self:release()
  if ok then return true end
  return nil, err
end

return M
