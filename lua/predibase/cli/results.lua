-- SPDX-License-Identifier: MIT
--- Results as the command prints them: as JSON, and as figures for people.
-- @module predibase.cli.results

local errors = require "predibase.errors"
local json = require "predibase.json"

local M = {}

--- A copy in which empty tables are arrays: nothing the API answers with is an empty object.
local function mark_arrays(value)
  if type(value) ~= "table" then return value end
  if next(value) == nil then return json.array {} end
  local copy = {}
  for key, inner in pairs(value) do copy[key] = mark_arrays(inner) end
  return copy
end

--- One line of JSON with the named fields in this order, as far as there are any.
-- @tparam table value
-- @tparam table fields array of names
-- @treturn string with its line end
function M.json(value, fields)
  local members = {}
  for _, name in ipairs(fields) do
    if value[name] ~= nil then members[#members + 1] = { name, mark_arrays(value[name]) } end
  end
  local text, message = json.encode(json.object(members))
  if not text then
    error(errors.new { kind = "protocol", message = "the answer cannot be JSON: " .. message }, 0)
  end
  return text .. "\n"
end

--- What `--details` prints.
-- @tparam table result
-- @treturn string a line, or nothing
function M.details(result)
  return result.details and M.json(result, { "details" }) or ""
end

--- What `--stats` prints: tokens, time to first token, tokens per second.
-- @tparam table result
-- @treturn string
function M.stats(result)
  local usage, timing = result.usage or {}, result.timing or {}
  local parts = {}
  local tokens = usage.completion_tokens
  if tokens then parts[#parts + 1] = ("%d tokens"):format(tokens) end
  if timing.first_token then
    parts[#parts + 1] = ("first token after %.3f s"):format(timing.first_token)
  end
  local seconds = timing.total and timing.total - (timing.first_token or 0)
  local counted = tokens and (timing.first_token and tokens - 1 or tokens)
  if counted and counted > 0 and seconds and seconds > 0 then
    parts[#parts + 1] = ("%.1f tokens/s"):format(counted / seconds)
  end
  if timing.total then parts[#parts + 1] = ("%.3f s in all"):format(timing.total) end
  return table.concat(parts, ", ")
end

return M
