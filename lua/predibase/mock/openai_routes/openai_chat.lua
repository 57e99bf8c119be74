-- SPDX-License-Identifier: MIT
--- `/v1/chat/completions` of OpenAI's API. The parts of an answer (reasoning, content, the
-- arguments of each call) come as tokens one after the other; each token knows its part.
-- @module predibase.mock.openai_routes.openai_chat

local answers = require "predibase.mock.answers"
local bodies = require "predibase.mock.bodies"
local json = require "predibase.mock.router_json"
local openai_text = require "predibase.mock.openai_routes.openai_text"
local reply = require "predibase.mock.reply"
local tool_model = require "predibase.mock.tool_model"

local M = {}

local EMPTY = json.read '{"type":"object","properties":{}}'

local function prompt_of (messages)
  local out = {}
  for i, message in ipairs(messages) do
    out[i] = ("<|%s|>%s<|end|>"):format(message.role, message.content or "")
  end
  return "<s>" .. table.concat(out) .. "<|assistant|>"
end

-- Returns the messages as `tool_model` reads them.
local function plain_messages (messages)
  local out = {}
  for i, message in ipairs(messages) do
    local calls
    for j, call in ipairs(message.tool_calls or {}) do
      calls = calls or {}
      calls[j] = call["function"].name
    end
    out[i] = { role = message.role, text = message.content or "", calls = calls }
  end
  return out
end

-- Returns the tools among which the model may choose, and whether it must; or nil and why not.
local function tools_of (body)
  local tools, choice = {}, body.tool_choice or { mode = "auto" }
  for i, tool in ipairs(body.tools or {}) do
    tools[i] = tool["function"]
    tools[i].parameters = tools[i].parameters or EMPTY
  end
  if choice.mode == "none" then return {} end
  if choice.mode then return tools, choice.mode == "required" and #tools > 0 end
  for _, tool in ipairs(tools) do
    if tool.name == choice.name then return { tool }, true end
  end
  return nil, ("Tool choice: there is no tool `%s`."):format(choice.name)
end

-- Makes the calls of a model: `{ name, arguments }`. Returns none, and a text, when the model does
-- not call a tool.
local function decide (tools, must, parallel, messages, free_text)
  local list, question, results = tool_model.choose(tools, messages)
  if must and #list == 0 then list[1] = tools[1] end
  local calls = {}
  for i, tool in ipairs(list) do
    if i > 1 and not parallel then break end
    local arguments, complaint = tool_model.arguments(tool, question)
    if not arguments then return nil, complaint end
    calls[i] = { name = tool.name, arguments = arguments }
  end
  return calls, tool_model.conclusion(results, free_text)
end

-- Adds calls to a request, and returns their arguments as parts of an answer.
local function parts_of (request, calls, context)
  local parts = {}
  for i, call in ipairs(calls) do
    request.calls[i] = { name = call.name, id = call.id or "call_" .. context.server:seed() }
    local arguments = call.arguments
    if type(arguments) == "table" and not arguments[1] then arguments = json.encode(arguments) end
    parts[i] = { part = i, text = arguments or "{}" }
  end
  return parts
end

-- Returns the parts of a script's answer, or nil when it has none.
local function scripted_parts (request, context)
  local faults = context.faults
  if not faults.reasoning and not faults.tool_calls then return nil end
  local parts = parts_of(request, faults.tool_calls or {}, context)
  if faults.answer then table.insert(parts, 1, { part = "content", text = faults.answer }) end
  if faults.reasoning then
    table.insert(parts, 1, { part = "reasoning", text = faults.reasoning })
  end
  return parts
end

-- Returns the function that makes the answer of a model with tools.
local function answer_of (request, context, tools, must, parallel, messages)
  return function (free_text)
    local calls, text = decide(tools, must, parallel, messages, free_text)
    if not calls then return nil, text end
    if #calls == 0 then return text end
    return parts_of(request, calls, context)
  end
end

local function call_json (index, call, arguments)
  return ('{"index":%d,"id":%s,"type":"function","function":{"name":%s,"arguments":%s}}')
    :format(index, json.string(call.id), json.string(call.name), json.string(arguments))
end

local function finish_of (request, answer)
  local finish = openai_text.finish(answer.finish_reason)
  if finish == "stop" and #request.calls > 0 then return "tool_calls" end
  return finish
end

-- Returns the texts of the parts of an answer.
local function texts_of (answer)
  local out = {}
  for i, token in ipairs(answer.tokens) do
    local part = token.part or "content"
    out[part] = (out[part] or "") .. answer.pieces[i]
  end
  return out
