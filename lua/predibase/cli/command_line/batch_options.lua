-- SPDX-License-Identifier: MIT
--- The options and the help of `predibase batch` and `predibase batch merge`.
-- @module predibase.cli.command_line.batch_options

local lazy = require "predibase.lazy"
local batches = lazy "predibase.batch"
local failures = lazy "predibase.cli.failures"
local manual = lazy "predibase.cli.command_line.manual"
local shared_options = require "predibase.cli.command_line.shared_options"

local M = {}

local add, reader = shared_options.add, shared_options.reader

local BATCH = [[
Rows, recognised by their fields or named by --dialect:
  template   any columns, filled into {column} of --template
  prompt     {"prompt": ..., and parameters}, or plain lines
  predibase  {"inputs": ..., "parameters": {...}, "metadata": {...}}
  openai     {"custom_id", "method", "url", "body"}, as for OpenAI's batches

Output: JSON Lines (or what the name of OUT or --out-format says): the columns
of the row, then id, line, hash, text, finish_reason, tokens and error. Rows
that failed go to failed-OUT, a file next to OUT that is valid input again.
Without --out the answers are printed, and failed rows have an error in them.

The same command, started again, goes on with the rows that are not in OUT yet,
and tries failed rows again. Ctrl-C (or SIGTERM) finishes the requests that are
under way; a second one stops at once. Answers that have arrived are kept.

--rate-limit takes a number of requests or tokens in a period, such as 100/s,
600/min or "1000000 tokens/day".

The word merge after batch joins shards; ./merge is a file of that name.]]

local MERGE = [[
Joins the files OUT.0-of-N, OUT.1-of-N, ... that `predibase batch --shard` has
written. Nothing is written when shards or (with --input) rows are missing,
unless --partial is given. A row that is there twice is written once. The files
of the shards stay.]]

local MERGE_CODES = [[
Exit codes of batch merge: 0 if every row is answered, %d if rows have failed or
are missing, the code of its error if nothing was written.]]

-- Files that a run writes, for the manual page.
local OUT_FILES = {
  { "OUT", "The answers, with one record for each row that was answered." },
  { "failed-OUT", "The rows that failed, as they were; valid input of another run." },
  { "OUT.I-of-N", "The answers of one shard." },
}

-- The records of a run have no details, so the parameters that ask for them would change nothing.
local PARAMETERS = {
  details = false, decoder_input_details = false, return_k_alternatives = false,
  best_of = "Generate this many and answer with the best.",
}

-- Only batch has these; the other exit codes are those of all commands.
local CODES = [[
Exit codes of batch: 0 if every row is answered, %d if some rows have failed,
%d if --max-tokens or --max-cost ended the run, 130 or 143 if Ctrl-C or SIGTERM
did; the code of its error if an error did.]]

-- Names of a period -> its seconds.
local PERIODS = {
  s = 1, sec = 1, second = 1, seconds = 1, m = 60, min = 60, minute = 60, minutes = 60,
  h = 3600, hour = 3600, hours = 3600, d = 86400, day = 86400, days = 86400,
}

-- Names of what is counted -> the field of the option `rate_limit`.
local COUNTED = {
  [""] = "requests", request = "requests", requests = "requests", token = "tokens",
  tokens = "tokens",
}

--- Reads a rate such as `100/s`, `600 requests/min` or `1000000 tokens/day`.
-- @tparam string text
-- @treturn ?table `seconds`, and `requests` or `tokens`, as in the client's option `rate_limit`;
-- nil for any other text
function M.rate (text)
  local count, what, times, period = text:match "^%s*(%d+)%s*(%a*)%s*/%s*(%d*)%s*(%a+)%s*$"
  local field, seconds = COUNTED[what], PERIODS[period]
  if not field or not seconds then return nil end
  seconds = seconds * (times == "" and 1 or tonumber(times))
  return seconds > 0 and { [field] = tonumber(count), seconds = seconds } or nil
end

local function count (text)
  local value = shared_options.whole_number(text)
  return value and value >= 1 and value or nil
end

local function amount (text)
  local value = shared_options.number(text)
  return value and value >= 0 and value or nil
end

local function concurrency (text)
  local value = count(text)
  return text == "auto" and text or value and value <= batches.MAX_CONCURRENCY and value or nil
end

