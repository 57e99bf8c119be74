-- SPDX-License-Identifier: MIT
--- Reads the options of `client:run_bulk`.
-- @module predibase.bulk.run_options

local batches = require "predibase.batch"
local checks = require "predibase.value_checks"
local errors = require "predibase.errors"
local json = require "predibase.json"
local names = require "predibase.option_names"
local usage = require "predibase.usage"

local M = {}

--- Requests at the same time when `concurrency` is not given: the first and the largest number. The
-- level that the server bears is found between 1 and the largest, a quarter of the requests that a
-- LoRAX router accepts from all of its clients together.
M.FIRST_CONCURRENCY, M.MOST_CONCURRENCY = 16, 256

--- Attempts after the first one, unless the options of the calls say otherwise. With a fault in
-- every fifth attempt, less than one row in a million then fails.
M.MAX_RETRIES = 8

--- Seconds for which the server may be down, or refuse every request, before the run ends.
M.PATIENCE = 600

--- Largest value of `limit` and `sample`: every integer up to it is exact in each Lua.
M.MAX_ROWS = 2 ^ 53

-- Checks. Each takes a value and returns what was expected when the value is wrong.

local function is_text (value)
  if type(value) ~= "string" or value == "" then return "a string that is not empty" end
end

local function is_flag (value)
  if type(value) ~= "boolean" then return "a boolean" end
end

local function is_table (value)
  if type(value) ~= "table" then return "a table" end
end

local function is_count (value)
  if not checks.integral(value) or value < 1 or value > M.MAX_ROWS then
    return "a whole number from 1"
  end
end

local function is_amount (value)
  if not checks.finite(value) or value < 0 then return "a number, 0 or more" end
end

local function one_of (...)
  local wanted, set = table.concat({ ... }, ", "), {}
  for _, name in ipairs { ... } do set[name] = true end
  return function (value)
    if not set[value] then return "one of " .. wanted end
  end
end

local function is_concurrency (value)
  if value == "auto" then return nil end
  if not checks.integral(value) or value < 1 or value > batches.MAX_CONCURRENCY then
    return ('"auto" or a whole number from 1 to %d'):format(batches.MAX_CONCURRENCY)
  end
end

local function is_evaluation (value)
  if type(value) ~= "string" and type(value) ~= "table" then
    return "the name of a column, or a table with column and how"
  end
end

local function is_source (value)
  if type(value) ~= "string" and type(value) ~= "userdata" and type(value) ~= "table" then
    return "a path or an open file"
  end
end

local function is_output (value)
  if (type(value) ~= "string" or value == "") and not checks.callable(value) then
    return "a path, or a function that takes the text of a record,"
  end
end

local function is_rows (value)
  if type(value) ~= "table" and type(value) ~= "function" then
    return "an array of rows or a function that returns the next row"
  end
end

--- The options of `client:run_bulk`: either `input` or `rows`, and others.
-- @table BulkOptions
-- @tfield ?string|file* input the path of a file, or an open file
-- @tfield ?(table|string)[]|fun():(table|string|nil) rows an array, or a function that returns the
-- next row and nil at the end; a row is a table of its columns, or a prompt
-- @tfield ?"jsonl"|"csv"|"tsv"|"lines" format of the file (default: that of its extension)
-- @tfield ?string[] columns the names of the columns, for CSV without a header line
-- @tfield ?boolean quotes `false` for CSV and TSV in which quotes have no meaning
-- @tfield ?string|Template|ChatFormat|fun(row:table):(string|Message[]) template a text with
-- `{names}`, a template, a chat format, or a function that returns a prompt or messages
-- @tfield ?"template"|"prompt"|"predibase"|"openai" dialect how rows become calls (default: found
-- by their fields)
-- @tfield ?string id the column with the ids
-- @tfield ?SendOptions options of all calls; `max_retries` is 8 by default
-- @tfield ?string|fun(record:string) out the path of the output, or a function that takes the text
-- of each record
-- @tfield ?"jsonl"|"csv"|"tsv" out_format the format of the output
-- @tfield ?boolean ordered in the order of the rows (default false)
-- @tfield ?boolean timing with the seconds of each answer (default false)
-- @tfield ?boolean keep_changed keep answers of rows or options that have changed since then
-- (default false)
-- @tfield ?integer|"auto" concurrency requests at the same time, 1 to 1000 (default `"auto"`: from
-- 16 up to 256)
-- @tfield ?integer limit the first rows only
-- @tfield ?integer sample this many rows, drawn from all of them
-- @tfield ?string shard `"I/N"`, `"auto"` or `"auto/N"`, see `predibase.bulk.shards`
-- @tfield ?integer max_tokens no row is begun that would exceed them
-- @tfield ?number max_cost no row is begun that would exceed it
-- @tfield ?number price_in of a million tokens of prompts
-- @tfield ?number price_out of a million tokens of answers
-- @tfield ?string|{column:string,how:string?} evaluate the column with the expected answers, see
-- `predibase.bulk.evaluation`

local CHECKS = {
  input = is_source, rows = is_rows, format = one_of("jsonl", "csv", "tsv", "lines"),
  columns = is_table, quotes = is_flag,
  dialect = one_of("template", "prompt", "predibase", "openai"),
  template = function () return nil end,      -- `predibase.bulk.dialects` checks it
  id = is_text, options = is_table,
  out = is_output, out_format = one_of("jsonl", "csv", "tsv"),
  ordered = is_flag, timing = is_flag, keep_changed = is_flag,
  concurrency = is_concurrency, limit = is_count, sample = is_count, shard = is_text,
  max_tokens = is_count, max_cost = is_amount, price_in = is_amount, price_out = is_amount,
  evaluate = is_evaluation,
}

local function refuse (text, ...)
  return nil, errors.new { kind = "config", phase = "request", message = text:format(...) }
end

--- Checks what the options mean together. Returns nil and an error.
local function check_together (given)
  if (given.max_cost ~= nil) and given.price_in == nil and given.price_out == nil then
    return refuse "max_cost needs price_in and price_out, the prices of a million tokens"
  end
  if given.sample and given.limit then
    return refuse "sample and limit cannot be combined: both choose rows"
  end
  if given.rows ~= nil and given.format then
    return refuse "format is for files; rows are tables"
  end
  return true
end

--- Reads the options.
-- @tparam table options of the program
-- @tparam string method for messages
-- @treturn[1] table a copy without null; `most`, `start` and `adaptive` say how many requests may
-- be under way
-- @treturn[2] nil
-- @treturn[2] table error of kind "config"
-- @raise for options that are not a table or do not exist, and for values of a wrong type
function M.read (options, method)
  if type(options) ~= "table" then
    usage.fail(("%s takes its options as a table, got %s"):format(method,
      checks.describe(options)))
  end
  names.check(options, CHECKS, "option")
  local given = {}
  for name, value in next, options do
    if value ~= json.null then given[name] = value end
    local wanted = value ~= json.null and CHECKS[name](value)
    if wanted then
      usage.fail(("%s takes %s for %s, got %s"):format(method, wanted, name,
        checks.describe(value)))
    end
  end
  if (given.input == nil) == (given.rows == nil) then
    usage.fail(method .. " takes either input (a path) or rows")
  end
  local ok, err = check_together(given)
  if not ok then return nil, err end
  local most = given.concurrency
  given.adaptive = most == nil or most == "auto"
  given.most = given.adaptive and M.MOST_CONCURRENCY or most
  given.start = given.adaptive and M.FIRST_CONCURRENCY or most
  return given
end

return M
