-- SPDX-License-Identifier: MIT
--- The parameters that every call of a client starts from, copied by value.
-- @module predibase.config.defaults

local checks = require "predibase.checks"
local json = require "predibase.json"
local params = require "predibase.params"

local M = {}

--- A copy without ties to the original. Metatables with entries are dropped unread, but for the
-- marks of `predibase.json`; the empty ones are marks as well, perhaps of another library.
local function copy(value, seen)
  if type(value) ~= "table" then return value end
  if seen[value] then return seen[value] end
  local twin, mark = {}, getmetatable(value)
  seen[value] = twin
  for key, inner in next, value do twin[key] = copy(inner, seen) end
  local marked = type(mark) == "table" and next(mark) == nil or json.is_object(value)
    or json.literal(value)
  if marked then setmetatable(twin, mark) end
  return twin
end

--- Check and copy the defaults. Raises for a parameter that does not exist.
-- @param given what the caller gave
-- @tparam ?boolean check_schema false: schemas may be such that the server has no grammar for them
-- @treturn[1] table the parameters except `api_token`, which is a secret
-- @treturn[1] ?string `api_token`
-- @treturn[2] nil
-- @treturn[2] nil
-- @treturn[2] string what is wrong
function M.read(given, check_schema)
  if given == nil then return {} end
  if type(given) ~= "table" then
    return nil, nil, "defaults must be a table of parameters, got " .. checks.describe(given)
  end
  -- Checked first: that refuses endless nesting, which `copy` could not stand.
  local _, err = params.check(given, { partial = true, check_schema = check_schema })
  if err then
    return nil, nil, "defaults: " .. err.message:gsub("^Input validation error: ", "")
  end
  local parameters = copy(given, {})
  local token = parameters.api_token
  parameters.api_token = nil
  return parameters, type(token) == "string" and token or nil
end

return M
