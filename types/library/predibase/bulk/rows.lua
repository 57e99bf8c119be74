---@meta predibase.bulk.rows
-- SPDX-License-Identifier: MIT
-- Made from lua/predibase/bulk/rows.lua by `make types`; do not edit.

---The options of `rows.open`.
---@class predibase.fields.RowsOptions
---@field format? "jsonl"|"csv"|"tsv"|"lines" needed when the extension of the path does not tell it
---@field columns? string[] the names of the columns, for CSV and TSV without a header line
---@field quotes? boolean `false` for CSV and TSV in which quotes have no meaning
---@field max_record? integer most bytes of a record (`MAX_RECORD`)

---The options of `rows.open`.
---@class predibase.RowsOptions : predibase.fields.RowsOptions, predibase.Known<predibase.fields.RowsOptions>
---@field format? "jsonl"|"csv"|"tsv"|"lines" needed when the extension of the path does not tell it

---Where a row of a file is.
---@class predibase.FilePlace
---@field number integer of the row, from 1
---@field line integer the number of its first line in the file, from 1
---@field raw string its bytes without the line end
---@field first integer the offset of its first byte, from 0
---@field stop integer the offset of the byte after its line end
---@field ended boolean whether the record is complete with its line end
---@field err? predibase.Error the row cannot be read

---Reads the rows of a file: `for row, at in reader do`.
---@class predibase.RowReader
---@field format string of the file
---@field columns? string[] of CSV and TSV, in their order
---@field size? integer of the file in bytes
---@field header? predibase.FilePlace where the header is
---@field err? predibase.Error the error that ended the reading
---@overload fun(): (table<string, any>?, predibase.FilePlace)
local RowReader = {}

---Reads the next row. Also what a `for` loop over the reader calls.
---
---Raises an error after `close`.
---@return table<string, any>? # the row: column -> value; empty when `at.err` is set; or nil the end
---@return predibase.FilePlace? # `at`, where the row is: `number` (of the row, from 1), `line` (the number of its first line in the file, from 1; lines end in LF), `raw` (its bytes without the line end), `first` and `stop` (the offsets in the file of its first byte and of the byte after its line end, from 0), `ended` (whether the record is complete with its line end) and `err` (an error of kind "validation" with the field `line` when the row cannot be read, otherwise nil). A record that is longer than `max_record` in one line has only its first bytes in `raw`. A row whose quote is still open at the end of the file has `ended = false`; to append to such a file, cut it at `first` of the first row with `ended = false`.
---@return predibase.Error # the source cannot be read; it is also the field `err` of the reader, because a `for` loop does not see it
---@return_overload table<string, any>, predibase.FilePlace
---@return_overload nil
---@return_overload nil, nil, predibase.Error
function RowReader:next() end

---Tells whether `next` probably returns at once, for a source that has a function `is_ready`.
---@return boolean # true for other sources
function RowReader:is_ready() end

---Closes the file, if `open` opened it. May be called again.
function RowReader:close() end

---@class predibase.RowWriter
local RowWriter = {}

---Writes a row.
---
---Raises an error after `close`.
---@param row table<string, any> see `encode`
---@return boolean? # true
---@return predibase.Error # the error; when it is of kind "validation", nothing was written and the writer can be used on
---@return_overload boolean
---@return_overload nil, predibase.Error
function RowWriter:write(row) end

---Writes what is buffered and closes the file. May be called again.
---@return boolean? # true
---@return predibase.Error # the error, also that of an earlier `write`: the file is incomplete
---@return_overload boolean
---@return_overload nil, predibase.Error
function RowWriter:close() end

