-- SPDX-License-Identifier: MIT
--- Runs `predibase batch` and `predibase batch merge`.
-- @module predibase.cli.batch_command

local amounts = require "predibase.amounts"
local descriptor = require "predibase.descriptor"
local ending = require "predibase.cli.batch_command.ending"
local errors = require "predibase.errors"
local failures = require "predibase.cli.failures"
local inputs = require "predibase.cli.inputs"
local interrupt = require "predibase.interrupt"
local output = require "predibase.cli.output"
local outside_errors = require "predibase.outside_errors"
local progress = require "predibase.cli.progress"
local usage = require "predibase.usage"
local wording = require "predibase.cli.wording"

local M = {}

-- Seconds after which a wait for the next row ends, so that Ctrl-C and the line on the terminal do
-- not have to wait for an answer.
local WAIT = 0.2

local STDIN, STDOUT, STDERR = 0, 1, 2
local SIGTERM = 15

-- Options.

--- Returns the source of the rows: a path, or standard input, which is read without Lua's buffer.
local function source (arguments)
  local path = arguments.input
  if path and path ~= "-" then return path end
  if not arguments.format then
    if not path and descriptor.is_terminal(STDIN) then
      failures.usage("there is no file of rows",
        "predibase batch questions.csv, or - and --format to type rows here")
    end
    failures.usage("standard input needs --format",
      "--format jsonl, csv, tsv or lines")
  end
  return {
    read = function (_, most) return descriptor.read(STDIN, most) end,
    is_ready = function () return descriptor.is_ready(STDIN) end,
  }
end

--- Returns the text of the template for the rows.
local function template (arguments)
  if arguments.template and arguments.prompt_template then
    failures.usage "--template and --prompt-template cannot be combined"
  end
  if arguments.template then return inputs.template(arguments.template) end
  return arguments.prompt_template
end

--- Returns the option `rate_limit` of the client.
local function rate_limit (list)
  local made
  for _, rate in ipairs(list) do
    if made and made.seconds ~= rate.seconds then
      failures.usage("the rates of --rate-limit must have the same period",
        "for example 10/min and '50000 tokens/min'")
    end
    made = made or { seconds = rate.seconds }
    for _, what in ipairs { "requests", "tokens" } do
      if rate[what] and made[what] then
        failures.usage(("--rate-limit limits %s twice"):format(what))
      end
      made[what] = made[what] or rate[what]
    end
  end
  return made
end

local function evaluation (arguments)
  if not arguments.evaluate then
    if arguments.evaluate_how then failures.usage "--evaluate-how needs --evaluate COLUMN" end
    return nil
  end
  return { column = arguments.evaluate, how = arguments.evaluate_how }
end

--- Checks what only the command knows.
local function check (arguments)
  if not arguments.out then
    if arguments.shard and not arguments.dry_run then
      failures.usage("--shard needs --out", "each shard has a file of its own, which "
        .. "predibase batch merge joins")
    end
  end
  if (arguments.price_in == nil) ~= (arguments.price_out == nil) then
    failures.usage "--price-in and --price-out need each other"
  end
end

--- Returns the options of `client:run_bulk`.
local function run_options (arguments)
  check(arguments)
  local options = {
    input = source(arguments), columns = arguments.columns, template = template(arguments),
    options = inputs.parameters(arguments), evaluate = evaluation(arguments),
  }
  options.options.max_retries = arguments.max_retries
  for _, name in ipairs {
    "format", "dialect", "id", "out", "out_format", "ordered", "timing", "keep_changed",
    "concurrency", "limit", "sample", "shard", "max_tokens", "max_cost", "price_in", "price_out",
  } do
    options[name] = arguments[name]
  end
  if arguments.no_quotes then options.quotes = false end
  return options
end

-- Standard output.

--- Makes the function that writes records to standard output. It keeps the first failure in
-- `problem`, because the run knows no failures of the command.
local function new_writer (problem)
  local is_terminal = descriptor.is_terminal(STDOUT)
  return function (text)
    if is_terminal then text = output.safe(text) end
    local ok, message, number = output.write_all(text)
    if not ok then problem.message, problem.number = message, number end
    return ok, message
  end
