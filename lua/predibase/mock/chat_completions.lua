-- SPDX-License-Identifier: MIT
--- The route `/v1/chat/completions`: applies a chat template, handles tools and response formats,
-- and writes the answers.
-- @module predibase.mock.chat_completions

local answers = require "predibase.mock.answers"
local bodies = require "predibase.mock.bodies"
local completions = require "predibase.mock.completions"
local json = require "predibase.mock.router_json"
local reply = require "predibase.mock.reply"
local tool_model = require "predibase.mock.tool_model"

local M = {}

local ROLES = { system = true, user = true, assistant = true }
local FINGERPRINT = "0.1.0-native"      -- version of the router

-- What the router adds to the tools of every request that has some.
local NO_TOOL = { name = "no_tool",
  description = "Open ened response with no specific tool selected",
  parameters = json.read('{"type":"object","properties":{"content":{"type":"string",'
    .. '"description":"The response content"}},"required":["content"]}') }
local TOOL_PROMPT = "\nAnswer with the JSON of a call of one of these functions.\n"

local function text_of (content)
  if type(content) == "string" then return content end
  local texts = {}
  for i, part in ipairs(content or {}) do texts[i] = part.text end
  return table.concat(texts)
end

local function tools_text (tools)
  local list = {}
  for i, tool in ipairs(tools) do
    list[i] = ('{"type":"function","function":{"description":%s,"name":%s,"parameters":%s}}')
      :format(tool.description and json.string(tool.description) or "null",
        json.string(tool.name), json.text(tool.parameters))
  end
  return "[" .. table.concat(list, ",") .. "]"
end