end

local function message_json (request, answer)
  local texts = texts_of(answer)
  local content = texts.content and openai_text.without_stop(texts.content, answer) or ""
  local silent = content == "" and #request.calls > 0
  local out = { ('{"role":"assistant","content":%s'):format(silent and "null"
    or json.string(content)) }
  if texts.reasoning then
    out[#out + 1] = ',"reasoning_content":' .. json.string(texts.reasoning)
  end
  local calls = {}
  for i, call in ipairs(request.calls) do
    if texts[i] then calls[i] = (call_json(i - 1, call, texts[i]):gsub('^{"index":%d+,', "{")) end
  end
  if #calls > 0 then out[#out + 1] = ',"tool_calls":[' .. table.concat(calls, ",") .. "]" end
  return table.concat(out) .. "}"
end

local writer = { done = "[DONE]", refuses_early = true }

--- Writes a whole answer, see `predibase.mock.answers`.
function writer.whole (request, _, all)
  local choices = {}
  for i, answer in ipairs(all) do
    choices[i] = ('{"index":%d,"message":%s,"logprobs":null,"finish_reason":"%s"}')
      :format(i - 1, message_json(request, answer), finish_of(request, answer))
  end
  return ('{"id":%s,"object":"chat.completion","created":%d,"model":%s,"choices":[%s],"usage":%s}')
    :format(json.string(request.id), request.created, json.string(request.model),
      table.concat(choices, ","), openai_text.usage_json(all))
end

local function chunk_json (request, choices, tail)
  return ('{"id":%s,"object":"chat.completion.chunk","created":%d,"model":%s,"choices":[%s]%s}')
    :format(json.string(request.id), request.created, json.string(request.model), choices,
      tail or "")
end

local function delta_json (request, delta, finish)
  return chunk_json(request, ('{"index":0,"delta":%s,"logprobs":null,"finish_reason":%s}')
    :format(delta, finish and json.string(finish) or "null"))
end

-- Returns the delta of a token, or nil if there is nothing to send.
local function delta_of (request, token, text)
  if type(token.part) ~= "number" then
    local name = token.part == "reasoning" and "reasoning_content" or "content"
    return text ~= "" and ('{"%s":%s}'):format(name, json.string(text)) or nil
  end
  local call = request.calls[token.part]
  if not call.begun then
    call.begun = true
    return ('{"tool_calls":[%s]}'):format(call_json(token.part - 1, call, text))
  end
  return ('{"tool_calls":[{"index":%d,"function":{"arguments":%s}}]}')
    :format(token.part - 1, json.string(text))
end

--- Writes the events of a token, see `predibase.mock.answers`.
function writer.event (request, answer, token, closing)
  local list = {}
  if not request.keep then
    request.keep = openai_text.keeper(answer)
    list[1] = delta_json(request, '{"role":"assistant","content":""}')
  end
  local text = token.special and "" or token.text
  if token.part == nil or token.part == "content" then
    text = request.keep(text, answer.finish_reason ~= nil)
  end
  if not token.special or text ~= "" then
    local delta = delta_of(request, token, text)
    if delta then list[#list + 1] = delta_json(request, delta) end
  end
  if closing then
    list[#list + 1] = delta_json(request, "{}", finish_of(request, answer))
    if request.usage then
      list[#list + 1] = chunk_json(request, "", ',"usage":' .. openai_text.usage_json { answer })
    end
  end
  return list
end

local function schema_of (format)
  if not format or format.type == "text" then return nil end
  return format.json_schema and format.json_schema.schema or bodies.ANY_OBJECT
end

--- Answers a request.
-- @tparam table context
-- @tparam table body as `openai_bodies.read` returns it
function M.answer (context, body)
  local p, complaint = openai_text.parameters(context, body)
  local tools, must
  if p then tools, must = tools_of(body) end
  if p and not tools then p, complaint = nil, must end
  if not p then return reply.refuse(context, "validation", complaint) end
  local schema = schema_of(body.response_format)
  if schema then p.response_format = { schema = schema } end
  local messages = plain_messages(body.messages)
  local request = openai_text.identify({ inputs = prompt_of(body.messages), parameters = p,
    calls = {}, question = tool_model.question(messages, tools) }, body, context, "chatcmpl-")
  request.parts = scripted_parts(request, context)
  if #tools > 0 then
    request.answer = answer_of(request, context, tools, must, body.parallel_tool_calls ~= false,
      messages)
  end
  local send = body.stream and answers.stream or answers.whole
  return send(context, request, writer)
end

return M
