-- SPDX-License-Identifier: MIT
--- Joins the outputs of the shards of a run to one output.
--
-- The files `OUT.I-of-N` become `OUT`, and the files of failed rows that of `OUT`. Nothing is
-- merged when a shard is missing, is being written, or was left unfinished. A row that is in the
-- shards twice is written once.
-- @module predibase.bulk.merge

local amounts = require "predibase.amounts"
local answer_file = require "predibase.bulk.answer_file"
local append = require "predibase.append"
local coverage = require "predibase.bulk.merge.coverage"
local done = require "predibase.done"
local errors = require "predibase.errors"
local input_order = require "predibase.bulk.merge.input_order"
local merged_file = require "predibase.bulk.merge.merged_file"
local option_names = require "predibase.option_names"
local rows = require "predibase.bulk.rows"
local shard_answers = require "predibase.bulk.merge.shard_answers"
local shard_files = require "predibase.bulk.merge.shard_files"
local usage = require "predibase.usage"
local value_checks = require "predibase.value_checks"

local M = {}

--- The options of `bulk.merge`.
-- @table MergeOptions
-- @tfield ?string into the path to write to
-- @tfield ?"jsonl"|"csv"|"tsv" format by default that of the extension
-- @tfield ?string|file* input the input of the run, to find out whether each row has an answer
-- @tfield ?RowsOptions input_options how it is read
-- @tfield ?boolean ordered write the records in the order of the input (default false)
-- @tfield ?boolean force replace an output that exists (default false)
-- @tfield ?boolean partial merge although shards or rows are missing (default false)

--- How many rows with two different answers are listed.
M.SHOWN = 10

-- Most different options that are counted.
local MAX_OPTIONS = 100

local FORMATS = { jsonl = true, csv = true, tsv = true }
local OPTIONS = { into = "string", format = "string", input = "any", input_options = "table",
  ordered = "boolean", force = "boolean", partial = "boolean" }

local function config_error (message, ...)
  return nil, errors.new { kind = "config", message = message:format(...) }
end

local function check_arguments (out, options)
  if type(out) ~= "string" or out == "" then
    usage.fail("expected the path of an output, got " .. value_checks.describe(out))
  end
  if options == nil then return {} end
  if type(options) ~= "table" then
    usage.fail("expected a table of options, got " .. value_checks.describe(options))
  end
  option_names.check(options, OPTIONS, "option")
  for name, kind in pairs(OPTIONS) do
    local value = options[name]
    if value ~= nil and kind ~= "any" and type(value) ~= kind then
      usage.fail(("%s: expected a %s, got %s"):format(name, kind, value_checks.describe(value)))
    end
  end
  if options.format and not FORMATS[options.format] then
    usage.fail("format: expected jsonl, csv or tsv, got " .. value_checks.describe(options.format))
  end
  return options
end

-- Records ----------------------------------------------------------------------------------------

--- Tells whether a record is the first one of its row. Counts and lists the others.
local function is_first (self, file, record, at)
  local found, id = self.found, not record.line and record.id or nil
  local content = done.hash(at.raw) .. "-" .. coverage.NO_OPTIONS
  local state = self.contents:state(id, record.line, content)
  if not state then
    self.contents:add(id, record.line, content)
    if self.answers then self.answers:add(id, record.line, record.hash) end
    if not record.line or not record.id or not self.contents:repeats(record.id) then return true end
  end
  if state == "done" then
    found.repeats = found.repeats + 1
    return false
  end
  found.differing = found.differing + 1
  if #found.differing_rows < M.SHOWN then
    table.insert(found.differing_rows, { path = file.path, record_line = at.line, id = record.id,
      line = record.line })
  end
  return false
end

local function count_options (self, hash)
  local digits = hash:sub(-8)
  if self.digits[digits] or self.found.options >= MAX_OPTIONS then return end
  self.digits[digits] = true
  self.found.options = self.found.options + 1
end

--- Takes one record of a shard.
local function take (self, number, record, at)
  local found, file = self.found, self.files[number]
  count_options(self, record.hash)
  if not is_first(self, file, record, at) then return true end
  found.rows = found.rows + 1
  self.lines:add(file.index, record.line)
  if self.order then return self.order:add(record.line or record.id, number, at.first) end
  if self.shards.header and not self.header_written then
    self.header_written = true
    local ok, err = self.target:write(self.shards.header)
    if not ok then return nil, err end
  end
  return self.target:write(shard_answers.bytes(at))