-- Applies the chat template. Returns nil and the template's complaint about an unknown role.
local function prompt_of (messages, tools, tool_prompt)
  local out = { "<s>" }
  for i, message in ipairs(messages) do
    if not ROLES[message.role] then
      return nil, "syntax error: Only system, user and assistant roles are supported! "
        .. "(in <string>:1)"
    end
    local text = text_of(message.content)
    -- With a string as content, the router loses what it appends.
    if #tools > 0 and i == #messages and type(message.content) == "table" then
      text = text .. "\n---\n" .. tools_text(tools) .. "\n" .. (tool_prompt or TOOL_PROMPT)
    end
    out[#out + 1] = ("<|%s|>"):format(message.role)
    out[#out + 1] = text
    out[#out + 1] = "<|end|>"
  end
  out[#out + 1] = "<|assistant|>"
  return table.concat(out)
end

-- Returns the tools of a request with `no_tool`, and those among which the model may choose (nil
-- when it answers with text); or nil and why not.
local function tools_of (body)
  local all, choice = {}, body.tool_choice
  if not body.tools or #body.tools == 0 then return all end
  for i, tool in ipairs(body.tools) do all[i] = tool["function"] end
  all[#all + 1] = NO_TOOL
  if choice == "none" then return all end
  if not choice or choice == "auto" then return all, all end
  for _, tool in ipairs(all) do
    if tool.name == choice then return all, { tool } end
  end
  return nil, ("Tool with name %s not found"):format(choice)
end

-- Returns the schema that the answer has to satisfy.
local function schema_of (format)
  if not format or format.type == "text" or format.type == "Text" then return nil end
  local named = format.json_schema
  if format.type == "json_schema" or format.type == "JsonSchema" then
    return named and named.schema or bodies.ANY_OBJECT
  end
  return format.schema or bodies.ANY_OBJECT
end

-- Turns the JSON that the model was forced to write into a message. Returns nil and the router's
-- complaint when it is something else.
local function tool_message (text)
  local tree, complaint = json.read(text, { whole = true })
  if tree == nil then
    return nil, ("Failed to parse generated text: %s %s"):format(complaint, json.string(text))
  end
  local call = type(tree) == "table" and tree.object and tree.values["function"]
  if not call then return nil, "No function found in generated text" end
  local values = type(call) == "table" and call.object and call.values or {}
  local name = type(values._name) == "string" and values._name
  if not name then return nil, "No _name found in generated text" end
  if name == NO_TOOL.name then
    local content = type(values.content) == "string" and values.content
    if not content then return nil, "No `content` found in generated text" end
    return ('{"role":"assistant","content":%s}'):format(json.string(content))
  end
  local arguments = { object = true, keys = {}, values = call.values }
  for _, key in ipairs(call.keys) do
    if key ~= "_name" then arguments.keys[#arguments.keys + 1] = key end
  end
  return ('{"role":"assistant","tool_calls":[{"id":"0","type":"function","function":'
    .. '{"description":null,"name":%s,"arguments":%s}}]}')
    :format(json.string(name), json.string(json.text(arguments)))
end

local writer = { done = "[DONE]" }

--- Writes a whole answer, see `predibase.mock.answers`.
function writer.whole (request, best, all)
  local choices = {}
  local sequences = { best }
  for _, answer in ipairs(all) do
    if answer ~= best then sequences[#sequences + 1] = answer end
  end
  for i, answer in ipairs(sequences) do
    local message, complaint = ('{"role":"assistant","content":%s}')
      :format(json.string(answer:text())), nil
    if request.choices then message, complaint = tool_message(answer:text()) end
    if not message then return nil, "tool_error", complaint end
    -- all of them have the reason of the best one
    choices[i] = ('{"index":%d,"message":%s,"finish_reason":%s}')
      :format(i - 1, message, completions.finish_json(best.finish_reason))
  end
  return ('{"id":"null","object":"text_completion","created":%d,"model":%s,"choices":[%s],'
    .. '"usage":%s,"system_fingerprint":"%s"}'):format(os.time(), json.string(request.model),
    table.concat(choices, ","), completions.usage_json(best.prompt_tokens, #best.ids), FINGERPRINT)
end

--- Writes the event of a token, see `predibase.mock.answers`.
function writer.event (_, answer, token, closing)
  local finish = closing and answer.finish_reason or nil
  local delta, usage = "{}", ""
  if finish ~= "eos_token" then
    delta = ('{"role":"assistant","content":%s}'):format(json.string(token.text))
  end
  if closing then
    usage = ',"usage":' .. completions.usage_json(answer.prompt_tokens, #answer.ids)
  end
  return ('{"id":"null","object":"chat.completion.chunk","created":0,"model":"null","choices":'
    .. '[{"index":0,"delta":%s,"finish_reason":%s}]%s}')
    :format(delta, completions.finish_json(finish), usage)
end

-- Returns the messages as `tool_model` reads them.
local function plain_messages (messages)
  local out = {}
  for i, message in ipairs(messages) do
    out[i] = { role = message.role, text = text_of(message.content) }
  end
  return out
end

-- Makes the request that is generated; nil, the error's type and its detail if there is none.
local function prepare (body, base)
  local schema = schema_of(body.response_format)
  local tools, choices = tools_of(body)
  if #(body.tools or {}) > 0 and schema then
    return nil, "tool_error", "Response format and tools are mutually exclusive"
  end
  if not tools then return nil, "tool_error", choices end
  local inputs, complaint = prompt_of(body.messages, tools, body.tool_prompt)
  if not inputs then return nil, "template_error", complaint end
  local p = completions.parameters(body, base)
  completions.set_best_of(p, body.n)
  -- unlike the other routes, this one samples unless the temperature is 0
  p.do_sample = p.temperature ~= 0
  if p.temperature == 0 then p.temperature = nil end
  if schema then p.response_format = { schema = schema } end
  local messages = plain_messages(body.messages)
  local request = { inputs = inputs, parameters = p, model = base, choices = choices,
    question = tool_model.question(messages, tools) }
  if choices then
    request.answer = function (free_text)
      return tool_model.call(choices, messages, free_text)
    end
  end
  return request
end

--- Answers a request.
-- @tparam table context
-- @tparam table body as `bodies.read` returns it
function M.answer (context, body)
  local request, kind, detail = prepare(body, context.server.options.model_id)
  if not request then return reply.refuse(context, kind, detail) end
  local send = body.stream and answers.stream or answers.whole
  return send(context, request, writer)
end

return M
