-- SPDX-License-Identifier: MIT
--- Writes a row with its answer as one record of an output, and reads it back.
--
-- A record has the columns of the row as they are, and then our own: `id`, `line`, `hash`, `text`,
-- `finish_reason`, `tokens`, `error`, and `time` when it is wanted. In CSV, `tokens_in` and
-- `tokens_out` take the place of `tokens`. The form of OpenAI's batches has no columns.
--
-- Where the row has a column of the same name, ours gets the prefix `predibase_`. If the row has a
-- column `predibase_hash`, ours is `predibase_predibase_hash`, whether there is a column `hash` or
-- not: of all columns that are called `hash` with any number of prefixes, ours is the one with the
-- most. So it can be found again without the input. In JSON Lines this is decided for each row, in
-- CSV for the whole file. For the same reason, a row with a column `time` has `predibase_time` also
-- when no times are wanted; it is then empty.
--
-- In the file of failed rows, each row also has `predibase_error`. It does not belong to the row,
-- and is left out when this file is read as input.
-- @module predibase.bulk.records

local done = require "predibase.done"
local errors = require "predibase.errors"
local json = require "predibase.json"
local object_text = require "predibase.bulk.records.object_text"
local rows = require "predibase.bulk.rows"
local usage = require "predibase.usage"
local utf8 = require "predibase.utf8"
local value_checks = require "predibase.value_checks"

local M = {}

--- The column of a failed row that says why it failed.
M.FAILURE = "predibase_error"

--- The member of a failed row that could not be read and is written as JSON: its text.
M.UNREADABLE = "predibase_record"

--- Most bytes of a failure in the file of failed rows: a message may repeat a part of an answer.
M.MAX_FAILURE = 500

--- What our columns get in front when a column of the row has their name.
M.PREFIX = "predibase_"

local PREFIX, PREFIXED = M.PREFIX, "^" .. M.PREFIX
local HASH = "^%x%x%x%x%x%x%x%x%x%x%x%x%x%x%x%x%-%x%x%x%x%x%x%x%x$"
local REPLACEMENT = "\239\191\189"             -- U+FFFD
local SEPARATORS = rows.SEPARATORS

-- Our columns in their order.
local MEMBERS = { "id", "line", "hash", "text", "finish_reason", "tokens", "error", "time" }
local CELLS = { "id", "line", "hash", "text", "finish_reason", "tokens_in", "tokens_out", "error",
  "time" }

local function set_of (list)
  local set = {}
  for _, name in ipairs(list) do set[name] = true end
  return set
end

local IS_MEMBER, IS_CELL = set_of(MEMBERS), set_of(CELLS)

local Layout = {}
Layout.__index = Layout

local function invalid (message, line)
  return nil, errors.new { kind = "validation", message = message, line = line }
end

--- Replaces bytes that are not UTF-8 by U+FFFD.
local function mend (text)
  if utf8.valid(text) then return text end
  local out, n, i = {}, 0, 1
  while i <= #text do
    local size = utf8.size(text, i)
    n = n + 1
    out[n] = size and text:sub(i, i + size - 1) or REPLACEMENT
    i = i + (size or 1)
  end
  return table.concat(out)
end

-- Names ------------------------------------------------------------------------------------------

