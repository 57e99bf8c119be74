-- SPDX-License-Identifier: MIT
--- Where the answers of a run go: a file, a function of the caller, or only to the caller.
-- @module predibase.bulk.destination

local answer_file = require "predibase.bulk.answer_file"
local done = require "predibase.done"
local errors = require "predibase.errors"
local outside_errors = require "predibase.outside_errors"
local records = require "predibase.bulk.records"

local M = {}

local Destination = {}
Destination.__index = Destination

--- Returns the place of a row as records take it: a row of a program has its number as its line,
-- and no text that could not be read.
local function place_of (outcome)
  local at = outcome.at
  if at.raw then return at end
  return { line = outcome.line, number = at.number }
end

--- Returns the hash of a row and of the options.
-- @tparam table row
-- @tparam table at where it is
-- @treturn[1] ?string nil when the answers are not written anywhere
-- @treturn[2] nil
-- @treturn[2] table the error of a row that the output cannot hold
function Destination:hash (row, at)
  if not self.layout then return nil end
  return self.layout:hash(row, at, self.options)
end

--- Tells whether an earlier row of this run had the same id, and remembers it.
-- @tparam string id
-- @treturn boolean
function Destination:repeats (id)
  return self.met:repeats(id)
end

--- Tells whether the output has the answer of a row.
-- @tparam table item `id`, `line` and `hash`
-- @treturn ?string nil when not; "done", "row_changed" or "options_changed"
function Destination:state (item)
  local file = self.file
  return file and file:state(item.id, item.line, item.hash)
end

local CHOOSE = "Choose another output, or keep the answers that it has (keep_changed)"

local function changed (message, line)
  return errors.new { kind = "config", phase = "request", line = line, message = message }
end

--- Makes the error of a row whose answer belongs to another row.
-- @tparam table item
-- @treturn table
function Destination:change (item)
  return changed(("line %d has another row than the one that %s has the answer of: the input has "
    .. "changed. %s"):format(item.line, self.file.path, CHOOSE), item.line)
end

--- Finds out whether a record of the output is of another run: no request may be sent then.
-- @tparam string path of the output
-- @tparam table given `id`, `keep_changed`
-- @tparam string options hash of the options
-- @tparam table record see `layout:read`
-- @tparam ?string id of the row, by the options of this run
-- @treturn ?table the error
local function record_problem (path, given, options, record, id)
  local of_row = record.line and ("line %d"):format(record.line)
    or ('the row "%s"'):format(tostring(record.id))
  if given.out_format ~= "openai" and (record.id ~= id or given.id and not id) then
    return changed(("%s has another id in %s than in this run: the option id has changed, so no "
      .. "row would be found there. Choose another output, or the same column for the ids"):format(
      of_row, path), record.line)
  end
  if not given.keep_changed and record.hash:sub(-#options) ~= options then
    return changed(("%s was answered with other options: those of %s are not the options of this "
      .. "run (template, model, adapter or parameters). %s"):format(of_row, path, CHOOSE),
      record.line)
  end
end

--- Passes a record to the function of the caller.
local function pass (self, text)
  local ok, result, problem = pcall(self.write, text)
  if not ok then
    outside_errors.raise_if_outside(result, self.write, text)
    problem = result
  elseif result ~= nil or problem == nil then
    return true
  end
  if errors.is(problem) then return nil, problem end
  return nil, errors.new { kind = "config", phase = "body",
    message = "the answers cannot be written: " .. tostring(problem) }
end

--- Notes the line of a record, in the order in which records are in the output.
local function note_line (self, line)
  if line and line < self.last_line then self.disordered = true end
  self.last_line = math.max(self.last_line, line or 0)
end

--- Returns an outcome as records take it. A row that cannot be read has no hash yet.
local function entry_of (self, outcome)
  if outcome.at.raw and outcome.hash then return outcome end
  local entry = {}
  for name, value in next, outcome do entry[name] = value end
  entry.at = place_of(outcome)
  entry.hash = outcome.hash or done.hash(outcome.at.raw or "") .. "-" .. self.options
  return entry
end

--- Writes a record into the output.
local function write (self, outcome)
  local text, err = self.layout:write(entry_of(self, outcome))
  if not text then return nil, err end
  if self.file then
    note_line(self, outcome.line)
    return self.file:append(text)
  end
  if not self.begun then
    self.begun = true
    text = self.layout:header() .. text
  end
  return pass(self, text)
end

--- Writes the record of a row that was answered.
-- @tparam table outcome see `layout:write` of `predibase.bulk.records`
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] table the error
function Destination:answered (outcome)
  if not self.layout then return true end
  return write(self, outcome)
