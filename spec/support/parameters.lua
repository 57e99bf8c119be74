-- SPDX-License-Identifier: MIT
-- Checks parameters and returns their JSON, or the message of the error.

local json = require "predibase.json"
local params = require "predibase.params"

local M = {}

--- Returns the JSON of parameters that must be valid.
function M.encoded (parameters)
  local list, err = params.check(parameters)
  assert(list, tostring(err))
  return json.encode(json.object(list))
end

--- Returns the message about parameters that must be refused, without its common prefix.
function M.refused (parameters)
  local list, err = params.check(parameters)
  assert(list == nil, "the parameters were accepted")
  assert(err.kind == "validation", err.kind)
  return (err.message:gsub("^Input validation error: ", "", 1))
end

return M
