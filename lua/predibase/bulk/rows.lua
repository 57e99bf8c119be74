-- SPDX-License-Identifier: MIT
--- Reads and writes files of rows: JSON Lines, CSV, TSV, and plain lines. Files of any length are
-- read in constant memory.
--
--     local rows = require "predibase.bulk.rows"
--     local reader = assert(rows.open("questions.csv"))
--     for row, at in reader do
--       if at.err then print(at.err.message) else print(at.line, row.question) end
--     end
--     assert(not reader.err, reader.err)
--     reader:close()
--
-- The formats:
--
-- * `jsonl`: a JSON object (RFC 8259) in each line. `predibase.json.decode` makes the values.
-- * `csv`: RFC 4180 with a header line. Cells in quotes may have line breaks (LF, CR LF and CR,
--   which are kept as they are) and doubled quotes. A quote inside a cell that does not begin with
--   one is an error of its row. Every value is a string.
-- * `tsv`: the same with a tab in place of the comma. Many TSV files have no quoting at all; such
--   files are read with the option `quotes = false`, and then a cell cannot have a tab or a line
--   break.
-- * `lines`: each line is a row `{ text = line }`.
--
-- Files are UTF-8. A byte order mark at the beginning is skipped, UTF-16 is refused. Lines end in
-- LF or CR LF. Empty lines are not rows, nor are lines of white space in JSON Lines. A zero byte is
-- a character like any other, as it is in UTF-8; JSON does not allow it.
--
-- A row that cannot be read does not end the reading. It is returned as an empty table, with the
-- error in `at.err`. When a quote is not closed correctly, only the first line of its record is the
-- row that failed, and reading goes on with the next line. The lines that the record may have had
-- are then rows or errors of their own.
-- @module predibase.bulk.rows

local delimited = require "predibase.bulk.rows.delimited"
local errors = require "predibase.errors"
local input_window = require "predibase.bulk.rows.input_window"
local json_lines = require "predibase.bulk.rows.json_lines"
local option_names = require "predibase.option_names"
local plain_lines = require "predibase.bulk.rows.plain_lines"
local usage = require "predibase.usage"
local value_checks = require "predibase.value_checks"

local M = {}

--- The options of `rows.open`.
-- @table RowsOptions
-- @tfield ?"jsonl"|"csv"|"tsv"|"lines" format needed when the extension of the path does not tell
-- it
-- @tfield ?string[] columns the names of the columns, for CSV and TSV without a header line
-- @tfield ?boolean quotes `false` for CSV and TSV in which quotes have no meaning
-- @tfield ?integer max_record most bytes of a record (`MAX_RECORD`)

--- Where a row of a file is.
-- @table FilePlace
-- @tfield integer number of the row, from 1
-- @tfield integer line the number of its first line in the file, from 1
-- @tfield string raw its bytes without the line end
-- @tfield integer first the offset of its first byte, from 0
-- @tfield integer stop the offset of the byte after its line end
-- @tfield boolean ended whether the record is complete with its line end
-- @tfield ?Error err the row cannot be read

--- Reads the rows of a file: `for row, at in reader do`.
-- @table RowReader
-- @overload fun():(table<string,any>?,FilePlace)
-- @tfield string format of the file
-- @tfield ?string[] columns of CSV and TSV, in their order
-- @tfield ?integer size of the file in bytes
-- @tfield ?FilePlace header where the header is
-- @tfield ?Error err the error that ended the reading

--- Most bytes that one record may have, without its line end. A longer one is an error of its row.
M.MAX_RECORD = input_window.MAX_RECORD

--- The formats whose rows are cells under a header line: format -> the separator of the cells.
M.SEPARATORS = { csv = ",", tsv = "\t" }

local FORMATS = { jsonl = true, csv = true, tsv = true, lines = true }
local EXTENSIONS = { jsonl = "jsonl", ndjson = "jsonl", csv = "csv", tsv = "tsv", txt = "lines" }
local OPEN_OPTIONS = { format = true, columns = true, quotes = true, max_record = true }
local CREATE_OPTIONS = { format = true, columns = true }

local function invalid (message)
  return nil, errors.new { kind = "validation", message = message }
end