-- Divides names at commas.
local function names (text)
  local list = {}
  for name in (text .. ","):gmatch "([^,]*)," do list[#list + 1] = name end
  return list
end

local function given (text)
  return text ~= "" and text or nil
end

-- Adds an option whose value is one of some names.
local function add_choice (command, name, help, ...)
  local list, known = { ... }, {}
  for _, one in ipairs(list) do known[one] = one end
  local wanted = table.concat(list, ", ", 1, #list - 1) .. " or " .. list[#list]
  local option = add(command, name, help:format(wanted), reader(name, function (text)
    return known[text]
  end, wanted)):argname "NAME"
  return shared_options.offer(option, list)
end

local function add_count (command, name, help)
  return add(command, name, help, reader(name, count, "a whole number from 1")):argname "N"
end

local function add_amount (command, name, help)
  return add(command, name, help, reader(name, amount, "a number, 0 or more")):argname "X"
end

local function input (command)
  return {
    add_choice(command, "--format", "%s; by default what the name of IN says.", "jsonl", "csv",
      "tsv", "lines"),
    add(command, "--columns", "Names of the columns of CSV or TSV that has no header line, with "
      .. "commas between them.", names):argname "NAMES",
    command:flag("--no-quotes", "Quotes in CSV or TSV have no meaning."),
    add_choice(command, "--dialect", "What kind of rows all rows are: %s.", "template",
      "prompt", "predibase", "openai"),
    add(command, "--template", "Make the prompt of each row from the template in this file; "
      .. "{column} stands for a column."):argname "FILE",
    add(command, "--prompt-template", "The same, with the template itself."):argname "TEXT",
    add(command, "--id", "Column that identifies a row; by default its line and its content do.",
      reader("--id", given, "the name of a column")):argname "COLUMN",
    add_count(command, "--limit", "Only the first N rows."),
    add_count(command, "--sample", "Only N rows, spread by chance, and the same ones each time."),
    shared_options.offer(add(command, "--shard", "Only every N-th row, beginning with row I "
      .. "(from 0), into OUT.I-of-N. auto: as Slurm's array variables say; auto/N: as "
      .. "Kubernetes' JOB_COMPLETION_INDEX says.")
      :argname "I/N", { "auto" }),
    command:flag("--dry-run", "Print the first requests, and how many tokens all of them have; "
      .. "generate nothing."),
  }
end

local function output (command)
  return {
    add(command, "--out", "File for the answers; if it exists, the run goes on.",
      reader("--out", given, "the name of a file")):argname "OUT",
    add_choice(command, "--out-format", "%s; by default what the name of OUT says.", "jsonl", "csv",
      "tsv"),
    command:flag("--ordered", "Write the answers in the order of the rows."),
    command:flag("--timing", "Write the seconds that each answer took."),
    command:flag("--keep-changed", "Go on although rows or options have changed since; the "
      .. "answers that are there stay."),
    add(command, "--evaluate", "Compare each answer with this column: accuracy, confusion matrix.")
      :argname "COLUMN",
    add_choice(command, "--evaluate-how", "%s. normalised, the default, disregards upper case, "
      .. "space and punctuation; json compares field by field.", "exact", "normalised", "json"),
    add(command, "--report", "Write a page with plots and examples."):argname "FILE",
    command:flag("--quiet", "Print no progress and no summary."),
  }
end

local function rates (command)
  return {
    shared_options.offer(add(command, "--concurrency", "Requests at the same time, or auto (the "
      .. "default): as many as the server bears.",
      reader("--concurrency", concurrency, ("a whole number from 1 to %d, or auto"):format(
        batches.MAX_CONCURRENCY))):argname "N", { "auto" }),
    add(command, "--rate-limit", "Most requests or tokens in a period; can be given twice, for "
      .. "both.", reader("--rate-limit", M.rate, "a rate such as 100/s or '1000000 tokens/day'"))
      :argname "RATE":count "*",
    add_count(command, "--max-tokens", "Take no more rows after this many tokens, those of "
      .. "prompts and of earlier runs included."),
    add_amount(command, "--max-cost", "Take no more rows after this cost; needs prices."),
    add_amount(command, "--price-in", "Price of a million tokens of prompts."),
    add_amount(command, "--price-out", "Price of a million tokens of answers."),
  }
end

local function of_merge (command)
  return {
    add(command, "--into", "File to write; OUT by default."):argname "FILE",
    add(command, "--input", "The input of the run, to find rows that are missing."):argname "IN",
    add_choice(command, "--input-format", "%s; by default what the name of IN says.", "jsonl",
      "csv", "tsv", "lines"),
    add(command, "--input-columns", "Names of the columns of an input in CSV or TSV that has no "
      .. "header line, with commas between them.", names):argname "NAMES",
    command:flag("--input-no-quotes", "Quotes in an input in CSV or TSV have no meaning."),
    add_choice(command, "--out-format", "%s; by default what the name of OUT says.", "jsonl", "csv",
      "tsv"),
    command:flag("--ordered", "Write the rows in the order of the input."),
    command:flag("--partial", "Join what is there although shards or rows are missing."),
    command:flag("--force", "Replace the file if it exists."),
  }
end

--- Adds `predibase batch`.
-- @tparam table parser of argparse
-- @tparam function show is called with the help
function M.add_batch (parser, show)
  local command = parser:command("batch", "Answer the rows of a file.")
  shared_options.add_help(command, show)
  command:usage("Usage: predibase batch [OPTION]... [IN]\n"
    .. "       predibase batch merge [OPTION]... OUT")
  command:help_max_width(80):help_description_margin(32)
  command:argument("input", "File of rows. Without one, or with -, standard input is read.", nil,
    nil, "?")
  shared_options.group(command, "Input", input)
  shared_options.group(command, "Output", output)
  shared_options.group(command, "Rates and costs", rates)
  shared_options.group(command, "Text", shared_options.cuts)
  shared_options.add_calls(command, PARAMETERS)
  shared_options.describe(command, function ()
    local codes = CODES:format(failures.ROWS_FAILED, failures.OVER_BUDGET)
    return { notes = { BATCH }, own_codes = codes, files = OUT_FILES,
      environment = manual.joined(manual.SERVICE, manual.SHARDS),
      examples = manual.EXAMPLES.batch }
  end)
end

--- Adds `predibase batch merge`, which the parser knows as one word.
-- @tparam table parser of argparse
-- @tparam function show is called with the help
function M.add_merge (parser, show)
  local command = parser:command("batch-merge", "Join the files of shards.")
  command:hidden(true)
  shared_options.add_help(command, show)
  command:usage "Usage: predibase batch merge [OPTION]... OUT"
  command:help_max_width(80):help_description_margin(32)
  command:argument("out", "The file that was given to --out, without the numbers of the shards.")
  shared_options.group(command, "Shards", of_merge)
  shared_options.describe(command, function ()
    return { notes = { MERGE }, own_codes = MERGE_CODES:format(failures.ROWS_FAILED),
      examples = manual.EXAMPLES["batch-merge"] }
  end)
end

return M
