-- SPDX-License-Identifier: MIT
--- Finds the calls of tools in the text that a model wrote.
--
-- Each reader takes the text and a function that tells whether a name may be that of a tool, and
-- returns the calls (`{ name, raw_arguments, id }`), the text in front of the first one
-- and the text that is left; or nil if there is no call. A call that cannot be read is left in the
-- text.
-- @module predibase.template.model_answer.written_calls

local json = require "predibase.json"
local ordered = require "predibase.template.ordered"

local M = {}

-- Number of opening marks without a readable call after which the rest of a text is taken as it is.
-- Each of them may have the whole text read once.
local MAX_BROKEN = 100

local find, sub = string.find, string.sub

--- Returns the position of the first byte from `at` on that is not white space.
local function ink (text, at)
  return find(text, "[^ \t\r\n]", at) or #text + 1
end

--- Reads the JSON object at a position and keeps the text of each member. Returns an array of
-- `{ value, text }` by name, and the position after the object; or nil.
local function object_at (text, at)
  if sub(text, at, at) ~= "{" then return nil end
  local members = {}
  at = ink(text, at + 1)
  if sub(text, at, at) == "}" then return members, at + 1 end
  while true do
    if sub(text, at, at) ~= '"' then return nil end
    local name, after = ordered.at(text, at)
    if name == nil then return nil end
    at = ink(text, after)
    if sub(text, at, at) ~= ":" then return nil end
    local first = ink(text, at + 1)
    local value
    value, after = ordered.at(text, first)
    if value == nil then return nil end
    members[name] = { value, sub(text, first, after - 1) }
    at = ink(text, after)
    local char = sub(text, at, at)
    if char == "}" then return members, at + 1 end
    if char ~= "," then return nil end
    at = ink(text, at + 1)
  end
end

--- Returns the text of arguments that are an object, or the text of one.
local function arguments_text (member)
  if not member or member[1] == json.null then return "{}" end
  if json.is_object(member[1]) then return member[2] end
  if type(member[1]) == "string" and json.is_object(ordered.decode(member[1])) then
    return member[1]
  end
  return nil
end

--- Makes a call, or returns nil when its arguments cannot be read.
local function new_call (name, raw, id)
  if not raw or type(json.decode(raw)) ~= "table" then return nil end
  return { name = name, raw_arguments = raw, id = type(id) == "string" and id or nil }
end

local ARGUMENTS = { "arguments", "parameters" }

--- Makes a call of the members of an object. `strict` accepts only objects that consist of a name
-- and arguments, for texts in which no mark tells that they are calls.
local function call_of (members, strict)
  local inner = members["function"]
  if inner and json.is_object(inner[1]) then
    members = object_at(inner[2], 1)
  end
  local name = members.name and members.name[1]
  if type(name) ~= "string" or name == "" then return nil end
  local given
  for _, key in ipairs(ARGUMENTS) do given = given or members[key] end
  if strict then
    if not given or not json.is_object(given[1]) then return nil end
    for key in pairs(members) do
      if key ~= "name" and key ~= "arguments" and key ~= "parameters" and key ~= "id"
        and key ~= "type" then return nil end
    end
  end
  local id = members.id and members.id[1]
  return new_call(name, arguments_text(given), id)
end

local function call_at (text, at, strict)
  local members, after = object_at(text, at)
  local call = members and call_of(members, strict)
  if not call then return nil end
  return call, after
end

