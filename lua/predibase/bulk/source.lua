-- SPDX-License-Identifier: MIT
--- Where the rows of a run come from: a file, or the program. The first rows can be looked at
-- before they are read.
-- @module predibase.bulk.source

local checks = require "predibase.value_checks"
local errors = require "predibase.errors"
local json = require "predibase.json"
local rows_of = require "predibase.bulk.rows"
local shards = require "predibase.bulk.shards"

local M = {}

--- Rows that `first` looks at, until it finds one that can be read.
M.MOST_LOOKED_AT = 100

local Source = {}
Source.__index = Source

--- Returns the next row.
-- @treturn[1] table the row
-- @treturn[1] table where it is, see `predibase.bulk.rows`; rows of a program have only `number`
-- @treturn[1] any what the program gave
-- @treturn[2] nil the end
-- @treturn[3] nil
-- @treturn[3] nil
-- @treturn[3] table the error: the source cannot be read
function Source:next ()
  local kept = self.kept[self.from]
  if not kept then return self.read() end
  self.kept[self.from] = nil
  self.from = self.from + 1
  return kept[1], kept[2], kept[3]
end

--- Tells whether `next` probably returns at once; false for a pipe that has no row at present.
-- @treturn boolean
function Source:is_ready ()
  local reader = self.reader
  return self.kept[self.from] ~= nil or reader == nil or reader:is_ready()
end

--- Returns the first row that can be read, without taking it.
-- @treturn ?table the row; nil when there is none among the first `MOST_LOOKED_AT` rows
-- @treturn ?table where it is
function Source:first ()
  for i = 1, M.MOST_LOOKED_AT do
    local kept = self.kept[i]
    if not kept then
      kept = { self.read() }
      if kept[1] == nil and not kept[3] then return nil end
      self.kept[i] = kept
    end
    if kept[1] == nil then return nil end
    if not kept[2].err then return kept[1], kept[2] end
  end
end

--- Closes the file, if the source has opened it.
function Source:close ()
  self.shut()
end

local function new (fields)
  fields.kept, fields.from = {}, 1
  return setmetatable(fields, Source)
end

--- Makes the error of a row of a program that is none.
local function no_row (number, value)
  return errors.new { kind = "validation", phase = "request",
    message = ("row %d: a row must be a table or a prompt as a string, got %s"):format(number,
      checks.describe(value)) }
end

--- Returns what a program said at the end of its rows as an error; nil when it said nothing.
local function error_of (problem)
  if problem == nil or errors.is(problem) then return problem end
  return errors.new { kind = "config", phase = "request", message = "the rows ended with an error: "
    .. tostring(problem) }
end

--- Returns where a row of a program is. A function that takes its rows from a reader may pass on
-- what that says, but not the text of the row, because the function may have changed the row.
local function place_of (at, number)
  if type(at) ~= "table" then return { number = number } end
  return { number = number, line = checks.integral(at.line) and at.line or nil,
    err = errors.is(at.err) and at.err or nil }
end

--- Makes the source of rows of the program. A string is a prompt. After the last row, `rows` may
-- return nil and an error, as functions of Lua do, or nil, nil and an error, as readers do.
local function of_program (rows)
  local number = 0
  local take = rows
  if type(rows) == "table" and not checks.callable(rows) then
    take = function () return rawget(rows, number + 1) end
  end
  return new {
    shut = function () end,
    read = function ()
      local value, at, problem = take()
      if value == nil then return nil, nil, error_of(problem or at) end
      number = number + 1
      if type(value) == "string" then return { prompt = value }, { number = number }, value end
      if type(value) ~= "table" then
        return {}, { number = number, err = no_row(number, value) }, value
      end
      return json.fields(value), place_of(at, number), value
    end,
  }
end

--- Makes the source of rows of a reader.
local function of_reader (reader, path, shut)
  return new {
    reader = reader, format = reader.format, columns = reader.columns,
    size = reader.size, path = reader.size and path, shut = shut,
    read = function ()
      local row, at, problem = reader:next()
      if row == nil then return nil, nil, problem end
      return row, at, row
    end,
  }
end

--- Opens the rows of a run.
-- @tparam table given the options `input`, `rows`, `format`, `columns` and `quotes`
-- @treturn[1] table the source: `format` and `columns` of a file, see `predibase.bulk.rows`; `size`
-- in bytes, where it is known; `path` of a file that can be read again, which a pipe cannot
-- @treturn[2] nil
-- @treturn[2] table the error
function M.open (given)
  if rows_of.is_reader(given.rows) then return of_reader(given.rows, nil, function () end) end
  if given.rows ~= nil then return of_program(given.rows) end
  local path = type(given.input) == "string" and given.input or nil
  local format = given.format
  if not format and path then format = rows_of.format_of((shards.split(path))) end
  local reader, err = rows_of.open(given.input, { format = format, columns = given.columns,
    quotes = given.quotes })
  if not reader then return nil, err end
  return of_reader(reader, path, function () reader:close() end)
end

--- Counts the rows of a file, or of an array.
-- @tparam table given as for `open`
-- @tparam table source what `open` returned
-- @treturn[1] integer
-- @treturn[2] nil
-- @treturn[2] table the error
function M.count (given, source)
  if type(given.rows) == "table" and not checks.callable(given.rows) then return #given.rows end
  if not source.path then
    return nil, errors.new { kind = "config", phase = "request",
      message = "a sample needs a file or an array, because all rows are counted first" }
  end
  local counted, err = M.open(given)
  if not counted then return nil, err end
  local count = 0
  while true do
    local row, _, problem = counted:next()
    if row == nil then
      counted:close()
      if problem then return nil, problem end
      return count
    end
    count = count + 1
  end
end

return M