end

--- Writes a row that failed. If the output is a file, the row goes into the file of failed rows; a
-- function gets it as a record with its error.
-- @tparam table outcome with `err`
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] table the error
function Destination:failed (outcome)
  if self.file then return self.file:fail(outcome.row, place_of(outcome), outcome.err) end
  if not self.layout then return true end
  return write(self, outcome)
end

--- Flushes the file to the disk once a second.
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] table the error
function Destination:sync_if_due ()
  if not self.file then return true end
  return self.file:sync_if_due()
end

--- Tells whether a record of the output may come after one of a later row. Records in OpenAI's form
-- do not say which row they answer, and an earlier run may have been killed before it ordered them.
local function is_disordered (self)
  return self.disordered or self.is_openai and self.done > 0
end

--- Flushes and closes the files. With `ordered`, an output whose records are not in the order of
-- the rows is written again.
-- @tparam boolean early the run has not come to its end
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] table the error
function Destination:close (early)
  local file = self.file
  if not file or self.closed then return true end
  self.closed = true
  local ok, err = file:close(early)
  if not ok or not self.reorder or not is_disordered(self) then return ok, err end
  return self.reorder(file.path)
end

--- Returns the path of the file of failed rows.
-- @treturn ?string nil when no row has failed, or the output is not a file
function Destination:failed_path ()
  local file = self.file
  return file and file.failed_count > 0 and file.failed_path or nil
end

--- Opens the output of a run.
-- @tparam table given `out` (a path, a function that takes the text of each record, or nil),
-- `out_format` ("jsonl", "csv", "tsv" or "openai"), `timing`, `ordered`, `id`, `keep_changed`
-- @tparam table source of the rows
-- @tparam ?table columns array of the columns of the rows, as far as they are known; an output that
-- is a table needs them
-- @tparam string fingerprint of the options
-- @tparam table hooks `clock` (returns seconds), `on_done` (is called with each record that the
-- output has already) and `id_of` (returns the id of a row, or nil)
-- @treturn[1] table `done` is the number of records that the output has already
-- @treturn[2] nil
-- @treturn[2] table the error, of kind "config"
function M.open (given, source, columns, fingerprint, hooks)
  local self = setmetatable({ layout = nil, file = nil, write = nil, done = 0, begun = false,
    options = done.short_hash(fingerprint), met = nil, reorder = nil, closed = false,
    is_openai = given.out_format == "openai",
    last_line = 0, disordered = false }, Destination)
  local out = given.out
  if out == nil then
    self.met = done.new()
    return self
  end
  if type(out) ~= "string" then
    self.met, self.write = done.new(), out
    self.layout = records.new { format = given.out_format, input = source.format,
      columns = columns, timing = given.timing }
    return self
  end
  local file, err = answer_file.open(out, { format = given.out_format, input = source.format,
    columns = columns, timing = given.timing, clock = hooks.clock, input_path = source.path,
    on_done = function (record, layout)
      local problem = record_problem(out, given, self.options, record,
        layout:id(hooks.id_of(record.columns)))
      if problem then return problem end
      note_line(self, record.line)
      hooks.on_done(record)
    end })
  if not file then return nil, err end
  if given.ordered and self.is_openai and file.done > 0 and not source.path then
    file:close(true)
    return nil, errors.new { kind = "config", phase = "request", message = out .. " has answers in "
      .. "OpenAI's form, which have no line numbers; to go on in the order of the rows (ordered), "
      .. "give the path of the input" }
  end
  if given.ordered then
    self.reorder = function (path)
      return require "predibase.bulk.merge".reorder(path, {
        format = given.out_format == "openai" and "jsonl" or given.out_format,
        input = source.path, input_options = { format = source.format } })
    end
  end
  self.file, self.met, self.layout, self.done = file, file, file.layout, file.done
  return self
end

return M
