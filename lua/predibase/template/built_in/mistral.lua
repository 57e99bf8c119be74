-- SPDX-License-Identifier: MIT
--- Mistral's formats, which differ in spaces and in the place of the system message.
--
-- The templates of Mistral 7B v0.1, v0.2 and Mixtral were replaced in 2024. Adapters of 2023 were
-- trained with the formats whose names end in 2023.
-- @module predibase.template.built_in.mistral

local strings = require "predibase.python_strings"
local tool_texts = require "predibase.template.built_in.tool_texts"
local writers = require "predibase.template.built_in.writers"

local M = {}

local function format (source, spec, more)
  local tokens = { "<s>", "</s>", "<unk>", "[INST]", "[/INST]" }
  for _, token in ipairs(more or {}) do tokens[#tokens + 1] = token end
  spec.strict, spec.wrap = true, { "", "\n\n" }
  return {
    source = source, bos_token = "<s>", eos_token = "</s>", stop = { "</s>" },
    special_tokens = tokens,
    -- In the versions before 0.3 these marks are ordinary text and not special tokens.
    plain = { tags = { "[INST]", "[/INST]" } },
    tool_calls = spec.tools and "mistral",
    write = writers.instructions(spec),
  }
end

local function v1 (source)
  return format(source, {
    system = "first", user = { " [INST] ", " [/INST]" }, assistant = { " ", "</s>" },
  })
end

M["mistral-v0.1"] = v1 "mistralai/Mistral-7B-Instruct-v0.1"
M["mistral-v0.2"] = v1 "mistralai/Mistral-7B-Instruct-v0.2"
M.mixtral = v1 "mistralai/Mixtral-8x7B-Instruct-v0.1"

M["mistral-v0.1-2023"] = format("mistralai/Mistral-7B-Instruct-v0.1 (as of 2023)", {
  user = { "[INST] ", " [/INST]" }, assistant = { "", "</s> " },
})

M["mistral-v0.2-2023"] = format("mistralai/Mixtral-8x7B-Instruct-v0.1 (as of 2023)", {
  user = { "[INST] ", " [/INST]" }, assistant = { "", "</s>" },
})

local TOOLS = { "[TOOL_CALLS]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]",
  "[/TOOL_RESULTS]", "[IMG]", "[IMG_BREAK]", "[IMG_END]", "[PREFIX]", "[MIDDLE]", "[SUFFIX]",
  "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[TOOL_CONTENT]" }

local function tool_text (tool)
  local described, problem = tool_texts.function_of(tool)
  if not described then return nil, problem end
  local out = {}
  for _, pair in ipairs(described) do
    local name, value = pair[1], pair[2]
    if name ~= "return" then
      -- The published template writes strings as they are, without escapes.
      value = type(value) == "string" and '"' .. value .. '"' or tool_texts.json(value)
      out[#out + 1] = '"' .. name .. '": ' .. value
    end
  end
  return '{"type": "function", "function": {' .. table.concat(out, ", ") .. "}}"
end

--- Checks the id of a call: the model knows only such ids.
local function id_problem (id)
  if id and #id == 9 and not id:find("%W") then return nil end
  return "this model needs ids of calls that have nine letters and digits"
end

--- Returns the functions that write tools, calls and results. `gap` is the text after each mark.
local function tools (gap)
  local made = {}

  function made.available (list)
    local out = {}
    for i, tool in ipairs(list) do
      local text, problem = tool_text(tool)
      if not text then return nil, ("tools[%d]: %s"):format(i, problem) end
      out[i] = text
    end
    return "[AVAILABLE_TOOLS]" .. gap .. "[" .. table.concat(out, ", ") .. "][/AVAILABLE_TOOLS]"
  end

  --- The published templates omit what the message says besides.
  function made.calls (calls)
    local out = {}
    for i, call in ipairs(calls) do
      local arguments, problem = tool_texts.json(call.arguments)
      problem = problem or id_problem(call.id)
      if problem then return nil, problem end
      out[i] = ('{"name": %s, "arguments": %s, "id": "%s"}'):format(tool_texts.json(call.name),
        arguments, call.id)
    end
    return "[TOOL_CALLS]" .. gap .. "[" .. table.concat(out, ", ") .. "]</s>"
  end

  function made.result (message)
    local problem = id_problem(message.tool_call_id)
    if problem then return nil, problem end
    return "[TOOL_RESULTS]" .. gap .. '{"content": ' .. message.content .. ', "call_id": "'
      .. message.tool_call_id .. '"}[/TOOL_RESULTS]'
  end

  return made
end

M["mistral-v0.3"] = format("mistralai/Mistral-7B-Instruct-v0.3", {
  system = "last", user = { "[INST] ", "[/INST]" },
  assistant = { " ", "</s>", strings.strip }, tools = tools " ",
}, TOOLS)

M["mistral-nemo"] = format("mistralai/Mistral-Nemo-Instruct-2407", {
  system = "last", user = { "[INST]", "[/INST]" }, assistant = { "", "</s>" }, tools = tools "",
}, TOOLS)

local SYSTEM = { "[SYSTEM_PROMPT] ", "[/SYSTEM_PROMPT]" }

-- This format accepts messages in any order.
M["mistral-v7"] = format("mistralai/Mistral-Large-Instruct-2411", {}, TOOLS)
M["mistral-v7"].write = writers.turns {
  bos = true,
  turns = { system = SYSTEM, user = { "[INST] ", "[/INST]" }, assistant = { " ", "</s>" } },
}

return M