end

--- Copies the failed rows of a shard.
local function copy_failed (self, file)
  local reader, err = rows.open(file.failed, { format = self.files.failed_format,
    max_record = answer_file.MAX_RECORD })
  if not reader then return nil, err end
  local header = reader.header and shard_answers.bytes(reader.header)
  local ok = true
  for _, at in reader do
    if not self.failed_target then
      self.failed_target, err = merged_file.create(self.failed_path, self.force)
      ok = self.failed_target ~= nil
      self.failed_header = header
      if ok and header then ok, err = self.failed_target:write(header) end
    end
    if ok and at.stop - at.first == #at.raw then
      ok, err = config_error("%s: line %.0f is not complete. %s", file.failed, at.line,
        shard_answers.run_again(file))
    elseif ok and header ~= self.failed_header then
      ok, err = config_error("%s has other columns than the failed rows of the other shards: these "
        .. "are not files of the same run", file.failed)
    end
    if ok then ok, err = self.failed_target:write(shard_answers.bytes(at)) end
    if not ok then break end
    self.found.failed = self.found.failed + 1
    self.failed_of[file.index] = (self.failed_of[file.index] or 0) + 1
  end
  reader:close()
  if ok and reader.err then return nil, reader.err end
  if ok then return true end
  return nil, err
end

--- Reads one shard, while it is locked.
local function read_shard (self, number)
  local file = self.files[number]
  local unlock, err = shard_files.lock(file)
  if not unlock then return nil, err end
  local ok
  ok, err = self.shards:read(file, function (record, at)
    return take(self, number, record, at)
  end)
  if ok and file.failed then ok, err = copy_failed(self, file) end
  unlock()
  if ok then return true end
  return nil, err
end

-- Completeness -----------------------------------------------------------------------------------

local function is_openai (self)
  return self.shards.layout ~= nil and self.shards.layout.format == "openai"
end

--- Compares the answers with the input, and refuses to merge when a shard is not finished: it has
-- rows that are neither answered nor failed.
local function compare_with_input (self, options)
  local compared, err = coverage.compare(options.input, options.input_options, self.answers,
    self.files.count, is_openai(self))
  if not compared then return nil, err end
  local found = self.found
  found.input_rows, found.missing, found.missing_rows = compared.rows, compared.missing,
    compared.missing_rows
  found.changed, found.stray, found.unfinished = compared.changed, compared.stray, {}
  local unfinished = 0
  for index = 0, self.files.count - 1 do
    local left = (compared.missing_of[index] or 0) - (self.failed_of[index] or 0)
    if left > 0 then
      unfinished = unfinished + left
      table.insert(found.unfinished, { index = index, rows = left })
    end
  end
  if unfinished == 0 or options.partial then return true end
  local indexes, first = {}, found.missing_rows[1]
  for i, entry in ipairs(found.unfinished) do indexes[i] = entry.index end
  return config_error("%.0f of %.0f rows are neither answered nor failed, the first without an "
    .. "answer is row %.0f in line %.0f. Run these shards of %d again with the same command, which "
    .. "goes on where it stopped: %s. To merge what is there, give the option partial", unfinished,
    compared.rows, first.number, first.line, self.files.count, shard_files.list(indexes))
end

--- Refuses to merge when files of shards are missing.
local function check_missing (files, out, options)
  if #files.missing == 0 or options.partial then return true end
  return config_error("%d of the %d shards of %s have no file: %s. Run them, or merge what is "
    .. "there with the option partial", #files.missing, files.count, out,
    shard_files.list(files.missing))
end

