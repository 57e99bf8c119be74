-- SPDX-License-Identifier: MIT
--- Where the prompts of a batch come from: an array, or a function that gives the next one.
-- @module predibase.batch.prompts

local checks = require "predibase.checks"
local names = require "predibase.names"
local usage = require "predibase.usage"

local M = {}

--- What stands for an entry of which it is not known whether the function gave it.
M.LOST = {}

--- The options of one prompt.
local function options_of(entry)
  local options = {}
  for name, value in next, entry do
    if name ~= "prompt" then options[name] = value end
  end
  return options
end

--- Takes an entry apart; raises for one that no program should contain.
-- @param entry a string, or a table with the field `prompt` and options
-- @tparam table allowed set of the options
-- @tparam string where which entry it is, for messages
-- @treturn string the prompt
-- @treturn ?table its options
function M.split(entry, allowed, where)
  if type(entry) == "string" then return entry end
  if type(entry) ~= "table" then
    usage.fail(("%s must be a string or a table { prompt = … }, got %s"):format(where,
      checks.describe(entry)))
  end
  local prompt, options = rawget(entry, "prompt"), options_of(entry)
  if type(prompt) ~= "string" then
    usage.fail(("%s must have a string in its field prompt, got %s"):format(where,
      checks.describe(prompt)))
  end
  names.check(options, allowed, "option")
  return prompt, options
end

local function from_array(list, allowed, render)
  local count, problem = checks.array(list)
  if not count then usage.fail("the array of prompts " .. problem) end
  local taken = {}
  for i = 1, count do
    taken[i] = rawget(list, i)
    if render then
      render(taken[i], true)
    else
      M.split(taken[i], allowed, ("prompt %d"):format(i))
    end
  end
  return function (index) return taken[index] end, count
end

-- PUC Lua 5.1 cannot yield inside `pcall`.
local RESUMABLE = _VERSION ~= "Lua 5.1" or rawget(_G, "jit") ~= nil

local function call(prompts)
  if RESUMABLE or not coroutine.running() then return pcall(prompts) end
  return true, prompts()
end

--- Makes the function that gives the entry of a number, 1 first and then each next one, and nil at
-- the end. An array is looked through at once; raises for what no program should contain.
-- @param prompts an array or a function
-- @tparam table allowed set of the options of one prompt
-- @tparam ?function render what makes prompts of entries: with `true` as second
-- argument, it only looks at one, and raises for what no program should contain
-- @treturn function
-- @treturn ?integer how many there are, where that is known
function M.new(prompts, allowed, render)
  if type(prompts) == "table" then
    return from_array(prompts, allowed, render)
  end
  if type(prompts) ~= "function" then
    usage.fail("client:generate_many takes an array of prompts or a function that gives them, got "
      .. checks.describe(prompts))
  end
  local asked, entry, ended, asking = 0, nil, false, false
  return function (index)
    if ended then return nil end
    if index == asked then return entry end     -- again, after an error that came since
    if asking then
      -- An error from outside came when the function was called, or when it had returned.
      entry = M.LOST
    else
      asking = true
      local ok, given = call(prompts)
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

return M
