-- SPDX-License-Identifier: MIT
--- Bulk work: rows in, answers out. `client:run_bulk` makes a run, see `predibase.bulk.run`; this
-- module puts its parts together.
--
--     local bulk = require "predibase.bulk"
--     bulk.rows.open("questions.csv")         -- reads and writes files of rows
--     bulk.merge("answers.jsonl")             -- joins the outputs of several machines
--     bulk.report("report.html", { summary = run:summary() })     -- a page about a run
-- @module predibase.bulk

local choice = require "predibase.bulk.choice"
local destination = require "predibase.bulk.destination"
local dialects = require "predibase.bulk.dialects"
local errors = require "predibase.errors"
local evaluations = require "predibase.bulk.evaluation"
local figures_of = require "predibase.bulk.figures"
local records = require "predibase.bulk.records"
local request = require "predibase.request"
local rows = require "predibase.bulk.rows"
local run = require "predibase.bulk.run"
local run_options = require "predibase.bulk.run_options"
local shards = require "predibase.bulk.shards"
local sources = require "predibase.bulk.source"
local spendings = require "predibase.bulk.spending"

local M = {}

--- Reads and writes files of rows, see `predibase.bulk.rows`.
M.rows = rows

--- Joins the outputs of the shards of a run, see `predibase.bulk.merge`.
-- @tparam string out path of the whole output
-- @tparam ?MergeOptions options
-- @treturn[1] table the summary
-- @treturn[2] nil
-- @treturn[2] Error the error
function M.merge (out, options)
  return require "predibase.bulk.merge".run(out, options)
end

--- Writes the result of `merge` as a few lines of text.
-- @tparam table found
-- @treturn string[] lines without line ends
function M.merge_lines (found)
  return require "predibase.bulk.merge".lines(found)
end

--- Writes a page about a run, see `predibase.bulk.report`.
-- @tparam string path
-- @tparam table data `summary` (of the run), `evaluation`, and `run`: how it was run
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] Error the error, of kind "config"
function M.report (path, data)
  return require "predibase.bulk.report".write(path, data)
end

local function refuse (text, ...)
  return nil, errors.new { kind = "config", phase = "request", message = text:format(...) }
end

