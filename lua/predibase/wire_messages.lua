-- SPDX-License-Identifier: MIT
--- Checks the messages of a chat completion, and writes them in the form that the server reads.
--
-- A message has OpenAI's form: `role` (`system`, `developer`, `user`, `assistant` or `tool`),
-- `content` (a string, or an array of parts), `name`, `tool_calls` (of an assistant, in OpenAI's
-- form or as in a result), and `tool_call_id` (of a tool's result). A part is a string,
-- `{ type = "text", text = … }`, `{ type = "image_url", image_url = { url = … } }`, or an image of
-- `predibase.image`.
--
-- LoRAX ignores calls and results in the history. So a call is written as the text with which the
-- model made it, and a result as a message of the user that names the tool.
-- @module predibase.wire_messages

local checks = require "predibase.value_checks"
local errors = require "predibase.errors"
local image = require "predibase.image"
local json = require "predibase.json"
local names = require "predibase.option_names"
local utf8 = require "predibase.utf8"

local M = {}

local ROLES = { system = true, developer = true, user = true, assistant = true, tool = true }

--- A message of a conversation in OpenAI's form.
-- @table Message
-- @tfield "system"|"developer"|"user"|"assistant"|"tool" role who says it
-- @tfield ?string|(string|ContentPart|Image)[] content the text, or an array of parts
-- @tfield ?string name of the participant
-- @tfield ?(ToolCall|OpenaiToolCall)[] tool_calls of an assistant, in OpenAI's form or as in a
-- result
-- @tfield ?string tool_call_id of a tool's result: which call it answers
-- @tfield ?string reasoning is not sent
-- @tfield ?string reasoning_content is not sent
-- @tfield ?string refusal is not sent
-- @tfield ?table annotations is not sent

--- A part of a message.
-- @table ContentPart
-- @tfield "text"|"image_url" type what it is
-- @tfield ?string text of a text
-- @tfield ?{url:string,detail:string?}|string image_url of an image: an http or https URL, or a
-- data URL

--- A call of a tool in OpenAI's form.
-- @table OpenaiToolCall
-- @tfield string id answers have it as `tool_call_id`
-- @tfield "function" type always `"function"`
-- @tfield ?integer index is not sent
-- @tfield {name:string,arguments:string} function its name, and its arguments as JSON text

-- `reasoning` is a field of this library's results; the others come with OpenAI's answers. None of
-- them is sent.
local FIELDS = { role = true, content = true, name = true, tool_calls = true, tool_call_id = true,
  reasoning = true, reasoning_content = true, refusal = true, annotations = true }

local CALL_FIELDS = { id = true, type = true, ["function"] = true, index = true }

-- Fields of the calls in results, which may be given as calls of a message.
local RESULT_FIELDS = { id = true, name = true, arguments = true, raw_arguments = true }

local function wrong (path, wanted, value)
  return nil, ("`%s` must be %s, got %s"):format(path, wanted, checks.describe(value))
end

--- Returns the fields of a table of the caller; every other value unchanged.
local function fields (value)
  return type(value) == "table" and json.present(value) or value
end

local function check_utf8 (text, path)
  local valid, at = utf8.valid(text)
  if valid then return true end
  return nil, ("`%s` must be valid UTF-8, got byte 0x%02x at position %d"):format(path,
    text:byte(at), at)
end

local function check_string (value, path)
  if type(value) ~= "string" then return wrong(path, "a string", value) end
  return check_utf8(value, path)
end

-- Content.

local function text_part (text)
  return json.object { { "type", "text" }, { "text", text } }
end

local function image_part (url)
  return json.object { { "type", "image_url" }, { "image_url", json.object { { "url", url } } } }
end

local function read_image_part (part, path)
  local given = fields(part.image_url)
  if type(given) == "string" then given = { url = given } end
  if type(given) ~= "table" then return wrong(path .. ".image_url", "a table with url", given) end
  local ok, problem = check_string(given.url, path .. ".image_url.url")
  if not ok then return nil, problem end
  if not (given.url:find "^https?://" or given.url:find "^data:image/") then
    return wrong(path .. ".image_url.url", "an http or https URL, or a data:image/ URL", given.url)
  end
  if given.detail == nil then return image_part(given.url) end
  return json.object { { "type", "image_url" },
    { "image_url", json.object { { "url", given.url }, { "detail", given.detail } } } }
end

local function read_part (part, path)
  if image.is(part) then return image_part(part.url) end
  if type(part) == "string" then part = { type = "text", text = part } end
  if type(part) ~= "table" then return wrong(path, "a part of a message", part) end
  part = fields(part)
  if part.type == "text" then
    local ok, problem = check_string(part.text, path .. ".text")
    if not ok then return nil, problem end
    return text_part(part.text)
  elseif part.type == "image_url" then
    return read_image_part(part, path)
  end
  return wrong(path .. ".type", '"text" or "image_url"', part.type)
end

--- Reads the content of a message. Returns a string or an array of parts; or nil and a message.
local function read_content (content, path)
  if type(content) == "string" then
    local ok, problem = check_utf8(content, path)
    if not ok then return nil, problem end
    return content
  end
  if image.is(content) then content = { content } end
  local count, gap
  if type(content) == "table" then count, gap = checks.array(content) end
  if not count then
    if gap then
      return nil, ("`%s` must be an array of parts; the table given %s"):format(path, gap)
    end
    return wrong(path, "a string or an array of parts", content)
  end
  local parts = {}
  for i = 1, count do
    local part, problem = read_part(rawget(content, i), ("%s[%d]"):format(path, i))
    if not part then return nil, problem end
    parts[i] = part
  end
  return json.array(parts)
end

-- Calls.

--- Reads one call of an assistant's message. Returns `{ id, name, arguments }`.
local function read_call (entry, path)
  if type(entry) ~= "table" then return wrong(path, "a table", entry) end
  entry = fields(entry)
  if entry["function"] == nil and entry.name ~= nil then
    names.check(entry, RESULT_FIELDS, "field of " .. path)
    local arguments = entry.raw_arguments
    if arguments == nil then arguments = entry.arguments end
    entry = { id = entry.id, ["function"] = { name = entry.name, arguments = arguments } }
  end
  names.check(entry, CALL_FIELDS, "field of " .. path)
  local f = fields(entry["function"])
  if type(f) ~= "table" then return wrong(path .. ".function", "a table", f) end
  local ok, problem = check_string(f.name, path .. ".function.name")
  if not ok then return nil, problem end
  local text = f.arguments
  if type(text) == "table" then
    text, problem = json.encode(text)
    if not text then return nil, ("`%s.function.arguments`: %s"):format(path, problem) end
  end
  ok, problem = check_string(text, path .. ".function.arguments")
  if not ok then return nil, problem end
  ok, problem = check_string(entry.id, path .. ".id")
  if not ok then return nil, problem end
  return { id = entry.id, name = f.name, arguments = text }
end

local function read_calls (list, path)
  local count = type(list) == "table" and checks.array(list)
  if not count then return wrong(path, "an array of calls", list) end
  local calls = {}
  for i = 1, count do
    local call, problem = read_call(rawget(list, i), ("%s[%d]"):format(path, i))
    if not call then return nil, problem end
    calls[i] = call
  end
  return calls
end

-- Messages.

--- Checks one message. Returns `{ role, content, name, calls, call }`, of which `call` is the call
-- that a tool's result answers; or nil and a message.
local function read_message (given, path, known)
  if type(given) ~= "table" then
    return wrong(path, "a message such as { role = …, content = … }", given)
  end
  given = json.present(given)
  names.check(given, FIELDS, "field of " .. path)
  local role, made, problem = given.role, {}
  if not ROLES[role] then
    return wrong(path .. ".role", "system, developer, user, assistant or tool", role)
  end
  made.role, made.name = role, given.name
  if made.name ~= nil then
    local ok
    ok, problem = check_string(made.name, path .. ".name")
    if not ok then return nil, problem end
  end
  if given.tool_calls ~= nil then
    if role ~= "assistant" then
      return nil, ("`%s.tool_calls`: only an assistant's message has calls"):format(path)
    end
    made.calls, problem = read_calls(given.tool_calls, path .. ".tool_calls")
    if not made.calls then return nil, problem end
    for _, call in ipairs(made.calls) do known[call.id] = call end
  end
  if role == "tool" then
    made.call = known[given.tool_call_id]
    if not made.call then
      return wrong(path .. ".tool_call_id", "the id of a call in an earlier message",
        given.tool_call_id)
    end
  end
  if given.content == nil and made.calls and made.calls[1] then return made end
  made.content, problem = read_content(given.content, path .. ".content")
  if made.content == nil then return nil, problem end
  return made
end

--- Checks messages. Returns an array of what `read_message` returns; or nil and a message.
local function read (list)
  local count, gap = checks.array(list)
  if not count then return nil, "`messages` must be an array; the table given " .. gap end
  if count == 0 then return nil, "`messages` must not be empty" end
  local made, known = {}, {}
  for i = 1, count do
    local message, problem = read_message(rawget(list, i), ("messages[%d]"):format(i), known)
    if not message then return nil, problem end
    made[i] = message
  end
  return made
end

-- OpenAI's form.

local function call_member (call)
  return json.object { { "id", call.id }, { "type", "function" }, { "function",
    json.object { { "name", call.name }, { "arguments", call.arguments } } } }
end

local function write_openai (message)
  local members = { { "role", message.role } }
  if message.content ~= nil then
    members[2] = { "content", message.content }
  else
    members[2] = { "content", json.null }
  end
  if message.name then members[#members + 1] = { "name", message.name } end
  if message.calls and message.calls[1] then
    local list = {}
    for i, call in ipairs(message.calls) do list[i] = call_member(call) end
    members[#members + 1] = { "tool_calls", json.array(list) }
  end
  if message.call then members[#members + 1] = { "tool_call_id", message.call.id } end
  return json.object(members)
end

-- LoRAX's form.

--- Returns the text with which a model of LoRAX makes a call. Arguments that are no JSON object are
-- written as a string, so that the model sees what it wrote.
local function call_text (call)
  local inner, rest = call.arguments:match "^%s*{%s*(.-)%s*}%s*$", ""
  if inner and json.check(call.arguments) then
    if inner ~= "" then rest = "," .. inner end
  elseif call.arguments:find "%S" then
    rest = ',"arguments":' .. json.text(call.arguments)
  end
  return '{"function":{"_name":' .. json.text(call.name) .. rest .. "}}"
end

local function as_parts (content)
  return type(content) == "string" and json.array { text_part(content) } or content
end

--- Joins two contents, with an empty line between texts.
local function join (a, b)
  if a == nil then return b end
  if type(a) == "string" and type(b) == "string" then return a .. "\n\n" .. b end
  local list = {}
  for _, part in ipairs(as_parts(a)) do list[#list + 1] = part end
  for _, part in ipairs(as_parts(b)) do list[#list + 1] = part end
  return json.array(list)
end

local function result_content (message)
  local heading = ("Result of %s:"):format(message.call.name)
  if type(message.content) == "string" then return heading .. "\n" .. message.content end
  return join(heading, message.content)
end

--- Converts a message to roles and contents that LoRAX reads.
local function plain (message)
  local content = message.content
  if message.call then
    return { role = "user", content = result_content(message), is_result = true }
  end
  for _, call in ipairs(message.calls or {}) do
    if content == "" then content = nil end
    content = join(content, call_text(call))
  end
  -- OpenAI's newer name for the system, which the chat templates of models do not know.
  local role = message.role == "developer" and "system" or message.role
  return { role = role, content = content, name = message.name }
end

--- Converts messages. The results of several calls become one message, because many models accept
-- only one message of the user at a time.
local function plain_list (list)
  local made = {}
  for _, message in ipairs(list) do
    local one, before = plain(message), made[#made]
    if before and before.is_result and one.role == "user" then
      before.content = join(before.content, one.content)
      before.is_result = one.is_result
    else
      made[#made + 1] = one
    end
  end
  return made
end

--- Checks messages without writing them.
-- @tparam Message[] list
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] Error error of kind `validation`
-- @raise for a field that does not exist
function M.check (list)
  local made, problem = read(list)
  if made then return true end
  return nil, errors.new { kind = "validation", phase = "request", message = problem }
end

--- Writes messages as a JSON array.
-- @tparam Message[] list the messages, see above
-- @tparam "lorax"|"openai" server the client's option: `"lorax"` or `"openai"`
-- @tparam ?boolean in_parts LoRAX: contents that are strings are written as arrays of parts;
-- otherwise it would not show the tools to the model
-- @treturn[1] string
-- @treturn[2] nil
-- @treturn[2] string what is wrong, with the path of the field
-- @raise for a field that does not exist
function M.write (list, server, in_parts)
  local read_list, problem = read(list)
  if not read_list then return nil, problem end
  local made = {}
  if server == "openai" then
    for i, message in ipairs(read_list) do made[i] = write_openai(message) end
  else
    for i, message in ipairs(plain_list(read_list)) do
      local content = message.content
      if in_parts then content = as_parts(content) end
      local members = { { "role", message.role }, { "content", content } }
      if message.name then members[3] = { "name", message.name } end
      made[i] = json.object(members)
    end
  end
  return json.encode(json.array(made))
end

return M
