-- SPDX-License-Identifier: MIT
--- The options of calls: parameters of the API, by their own names, and options of the call itself.
-- @module predibase.call.options

local config = require "predibase.config"
local names = require "predibase.names"
local params = require "predibase.params"
local usage = require "predibase.usage"

local M = {}

--- Every name that a stream takes.
M.stream = {}
for name in pairs(params.names) do M.stream[name] = true end
for name in pairs(config.call_names) do M.stream[name] = true end

--- Every name that a call takes which gives a whole text, and a batch of such calls.
M.whole, M.batch = {}, {}

-- Options of a batch that its calls know nothing of.
local OF_BATCH = { concurrency = true, retry_generation = true }
for name in pairs(OF_BATCH) do M.batch[name] = true end

for name in pairs(M.stream) do
  if name ~= "on_token" then M.whole[name], M.batch[name] = true, true end
end

--- Checks the options that were given to a method of a client for what no program should contain.
-- @tparam ?table options
-- @tparam table allowed one of the sets above
-- @tparam string method its name
-- @raise for a name that does not exist, and where there is no table
function M.check(options, allowed, method)
  if options == nil then return end
  if type(options) ~= "table" then
    usage.fail(("client:%s takes its options as a table, got a %s"):format(method, type(options)))
  end
  if not allowed.on_token and rawget(options, "on_token") ~= nil then
    usage.fail(("client:%s takes no on_token: it gets no tokens, only the whole text")
      :format(method))
  end
  names.check(options, allowed, "option")
end

--- Splits options.
-- @tparam ?table options
-- @treturn ?table the parameters; nil when there are no options
-- @treturn ?table the options of the call; nil when there is none
function M.split(options)
  if options == nil then return nil, nil end
  local parameters, of_call = {}, nil
  for name, value in next, options do
    if config.call_names[name] then
      of_call = of_call or {}
      of_call[name] = value
    elseif not OF_BATCH[name] then
      parameters[name] = value
    end
  end
  return parameters, of_call
end

--- The options of one call laid over those that it has in common with others, both split. Each
-- value replaces the other one as a whole.
-- @tparam ?table parameters
-- @tparam ?table of_call
-- @tparam ?table own the options of the one call, not split
-- @treturn ?table parameters
-- @treturn ?table options of the call
function M.over(parameters, of_call, own)
  if not own then return parameters, of_call end
  local own_parameters, own_of_call = M.split(own)
  if of_call then
    own_of_call = own_of_call or {}
    for name, value in next, of_call do
      if own_of_call[name] == nil then own_of_call[name] = value end
    end
  end
  return params.merge(parameters, own_parameters), own_of_call
end

--- Options laid over others, as one table again.
-- @tparam table base
-- @tparam ?table own
-- @tparam ?table allowed one of the sets above: what a method does not take is left out of `base`
-- @treturn table new
function M.merge(base, own, allowed)
  local base_parameters, base_of_call = M.split(base)
  if base_of_call and allowed and not allowed.on_token then base_of_call.on_token = nil end
  local merged, of_call = M.over(base_parameters, base_of_call, own or {})
  for name, value in next, of_call or {} do merged[name] = value end
  for name in pairs(OF_BATCH) do
    if own and rawget(own, name) ~= nil then merged[name] = own[name] end
  end
  return merged
end

return M
