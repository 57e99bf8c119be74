-- SPDX-License-Identifier: MIT
--- Scripted answers and faults: their names, their checks, and how a path spells them.
-- An example of a path: `/~delay=0.05;error_after=3/generate_stream`. Values are percent-decoded.
-- @module predibase.mock.faults

local names = require "predibase.option_names"
local usage = require "predibase.usage"

local M = {}

--- Scripted answers and faults. Times are in seconds.
-- @table MockFaults
-- @tfield ?number delay between tokens
-- @tfield ?number first_delay before the first token
-- @tfield ?number head_delay before the head of the answer
-- @tfield ?number error_after after so many tokens: an error event, or a response that is the error
-- @tfield ?string error its text
-- @tfield ?string error_type its type
-- @tfield ?number cut_after after so many tokens: FIN, in the middle of the answer
-- @tfield ?number reset_after after so many tokens: RST
-- @tfield ?number batch_error_after after so many tokens: the error for every request in progress
-- @tfield ?number crash_after after so many tokens: the server closes all connections and its
-- socket
-- @tfield ?number silent_after after so many tokens: only comments are sent
-- @tfield ?number keepalive_interval between comments while nothing is sent; 0 sends none
-- @tfield ?boolean final `false`: the stream ends without its closing event
-- @tfield ?boolean done whether `[DONE]` follows (default: after a closing event only)
-- @tfield ?number hold after the closing event: keep the body open for this time
-- @tfield ?number overload the first so many requests with this script are refused as overloaded
-- @tfield ?number status answer with this status instead
-- @tfield ?string body and this body
-- @tfield ?string content_type and this content type
-- @tfield ?table<string,string> headers further headers of any answer
-- @tfield ?string|table raw bytes, or an array of actions, instead of any answer
-- @tfield ?number slice write the answer in slices of so many bytes
-- @tfield ?string|string[] answer the text to generate, or its tokens
-- @tfield ?string|string[] reasoning with `server = "openai"`: what comes before the answer
-- @tfield ?table[] tool_calls with `server = "openai"`: array of `{ name, arguments, id }`
-- @tfield ?string when this script is only for requests whose body contains the text
-- @tfield ?table embedding the vector to answer with
-- @tfield ?table entities the entities to answer with
-- @tfield ?boolean close end the connection after the answer

--- Every fault and what it does. `n` counts tokens, times are seconds.
M.kinds = {
  delay = "number",              -- between tokens
  first_delay = "number",        -- before the first token (the head of a stream is already out)
  head_delay = "number",         -- before the head of the answer
  error_after = "number",        -- after n tokens: an error event, or a response that is the error
  error = "string",              -- its text
  error_type = "string",         -- its type
  cut_after = "number",          -- after n tokens: FIN, in the middle of the answer
  reset_after = "number",        -- after n tokens: RST
  batch_error_after = "number",  -- after n tokens: the error for every request in progress
  crash_after = "number",        -- after n tokens: the server closes all connections and its socket
  silent_after = "number",       -- after n tokens: only comments are sent
  keepalive_interval = "number", -- between comments while nothing is sent; 0 sends none
  final = "boolean",             -- false: the stream ends without its closing event
  done = "boolean",              -- whether `[DONE]` follows; default: after a closing event only
  hold = "number",               -- after the closing event: keep the body open for this time
  overload = "number",           -- the first n requests with this script are refused as overloaded
  status = "number",             -- answer with this status instead
  body = "string",               -- and this body
  content_type = "string",       -- and this content type
  headers = "table",             -- further headers of any answer: name -> value
  raw = "bytes",                 -- bytes, or an array of actions, instead of any answer
  slice = "number",              -- write the answer in slices of n bytes
  answer = "text",               -- the text to generate: a string, or an array of token texts
  reasoning = "text",            -- server = "openai": what comes before the answer
  tool_calls = "calls",          -- server = "openai": array of { name, arguments, id }
  when = "string",               -- this script is only for requests whose body contains the text
  embedding = "table",           -- the vector to answer with; strings in it are written as null
  entities = "table",            -- the entities to answer with
  close = "boolean",             -- end the connection after the answer
}

local ACTIONS = { send = "string", sleep = "number", close = "boolean", reset = "boolean",
  hold = "boolean" }

local allowed = {}
for name in pairs(M.kinds) do allowed[name] = true end

local function wrong (name, what, value)
  return ("the fault %q must be %s, got %s"):format(name, what, type(value))