--- Returns the format of a file by the extension of its name: `.jsonl` and `.ndjson`, `.csv`,
-- `.tsv`, `.txt`. Upper case is the same.
-- @tparam string path
-- @treturn[1] "jsonl"|"csv"|"tsv"|"lines" "jsonl", "csv", "tsv" or "lines"
-- @treturn[2] nil the name has none of these extensions
function M.format_of (path)
  local extension = path:match("%.(%w+)$")
  return extension and EXTENSIONS[extension:lower()]
end

--- Returns the format that is named, or else that of the file.
local function choose_format (format, path)
  if format == nil then
    format = path and M.format_of(path)
    if format then return format end
    return invalid(("the format of %s is not known from its name; give the option format: jsonl, "
      .. "csv, tsv or lines"):format(path or "the input"))
  end
  if FORMATS[format] then return format end
  return invalid(("format: expected jsonl, csv, tsv or lines, got %s"):format(
    value_checks.describe(format)))
end

local function check_columns (columns)
  if type(columns) ~= "table" then
    usage.fail("columns: expected an array of strings, got " .. value_checks.describe(columns))
  end
  local count, problem = value_checks.array(columns)
  if not count then usage.fail("columns: the table " .. problem) end
  for i = 1, count do
    if type(columns[i]) ~= "string" then
      usage.fail(("columns[%d]: expected a string, got %s"):format(i,
        value_checks.describe(columns[i])))
    end
  end
  return count
end

local function check_options (options, allowed)
  if options == nil then return {} end
  if type(options) ~= "table" then
    usage.fail("expected a table of options, got " .. value_checks.describe(options))
  end
  option_names.check(options, allowed, "option")
  if options.columns ~= nil then check_columns(options.columns) end
  if options.quotes ~= nil and type(options.quotes) ~= "boolean" then
    usage.fail("quotes: expected a boolean, got " .. value_checks.describe(options.quotes))
  end
  local size = options.max_record
  if size ~= nil and not (value_checks.integral(size) and size >= 1) then
    usage.fail("max_record: expected a whole number of bytes, got " .. value_checks.describe(size))
  end
  return options
end

local Reader = {}
Reader.__index = Reader

--- Reads the next row. Also what a `for` loop over the reader calls.
-- @function reader:next
-- @treturn[1] table<string,any> the row: column -> value; empty when `at.err` is set
-- @treturn[1] FilePlace `at`, where the row is: `number` (of the row, from 1), `line` (the number
-- of its first line in the file, from 1; lines end in LF), `raw` (its bytes without the line end),
-- `first` and `stop` (the offsets in the file of its first byte and of the byte after its line end,
-- from 0), `ended` (whether the record is complete with its line end) and `err` (an error of kind
-- "validation" with the field `line` when the row cannot be read, otherwise nil). A record that is
-- longer than `max_record` in one line has only its first bytes in `raw`. A row whose quote is
-- still open at the end of the file has `ended = false`; to append to such a file, cut it at
-- `first` of the first row with `ended = false`.
-- @treturn[2] nil the end
-- @treturn[3] nil
-- @treturn[3] nil
-- @treturn[3] Error the source cannot be read; it is also the field `err` of the reader, because a
-- `for` loop does not see it
-- @raise after `close`
function Reader:next ()
  if self.closed then usage.fail("the reader is closed") end
  if self.done then return nil, nil, self.err end
  local row, at, err = self.scanner:next()
  if row then
    local number = self.number + 1
    self.number, at.number = number, number
    return row, at
  end
  self.done, self.err = true, err
  self.window:close()
  return nil, nil, err
end

Reader.__call = Reader.next

--- Tells whether `next` probably returns at once, for a source that has a function `is_ready`.
-- @function reader:is_ready
-- @treturn boolean true for other sources
function Reader:is_ready ()
  return self.done or self.window:is_ready()
end

--- Closes the file, if `open` opened it. May be called again.
-- @function reader:close
function Reader:close ()
  if not self.done then self.window:close() end
  self.closed, self.done = true, true
end

--- Tells whether a value is a reader that `open` returned.
-- @param value
-- @treturn boolean
function M.is_reader (value)
  return getmetatable(value) == Reader
end

--- Opens a source as it is needed for the window. Returns it, its name, and its size in bytes,
-- where it has one.
local function open_source (source)
  if type(source) == "string" then
    local file, problem = io.open(source, "rb")
    if not file then return nil, errors.new { kind = "config", message = problem } end
    local size = file:seek("end")                -- a pipe has no positions
    if size then file:seek("set", 0) end
    return file, source, size
  end
  local kind = type(source)
  if kind ~= "userdata" and kind ~= "table" or not value_checks.callable(source.read) then
    usage.fail("expected a path or an object with the method read, got "
      .. value_checks.describe(source))
  end
  return source, "the input"
