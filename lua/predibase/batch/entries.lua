-- SPDX-License-Identifier: MIT
--- The entries of a batch: an array or a function of the program, and what an entry consists of.
-- @module predibase.batch.entries

local active = require "predibase.active"
local checks = require "predibase.value_checks"
local usage = require "predibase.usage"

local M = {}

--- Takes the place of an entry when an error interrupted the program's function and it is unknown
-- whether the function had returned an entry.
M.LOST = {}

--- The form of entries that are values for a template. An entry is one with its own
-- options when its field `values` is a table: no value of a template of text is a table.
M.VALUES = { field = "values", type = "table", what = "entry" }

--- Splits an entry into its input and its own options.
-- @param entry
-- @tparam integer index of the entry, for messages
-- @tparam table form describes the entries: an input has the type `type`; an entry with options of
-- its own is a table whose field `field` has that type. For messages: `what` is the noun, `many`
-- its plural ("prompts" by default), and `wanted` describes an input ("a string" for that type)
-- @return the input
-- @treturn ?table the options; nil when the entry has none
-- @raise when the entry has a wrong type
function M.split (entry, index, form)
  local field, kind, wanted = form.field, form.type, form.wanted or "a " .. form.type
  local input = type(entry) == "table" and rawget(entry, field) or nil
  if type(input) ~= kind then
    if form == M.VALUES or type(entry) == kind and input == nil then return entry end
    if type(entry) ~= "table" then
      usage.fail(("%s %d must be %s or a table { %s = … }, got %s"):format(form.what, index,
        wanted, field, checks.describe(entry)))
    end
    usage.fail(("%s %d must have %s in its field %s, got %s"):format(form.what, index, wanted,
      field, checks.describe(input)))
  end
  local options
  for name, value in next, entry do
    if name ~= field then
      options = options or {}
      options[name] = value
    end
  end
  return input, options
end

--- Checks all entries of an array. Returns a function from index to entry, and their number.
local function from_array (list, check, many)
  local count, problem = checks.array(list)
  if not count then usage.fail(("the array of %s %s"):format(many, problem)) end
  local taken = {}
  for i = 1, count do
    taken[i] = rawget(list, i)
    check(taken[i], i)
  end
  return function (index) return taken[index] end, count
end

--- Returns a function from index to entry that calls the program's function for each new index.
-- After an interruption (Ctrl-C, a limit of the host program) the batch asks for the same index
-- again. It gets `LOST` if the program's function may have returned an entry before the
-- interruption.
local function from_function (prompts)
  local asked, entry, ended, asking = 0, nil, false, false
  return function (index)
    if ended then return nil end
    if index == asked then return entry end
    if asking then
      -- The interruption came while the program's function ran, or just after it had returned.
      entry = M.LOST
    else
      asking = true
      local ok, given = active.protected(prompts)
      if not ok then
        asking = false
        error(given, 0)
      end
      entry = given
    end
    asked = index
    asking = false
    ended = entry == nil
    return entry
  end
end

--- Makes the source of the entries of a batch.
-- @tparam table|function prompts an array, or a function that returns the next entry
-- @tparam function check takes an entry of an array and its index; raises for misuse
-- @tparam string method for messages
-- @tparam table form as for `split`
-- @treturn function takes the index of an entry and returns it; nil at the end
-- @treturn ?integer the number of entries, where it is known
-- @raise for prompts of another type
function M.source (prompts, check, method, form)
  local many = form.many or "prompts"
  if type(prompts) == "table" then return from_array(prompts, check, many) end
  if type(prompts) == "function" then return from_function(prompts) end
  usage.fail(("client:%s takes an array of %s or a function that gives them, got %s"):format(
    method, many, checks.describe(prompts)))
end

return M
