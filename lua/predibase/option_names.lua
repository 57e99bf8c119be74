-- SPDX-License-Identifier: MIT
--- Checks the names of options and finds the name that was probably meant.
-- @module predibase.option_names

local errors = require "predibase.errors"
local usage = require "predibase.usage"

local M = {}

--- Counts the edits (insert, delete, replace, swap two neighbours) from `a` to `b`. Returns nil
-- when there are more than `bound`. It keeps three rows, because a swap needs the row before the
-- last.
local function distance (a, b, bound)
  if math.abs(#a - #b) > bound then return nil end
  local before, previous, current = {}, {}, {}
  for j = 0, #b do previous[j] = j end
  for i = 1, #a do
    current[0] = i
    local best = i
    local x = a:byte(i)
    for j = 1, #b do
      local y = b:byte(j)
      local d = math.min(previous[j] + 1, current[j - 1] + 1, previous[j - 1] + (x == y and 0 or 1))
      if i > 1 and j > 1 and x == b:byte(j - 1) and a:byte(i - 1) == y then
        d = math.min(d, before[j - 2] + 1)
      end
      current[j] = d
      if d < best then best = d end
    end
    if best > bound then return nil end
    before, previous, current = previous, current, before
  end
  if previous[#b] > bound then return nil end
  return previous[#b]
end

local function normal (name)
  return (name:lower():gsub("-", "_"))
end

--- Finds the candidate that is most similar to a name. The number of edits may be at most a third
-- of the length of the longer name. Upper case, and `-` in place of `_`, do not count as edits.
-- @tparam string name
-- @tparam table candidates array of strings; the first of equally similar ones is returned
-- @treturn[1] string
-- @treturn[2] nil no candidate is similar
function M.nearest (name, candidates)
  local wanted = normal(name)
  local found, least
  for _, candidate in ipairs(candidates) do
    local known = normal(candidate)
    local bound = math.floor(math.max(#wanted, #known) / 3)
    if least then bound = math.min(bound, least - 1) end
    local d = bound >= 0 and distance(wanted, known, bound)
    if d then found, least = candidate, d end
  end
  return found
end

-- Names that other clients have for options, and that no number of edits leads to.
local OTHER_NAMES = { stop_sequences = "stop", schema = "response_format",
  json_schema = "response_format" }

local function sorted_keys (set)
  local keys = {}
  for key in pairs(set) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

--- Raises when a table has a key that is not in a set. If there are several such keys, the message
-- names the first in alphabetical order, so that it is the same on every run.
-- @tparam table options
-- @tparam table allowed name -> true
-- @tparam string what the noun for a key in messages, such as `"parameter"`
function M.check (options, allowed, what)
  local unknown
  for key in next, options do
    if not allowed[key] and (unknown == nil or tostring(key) < tostring(unknown)) then
      unknown = key
    end
  end
  if unknown == nil then return end
  if type(unknown) ~= "string" then
    usage.fail(("unknown %s %s (%s names must be strings)"):format(what, tostring(unknown), what))
  end
  local message = ('unknown %s "%s"'):format(what, errors.excerpt(unknown, 60))
  local other = OTHER_NAMES[unknown]
  local near = other and allowed[other] and other or M.nearest(unknown, sorted_keys(allowed))
  if near then message = ('%s; did you mean "%s"?'):format(message, near) end
  usage.fail(message)
end

return M