--- Refuses to write over a file that is read.
local function check_target (files, target, input)
  local read = { type(input) == "string" and input or nil }
  for _, file in ipairs(files) do read[#read + 1] = file.path end
  for _, path in ipairs(read) do
    if append.same_file(path, target) then
      return config_error("%s is read by the merge and cannot be its output", target)
    end
  end
  return true
end

-- The run ----------------------------------------------------------------------------------------

--- Writes the records in the order of the input.
local function write_ordered (self, options)
  local ids, reader, err
  if is_openai(self) then
    if type(options.input) ~= "string" then
      return config_error("records in the form of OpenAI's batches have no line numbers; their "
        .. "order is known only with the path of the input (option input)")
    end
    ids, reader = coverage.ids(options.input, options.input_options)
    if not ids then return nil, reader end
  end
  local ok = true
  if self.shards.header then ok, err = self.target:write(self.shards.header) end
  if ok then ok, err = self.order:write(self.target, ids) end
  if reader then reader:close() end
  if ok and reader and reader.err then return nil, reader.err end
  return ok, err
end

--- Reads all shards, checks them and writes the files.
local function run_all (self, options)
  for number = 1, #self.files do
    local ok, err = read_shard(self, number)
    if not ok then return nil, err end
  end
  local ok, err = true, nil
  if options.input ~= nil then
    ok, err = compare_with_input(self, options)
  else
    self.found.gaps = self.lines:gaps()
  end
  if ok and self.order then
    ok, err = write_ordered(self, options)
  elseif ok and self.shards.header and not self.header_written then
    ok, err = self.target:write(self.shards.header)
  end
  if not ok then return nil, err end
  if self.failed_target then
    ok, err = self.failed_target:commit()
    if not ok then return nil, err end
    self.found.failed_out = self.failed_path
  elseif self.force then
    os.remove(self.failed_path)        -- the failed rows of the output that is replaced
  end
  return self.target:commit()
end

local function release (self)
  for _, name in ipairs { "target", "failed_target" } do
    if self[name] then self[name]:abandon() end
  end
  if self.order then self.order:close() end
  self.contents:close()
  if self.answers then self.answers:close() end
end

--- Joins the shards of an output.
--
-- Memory: 16 bytes for each row, 32 with `input`; with `ordered` from 16 to 80 more.
-- @tparam string out the path of the output, without the suffix of a shard
-- @tparam ?table options `into`: the path to write to (`out`); `format`: "jsonl", "csv" or "tsv"
-- (by the extension of `out`, otherwise "jsonl"; the form of OpenAI's batches is "jsonl" and
-- recognised by its records); `input`: the input of the run, a path or an object as for
-- `rows.open`, to find out whether each row has an answer (an object can be read only once, so not
-- with `ordered` and the form of OpenAI's batches); `input_options`: options of `rows.open`;
-- `ordered`: writes the records in the order of the input, otherwise shard after shard; the failed
-- rows stay in the order of the shards; `force`: replaces an output that exists; `partial`: merges
-- although shards or rows are missing
-- @treturn[1] table the summary: `out`, `rows` (records written), `shards` (their number),
-- `missing_shards` (array of indexes), `failed` (failed rows), `failed_out` (their path, nil when
-- there are none), `repeats` (equal records that were left out), `differing` (records that were
-- left out because the row, or a row with this id, had another answer already), `differing_rows`
-- (array of the first: `{ path, record_line, id, line }`), `options` (how many different options
-- the rows were answered with; more than one when the command was changed). With `input`:
-- `input_rows`, `missing` (rows without an answer, failed ones among them), `missing_rows` (array
-- of the first: `{ number, line, shard }`), `unfinished` (array of `{ index, rows }`: how many rows
-- of a shard are neither answered nor failed), `changed` (rows that the input has in another form
-- now) and `stray` (answers of rows that it does not have). Without `input`: `gaps` (lines before
-- the last answer that have none; nil when it is not known whether each row is one line)
-- @treturn[2] nil
-- @treturn[2] table an error of kind `config` or `validation`; nothing was written
function M.run (out, options)
  options = check_arguments(out, options)
  local format = options.format or rows.format_of(out)
  if not FORMATS[format] then format = "jsonl" end
  local files, err = shard_files.find(out, format)
  if not files then return nil, err end
  local ok
  local target = options.into or out
  ok, err = check_missing(files, out, options)
  if ok then ok, err = check_target(files, target, options.input) end
  if not ok then return nil, err end
  local self = { files = files, shards = shard_answers.new(format), force = options.force,
    failed_path = answer_file.failed_path(target, format, files.failed_format), failed_of = {},
    digits = {}, contents = done.new(), answers = options.input ~= nil and done.new() or nil,
    lines = coverage.new_lines(files.count), found = { out = target, rows = 0,
      shards = files.count, missing_shards = files.missing, failed = 0, repeats = 0, differing = 0,
      differing_rows = {}, options = 0 } }
  if options.ordered then self.order = input_order.new(files, rows.SEPARATORS[format] ~= nil) end
  ok, err = merged_file.check(self.failed_path, options.force)
  if ok then
    self.target, err = merged_file.create(target, options.force)
    ok = self.target ~= nil
  end
  if ok then ok, err = run_all(self, options) end
  release(self)
  if ok then return self.found end
  return nil, err
end

--- Writes an output again in the order of the input, completely or not at all. A run with `ordered`
-- does so at its end when an earlier run could not answer every row in its turn.
-- @tparam string out
-- @tparam table options `format`: "jsonl", "csv" or "tsv"; `input`: the path of the input, needed
-- for the form of OpenAI's batches; `input_options`: options of `rows.open`
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] table the error
function M.reorder (out, options)
  local files = { { index = 0, count = 1, path = out }, count = 1 }
  local unlock, err = shard_files.lock(files[1])
  if not unlock then return nil, err end
  local self = { files = files, shards = shard_answers.new(options.format),
    order = input_order.new(files, rows.SEPARATORS[options.format] ~= nil), contents = done.new() }
  local ok
  ok, err = self.shards:read(files[1], function (record, at)
    return self.order:add(record.line or record.id, 1, at.first)
  end)
  if ok then
    self.target, err = merged_file.create(out, true)
    ok = self.target ~= nil
  end
  if ok then ok, err = write_ordered(self, options) end
  if ok then ok, err = self.target:commit() end
  release(self)
  unlock()
  if ok then return true end
  return nil, err
end

--- Adds a line when something has occurred.
local function add (lines, count, text, ...)
  if count and count > 0 then lines[#lines + 1] = text:format(...) end
end

--- Describes the rows without an answer, as far as they are known.
local function missing_lines (found, lines)
  add(lines, #found.missing_shards, "missing: %d of %s: %s", #found.missing_shards,
    amounts.of(found.shards, "shard"), shard_files.list(found.missing_shards))
  add(lines, found.failed, "failed: %s, in %s with the reasons", amounts.of(found.failed, "row"),
    found.failed_out or "")
  if found.input_rows then
    add(lines, found.missing, "without an answer: %s of %s%s", amounts.count(found.missing),
      amounts.of(found.input_rows, "row"), found.failed > 0 and ", failed ones among them" or "")
    for _, row in ipairs(found.missing_rows) do
      lines[#lines + 1] = ("  row %.0f in line %.0f (shard %d)"):format(row.number, row.line,
        row.shard)
    end
    if found.missing > #found.missing_rows then lines[#lines + 1] = "  …" end
    for _, entry in ipairs(found.unfinished) do
      lines[#lines + 1] = ("shard %d is not finished: %s neither answered nor failed"):format(
        entry.index, amounts.of(entry.rows, "row"))
    end
  elseif not found.gaps then
    lines[#lines + 1] = "whether rows are missing is not known without the input"
  else
    local gaps = found.gaps - found.failed
    add(lines, gaps, "without an answer or a failed row: %s before the last answer; with the input "
      .. "the missing rows are known", amounts.of(gaps, "line"))
  end
end

--- Describes a summary for a person.
-- @tparam table found the result of `run`
-- @treturn table array of lines without line ends, in which nothing was made printable
function M.lines (found)
  local lines = { ("%s: %s from %s"):format(found.out, amounts.of(found.rows, "answer"),
    amounts.of(found.shards - #found.missing_shards, "shard")) }
  missing_lines(found, lines)
  add(lines, found.changed, "changed since they were answered: %s of the input",
    amounts.of(found.changed or 0, "row"))
  add(lines, found.stray, "without a row in the input: %s", amounts.of(found.stray or 0, "answer"))
  add(lines, found.repeats, "left out, because they are there twice: %s",
    amounts.of(found.repeats, "answer"))
  add(lines, found.differing, "left out, because the row has another answer already: %s",
    amounts.of(found.differing, "answer"))
  for _, row in ipairs(found.differing_rows) do
    lines[#lines + 1] = ("  %s: line %.0f (%s)"):format(row.path, row.record_line,
      row.id and "id " .. errors.excerpt(row.id, 60) or ("line %.0f of the input"):format(row.line))
  end
  if found.differing > #found.differing_rows then lines[#lines + 1] = "  …" end
  add(lines, found.options - 1, "the answers were made with %d different sets of options",
    found.options)
  return lines
end

return M
