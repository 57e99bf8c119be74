-- SPDX-License-Identifier: MIT
-- What becomes of parameters that are checked: their JSON, or the reason of the refusal.

local json = require "predibase.json"
local params = require "predibase.params"

local M = {}

--- The JSON of parameters that must be good.
function M.encoded(parameters)
  local list, err = params.check(parameters)
  assert(list, tostring(err))
  return json.encode(json.object(list))
end

--- The message about parameters that must be refused, without what all such messages begin with.
function M.refused(parameters)
  local list, err = params.check(parameters)
  assert(list == nil, "the parameters were accepted")
  assert(err.kind == "validation", err.kind)
  return (err.message:gsub("^Input validation error: ", "", 1))
end

return M
