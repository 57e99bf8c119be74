-- SPDX-License-Identifier: MIT
--- A model that answers with texts and calls of tools in the order of a script, in the words of any
-- route and any format.
--
--     local replies = scripted_model.replies({ { call("add", { a = 1 }) }, "It is 1." }, way)
--
-- A way is a table: `name`; `over` ("chat" or "generate"); `server` ("lorax" or "openai");
-- `format` of sessions over "generate"; `several` (one answer may have several calls).

local json = require "predibase.json"

local M = {}

M.WAYS = {
  { name = "over chat, LoRAX", over = "chat", server = "lorax" },
  { name = "over chat, OpenAI", over = "chat", server = "openai", several = true },
  { name = "over generate, llama-3.1", over = "generate", format = "llama-3.1" },
  { name = "over generate, qwen-2.5", over = "generate", format = "qwen-2.5", several = true },
  { name = "over generate, qwen-3", over = "generate", format = "qwen-3", several = true },
  { name = "over generate, hermes", over = "generate", format = "hermes", several = true },
  { name = "over generate, mistral-v0.3", over = "generate", format = "mistral-v0.3",
    several = true },
}

local HEADERS = { ["content-type"] = "application/json" }

--- Makes a call for a script. The arguments are a table or a text.
function M.call (name, arguments, id)
  local text = type(arguments) == "string" and arguments or json.encode(arguments or {})
  return { name = name, text = text == "[]" and "{}" or text, id = id }
end

local function text_of_call (call, format)
  local key = format == "llama-3.1" and "parameters" or "arguments"
  local id = format:find "mistral" and call.id and (',"id":"%s"'):format(call.id) or ""
  return ('{"name":"%s","%s":%s%s}'):format(call.name, key, call.text, id)
end

--- Returns the text with which a model of a format makes calls.
function M.written (calls, format)
  local list = {}
  for i, call in ipairs(calls) do list[i] = text_of_call(call, format) end
  if format:find "mistral" then
    return "[TOOL_CALLS] [" .. table.concat(list, ", ") .. "]"
  elseif format == "llama-3.1" then
    return table.concat(list, "; ")
  end
  for i, text in ipairs(list) do list[i] = "<tool_call>\n" .. text .. "\n</tool_call>" end
  return table.concat(list, "\n")
end

--- Cuts a text into pieces of a few bytes, as tokens do.
local function pieces_of (text)
  local list = {}
  for piece in text:gmatch(("."):rep(7) .. "?") do list[#list + 1] = piece end
  local read = #table.concat(list)
  if read < #text then list[#list + 1] = text:sub(read + 1) end
  return list
end

local function as_generated (text, streamed)
  if not streamed then
    return { headers = HEADERS, body = json.encode { generated_text = text } }
  end
  local cut, events = pieces_of(text), {}
  for i, piece in ipairs(cut) do
    events[i] = ('data:{"token":{"id":5,"text":%s,"logprob":-0.5,"special":false},'
      .. '"generated_text":%s,"details":null}\n\n'):format(json.text(piece),
      i == #cut and json.text(text) or "null")
  end
  return { pieces = events }
end

--- Returns the members `tool_calls` of a message.
local function wire_calls (calls, with_index)
  local list = {}
  for i, call in ipairs(calls) do
    list[i] = ('{%s"id":"%s","type":"function","function":{"name":"%s","arguments":%s}}'):format(
      with_index and ('"index":%d,'):format(i - 1) or "", call.id or "0", call.name,
      json.text(call.text))
  end
  return "[" .. table.concat(list, ",") .. "]"
end

local function chunk (delta, reason)
  return ('data: {"object":"chat.completion.chunk","choices":[{"index":0,"delta":%s,'
    .. '"finish_reason":%s}]}\n\n'):format(delta, reason and '"' .. reason .. '"' or "null")
end

local function as_completion (answer, streamed, server, forced)
  local is_text = type(answer) == "string"
  if not streamed then
    local reason = not is_text and server == "openai" and "tool_calls" or "stop"
    local message = is_text and ('"content":%s'):format(json.text(answer))
      or '"tool_calls":' .. wire_calls(answer)
    return { headers = HEADERS, body = ('{"choices":[{"index":0,"message":{"role":"assistant",%s},'
      .. '"finish_reason":"%s"}],"usage":{"prompt_tokens":8,"completion_tokens":2,'
      .. '"total_tokens":10}}'):format(message, reason) }
  end
  local events, text, reason = {}, is_text and answer or "", "stop"
  if server == "openai" then
    if not is_text then
      events[1] = chunk('{"tool_calls":' .. wire_calls(answer, true) .. "}")
      reason = "tool_calls"
    end
  elseif forced and is_text then
    text = ('{"function":{"_name":"no_tool","content":%s}}'):format(json.text(answer))
  elseif not is_text then
    local rest = answer[1].text:match "^{(.+)}$"
    text = ('{"function":{"_name":"%s"%s}}'):format(answer[1].name, rest and "," .. rest or "")
  end
  for _, piece in ipairs(pieces_of(text)) do
    events[#events + 1] = chunk(('{"role":"assistant","content":%s}'):format(json.text(piece)))
  end
  events[#events + 1] = chunk("{}", reason) .. "data: [DONE]\n\n"
  return { pieces = events }
end

--- Makes one reply.
-- @tparam string|table answer a text, or an array of calls
-- @tparam table way
-- @tparam string url of the request
-- @tparam string body of the request
function M.reply (answer, way, url, body)
  local streamed = url:find("stream", 1, true) or body:find('"stream":true', 1, true)
  if way.over == "chat" then
    return as_completion(answer, streamed, way.server, body:find('"tools":', 1, true))
  end
  local text = type(answer) == "string" and answer or M.written(answer, way.format)
  return as_generated(text, streamed)
end

--- Makes the replies for a simulated network. The last answer is repeated.
-- @tparam table answers each a text, an array of calls, or a function of the request's log that
-- returns a reply
-- @tparam table way
function M.replies (answers, way)
  local n = 0
  return function (log)
    if log.url:find "/tokenize$" then
      return { headers = HEADERS, body = '[{"id":1,"text":"x","start":0,"stop":1}]' }
    end
    n = n + 1
    local answer = answers[math.min(n, #answers)]
    if type(answer) == "function" then return answer(log) end
    return M.reply(answer, way, log.url, log.body)
  end
end

return M