--- Returns the columns of the first row, for an output that is a table.
local function columns_of (source)
  if source.columns then return source.columns end
  if source.format == "lines" then return { "text" } end
  local row, at = source:first()
  if not row then return {} end
  if at.raw then return records.columns(at.raw) end
  local names = {}
  for name in next, row do names[#names + 1] = tostring(name) end
  table.sort(names)
  return names
end

--- Reads the shard, and finds the format of the output and the dialect of OpenAI, which decides the
-- form of the output. Returns nil and an error.
local function complete (given, source)
  if given.shard then
    local shard, err = shards.read(given.shard)
    if not shard then return nil, err end
    given.shard = shard
    if type(given.out) == "string" then
      local ok
      ok, err = shards.check_division(given.out, shard)
      if not ok then return nil, err end
      given.out = shards.path(given.out, shard)
    end
  end
  local first = source:first()
  if not given.dialect and given.template == nil and first
    and dialects.of_row(first, source.format) == "openai" then
    given.dialect = "openai"
  end
  local wanted = given.out_format
  if not wanted and type(given.out) == "string" then
    wanted = rows.format_of((shards.split(given.out)))
    if wanted == "lines" then
      return refuse("%s: an output is JSON Lines (.jsonl), CSV or TSV; choose another name, or "
        .. "give out_format", given.out)
    end
  end
  given.out_format = wanted or "jsonl"
  if given.dialect == "openai" then
    if given.id and given.id ~= "custom_id" then
      return refuse("rows in OpenAI's form have their ids in custom_id; leave out the option id")
    end
    if given.out_format ~= "jsonl" then
      return refuse("rows in OpenAI's form have answers in OpenAI's form, which is JSON Lines and "
        .. "not %s", given.out_format)
    end
    given.out_format = "openai"
  end
  return true
end

--- Makes the evaluation. Returns nil and an error when no row has its column.
local function evaluation_of (given, source)
  local wanted = given.evaluate
  if wanted == nil then return nil end
  if type(wanted) == "string" then wanted = { column = wanted } end
  local evaluation, err = evaluations.new(wanted)
  if not evaluation then return nil, err end
  local first, known = source:first(), source.columns
  local has = first == nil or rawget(first, wanted.column) ~= nil
  for _, name in ipairs(known or {}) do has = has or name == wanted.column end
  if has then return evaluation end
  local names = known or columns_of(source)
  return refuse('evaluate: there is no column "%s"; the columns are %s', wanted.column,
    errors.excerpt(table.concat(names, ", "), 200))
end

--- Returns the options of all calls. A run tries more often than a single call.
local function options_of_calls (given)
  local options = request.merge(given.options or {})
  if options.max_retries == nil then options.max_retries = run_options.MAX_RETRIES end
  return options
end

--- Puts together what makes the calls: `source`, `dialect`, `choice` and `evaluation`. Returns
-- these parts, or nil and an error.
local function assemble_calls (client, given, source, view)
  local ok, err = complete(given, source)
  if not ok then return nil, err end
  local parts = { source = source }
  parts.evaluation, err = evaluation_of(given, source)
  if err then return nil, err end
  parts.dialect, err = dialects.new(client, { dialect = given.dialect, template = given.template,
    id = given.id, options = options_of_calls(given), format = source.format, view = view })
  if not parts.dialect then return nil, err end
  local total
  if given.sample then
    total, err = sources.count(given, source)
    if not total then return nil, err end
  end
  parts.choice = choice.new(given, total)
  return parts
end

--- Puts the parts of a run together. Returns them, or nil and an error.
local function assemble (client, given, source, view)
  local parts, err = assemble_calls(client, given, source, view)
  if not parts then return nil, err end
  local clock = client.shared.now
  parts.figures = figures_of.new { clock = clock }
  parts.spending = spendings.new(given)
  -- A table cannot hold rows with other columns than those of the first row.
  local columns = source.columns
  if rows.SEPARATORS[given.out_format] then columns = columns_of(source) end
  parts.output, err = destination.open(given, source, columns,
    parts.dialect:fingerprint(), {
      clock = clock,
      id_of = function (row) return (parts.dialect:read_id(row, {})) end,
      on_done = function (record)
        parts.figures:resumed(record)
        parts.spending:add(record.tokens_in, record.tokens_out)
        if parts.evaluation then
          parts.evaluation:add_row(record.columns, record.text,
            { number = record.line, line = record.line })
        end
      end,
    })
  if not parts.output then return nil, err end
  for _, name in ipairs { "most", "start", "adaptive", "ordered", "keep_changed" } do
    parts[name] = given[name]
  end
  parts.patience = run_options.PATIENCE
  parts.is_part = given.limit ~= nil or given.sample ~= nil
  return parts
end

--- Makes a run.
-- @tparam Client client
-- @tparam BulkOptions options see `client:run_bulk`
-- @tparam ?table view of an adapter, see `predibase.bulk.dialects`
-- @treturn BulkRun see `predibase.bulk.run`
-- @raise for options that do not exist or have the wrong type
function M.new (client, options, view)
  local method = view and "adapter:run_bulk" or "client:run_bulk"
  local given, err = run_options.read(options, method)
  if not given then return run.failed(err) end
  local source
  source, err = sources.open(given)
  if not source then return run.failed(err) end
  local ok, parts, problem = pcall(assemble, client, given, source, view)
  if ok and parts then return run.new(client, parts) end
  source:close()
  if not ok then error(parts, 0) end
  return run.failed(problem)
end

--- Prepares the first requests of a run, and counts its rows and their tokens. Only `/tokenize` is
-- called, and no output is opened.
-- @tparam Client client
-- @tparam BulkOptions options as for `client:run_bulk`
-- @tparam integer most number of requests to prepare
-- @treturn[1] table see `predibase.bulk.preview`
-- @treturn[2] nil
-- @treturn[2] Error the error
-- @raise as `client:run_bulk` does
function M.preview (client, options, most)
  local given, err = run_options.read(options, "client:run_bulk")
  if not given then return nil, err end
  local source
  source, err = sources.open(given)
  if not source then return nil, err end
  local ok, made, problem = pcall(function ()
    local parts, failure = assemble_calls(client, given, source)
    if not parts then return nil, failure end
    parts.is_counted = source.path ~= nil or type(given.rows) == "table"
    return require "predibase.bulk.preview".run(client, parts, most)
  end)
  source:close()
  if not ok then error(made, 0) end
  return made, problem
end

--- Writes what a run has done as a few lines of text.
-- @tparam BulkSummary summary as `run:summary` returns it
-- @treturn string[] printable lines without line ends
function M.lines (summary)
  local lines = figures_of.lines(summary)
  for _, line in ipairs(summary.evaluation and evaluations.lines(summary.evaluation) or {}) do
    lines[#lines + 1] = line
  end
  return lines
end

return M