--- Reads objects from a position to the end of the text, with white space and one `;` or `,`
-- between them. Returns nil unless all of the text is calls.
local function all_objects (text, at, strict, known)
  local calls = {}
  at = ink(text, at)
  while at <= #text do
    local call, after = call_at(text, at, strict)
    if not call or strict and not known(call.name) then return nil end
    calls[#calls + 1] = call
    at = ink(text, after)
    if find(text, "^[;,]", at) then at = ink(text, at + 1) end
  end
  return calls[1] and calls
end

--- Reads the array of calls at a position. Returns them and the position after it, or nil.
local function array_at (text, at, strict, known)
  if sub(text, at, at) ~= "[" then return nil end
  local calls = {}
  at = ink(text, at + 1)
  while true do
    local call, after = call_at(text, at, strict)
    if not call or strict and not known(call.name) then return nil end
    calls[#calls + 1] = call
    at = ink(text, after)
    local char = sub(text, at, at)
    if char == "]" then return calls, at + 1 end
    if char ~= "," then return nil end
    at = ink(text, at + 1)
  end
end

--- Reads calls between `<tool_call>` and `</tool_call>` (Hermes, Qwen). The closing mark may be
-- missing at the end of the text. Without any mark, the text must consist of calls.
function M.hermes (text, known)
  local calls, rest, from, broken = {}, {}, 1, 0
  local open, close = "<tool_call>", "</tool_call>"
  local first, last = find(text, open, 1, true)
  while first and broken < MAX_BROKEN do
    local call, after = call_at(text, ink(text, last + 1), false)
    local stop = call and ink(text, after)
    if call and sub(text, stop, stop + #close - 1) == close then
      stop = stop + #close
    elseif not call or stop <= #text and sub(text, stop, stop + #open - 1) ~= open then
      call, broken = nil, broken + 1
    end
    if call then
      calls[#calls + 1] = call
      rest[#rest + 1] = sub(text, from, first - 1)
      from = stop
    end
    first, last = find(text, open, call and stop or last + 1, true)
  end
  if calls[1] then
    return calls, table.remove(rest, 1), table.concat(rest) .. sub(text, from)
  end
  calls = all_objects(text, 1, true, known)
  return calls, "", ""
end

--- Reads JSON objects with `name` and `parameters` (Llama 3.1 and later): the whole text, or what
-- follows `<|python_tag|>`.
function M.llama (text, known)
  local first, last = find(text, "<|python_tag|>", 1, true)
  local calls = all_objects(text, (last or 0) + 1, not first, known)
  return calls, first and sub(text, 1, first - 1) or "", ""
end

--- Reads `name[ARGS]{…}`, also without the mark and with `[CALL_ID]id` in front of it. Returns the
-- call and the position after it, or nil.
local function named_at (text, at)
  local name, after = text:match("^([%w_.-]+)()", at)
  if not name then return nil end
  local id, after_id = text:match("^%[CALL_ID%](%w+)()", after)
  after = after_id or after
  local first = text:match("^%[ARGS%]()", after)
  first = ink(text, first or after)
  local members, stop = object_at(text, first)
  if not members then return nil end
  return new_call(name, sub(text, first, stop - 1), id), stop
end

--- Reads the calls after `[TOOL_CALLS]`: an array, or a name with arguments. Returns them and the
-- position after them, or nil.
local function mistral_at (text, at)
  at = ink(text, at)
  local calls, after = array_at(text, at, false)
  if calls then return calls, after end
  local call
  call, after = named_at(text, at)
  if call then return { call }, after end
end

--- Reads the whole text as names with arguments. Returns nil unless all of it is calls.
local function all_named (text, known)
  local calls, at = {}, ink(text, 1)
  while at <= #text do
    local call, after = named_at(text, at)
    if not call or not known(call.name) then return nil end
    calls[#calls + 1] = call
    at = ink(text, after)
  end
  return calls[1] and calls
end

--- Reads `[TOOL_CALLS] [{…}]` and `[TOOL_CALLS]name[ARGS]{…}` (Mistral). Without the mark, the text
-- must consist of calls.
function M.mistral (text, known)
  local calls, rest, from, broken = {}, {}, 1, 0
  local mark = "[TOOL_CALLS]"
  local first, last = find(text, mark, 1, true)
  while first and broken < MAX_BROKEN do
    local found, after = mistral_at(text, last + 1)
    if found then
      for _, call in ipairs(found) do calls[#calls + 1] = call end
      rest[#rest + 1] = sub(text, from, first - 1)
      from = after
    else
      broken = broken + 1
    end
    first, last = find(text, mark, found and after or last + 1, true)
  end
  if calls[1] then
    return calls, table.remove(rest, 1), table.concat(rest) .. sub(text, from)
  end
  local at = ink(text, 1)
  local stop
  calls, stop = array_at(text, at, true, known)
  if not (calls and ink(text, stop) > #text) then calls = all_named(text, known) end
  return calls, "", ""
end

return M
