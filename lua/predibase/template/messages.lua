-- SPDX-License-Identifier: MIT
--- Checks and copies the messages of a conversation, and guards their texts against special tokens.
-- @module predibase.template.messages

local checks = require "predibase.value_checks"
local json = require "predibase.json"
local tool_messages = require "predibase.template.tool_messages"

local M = {}

-- Deepest nesting of tables in a message: more than any real message has, and a limit for a table
-- that contains itself.
local MAX_DEPTH = 32

-- Longest name of a role, in bytes.
local MAX_ROLE = 64

local describe = checks.describe

local function guarded (text, guard, mode)
  if not guard then return text end
  return guard.admit(text, mode)
end

local function field (t, name)
  if json.is_object(t) then return t[name] end
  return rawget(t, name)
end

--- Gives a copy the metatable of the original, which may mark it as an array or an object.
local function alike (made, original)
  local meta = getmetatable(original)
  return type(meta) == "table" and setmetatable(made, meta) or made
end

local function next_ordered (t, key)
  local value
  key, value = next(t, key)
  if type(value) ~= "table" then return key, key, value end
  return key, rawget(value, 1), rawget(value, 2)
end

local function next_plain (t, key)
  local value
  key, value = next(t, key)
  return key, key, value
end

--- Iterates over the members of a table: the key, the name (which differs from the key in ordered
-- objects) and the value.
local function members (t)
  return json.is_object(t) and next_ordered or next_plain, t, nil
end

--- Puts a member into a copy of a table.
local function put (out, original, key, name, value)
  out[key] = json.is_object(original) and { name, value } or value
end

local function role_of (message)
  local role = field(message, "role")
  if type(role) ~= "string" or #role > MAX_ROLE or not role:find("^%a[%w_-]*$") then
    return nil, 'needs a role such as "user", got ' .. describe(role)
  end
  return role
end

local function part_text (part, i)
  if type(part) == "string" then return part end
  if type(part) ~= "table" then
    return nil, ("has %s as part %d; a part is a table with type and text"):format(
      describe(part), i)
  end
  local kind, text = field(part, "type"), field(part, "text")
  if kind ~= nil and kind ~= "text" then
    return nil, ("has %s as the type of part %d; this format only writes texts"):format(
      describe(kind), i)
  end
  if type(text) ~= "string" then
    return nil, ("needs a string as the text of part %d, got %s"):format(i, describe(text))
  end
  return text
end

--- Returns the content as one string, and its parts if it was given in parts.
local function content_of (message)
  local content = field(message, "content")
  if type(content) == "string" then return content end
  if type(content) ~= "table" then
    return nil, "needs a string as its content, got " .. describe(content)
  end
  local count, why = checks.array(content)
  if not count then return nil, "needs a list of parts as its content, which " .. why end
  local parts = {}
  for i = 1, count do
    local text, problem = part_text(rawget(content, i), i)
    if not text then return nil, problem end
    parts[i] = text
  end
  return table.concat(parts), parts
end

