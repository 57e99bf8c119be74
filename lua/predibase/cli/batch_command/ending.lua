-- SPDX-License-Identifier: MIT
--- The end of `predibase batch`: the summary, the report, what to do next, and the exit code.
-- @module predibase.cli.batch_command.ending

local amounts = require "predibase.amounts"
local bulk = require "predibase.bulk"
local errors = require "predibase.errors"
local failures = require "predibase.cli.failures"
local json = require "predibase.json"
local output = require "predibase.cli.output"
local version = require "predibase.version"
local wording = require "predibase.cli.wording"

local M = {}

local jit = rawget(_G, "jit")
local LUA = jit and jit.version or _VERSION

-- Exit codes of a program that a signal ended: this and the number of the signal.
local BY_SIGNAL = 128

local SIGTERM = 15

-- Most kinds of failures of which the summary has an example, and most bytes of its message.
local KINDS, EXCERPT = 3, 400

-- Why a run ended that has reached a limit -> what the option is called.
local BUDGETS = { max_tokens = "--max-tokens", max_cost = "--max-cost" }

local function say (text)
  io.stderr:write(output.safe(text), "\n")
end

--- Prints the first message of each kind of failure.
local function print_examples (summary)
  for i, group in ipairs(summary.examples) do
    local example = group.kind ~= "answered" and i <= KINDS + 1 and group.examples[1]
    if example and example.message then
      say(("%-8s  %s"):format("reason", errors.excerpt(wording.reword(example.message), EXCERPT)))
    end
  end
end

--- Prints the figures of the run.
local function print_summary (summary)
  for _, line in ipairs(bulk.lines(summary)) do say(line) end
  print_examples(summary)
  if summary.cost then say(("%-8s  %.4f"):format("cost", summary.cost)) end
  if summary.changed > 0 then
    say(("%-8s  %s from before %s"):format("changed", amounts.of(summary.changed, "answer"),
      "the row or the options changed"))
  end
  if (summary.stray or 0) > 0 then
    say(("%-8s  %s to rows that the input does not have any more"):format("stray",
      amounts.of(summary.stray, "answer")))
  end
end

--- Tells whether a signal has ended the run. It may have done so by ending a read of the input.
local function is_stopped (work, summary)
  local reason = summary.reason
  return work.signal ~= nil and (work.is_cut or reason == "stopped" or reason == "input")
end

--- Tells what the user can do when the run has ended without an error. Returns the exit code.
local function tell_next (work, summary, arguments, tell)
  local goes_on = arguments.out and "; the same command goes on with the rows that are left" or ""
  if is_stopped(work, summary) then
    local what = work.signal == SIGTERM and "stopped by SIGTERM" or "stopped by Ctrl-C"
    if work.is_cut and work.open > 0 then
      what = ("%s, and %s cut off"):format(what, amounts.of(work.open, "request"))
    end
    tell(what .. goes_on)
    return BY_SIGNAL + work.signal
  end
  local failed = summary.rows.failed
  if summary.failed_path then
    tell(("%s failed: %s has them and the reasons; the same command tries them again"):format(
      amounts.of(failed, "row"), summary.failed_path))
  end
  local budget = BUDGETS[summary.reason]
  if budget then
    goes_on = goes_on:gsub("command", "command with a larger one")
    tell(("%s is reached before the end of the rows%s"):format(budget, goes_on))
    return failures.OVER_BUDGET
  end
  return failed > 0 and failures.ROWS_FAILED or 0
end

--- Reports the error that ended the run. Returns the exit code.
local function report_error (err, summary, arguments)
  -- The hints of these kinds are about the service and the parameters.
  local is_of_run = err.kind == "config" or err.kind == "validation"
  local code = failures.report(err, "batch", not is_of_run)
  if arguments.out and summary.reason ~= "changed" and summary.reason ~= "options" then
    say "  then the same command goes on with the rows that are left"
  end
  return code
end

-- Arguments that are no options of the run, or may be secrets.
local NOT_SHOWN = { command = true, batch = true, input = true, out = true, report = true,
  quiet = true, header = true, proxy = true }

--- Writes the rates of `--rate-limit` as text; nil when there are none.
local function rates_of (list)
  local texts = {}
  for i, rate in ipairs(list) do
    texts[i] = ("%s in %s"):format(rate.requests and amounts.of(rate.requests, "request")
      or amounts.of(rate.tokens, "token"), amounts.seconds(rate.seconds))
  end
  return texts[1] and table.concat(texts, ", ")
end

--- Lists the options of the command line for the report.
local function shown_options (arguments)
  local list = {}
  for name, value in pairs(arguments) do
    if name == "rate_limit" then
      value = rates_of(value)
    elseif type(value) == "table" then
      value = #value > 0 and json.encode(value) or nil
    end
    if value ~= nil and not NOT_SHOWN[name] then
      list[#list + 1] = { "--" .. name:gsub("_", "-"), value == true and "yes" or tostring(value) }
    end
  end
  table.sort(list, function (a, b) return a[1] < b[1] end)
  return list
end

--- Tells in a sentence how the run ended.
local function state_of (work, summary, err)
  if is_stopped(work, summary) then return "Stopped before the end of the rows." end
  if err then return "Ended by an error: " .. failures.text(err) end
  if BUDGETS[summary.reason] then return BUDGETS[summary.reason] .. " was reached." end
  return "All rows have ended."
end

--- Writes the report. Returns nil and an error.
local function write_report (work, summary, err, arguments)
  return bulk.report(arguments.report, { summary = summary, evaluation = summary.evaluation,
    run = {
      input = arguments.input or "standard input", output = arguments.out or "standard output",
      state = state_of(work, summary, err), started = work.started, ended = os.time(),
      options = shown_options(arguments),
      versions = { { "predibase", version }, { "Lua", LUA } },
    } })
end

--- Ends the command.
-- @tparam table work `run`; `started` (seconds since 1970); `signal` (number of the signal that was
-- noticed, or nil); `is_cut` (a second one has stopped the run at once), and `open` (requests that
-- were then under way)
-- @tparam ?table err the error that ended the run
-- @tparam table arguments of the command line
-- @treturn integer exit code
function M.finish (work, err, arguments)
  local summary = work.run:summary()
  local rows = summary.rows
  local is_begun = not err or rows.answered + rows.failed > 0
  if not arguments.quiet and is_begun then print_summary(summary) end
  local code
  if err and not is_stopped(work, summary) then
    code = report_error(err, summary, arguments)
  else
    code = tell_next(work, summary, arguments, function (text)
      if not arguments.quiet then say("predibase: " .. text) end
    end)
  end
  if arguments.report and is_begun and not work.is_cut then
    local ok, problem = write_report(work, summary, err, arguments)
    if not ok then
      local failure = failures.report(problem, "batch")
      return code == 0 and failure or code
    end
  end
  return code
end

return M