end

--- Makes the scanner of a format, and reads the header of CSV and TSV.
local function start (reader, options)
  local window, separator = reader.window, M.SEPARATORS[reader.format]
  local ok, err = window:begin()
  if not ok then return nil, err end
  if not separator then
    reader.scanner = (reader.format == "jsonl" and json_lines or plain_lines).new(window)
    return true
  end
  reader.scanner = delimited.new(window, separator, options.quotes ~= false)
  if options.columns then
    reader.columns = {}
    for i, name in ipairs(options.columns) do reader.columns[i] = name end
    reader.scanner:use_columns(reader.columns)
    return true
  end
  reader.columns, reader.header, err = reader.scanner:read_header()
  if not reader.columns then
    local header = reader.header
    if header then
      errors.add(err, { message = window.name .. ": " .. err.message,
        unfinished = not header.ended })
    end
    return nil, err
  end
  return true
end

--- Opens a file of rows. The header of CSV and TSV is read at once.
--
-- A column without a name is called `column_N`, where N is its number. Two columns of one name are
-- an error.
-- @tparam string|table|file* source the path of a file; or an object with a method `read(n)`,
-- which returns at most `n` bytes, nil at the end, or nil and a message: `io.stdin`, a file, a
-- pipe. Such an object is not closed
-- @tparam ?RowsOptions options `format`: "jsonl", "csv", "tsv" or "lines", needed when the
-- extension of the path does not tell it; `columns`: array of the names of the columns, for CSV and
-- TSV without a header line; `quotes`: false for CSV and TSV in which quotes have no meaning;
-- `max_record`: most bytes of a record (`MAX_RECORD`)
-- @treturn[1] RowReader the reader, for `for row, at in reader do`, with the methods `next` and
-- `close` and the fields `format`, `columns` (array of the names of the columns of CSV and TSV, in
-- their order; empty when the file is empty), `size` (of the file in bytes; nil for a pipe or an
-- object), `header` (where the header is, like `at`; nil when there is none) and `err` (the error
-- that ended the reading)
-- @treturn[2] nil
-- @treturn[2] Error the error: of kind "config" when the file cannot be read, otherwise of kind
-- "validation"; `unfinished` is true when the file ends before the header does
function M.open (source, options)
  options = check_options(options, OPEN_OPTIONS)
  local format, err = choose_format(options.format, type(source) == "string" and source or nil)
  if not format then return nil, err end
  if options.columns then
    if not M.SEPARATORS[format] then
      return invalid("columns: only csv and tsv have columns, the format is " .. format)
    end
    local problem = delimited.bad_columns(options.columns)
    if problem then return invalid("columns: " .. problem) end
  end
  local file, name, size = open_source(source)
  if not file then return nil, name end
  local window = input_window.new(file, { owned = type(source) == "string", name = name,
    is_pipe = size == nil, max_record = options.max_record })
  local reader = setmetatable({ format = format, size = size, number = 0, window = window },
    Reader)
  local ok
  ok, err = start(reader, options)
  if ok then return reader end
  window:close()
  return nil, err
end

--- Tells what a row has that is not a column.
local function stray_name (columns, row)
  local known = {}
  for _, name in ipairs(columns) do known[name] = true end
  for name in pairs(row) do
    if not known[name] then return tostring(name) end
  end
end

--- Writes the header line of a file.
-- @tparam "jsonl"|"csv"|"tsv"|"lines" format "jsonl", "csv", "tsv" or "lines"
-- @tparam ?string[] columns array of the names of the columns; needed for CSV and TSV
-- @treturn[1] string with its line end; empty for the formats without a header
-- @treturn[2] nil
-- @treturn[2] Error the error, of kind "validation"
function M.header (format, columns)
  local known, err = choose_format(format)
  if not known then return nil, err end
  local separator = M.SEPARATORS[format]
  if not separator then return "" end
  local count = check_columns(columns)
  local problem = count == 0 and "there are none" or delimited.bad_columns(columns)
  local text
  if not problem then
    text, problem = delimited.encode_cells(separator, count, function (i)
      return columns[i], "column " .. i
    end)
  end
  if text then return text end
  return invalid("columns: " .. problem)