--- Returns a copy without the members that are null.
local function without_nulls (message)
  local out = {}
  for key, name, value in members(message) do
    if value ~= json.null then
      if json.is_object(message) then out[#out + 1] = { name, value } else out[key] = value end
    end
  end
  return alike(out, message)
end

local KNOWN = { role = true, content = true, name = true }

-- Names of the field with the thoughts before an answer.
local THOUGHTS = { "reasoning_content", "thinking", "reasoning" }

-- Further fields of messages, for formats that know tools and for those that know reasoning.
local OF_TOOLS = { tool_calls = true, tool_call_id = true }
local OF_REASONING = {}
for _, name in ipairs(THOUGHTS) do OF_REASONING[name] = true end

local function unknown_field (message, how)
  for key in next, message do
    local known = KNOWN[key] or how.tools and OF_TOOLS[key]
      or how.reasoning and OF_REASONING[key] and message.role == "assistant"
    if not known then
      return ("has %s, which this format cannot write; a model's own template may"):format(
        type(key) == "string" and '"' .. key .. '"' or describe(key))
    end
  end
end

--- Returns a copy of a value in which every string is guarded.
local function copy (value, guard, mode, depth)
  if type(value) == "string" then return guarded(value, guard, mode) end
  if type(value) ~= "table" or json.literal(value) then return value end
  if depth > MAX_DEPTH then
    return nil, ("is nested deeper than %d tables"):format(MAX_DEPTH)
  end
  local out = {}
  for key, name, inner in members(value) do
    local kept, problem = copy(inner, guard, mode, depth + 1)
    if problem then return nil, problem end
    if type(name) == "string" and not guarded(name, guard, "refuse") then
      return nil, "has a special token in the name of a field"
    end
    put(out, value, key, name, kept)
  end
  return alike(out, value)
end

--- Returns the thoughts of a message under any of their names.
local function thoughts_of (message)
  for _, name in ipairs(THOUGHTS) do
    local value = field(message, name)
    if value ~= nil then return value, name end
  end
end

--- Reads the calls and the thoughts of a message for the built-in formats into `read`. Returns what
-- is wrong, or nil.
local function read_extras (read, message, copied)
  local problem
  if message.tool_calls ~= nil then
    if read.role ~= "assistant" then return "has tool_calls, which only an assistant has" end
    read.tool_calls, problem = tool_messages.calls(message.tool_calls, copied)
    if problem then return "has wrong tool_calls: " .. problem end
  end
  if message.tool_call_id ~= nil then
    if type(message.tool_call_id) ~= "string" then
      return "needs a string as its tool_call_id, got " .. describe(message.tool_call_id)
    end
    read.tool_call_id, problem = copied(message.tool_call_id)
    if problem then return problem end
  end
  local thoughts, name = thoughts_of(message)
  if thoughts == nil then return nil end
  if type(thoughts) ~= "string" then
    return ("needs a string as its %s, got %s"):format(name, describe(thoughts))
  end
  read.reasoning, problem = copied(thoughts)
  return problem
end

--- Returns a message for the built-in formats.
local function closed_message (message, how)
  local guard, mode = how.guard, how.mode
  message = json.fields(without_nulls(message))
  local problem = unknown_field(message, how)
  if problem then return nil, problem end
  local role, content, parts
  role, problem = role_of(message)
  if not role then return nil, problem end
  local read = { role = role }
  problem = read_extras(read, message, function (value)
    return copy(value, guard, mode, 1)
  end)
  if problem then return nil, problem end
  if message.content == nil and read.tool_calls then
    read.content = ""
    return read
  end
  content, parts = content_of(message)
  if not content then return nil, parts end
  read.content, problem = guarded(content, guard, mode)
  if not read.content then return nil, problem end
  for i, part in ipairs(parts or {}) do
    parts[i], problem = guarded(part, guard, mode)
    if problem then return nil, problem end
  end
  read.parts = parts
  return read
end

--- Copies the thoughts of a message to all fields where templates look for them, as
-- `transformers` 5 does.
local function share_thoughts (message)
  local thoughts
  for i = #THOUGHTS, 1, -1 do
    local given = field(message, THOUGHTS[i])
    if given ~= nil then thoughts = given end
  end
  if thoughts == nil then return message end
  if not json.is_object(message) then
    if message.thinking == nil then message.thinking = thoughts end
    message.reasoning_content = thoughts
    return message
  end
  local out = { { "thinking", message.thinking == nil and thoughts or message.thinking } }
  for _, pair in ipairs(message) do
    if pair[1] ~= "thinking" then out[#out + 1] = pair end
  end
  if message.reasoning_content == nil then out[#out + 1] = { "reasoning_content", thoughts } end
  return alike(out, message)
end

--- Returns a message for a model's own template.
local function open_message (message, how)
  local _, problem = role_of(message)
  if problem then return nil, problem end
  message = without_nulls(message)
  if not how.text_arguments then message = tool_messages.opened(message) end
  local copied
  copied, problem = copy(message, how.guard, how.mode, 1)
  if not copied then return nil, problem end
  return share_thoughts(copied)
end

--- Reads the messages of a conversation.
-- @tparam table messages array of `{ role, content }`
-- @tparam table how `guard` (see `predibase.template.guard`; nil accepts every text), `mode`
-- ("refuse" or "neutralise"), `open` (keep every field of a message), `text_arguments` (with
-- `open`: leave the arguments of calls as they are), `tools` and `reasoning` (without `open`:
-- accept the fields with calls, and those with thoughts)
-- @treturn[1] table copies of the messages
-- @treturn[2] nil
-- @treturn[2] string what is wrong
function M.read (messages, how)
  local count, why = checks.array(messages)
  if not count or json.is_object(messages) then
    return nil, field(messages, "role") ~= nil
      and "a list of messages is needed, this is one message" or "the list of messages " .. why
  end
  if count == 0 then return nil, "there are no messages" end
  local reader = how.open and open_message or closed_message
  local read = {}
  for i = 1, count do
    local message = rawget(messages, i)
    if type(message) ~= "table" then
      return nil, ("message %d must be a table with role and content, got %s"):format(i,
        describe(message))
    end
    read[i], why = reader(message, how)
    if why then return nil, ("message %d %s"):format(i, why) end
  end
  return read
end

--- Tells whether any message has calls of tools.
-- @tparam table messages as they were given
-- @treturn boolean
function M.has_calls (messages)
  for _, message in ipairs(messages) do
    if type(message) == "table" and field(message, "tool_calls") ~= nil then return true end
  end
  return false
end

--- Copies the option `tools` and guards its texts.
-- @tparam table tools
-- @tparam ?table guard
-- @tparam string mode
-- @treturn[1] ?table array of tools in OpenAI's form; nil when the list is empty
-- @treturn[2] nil
-- @treturn[2] string what is wrong
function M.tools (tools, guard, mode)
  return tool_messages.tools(tools, function (value) return copy(value, guard, mode, 1) end)
end

--- Copies the other variables of a template and guards their texts.
-- @tparam table values
-- @tparam ?table guard
-- @tparam string mode
-- @treturn[1] table
-- @treturn[2] nil
-- @treturn[2] string what is wrong
function M.values (values, guard, mode)
  local copied, problem = copy(json.fields(values), guard, mode, 1)
  if not copied then return nil, "variables: a value " .. problem end
  return copied
end

-- Fields that describe a message and are not text.
local FIXED = { role = true, type = true }

--- Tells whether a test is true for any text in a value.
-- @param value a string or a table, such as the messages that were read
-- @tparam function test
-- @treturn boolean
function M.any (value, test)
  if type(value) == "string" then return test(value) end
  if type(value) ~= "table" or json.literal(value) then return false end
  for _, name, inner in members(value) do
    if not FIXED[name] and M.any(inner, test) then return true end
  end
  return false
end

--- Returns a copy in which every text is replaced by the result of a function.
-- @param value a string or a table
-- @tparam function change
-- @return the copy
function M.map (value, change)
  if type(value) == "string" then return change(value) end
  if type(value) ~= "table" or json.literal(value) then return value end
  local out = {}
  for key, name, inner in members(value) do
    put(out, value, key, name, FIXED[name] and inner or M.map(inner, change))
  end
  return alike(out, value)
end

--- Changes an existing member.
local function set (t, name, value)
  if not json.is_object(t) then
    t[name] = value
    return
  end
  for _, pair in ipairs(t) do
    if pair[1] == name then pair[2] = value end
  end
end

--- Returns a copy of messages with an ending appended to the last text.
-- @tparam table messages as returned by `read`
-- @tparam string ending
-- @treturn ?table nil if the last message has no text
-- @treturn ?string the last text, without the ending
function M.appended (messages, ending)
  local out = M.map(messages, function (text) return text end)
  local last = out[#out]
  local whole, parts = last.content, last.parts or last.content
  if type(whole) == "string" then set(last, "content", whole .. ending) end
  if type(parts) ~= "table" then return type(whole) == "string" and out or nil, whole end
  for i = #parts, 1, -1 do
    local part = parts[i]
    if type(part) == "string" then
      parts[i] = part .. ending
      return out, part
    elseif type(part) == "table" and type(part.text) == "string" then
      local text = part.text
      set(part, "text", text .. ending)
      return out, text
    end
  end
  return nil
end

return M
