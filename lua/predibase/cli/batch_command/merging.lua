-- SPDX-License-Identifier: MIT
--- Runs `predibase batch merge`: joins the files of shards, and tells what is missing.
-- @module predibase.cli.batch_command.merging

local amounts = require "predibase.amounts"
local bulk = require "predibase.bulk"
local failures = require "predibase.cli.failures"
local output = require "predibase.cli.output"

local M = {}

local function say (format, ...)
  io.stderr:write(output.safe("predibase: " .. format:format(...)), "\n")
end

--- Lists numbers with commas.
local function list (numbers)
  local texts = {}
  for i, number in ipairs(numbers) do texts[i] = amounts.count(number) end
  return table.concat(texts, ", ")
end

--- Tells what is missing. Returns whether anything is.
local function tell_missing (found)
  if #found.missing_shards > 0 then
    say("missing of the shards 0 to %d: %s", found.shards - 1, list(found.missing_shards))
  end
  if found.missing and found.missing > 0 then
    local lines = {}
    for i, row in ipairs(found.missing_rows) do lines[i] = row.line or row.number end
    say("%s of %s in the input %s no answer: line %s%s", amounts.of(found.missing, "row"),
      amounts.count(found.input_rows), found.missing == 1 and "has" or "have", list(lines),
      #lines < found.missing and ", …" or "")
  elseif found.gaps and found.gaps > 0 then
    say("%s of the input %s no answer; --input IN finds out which", amounts.of(found.gaps, "line"),
      found.gaps == 1 and "has" or "have")
  end
  return #found.missing_shards > 0 or (found.missing or 0) > 0
end

--- Tells what was left out.
local function tell_left_out (found)
  if found.repeats > 0 then
    say("%s twice in the shards and %s written once", found.repeats == 1 and "1 row was"
      or amounts.count(found.repeats) .. " rows were", found.repeats == 1 and "is" or "are")
  end
  if found.differing > 0 then
    say("%s left out, because %s another answer in an earlier shard",
      amounts.of(found.differing, "answer"), found.differing == 1 and "its row has"
      or "their rows have")
    for _, row in ipairs(found.differing_rows) do
      say("  %s: line %s", row.path, amounts.count(row.record_line))
    end
    if #found.differing_rows < found.differing then say("  …") end
  end
  if found.options > 1 then
    say("the answers come from %d different sets of options", found.options)
  end
  if (found.changed or 0) > 0 then
    say("%s of the input changed since %s answered", amounts.of(found.changed, "row"),
      found.changed == 1 and "it was" or "they were")
  end
  if (found.stray or 0) > 0 then
    say("%s to rows that the input does not have", amounts.of(found.stray, "answer"))
  end
end

--- Runs the command.
-- @tparam table arguments of the command line
-- @treturn integer exit code
function M.run (arguments)
  local input_options
  if arguments.input then
    input_options = { format = arguments.input_format }
  elseif arguments.input_format then
    failures.usage "--input-format needs --input IN"
  end
  local found, err = bulk.merge(arguments.out, {
    into = arguments.into, input = arguments.input, input_options = input_options,
    format = arguments.out_format, ordered = arguments.ordered, force = arguments.force,
    partial = arguments.partial,
  })
  if not found then return failures.report(err, "batch", false) end
  say("%s of %s in %s", amounts.of(found.rows, "answer"),
    amounts.of(found.shards - #found.missing_shards, "shard"), found.out)
  tell_left_out(found)
  local is_incomplete = tell_missing(found)
  if found.failed > 0 then
    say("%s failed: %s has them and the reasons", amounts.of(found.failed, "row"),
      found.failed_out)
  end
  return (is_incomplete or found.failed > 0) and failures.ROWS_FAILED or 0
end

return M
