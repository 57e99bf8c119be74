-- SPDX-License-Identifier: MIT
--- The options of a conversation: its own, and those of its calls.
-- @module predibase.chat.options

local call_options = require "predibase.call.options"
local checks = require "predibase.checks"
local errors = require "predibase.errors"
local history = require "predibase.chat.history"
local json = require "predibase.json"
local writer = require "predibase.chat.writer"

local M = {}

-- What is the session's and not a call's.
local OWN = { format = true, system = true, messages = true, max_input_tokens = true,
  count_tokens = true }
for _, name in ipairs(writer.names) do OWN[name] = true end

--- Set of all names.
M.names = {}
for name in pairs(OWN) do M.names[name] = true end
for name in pairs(call_options.stream) do M.names[name] = true end

local function invalid(message)
  return nil, errors.new { kind = "validation", phase = "request", message = message }
end

local function beginning(options)
  local messages, problem = history.read(options.messages == nil and {} or options.messages)
  if not messages then return invalid(problem) end
  local system = options.system
  if system == nil then return messages end
  if type(system) ~= "string" then
    return invalid("system must be a string, got " .. checks.describe(system))
  end
  if messages[1] and messages[1].role == "system" then
    return invalid "the system's message is given twice, as system and as the first of messages"
  end
  table.insert(messages, 1, { role = "system", content = system })
  return messages
end

local function budget_problem(options)
  local limit, counter = options.max_input_tokens, options.count_tokens
  if limit ~= nil and (not checks.integral(limit) or limit < 1) then
    return "max_input_tokens must be an integer above 0, got " .. checks.describe(limit)
  end
  if counter ~= nil and not checks.callable(counter) then
    return "count_tokens must be a function, got " .. checks.describe(counter)
  end
end

--- Divides options.
-- @tparam table options
-- @tparam ?table base own ones under those
-- @treturn table the session's own
-- @treturn table those of its calls
function M.split(options, base)
  local own, of_calls = {}, {}
  for name, value in next, base or {} do own[name] = value end
  for name, value in next, options do
    if not OWN[name] then
      of_calls[name] = value
    elseif value ~= json.null then
      own[name] = value
    end
  end
  return own, of_calls
end

--- Checks a session's own options, but for its format, and makes the messages that it begins with.
-- @tparam table own
-- @treturn[1] table
-- @treturn[2] nil
-- @treturn[2] table the error, of kind "validation"
function M.messages(own)
  local problem = budget_problem(own)
  if problem then return invalid(problem) end
  local messages, err = beginning(own)
  return messages, err
end

return M