--- Returns for each of our names the most prefixes with which it occurs among the keys of a table.
local function most_prefixes (row, ours)
  local most = {}
  for name in next, row do
    local is_like_ours = ours[name] or type(name) == "string" and name:find(PREFIXED)
    if is_like_ours and name ~= M.FAILURE then
      local base, count = name, 0
      while base:find(PREFIXED) do
        base, count = base:sub(#PREFIX + 1), count + 1
      end
      if ours[base] and count >= (most[base] or 0) then most[base] = count end
    end
  end
  return most
end

--- Returns the names of our columns beside those of a row: base -> name.
local function names_beside (row, list, ours)
  local most, names = most_prefixes(row, ours), {}
  for _, base in ipairs(list) do
    names[base] = most[base] and PREFIX:rep(most[base] + 1) .. base or base
  end
  return names
end

-- Our members before their values, where the row has no columns of the same names.
local LABELS = {}
for _, base in ipairs(MEMBERS) do LABELS[base] = '"' .. base .. '":' end

--- Returns our names beside those of a row, as JSON with a colon: base -> text.
local function labels_beside (row)
  local most = most_prefixes(row, IS_MEMBER)
  if next(most) == nil then return LABELS end
  local labels = {}
  for base, label in next, LABELS do
    labels[base] = most[base] and '"' .. PREFIX:rep(most[base] + 1) .. base .. '":' or label
  end
  return labels
end

--- Returns the names of our columns in a record: base -> name.
local function names_in (record, list, ours)
  local most, names = most_prefixes(record, ours), {}
  for _, base in ipairs(list) do
    if most[base] then names[base] = PREFIX:rep(most[base]) .. base end
  end
  -- Ours is called like this when the row has a column `error`.
  if record[M.FAILURE] ~= nil and (most.error or 0) < 1 then names.error = M.FAILURE end
  return names
end

--- Returns the names of the members of a JSON object in their order, each once: the columns of CSV
-- that is made of JSON Lines.
-- @tparam string object a JSON object, as `raw` of a row of JSON Lines
-- @treturn table array of strings
function M.columns (object)
  local list, seen = {}, { [M.FAILURE] = true }
  for _, member in ipairs(json.members(object)) do
    if not seen[member[1]] then list[#list + 1] = member[1] end
    seen[member[1]] = true
  end
  return list
end

-- Layouts ----------------------------------------------------------------------------------------

--- Returns the columns without FAILURE.
local function row_columns (columns)
  if not columns then return nil end
  local kept = {}
  for _, name in ipairs(columns) do
    if name ~= M.FAILURE then kept[#kept + 1] = name end
  end
  return kept
end

--- Makes the layout of the records of one output.
-- @tparam table options `format` of the output: "jsonl", "csv", "tsv" or "openai"; `input`: format
-- of the rows, see `predibase.bulk.rows`, nil for rows of a program; `columns`: array of the names
-- of the rows' columns, needed for an output in CSV or TSV and for input in them; `timing`: whether
-- records have `time`
-- @treturn table the layout, with the field `failed_format`: the format of the file of failed rows.
-- It is that of the output, so that the extension of its name is right. Only JSON Lines stay JSON
-- Lines, because CSV would change their values
function M.new (options)
  local self = setmetatable({ format = options.format, input = options.input,
    columns = row_columns(options.columns), timing = options.timing or false }, Layout)
  self.has_failure = #(options.columns or {}) ~= #(self.columns or {})
  local cells = SEPARATORS[self.format]
  self.failed_format = cells and self.input and self.input ~= "jsonl" and self.format or "jsonl"
  if not cells then return self end
  if not self.columns then usage.fail("columns: needed for an output in " .. self.format) end
  self.names = names_beside(set_of(self.columns), CELLS, IS_CELL)
  self.all = {}
  for i, name in ipairs(self.columns) do self.all[i] = name end
  for _, base in ipairs(CELLS) do
    -- An empty column `time` keeps one of the rows from being taken for ours.
    if base ~= "time" or self.timing or self.names.time ~= base then
      self.all[#self.all + 1] = self.names[base]
    end
  end
  return self
end

--- Tells whether columns are those of the output, in its order.
-- @tparam table columns array of names
-- @treturn boolean
function Layout:has_columns (columns)
  local all = self.all
  if #all ~= #columns then return false end
  for i, name in ipairs(all) do
    if columns[i] ~= name then return false end
  end
  return true
end

--- Returns the header line of the output.
-- @treturn[1] string with its line end; empty for formats without a header
-- @treturn[2] nil
-- @treturn[2] table the error, of kind "validation"
function Layout:header ()
  if not self.all then return "" end
  return rows.header(self.format, self.all)
end

--- Returns the text of a row in the input, without FAILURE; for rows of a program their JSON.
local function source (self, row, at)
  local raw = at.raw
  if not raw then
    local text, err = rows.encode("jsonl", self.columns, row)
    return text and text:sub(1, -2), err
  end
  local failure = row[M.FAILURE]
  if failure == nil then return raw end
  if self.input == "jsonl" then return object_text.without_member(raw, M.FAILURE) end
  if not SEPARATORS[self.input] then return raw end
  local cell = rows.encode(self.input, { "x", M.FAILURE }, { x = "x", [M.FAILURE] = failure })
  cell = cell and cell:sub(2, -2)
  if cell and raw:sub(-#cell) == cell then return raw:sub(1, -#cell - 1) end
  return raw
end

--- Returns the text of a row as a JSON object.
local function object_of (self, row, at)
  if self.input == "jsonl" or not at.raw then return source(self, row, at) end
  local text, err = rows.encode("jsonl", self.columns, M.without_failure(row))
  return text and text:sub(1, -2), err
end

--- Returns a row without FAILURE.
-- @tparam table row
-- @treturn table the given one, or a copy
function M.without_failure (row)
  if rawget(row, M.FAILURE) == nil then return row end
  local copy = {}
  for name, value in next, row do
    if name ~= M.FAILURE then copy[name] = value end
  end
  return copy
end

--- Returns the hash of a row, and finds out whether the output can hold the row: call it before
-- the request is sent.
-- @tparam table row
-- @tparam table at where it is, see `predibase.bulk.rows`
-- @tparam string options hash of the options, 8 hexadecimal digits (`predibase.done.short_hash`)
-- @treturn[1] string 16 hexadecimal digits, `-`, and `options`
-- @treturn[2] nil
-- @treturn[2] table the error, of kind "validation"
function Layout:hash (row, at, options)
  local text, err = source(self, row, at)
  if not text then return nil, err end
  if self.all and (self.input == "jsonl" or not self.input) then
    local known = self.known or set_of(self.columns)
    self.known = known
    for name in next, row do
      if not known[name] and name ~= M.FAILURE then
        local place = at.line and "line" or "row"
        return invalid(("%s %d: the column %q is not one of the output, which has those of the "
          .. "first row; JSON Lines can hold such rows"):format(place, at.line or at.number,
          tostring(name)), at.line)
      end
    end
  end
  return done.hash(text) .. "-" .. options
end

-- Writing ----------------------------------------------------------------------------------------

--- Returns a value that a cell can hold. A zero byte is never written, so that one in an output is
-- damage.
local function cell (value)
  if type(value) ~= "string" then return value end
  value = mend(value)
  if not value:find("\0", 1, true) then return value end
  return (value:gsub("%z", REPLACEMENT))
end

--- Returns an id as it is read back from an output.
-- @tparam ?string id
-- @treturn ?string nil for an empty one
function Layout:id (id)
  if id == nil or id == "" then return nil end
  return self.all and cell(id) or mend(id)
end

local function text_or_null (value)
  return value and json.text(mend(value)) or "null"
end

local function number_or_null (value)
  return value and value_checks.number(value) or "null"
end

--- Writes an answer that may be a text, or a table such as a vector.
local function answer_text (value)
  if type(value) == "table" then return json.encode(value) end
  return text_or_null(value)
end

local function error_text (err)
  if not err then return "null" end
  return '{"kind":' .. text_or_null(err.kind) .. ',"message":' .. text_or_null(err.message) .. "}"
end

--- Rounds to microseconds, as the digits after these mean nothing.
local function seconds (time)
  return math.floor(time * 1e6 + 0.5) / 1e6
end

local function write_jsonl (self, entry)
  local object, err = "{}", nil                   -- of a row that could not be read
  if not entry.at.err then object, err = object_of(self, entry.row, entry.at) end
  if not object then return nil, err end
  local text, problem = answer_text(entry.text)
  if not text then return invalid("the answer " .. problem) end
  local labels, tokens, time = labels_beside(entry.row), "null", ""
  if entry.tokens_in or entry.tokens_out then
    tokens = '{"in":' .. number_or_null(entry.tokens_in) .. ',"out":'
      .. number_or_null(entry.tokens_out) .. "}"
  end
  -- An empty `time` keeps a column of the row from being taken for ours.
  if self.timing or labels.time ~= LABELS.time then
    time = "," .. labels.time
      .. number_or_null(self.timing and entry.time and seconds(entry.time))
  end
  return object_text.with_members(object, labels.id .. text_or_null(self:id(entry.id))
    .. "," .. labels.line .. number_or_null(entry.at.line)
    .. "," .. labels.hash .. json.text(entry.hash)
    .. "," .. labels.text .. text
    .. "," .. labels.finish_reason .. text_or_null(entry.finish_reason)
    .. "," .. labels.tokens .. tokens
    .. "," .. labels.error .. error_text(entry.err) .. time) .. "\n"
end

local function write_cells (self, entry)
  local names, record = self.names, {}
  for name, value in next, entry.row do
    if name ~= M.FAILURE then record[name] = cell(value) end
  end
  record[names.id], record[names.line] = self:id(entry.id), entry.at.line
  record[names.hash] = entry.hash
  record[names.text], record[names.finish_reason] = cell(entry.text), cell(entry.finish_reason)
  record[names.tokens_in], record[names.tokens_out] = entry.tokens_in, entry.tokens_out
  record[names.error] = entry.err and error_text(entry.err) or nil
  if self.timing then record[names.time] = entry.time and seconds(entry.time) or nil end
  return rows.encode(self.format, self.all, record)
end

local function openai_text (entry, response, failure)
  return ('{"id":%s,"custom_id":%s,"response":%s,"error":%s}\n'):format(
    json.text("batch_req_" .. entry.hash), text_or_null(entry.id), response, failure)
end

--- Writes the form of OpenAI's batches. The body of the response is written as it came, unless the
-- record could not be read back with it: a server may send halves of surrogate pairs.
local function write_openai (_, entry)
  if entry.err then
    return openai_text(entry, "null", ('{"code":%s,"message":%s}'):format(
      text_or_null(entry.err.kind), text_or_null(entry.err.message)))
  end
  local response = ('{"status_code":%s,"request_id":%s,"body":'):format(
    number_or_null(entry.status or 200), text_or_null(entry.request_id))
  local body = json.one_line(mend(entry.raw_body))
  local text = openai_text(entry, response .. body .. "}", "null")
  local ok, problem = json.check(text)
  if ok then return text end
  local value = json.decode(body)
  body = value ~= nil and json.encode(value)
  if body then
    text = openai_text(entry, response .. body .. "}", "null")
    if json.check(text) then return text end
  end
  return invalid("the body of the response cannot be written: " .. problem)
end

local WRITERS = { jsonl = write_jsonl, csv = write_cells, tsv = write_cells, openai = write_openai }

--- Writes a record.
-- @tparam table entry `row`, `at`, `hash`; `id` (string or nil); `text` (string, or a table such as
-- a vector), `finish_reason`, `tokens_in`, `tokens_out`, `time` (seconds); `err`: the error object
-- of a row that failed. For OpenAI's form: `status`, `request_id`, and `raw_body`: the body as JSON
-- @treturn[1] string with its line end
-- @treturn[2] nil
-- @treturn[2] table the error, of kind "validation"
function Layout:write (entry)
  return WRITERS[self.format](self, entry)
end

--- Returns why a row failed, in one line that needs no quotes in TSV.
local function failure_text (err)
  local text = ("%s: %s"):format(tostring(err.kind), tostring(err.message))
  return (errors.excerpt(text, M.MAX_FAILURE):gsub('"', "'"))
end

--- Returns the header line of the file of failed rows.
-- @treturn[1] string with its line end; empty for JSON Lines
-- @treturn[2] nil
-- @treturn[2] table the error, of kind "validation"
function Layout:failed_header ()
  if self.failed_format == "jsonl" then return "" end
  return rows.header(self.failed_format, self:failed_columns())
end

--- Returns the columns of the file of failed rows, in CSV and TSV.
-- @treturn table array of strings
function Layout:failed_columns ()
  local list = {}
  for i, name in ipairs(self.columns) do list[i] = name end
  if self.input == "lines" then list[#list + 1] = "prompt" end
  list[#list + 1] = M.FAILURE
  return list
end

--- Writes a text as a cell in quotes.
local function quoted (text)
  return '"' .. cell(text):gsub('"', '""') .. '"'
end

--- Writes a row that could not be read, so that it cannot be read again either: other text around
-- it must not make a valid row of it.
local function unreadable (self, at, failure)
  local format, separator = self.failed_format, SEPARATORS[self.failed_format]
  if format == self.input then
    if not separator or self.has_failure then return at.raw .. "\n" end
    -- One more cell, as every row has it, keeps the number of cells wrong, and its quotes do not
    -- close one that is open. Of a row that is too long only the first cells are known.
    local count = #at.raw < rows.MAX_RECORD and 1 or #self.columns + 1
    return at.raw .. separator:rep(count) .. quoted(failure) .. "\n"
  end
  if separator then return quoted(at.raw) .. "\n" end
  return ('{"%s":%s,"%s":%s}\n'):format(M.UNREADABLE, json.text(mend(at.raw)), M.FAILURE,
    json.text(failure))
end

--- Writes a row that failed as a record of the file of failed rows, which is input again: the text
-- of the row as it was, and the column `predibase_error`. A plain line becomes the column `text`,
-- and `prompt`, too, so that it is read as a prompt when there is no template.
--
-- A row that could not be read is copied as it is, in CSV and TSV with the additional cell. If the
-- formats of input and output differ, its text is the member `predibase_record` of JSON Lines, or
-- the only cell of a line. Of a row of a program that JSON cannot hold, only the error is written.
-- @tparam table row
-- @tparam table at
-- @tparam table err the error object
-- @treturn[1] string with its line end
-- @treturn[2] nil
-- @treturn[2] table the error, of kind "validation"
function Layout:failed (row, at, err)
  local failure, format = failure_text(err), self.failed_format
  if at.err then return unreadable(self, at, failure) end
  if format == "jsonl" and self.input ~= "lines" then
    local object = object_of(self, row, at) or "{}"
    local member = json.text(M.FAILURE) .. ":" .. json.text(failure)
    return object_text.with_members(object, member) .. "\n"
  end
  if format == self.input and at.raw then
    local written = rows.encode(format, { "x", M.FAILURE }, { x = "x", [M.FAILURE] = failure })
    return source(self, row, at) .. written:sub(2)
  end
  local copy = {}
  for name, value in next, row do copy[name] = cell(value) end
  if self.input == "lines" then copy.prompt = copy.text end
  copy[M.FAILURE] = failure
  if format == "jsonl" then return rows.encode(format, { "text", "prompt", M.FAILURE }, copy) end
  return rows.encode(format, self:failed_columns(), copy)
end

-- Reading ----------------------------------------------------------------------------------------

local function present (value)
  if value == json.null or value == "" then return nil end
  return value
end

--- Returns a count of tokens or a number of seconds, or nil.
local function number (value)
  return json.integer(tonumber(present(value)))
end

--- Moves our columns out of a record. The others stay.
local function take_ours (row, names)
  local ours = {}
  for base, name in next, names do
    ours[base], row[name] = row[name], nil
  end
  return ours
end

local function check (record, ours)
  if type(record.hash) ~= "string" or not record.hash:find(HASH) then
    return nil, "it has no hash of a row"
  end
  if not value_checks.integral(record.line) or record.line < 0 then
    return nil, "it has no line number"
  end
  if present(ours.error) then return nil, "it is a row that failed" end
  if record.id ~= nil and type(record.id) ~= "string" then return nil, "its id is not a string" end
  return record
end

local function read_jsonl (_, row)
  local ours = take_ours(row, names_in(row, MEMBERS, IS_MEMBER))
  local tokens = type(ours.tokens) == "table" and ours.tokens or {}
  return check({ id = present(ours.id), line = number(ours.line), hash = ours.hash,
    text = ours.text ~= json.null and ours.text or nil, finish_reason = present(ours.finish_reason),
    tokens_in = number(tokens["in"]), tokens_out = number(tokens.out), time = number(ours.time),
    columns = row }, ours)
end

local function read_cells (self, row)
  local ours = take_ours(row, self.names)
  return check({ id = present(ours.id), line = number(ours.line), hash = ours.hash,
    text = ours.text, finish_reason = present(ours.finish_reason),
    tokens_in = number(ours.tokens_in), tokens_out = number(ours.tokens_out),
    time = number(ours.time), columns = row }, ours)
end

local function table_or_empty (value)
  return type(value) == "table" and value or {}
end

local function read_openai (_, row)
  local hash = type(row.id) == "string" and row.id:match("^batch_req_(.*)$")
  if not hash or not hash:find(HASH) then return nil, "its id has no hash of a row" end
  if type(row.custom_id) ~= "string" then return nil, "it has no custom_id" end
  if present(row.error) then return nil, "it is a row that failed" end
  local body = table_or_empty(table_or_empty(row.response).body)
  local choice = table_or_empty(table_or_empty(body.choices)[1])
  local usage_counts = table_or_empty(body.usage)
  return { id = row.custom_id, hash = hash,
    text = present(table_or_empty(choice.message).content) or present(choice.text),
    finish_reason = present(choice.finish_reason), tokens_in = number(usage_counts.prompt_tokens),
    tokens_out = number(usage_counts.completion_tokens), columns = {} }
end

local READERS = { jsonl = read_jsonl, csv = read_cells, tsv = read_cells, openai = read_openai }

--- Reads a record of an output.
-- @tparam table row as `predibase.bulk.rows` reads it; is changed: what remains are the columns
-- @treturn[1] table `id`, `line`, `hash`, `text`, `finish_reason`, `tokens_in`, `tokens_out` and
-- `time`, as far as they are known, and `columns`: the columns of the row
-- @treturn[2] nil
-- @treturn[2] string why it is not a record of an output
function Layout:read (row)
  return READERS[self.format](self, row)
end

--- Tells whether a text without a line end can be the beginning of the first record of an output,
-- which an interruption has torn.
-- @tparam string text
-- @treturn boolean
function Layout:may_begin (text)
  local start
  if self.all then
    start = self:header() or ""
  elseif self.format == "openai" then
    start = '{"id":"batch_req_'
  end
  if start then
    local n = math.min(#start, #text)
    return text:sub(1, n) == start:sub(1, n) and (not self.all or #text < #start)
  end
  local object = json.decode(text)
  if type(object) == "table" then return read_jsonl(self, object) ~= nil end
  return text:find('^%s*{%s*$') ~= nil or text:find('^%s*{%s*"') ~= nil
end

return M
