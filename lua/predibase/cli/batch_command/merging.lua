-- SPDX-License-Identifier: MIT
--- Runs `predibase batch merge`: joins the files of shards, and tells what is missing.
-- @module predibase.cli.batch_command.merging

local bulk = require "predibase.bulk"
local failures = require "predibase.cli.failures"
local output = require "predibase.cli.output"

local M = {}

--- Runs the command.
-- @tparam table arguments of the command line
-- @treturn integer exit code
function M.run (arguments)
  local input_options
  if arguments.input then
    input_options = { format = arguments.input_format, columns = arguments.input_columns,
      quotes = not arguments.input_no_quotes }
  elseif arguments.input_format or arguments.input_columns or arguments.input_no_quotes then
    failures.usage "--input-format, --input-columns and --input-no-quotes need --input IN"
  end
  local found, err = bulk.merge(arguments.out, {
    into = arguments.into, input = arguments.input, input_options = input_options,
    format = arguments.out_format, ordered = arguments.ordered, force = arguments.force,
    partial = arguments.partial,
  })
  if not found then return failures.report(err, "batch", false) end
  for _, line in ipairs(bulk.merge_lines(found)) do
    io.stderr:write(output.safe("predibase: " .. line), "\n")
  end
  local is_complete = found.failed == 0 and #found.missing_shards == 0 and (found.missing or 0) == 0
  return is_complete and 0 or failures.ROWS_FAILED
end

return M