end

-- The run.

--- Calls a method of the library. What the library calls misuse is a mistake of the user here.
local function called (method, client, options)
  local ok, made, err = usage.catch(method, client, options)
  if ok then return made, err end
  if type(made) ~= "string" or outside_errors.is_interrupt(made) or made:find "%.lua:%d+: " then
    error(made, 0)
  end
  failures.usage(wording.reword((made:gsub("^client:run_bulk takes ", "the command takes "))))
end

--- Lets the run finish what is under way, when a first Ctrl-C has come.
local function notice (work)
  local signal = not work.signal and interrupt.caught()
  if not signal then return end
  work.signal = signal
  work.run:stop()
  local open = work.run:progress().open
  if open > 0 then
    local again = signal == SIGTERM and "a second signal stops at once"
      or "press Ctrl-C again to stop at once"
    work.shown:say(("predibase: finishing %s; %s"):format(amounts.of(open, "request"), again))
  end
end

--- Answers the rows. Returns nil, or the error that ended the run.
local function drive (work)
  local run, shown, now = work.run, work.shown, work.now
  while true do
    local row, _, err = run:next(WAIT)
    if row == nil then return err end
    notice(work)
    local at = now()
    if shown:due(at) then
      local state = run:progress()
      state.stopping, state.limit, state.sample = work.signal ~= nil, work.limit, work.sample
      shown:show(state, at)
    end
  end
end

--- Stops at once, after a second Ctrl-C, or for an error of this program.
local function abandon (work, err)
  pcall(work.shown.clear, work.shown)
  work.open = work.run:progress().open
  pcall(work.run.close, work.run)
  if not outside_errors.is_interrupt(err) then error(err, 0) end
  work.is_cut = true
end

--- Runs the run, and returns the exit code.
local function complete (work, arguments)
  interrupt.watch()
  local ok, err = pcall(drive, work)
  if not ok then abandon(work, err) end
  -- The signal may also have ended a read of the input.
  work.signal = work.signal or interrupt.caught()
  interrupt.disarm()
  work.shown:clear()
  if work.problem.message then failures.output(work.problem.message, work.problem.number) end
  return ending.finish(work, ok and err or nil, arguments)
end

--- Makes the display of the progress. There is none where answers are printed on the same terminal.
local function new_progress (arguments, now)
  local is_terminal = descriptor.is_terminal(STDERR)
  local is_same = not arguments.out and is_terminal and descriptor.is_terminal(STDOUT)
  return progress.new {
    file = io.stderr, terminal = is_terminal, now = now(),
    quiet = arguments.quiet or arguments.verbose or is_same,
    width = function () return descriptor.width(STDERR) or tonumber(os.getenv "COLUMNS") end,
  }
end

--- Runs `predibase batch`.
-- @tparam table arguments of the command line
-- @treturn[1] integer exit code
-- @treturn[2] nil
-- @treturn[2] table error
function M.run (arguments)
  local options = run_options(arguments)
  local client_options = inputs.client(arguments)
  client_options.rate_limit = rate_limit(arguments.rate_limit)
  local client, err = require("predibase").new(client_options)
  if not client then return nil, err end
  if arguments.dry_run then
    return called(require("predibase.cli.batch_command.dry_run").run, client, options)
  end
  local problem = {}
  options.out = options.out or new_writer(problem)
  local now = client.shared.now
  local shown = new_progress(arguments, now)
  -- An output with a million answers takes some seconds to read.
  if arguments.out then shown:begin("reading " .. errors.excerpt(arguments.out)) end
  local ok, run = pcall(called, client.run_bulk, client, options)
  if not ok then
    shown:clear()
    error(run, 0)
  end
  local code = complete({ run = run, now = now, started = os.time(), problem = problem,
    shown = shown, limit = arguments.limit, sample = not arguments.shard and arguments.sample
    or nil }, arguments)
  client:close()
  return code
end

--- Runs `predibase batch merge`.
-- @tparam table arguments of the command line
-- @treturn integer exit code
function M.merge (arguments)
  return require("predibase.cli.batch_command.merging").run(arguments)
end

return M
