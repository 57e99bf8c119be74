-- SPDX-License-Identifier: MIT
--- Checks and copies the messages of a conversation, and divides them into turns.
-- @module predibase.chat.history

local checks = require "predibase.value_checks"
local json = require "predibase.json"

local M = {}

-- Deepest nesting of tables in a message, as in predibase.template.messages. Copies leave deeper
-- tables out, because a table may contain itself.
local MAX_DEPTH = 32

local function copy (value, depth)
  if type(value) ~= "table" then return value end
  if depth > MAX_DEPTH then return nil end
  local made = {}
  for key, inner in next, value do made[key] = copy(inner, depth + 1) end
  return setmetatable(made, getmetatable(value))
end

--- Checks and copies messages. The format checks their roles and contents.
-- @param messages what was given
-- @treturn[1] table array of `{ role, content }`; a message made by `predibase.json.object` remains
-- an ordered object
-- @treturn[2] nil
-- @treturn[2] string what is wrong
function M.read (messages)
  if type(messages) ~= "table" then
    return nil, "messages must be an array, got " .. checks.describe(messages)
  end
  local count, why = checks.array(messages)
  if not count then return nil, "messages must be an array, but it " .. why end
  local read = {}
  for i = 1, count do
    local message = rawget(messages, i)
    if type(message) ~= "table" then
      return nil, ("message %d must be a table with role and content, got %s"):format(i,
        checks.describe(message))
    end
    local role = rawget(json.fields(message), "role")
    if type(role) ~= "string" then
      return nil, ("message %d needs a role such as \"user\", got %s"):format(i,
        checks.describe(role))
    end
    if role == "system" and i > 1 then
      return nil, ("message %d is from the system; only the first one can be"):format(i)
    end
    read[i] = copy(message, 1)
  end
  return read
end

--- Returns the text of a message, its parts joined; parts without a text are left out.
-- @tparam table message
-- @treturn string
function M.text (message)
  local content = message.content
  if type(content) == "string" then return content end
  local texts = {}
  for _, part in ipairs(type(content) == "table" and content or {}) do
    local text = type(part) == "table" and part.text or part
    if type(text) == "string" then texts[#texts + 1] = text end
  end
  return table.concat(texts)
end

--- Finds where turns begin. A turn is a message of the user and all messages up to the next one.
-- Messages before the first user message, but for the system message, are a turn, too.
-- @tparam table messages
-- @treturn table array of indices, ascending
function M.turns (messages)
  local starts = {}
  for i, message in ipairs(messages) do
    local opening = not starts[1] and message.role ~= "system"
    if opening or message.role == "user" then starts[#starts + 1] = i end
  end
  return starts
end

--- Returns a new array of the messages of two.
-- @tparam table first
-- @tparam table second
-- @treturn table
function M.joined (first, second)
  local list = {}
  for i, message in ipairs(first) do list[i] = message end
  for _, message in ipairs(second) do list[#list + 1] = message end
  return list
end

--- Finds a call of a tool that has no result yet.
-- @tparam table messages
-- @treturn ?string the name of the tool; nil when all calls have their results
function M.unanswered (messages)
  local answered = {}
  for i = #messages, 1, -1 do
    local message = messages[i]
    if message.role == "tool" then
      answered[message.tool_call_id] = true
    else
      for _, call in ipairs(message.tool_calls or {}) do
        local id = type(call) == "table" and call.id
        if id and not answered[id] then return (call["function"] or call).name or id end
      end
      return nil
    end
  end
end

--- Gives new ids to the calls whose id another call of the conversation has, or which have none.
-- Some servers number the calls of each answer from 0.
-- @tparam table calls of an answer; they are changed
-- @tparam table lists arrays of messages: the conversation before the answer
-- @tparam function new_id
function M.own_ids (calls, lists, new_id)
  local taken = {}
  for _, messages in ipairs(lists) do
    for _, message in ipairs(messages) do
      for _, call in ipairs(message.tool_calls or {}) do
        if type(call) == "table" and call.id ~= nil then taken[call.id] = true end
      end
    end
  end
  for _, call in ipairs(calls) do
    local n = 0
    while type(call.id) ~= "string" or taken[call.id] do
      call.id, n = new_id(), n + 1
      if n > 1 then call.id = call.id:sub(1, -#tostring(n) - 1) .. n end
    end
    taken[call.id] = true
  end
end

--- Returns the system message, if there is one, and all messages from an index on.
-- @tparam table messages
-- @tparam integer first
-- @treturn table new array of the same messages
function M.from (messages, first)
  local kept = {}
  if messages[1] and messages[1].role == "system" and first > 1 then kept[1] = messages[1] end
  for i = first, #messages do kept[#kept + 1] = messages[i] end
  return kept
end

--- Makes a deep copy of messages.
-- @tparam table messages
-- @treturn table
function M.copy (messages)
  return copy(messages, 0)
end

return M