---Reads and writes files of rows: JSON Lines, CSV, TSV, and plain lines. Files of any length are
---read in constant memory.
---
---    local rows = require "predibase.bulk.rows"
---    local reader = assert(rows.open("questions.csv"))
---    for row, at in reader do
---      if at.err then print(at.err.message) else print(at.line, row.question) end
---    end
---    assert(not reader.err, reader.err)
---    reader:close()
---
---The formats:
---
---* `jsonl`: a JSON object (RFC 8259) in each line. `predibase.json.decode` makes the values.
---* `csv`: RFC 4180 with a header line. Cells in quotes may have line breaks (LF, CR LF and CR,
---  which are kept as they are) and doubled quotes. A quote inside a cell that does not begin with
---  one is an error of its row. Every value is a string.
---* `tsv`: the same with a tab in place of the comma. Many TSV files have no quoting at all; such
---  files are read with the option `quotes = false`, and then a cell cannot have a tab or a line
---  break.
---* `lines`: each line is a row `{ text = line }`.
---
---Files are UTF-8. A byte order mark at the beginning is skipped, UTF-16 is refused. Lines end in
---LF or CR LF. Empty lines are not rows, nor are lines of white space in JSON Lines. A zero byte is
---a character like any other, as it is in UTF-8; JSON does not allow it.
---
---A row that cannot be read does not end the reading. It is returned as an empty table, with the
---error in `at.err`. When a quote is not closed correctly, only the first line of its record is the
---row that failed, and reading goes on with the next line. The lines that the record may have had
---are then rows or errors of their own.
---@class predibase.bulk.rows
---@field MAX_RECORD integer Most bytes that one record may have, without its line end. A longer one is an error of its row.
---@field SEPARATORS table The formats whose rows are cells under a header line: format -> the separator of the cells.
local M = {}

---Returns the format of a file by the extension of its name: `.jsonl` and `.ndjson`, `.csv`,
---`.tsv`, `.txt`. Upper case is the same.
---@param path string
---@return ("jsonl"|"csv"|"tsv"|"lines")? # "jsonl", "csv", "tsv" or "lines"; or nil the name has none of these extensions
---@return_overload "jsonl"|"csv"|"tsv"|"lines"
---@return_overload nil
function M.format_of(path) end

---Tells whether a value is a reader that `open` returned.
---@param value any
---@return TypeGuard<predibase.RowReader>
function M.is_reader(value) end

---Opens a file of rows. The header of CSV and TSV is read at once.
---
---A column without a name is called `column_N`, where N is its number. Two columns of one name are
---an error.
---@param source string|table|file* the path of a file; or an object with a method `read(n)`, which returns at most `n` bytes, nil at the end, or nil and a message: `io.stdin`, a file, a pipe. Such an object is not closed
---@param options? predibase.RowsOptions `format`: "jsonl", "csv", "tsv" or "lines", needed when the extension of the path does not tell it; `columns`: array of the names of the columns, for CSV and TSV without a header line; `quotes`: false for CSV and TSV in which quotes have no meaning; `max_record`: most bytes of a record (`MAX_RECORD`)
---@return predibase.RowReader? # the reader, for `for row, at in reader do`, with the methods `next` and `close` and the fields `format`, `columns` (array of the names of the columns of CSV and TSV, in their order; empty when the file is empty), `size` (of the file in bytes; nil for a pipe or an object), `header` (where the header is, like `at`; nil when there is none) and `err` (the error that ended the reading)
---@return predibase.Error # the error: of kind "config" when the file cannot be read, otherwise of kind "validation"; `unfinished` is true when the file ends before the header does
---@return_overload predibase.RowReader
---@return_overload nil, predibase.Error
function M.open(source, options) end

---Writes the header line of a file.
---@param format "jsonl"|"csv"|"tsv"|"lines" "jsonl", "csv", "tsv" or "lines"
---@param columns? string[] array of the names of the columns; needed for CSV and TSV
---@return string? # with its line end; empty for the formats without a header
---@return predibase.Error # the error, of kind "validation"
---@return_overload string
---@return_overload nil, predibase.Error
function M.header(format, columns) end

---Writes a row as text. Cells of CSV and TSV: strings as they are, in quotes where necessary;
---numbers as in JSON; `true` and `false`; nothing for nil and `json.null`; other tables as JSON.
---@param format "jsonl"|"csv"|"tsv"|"lines" "jsonl", "csv", "tsv" or "lines"
---@param columns? string[] array of names: for CSV and TSV those of the columns, for JSON Lines those that come first
---@param row table<string, any> name -> value
---@return string? # with its line end (LF)
---@return predibase.Error # the error, of kind "validation": a value that the format cannot hold, text that is not UTF-8, or a name that is not a column
---@return_overload string
---@return_overload nil, predibase.Error
function M.encode(format, columns, row) end

---Creates a file of rows, or replaces one, and writes its header.
---@param path string
---@param options? predibase.RowsOptions `format`: "jsonl", "csv", "tsv" or "lines", needed when the extension of the path does not tell it; `columns`: array of names, needed for CSV and TSV, see `encode`
---@return predibase.RowWriter? # the writer, with the methods `write` and `close`
---@return predibase.Error # the error
---@return_overload predibase.RowWriter
---@return_overload nil, predibase.Error
function M.create(path, options) end

return M
