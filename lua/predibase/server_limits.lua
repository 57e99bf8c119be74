-- SPDX-License-Identifier: MIT
--- Checks a call against the limits of its server before it is sent (option `check_limits`), with
-- the router's own error messages.
--
-- The limits are those that the server reports (LoRAX: GET /info). The client has no tokenizer, so
-- it does not know how many tokens a prompt has. It knows that a prompt has at least one.
-- @module predibase.server_limits

local checks = require "predibase.value_checks"

local M = {}

--- The limits that are checked, in the order of the messages about wrong values.
M.names = { "max_input_length", "max_total_tokens", "max_best_of", "max_stop_sequences" }

--- Reads the limits.
-- @param info what `client:info()` returned, or a table with some of `names`; false: no limits
-- @tparam string name of the option, for messages
-- @treturn[1] table a copy of the limits
-- @treturn[1] boolean false
-- @treturn[2] nil
-- @treturn[2] string what is wrong
function M.read (info, name)
  if info == false then return false end
  if type(info) ~= "table" then
    return nil, ("%s must be the table that client:info() returns, got %s"):format(name,
      checks.describe(info))
  end
  local limits = {}
  for _, field in ipairs(M.names) do
    local value = rawget(info, field)
    if value ~= nil and (not checks.integral(value) or value < 0) then
      return nil, ("%s.%s must be an integer of at least 0, got %s"):format(name, field,
        checks.describe(value))
    end
    limits[field] = value
  end
  if next(limits) == nil then
    return nil, ("%s must have at least one of %s"):format(name, table.concat(M.names, ", "))
  end
  return limits
end

local function above (value, limit)
  return type(value) == "number" and limit and value > limit
end

local function of_best_of (limits, value)
  local most = limits.max_best_of
  if not above(value, most) or value <= 1 then return nil end
  if most <= 1 then return "`best_of` != 1 is not allowed for this endpoint" end
  return ("`best_of` must be > 0 and <= %d. Given: %.0f"):format(most, value)
end

local function of_tokens (limits, value)
  local most = limits.max_total_tokens
  if not above(value and value + 1, most) then return nil end
  return ("`inputs` tokens + `max_new_tokens` must be <= %d. Given: at least 1 `inputs` tokens and "
    .. "%.0f `max_new_tokens`"):format(most, value)
end

--- Tells what the server would refuse. The values must be valid otherwise.
-- @tparam table limits as `read` returns them
-- @tparam table values `max_new_tokens`, `best_of`, `stop` (array), `truncate`, where given
-- @treturn ?string the server's message; nil when nothing is known to be wrong
function M.problem (limits, values)
  local problem = of_best_of(limits, values.best_of)
  if problem then return problem end
  local stops = type(values.stop) == "table" and #values.stop or 0
  if above(stops, limits.max_stop_sequences) then
    return ("`stop` supports up to %d stop sequences. Given: %d"):format(limits.max_stop_sequences,
      stops)
  end
  if above(values.truncate, limits.max_input_length) then
    return ("`truncate` must be strictly positive and less than %d. Given: %.0f")
      :format(limits.max_input_length, values.truncate)
  end
  return of_tokens(limits, values.max_new_tokens)
end

return M
