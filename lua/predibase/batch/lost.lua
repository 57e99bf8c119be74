-- SPDX-License-Identifier: MIT
--- The errors of a batch about what an interruption has destroyed: an error of a hook, Ctrl-C, or a
-- limit of the host program.
-- @module predibase.batch.lost

local errors = require "predibase.errors"

local M = {}

--- Makes the error of a batch that does not know which prompt comes next.
-- @treturn table
function M.prompt ()
  return errors.new {
    kind = "cancelled", phase = "interrupted", retryable = false,
    message = "an error was raised (by Ctrl-C, or by a limit of the host program) while the "
      .. "function that returns the prompts was called, so it is not known which prompt comes next",
  }
end

--- Makes the error of a prompt whose outcome is lost.
-- @tparam ?integer attempts of its call
-- @treturn table
function M.outcome (attempts)
  return errors.new {
    kind = "cancelled", phase = "interrupted", retryable = false, attempts = attempts,
    message = "an error was raised (by a hook, by Ctrl-C or by a limit of the host program) while "
      .. "the outcome of this prompt was read, so the outcome is lost",
  }
end

return M