end

local function check_actions (list)
  for index, action in ipairs(list) do
    if type(action) ~= "table" then return wrong("raw", "an array of actions", action) end
    local name, value = next(action)
    if next(action, name) ~= nil or not ACTIONS[name] or type(value) ~= ACTIONS[name] then
      return ("action %d of the fault \"raw\" must be one of { send = string }, "
        .. "{ sleep = seconds }, { close = true }, { reset = true }, { hold = true }"):format(index)
    end
  end
end

local function check_texts (list, name)
  for _, text in ipairs(list) do
    if type(text) ~= "string" then return wrong(name, "an array of strings", text) end
  end
end

local function check_calls (list)
  for _, call in ipairs(list) do
    local arguments = type(call) == "table" and call.arguments
    if not arguments or type(call.name) ~= "string"
        or (type(arguments) ~= "table" and type(arguments) ~= "string") then
      return 'the fault "tool_calls" must be an array of { name = string, arguments = a table, '
        .. "JSON, or an array of the texts of tokens }"
    end
  end
end

local CHECKS = { bytes = check_actions, text = check_texts, calls = check_calls }

--- Describes what is wrong with the values of some faults; nil when nothing is.
-- @tparam table faults name -> value; the names must exist
-- @treturn ?string
function M.complaint (faults)
  for name, value in pairs(faults) do
    local kind = M.kinds[name]
    if kind == "number" then
      if type(value) ~= "number" or value ~= value or value < 0 then
        return wrong(name, "a number that is not negative", value)
      end
    elseif CHECKS[kind] then
      if type(value) == "table" then
        local message = CHECKS[kind](value, name)
        if message then return message end
      elseif type(value) ~= "string" or kind == "calls" then
        return wrong(name, kind == "calls" and "an array" or "a string or an array", value)
      end
    elseif type(value) ~= kind then
      return wrong(name, "a " .. kind, value)
    end
  end
  if faults.slice and (faults.slice < 1 or faults.slice % 1 ~= 0) then
    return 'the fault "slice" must be a whole number of bytes, at least 1'
  end
  if faults.status and (faults.status < 100 or faults.status > 999 or faults.status % 1 ~= 0) then
    return 'the fault "status" must be a whole number from 100 to 999'
  end
end

--- Checks faults. Raises an error for a wrong value and for an unknown name, with the nearest
-- existing one.
-- @tparam table faults
-- @treturn table the faults
function M.check (faults)
  if type(faults) ~= "table" then
    usage.fail(("faults must be a table, got %s"):format(type(faults)))
  end
  names.check(faults, allowed, "fault")
  local message = M.complaint(faults)
  if message then usage.fail(message) end
  return faults
end

--- Checks a script: a table of faults, or an array of them. Those with `when` are for the requests
-- whose body contains that text; of the others there is one for each request in turn (the last one
-- stays).
-- @tparam table script
-- @treturn table array
function M.check_script (script)
  if type(script) ~= "table" or script[1] == nil then return { (M.check(script)) } end
  for _, faults in ipairs(script) do M.check(faults) end
  return script
end

local function decode (text)
  return (text:gsub("%%(%x%x)", function (digits) return string.char(tonumber(digits, 16)) end))
end

local function sorted_names ()
  local list = {}
  for name in pairs(M.kinds) do list[#list + 1] = name end
  table.sort(list)
  return list
end

local function convert (kind, text)
  if kind == "number" then return tonumber(text) end
  if kind == "boolean" then
    if text == "true" or text == "" then return true end
    if text == "false" then return false end
    return nil
  end
  return text
end

--- Parses the faults of a path segment.
-- @tparam string segment without the `~`
-- @treturn[1] table
-- @treturn[2] nil
-- @treturn[2] string what is wrong
function M.parse (segment)
  local faults = {}
  for part in segment:gmatch("[^;]+") do
    local name, value = part:match("^([^=]*)=?(.*)$")
    name, value = decode(name), decode(value)
    local kind = M.kinds[name]
    if not kind or kind == "table" or kind == "calls" or name == "when" then
      local near = names.nearest(name, sorted_names())
      return nil, ("unknown fault %q"):format(name)
        .. (near and ("; did you mean %q?"):format(near) or "")
    end
    faults[name] = convert(kind, value)
    if faults[name] == nil then return nil, wrong(name, "a " .. kind, value) end
  end
  local message = M.complaint(faults)
  if message then return nil, message end
  return faults
end

return M