end

--- Writes a row as text. Cells of CSV and TSV: strings as they are, in quotes where necessary;
-- numbers as in JSON; `true` and `false`; nothing for nil and `json.null`; other tables as JSON.
-- @tparam "jsonl"|"csv"|"tsv"|"lines" format "jsonl", "csv", "tsv" or "lines"
-- @tparam ?string[] columns array of names: for CSV and TSV those of the columns, for JSON Lines
-- those that come first
-- @tparam table<string,any> row name -> value
-- @treturn[1] string with its line end (LF)
-- @treturn[2] nil
-- @treturn[2] Error the error, of kind "validation": a value that the format cannot hold, text that
-- is not UTF-8, or a name that is not a column
function M.encode (format, columns, row)
  local known, err = choose_format(format)
  if not known then return nil, err end
  if type(row) ~= "table" then
    usage.fail("expected a row as a table, got " .. value_checks.describe(row))
  end
  local text, problem
  local separator = M.SEPARATORS[format]
  if separator then
    if type(columns) ~= "table" then check_columns(columns) end
    local filled = 0
    text, problem = delimited.encode_cells(separator, #columns, function (i)
      local name = columns[i]
      if row[name] ~= nil then filled = filled + 1 end
      return row[name], name
    end)
    local names = 0
    for _ in pairs(row) do names = names + 1 end
    if text and names ~= filled then
      text, problem = nil, ("%q is not a column"):format(stray_name(columns, row))
    end
  elseif format == "jsonl" then
    text, problem = json_lines.encode(row, columns)
  else
    text, problem = plain_lines.encode(row)
  end
  if text then return text end
  return invalid("the row cannot be written as " .. format .. ": " .. problem)
end

local Writer = {}
Writer.__index = Writer

local function unwritable (self, problem)
  return errors.new { kind = "config", message = ("%s: cannot be written: %s"):format(self.path,
    tostring(problem)) }
end

local function write_text (self, text)
  local ok, problem = self.file:write(text)
  if ok then return true end
  self.failure = self.failure or unwritable(self, problem)
  return nil, self.failure
end

-- Code that LuaJIT has compiled calls `write` again when it has failed. The second call begins with
-- an empty buffer and succeeds, so what was in the buffer would be lost without an error.
local jit = rawget(_G, "jit")
if jit then jit.off(write_text) end

--- Writes a row.
-- @function writer:write
-- @tparam table<string,any> row see `encode`
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] Error the error; when it is of kind "validation", nothing was written and the writer
-- can be used on
-- @raise after `close`
function Writer:write (row)
  if not self.file then usage.fail("the writer is closed") end
  local text, err = M.encode(self.format, self.columns, row)
  if not text then return nil, err end
  return write_text(self, text)
end

--- Writes what is buffered and closes the file. May be called again.
-- @function writer:close
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] Error the error, also that of an earlier `write`: the file is incomplete
function Writer:close ()
  local file = self.file
  self.file = nil
  if not file then return true end
  local ok, problem = file:close()
  local failure = self.failure or not ok and unwritable(self, problem)
  if failure then return nil, failure end
  return true
end

--- Creates a file of rows, or replaces one, and writes its header.
-- @tparam string path
-- @tparam ?RowsOptions options `format`: "jsonl", "csv", "tsv" or "lines", needed when the
-- extension of the path does not tell it; `columns`: array of names, needed for CSV and TSV, see
-- `encode`
-- @treturn[1] RowWriter the writer, with the methods `write` and `close`
-- @treturn[2] nil
-- @treturn[2] Error the error
function M.create (path, options)
  if type(path) ~= "string" then
    usage.fail("expected a path, got " .. value_checks.describe(path))
  end
  options = check_options(options, CREATE_OPTIONS)
  local format, err = choose_format(options.format, path)
  if not format then return nil, err end
  local header
  header, err = M.header(format, options.columns)
  if not header then return nil, err end
  local file, problem = io.open(path, "wb")
  if not file then return nil, errors.new { kind = "config", message = problem } end
  local writer = setmetatable({ file = file, path = path, format = format,
    columns = options.columns }, Writer)
  local ok
  ok, err = write_text(writer, header)
  if ok then return writer end
  file:close()
  return nil, err
end

return M
