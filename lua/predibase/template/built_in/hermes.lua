-- SPDX-License-Identifier: MIT
--- Hermes 2 Pro and Hermes 3 on Llama 3: ChatML, and a system turn of their own for tools.
-- @module predibase.template.built_in.hermes

local json = require "predibase.json"
local strings = require "predibase.python_strings"
local tool_texts = require "predibase.template.built_in.tool_texts"
local writers = require "predibase.template.built_in.writers"

local M = {}

local TURN = { "<|im_start|>ROLE\n", "<|im_end|>\n" }
local PROMPT = "<|im_start|>assistant\n"

-- Names of Python's types for those of JSON schemas.
local TYPES = { string = "str", number = "float", integer = "int", boolean = "bool",
  null = "None" }

local HEAD = "You are a function calling AI model. You are provided with function signatures "
  .. "within <tools></tools> XML tags. You may call one or more functions to assist with the user "
  .. "query. Don't make assumptions about what values to plug into functions. Here are the "
  .. "available tools: <tools> "
local FOOT = " </tools>Use the following pydantic model json schema for each tool call you will "
  .. 'make: {"properties": {"name": {"title": "Name", "type": "string"}, "arguments": {"title": '
  .. '"Arguments", "type": "object"}}, "required": ["name", "arguments"], "title": '
  .. '"FunctionCall", "type": "object"}}\nFor each function call return a json object with '
  .. "function name and arguments within <tool_call></tool_call> XML tags as follows:\n"
  .. '<tool_call>\n{"name": <function-name>, "arguments": <args-dict>}\n</tool_call>'

local function get (t, name)
  return type(t) == "table" and not json.literal(t) and t[name] or nil
end

--- Writes the type of a schema as Python does. The published template writes every array as
-- `list[Union[]]`, whatever its items are. It cannot write the type `null`.
local function python_type (schema)
  local kind = get(schema, "type")
  if kind == "array" then return "list[Union[]]" end
  if kind == "object" then
    local values = type(schema) == "table" and schema.additionalProperties
    return values == nil and "dict" or "dict[str, " .. python_type(values) .. "]"
  end
  if kind ~= nil and type(kind) ~= "table" then return TYPES[kind] or "Any" end
  local out = {}
  for i, one in ipairs(kind or {}) do out[i] = python_type { type = one } end
  return "Union[" .. table.concat(out, ",") .. "]"
end

local function text_of (t, name)
  local text = get(t, name)
  return type(text) == "string" and text or ""
end

--- Returns the parameters of a function with their types, and the explanation of the parameters.
local function parameters_of (properties)
  local types, explained = {}, {}
  for i, pair in ipairs(properties) do
    local kind = python_type(pair[2])
    types[i] = pair[1] .. ": " .. kind
    explained[i] = ("        %s(%s): %s"):format(pair[1], kind,
      strings.strip(text_of(pair[2], "description")))
  end
  return table.concat(types, ", "), (properties[1] and "    Args:\n" or "")
    .. table.concat(explained)
end

--- Writes a tool as the signature of a function of Python.
local function signature (tool)
  local described, problem = tool_texts.function_of(tool)
  if not described then return nil, problem end
  local schema = get(described, "parameters")
  local properties = get(schema, "properties")
  properties = json.is_object(properties) and properties or {}
  local types, explained = parameters_of(properties)
  local returned = get(described, "return")
  local name, note = described.name, get(returned, "description")
  return table.concat {
    '{"type": "function", "function": {"name": "', name, '", "description": "', name, "(", types,
    ")", returned and " -> " .. python_type(returned) or "", " - ",
    text_of(described, "description"), "\n\n", explained,
    type(note) == "string" and "\n    Returns:\n        " .. note or "",
    '", "parameters": ', properties[1] and tool_texts.json(schema) or "{}", "}",
  }
end

local ROLES = { system = true, user = true, assistant = true, tool = true }

--- Writes the tools. Without tools, the model has a template of its own, which would lose calls;
-- calls of the history are written as with tools instead.
local function opening (messages, context)
  context.has_tools = context.tools ~= nil
  for i, message in ipairs(messages) do
    context.has_tools = context.has_tools or message.tool_calls ~= nil
    -- The published template omits such a message silently.
    if context.tools and not ROLES[message.role] then
      return nil, ('with tools, message %d cannot have the role "%s"'):format(i, message.role)
    end
  end
  if not context.tools then return "", 0 end
  local out = {}
  for i, tool in ipairs(context.tools) do
    local text, problem = signature(tool)
    if not text then return nil, ("tools[%d]: %s"):format(i, problem) end
    out[i] = text
  end
  return "<|im_start|>system\n" .. HEAD .. table.concat(out, "\n") .. FOOT .. "<|im_end|>\n", 0
end

--- Writes calls. The published template omits what the message says besides.
local function calls_turn (message)
  local calls, problem = tool_texts.marked_calls(message.tool_calls, true)
  if not calls then return nil, problem end
  return "<|im_start|>assistant\n" .. calls .. "<|im_end|>\n"
end

--- Writes a result. Those that follow each other share one turn.
local function result_turn (messages, i, context)
  if not context.has_tools then return nil end      -- a turn as any other
  local before, after = messages[i - 1], messages[i + 1]
  local first = before and before.role ~= "tool"
  local last = not after or after.role ~= "tool"
  return (first and "<|im_start|>tool\n" or "") .. "<tool_response>\n" .. messages[i].content
    .. "\n</tool_response>" .. (after and "\n" or "") .. (last and "<|im_end|>" or "")
end

M.hermes = {
  source = "NousResearch/Hermes-2-Pro-Llama-3-8B", tool_calls = "hermes",
  bos_token = "<|begin_of_text|>", eos_token = "<|im_end|>",
  stop = { "<|im_end|>", "<|end_of_text|>" },
  special_tokens = { "<|begin_of_text|>", "<|end_of_text|>", "<|im_start|>", "<|im_end|>",
    "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>" },
  families = { "<|%a[%w_]*|>", "</?tool_call>", "</?tool_response>", "</?tools>" },
  write = writers.turns {
    bos = true, turns = {}, any = TURN, prompt = PROMPT,
    opening = opening, calls = calls_turn, result = result_turn,
  },
}

return M
