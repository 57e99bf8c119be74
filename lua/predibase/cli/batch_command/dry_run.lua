-- SPDX-License-Identifier: MIT
--- Runs `predibase batch --dry-run`: prints the first requests, and how many tokens there are.
-- @module predibase.cli.batch_command.dry_run

local amounts = require "predibase.amounts"
local bulk = require "predibase.bulk"
local errors = require "predibase.errors"
local failures = require "predibase.cli.failures"
local output = require "predibase.cli.output"

local M = {}

-- Requests that are printed.
local SHOWN = 3

local function place (shown)
  return shown.line and "line " .. amounts.count(shown.line)
    or "row " .. amounts.count(shown.number)
end

local function print_requests (out, requests)
  for _, shown in ipairs(requests) do
    if shown.err then
      out:write(("# %s: %s\n\n"):format(place(shown), failures.text(shown.err)))
    else
      out:write(("# %s%s\n%s %s\n%s\n\n"):format(place(shown),
        shown.tokens and ": " .. amounts.of(shown.tokens, "token") or "", shown.method, shown.url,
        shown.body or ""))
    end
  end
end

--- Writes a cost, or nothing when there is no price.
local function cost (tokens, price)
  return price and (", which cost %s"):format(amounts.number(tokens * price / 1e6)) or ""
end

--- Tells how many tokens all rows have.
local function print_totals (out, made, options)
  if not made.rows then return end
  out:write(("# %s in all\n"):format(amounts.of(made.rows, "row")))
  if made.tokens then
    out:write(("# prompts: about %s, if all are like these%s\n"):format(
      amounts.of(made.tokens, "token"), cost(made.tokens, options.price_in)))
  end
  local most = options.options.max_new_tokens
  if type(most) == "number" then
    out:write(("# answers: at most %s%s\n"):format(amounts.of(made.rows * most, "token"),
      cost(made.rows * most, options.price_out)))
  end
end

--- Prints the first requests of a run on standard output. Nothing is generated.
-- @tparam table client
-- @tparam table options of `client:run_bulk`
-- @treturn[1] integer exit code
-- @treturn[2] nil
-- @treturn[2] table error
function M.run (client, options)
  local made, err = bulk.preview(client, options, SHOWN)
  if not made then return nil, err end
  local out = output.new()
  print_requests(out, made.requests)
  print_totals(out, made, options)
  if made.tokenize_err then
    io.stderr:write("predibase: the tokens cannot be counted: ",
      errors.excerpt(failures.text(made.tokenize_err), 500), "\n")
  end
  return 0
end

return M
