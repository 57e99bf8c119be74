-- SPDX-License-Identifier: MIT
--- Meta's formats: Llama 2, Llama 3, 3.1, 3.2, 3.3 and CodeLlama 70B.
-- @module predibase.template.built_in.llama

local date = require "predibase.template.date"
local strings = require "predibase.python_strings"
local tool_texts = require "predibase.template.built_in.tool_texts"
local writers = require "predibase.template.built_in.writers"

local M = {}

local function llama2 (source, trim_system)
  return {
    source = source, bos_token = "<s>", eos_token = "</s>", stop = { "</s>" },
    special_tokens = { "<s>", "</s>", "<unk>" },
    plain = { tags = { "[INST]", "[/INST]", "<<SYS>>", "<</SYS>>" } },
    write = writers.instructions {
      system = "first", wrap = { "<<SYS>>\n", "\n<</SYS>>\n\n", trim_system }, bos_each = true,
      user = { "[INST] ", " [/INST]", strings.strip },
      assistant = { " ", " </s>", strings.strip },
    },
  }
end

M["llama-2"] = llama2 "meta-llama/Llama-2-7b-chat-hf"
M.codellama = llama2("codellama/CodeLlama-7b-Instruct-hf", strings.strip)

local SOURCE = { "Source: ROLE\n\n ", " <step> ", strings.strip }

M["codellama-70b"] = {
  source = "codellama/CodeLlama-70b-Instruct-hf",
  bos_token = "<s>", eos_token = "</s>", stop = { "<step>" },
  special_tokens = { "<s>", "</s>", "<unk>", "<step>" },
  plain = { tags = { "Source: system", "Source: user", "Source: assistant" } },
  write = writers.turns {
    bos = true, alternate = "after system",
    turns = { system = SOURCE, user = SOURCE, assistant = SOURCE },
    -- It is written even if no answer is to begin.
    prompt = "Source: assistant\nDestination: user\n\n ",
    ending = "Source: assistant\nDestination: user\n\n ",
  },
}

local TURN = { "<|start_header_id|>ROLE<|end_header_id|>\n\n", "<|eot_id|>", strings.strip }
local PROMPT = "<|start_header_id|>assistant<|end_header_id|>\n\n"

local function llama3 (source, write, tool_calls)
  return {
    tool_calls = tool_calls,
    source = source, bos_token = "<|begin_of_text|>", eos_token = "<|eot_id|>",
    stop = { "<|eot_id|>", "<|end_of_text|>" },
    special_tokens = { "<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>",
      "<|end_header_id|>", "<|eot_id|>", "<|eom_id|>", "<|python_tag|>",
      "<|finetune_right_pad_id|>", "<|step_id|>", "<|image|>" },
    families = { "<|reserved_special_token_%d+|>" },
    write = write,
  }
end

M["llama-3"] = llama3("meta-llama/Meta-Llama-3-8B-Instruct",
  writers.turns { bos = true, turns = {}, any = TURN, prompt = PROMPT })

local FUNCTIONS = "Given the following functions, please respond with a JSON for a function call "
  .. "with its proper arguments that best answers the given prompt.\n\nRespond in the format "
  .. '{"name": function name, "parameters": dictionary of argument name and its value}.'
  .. "Do not use variables.\n\n"

--- Writes the turn that the tools are in: that of the message after the system message, whatever
-- its role is.
local function tools_turn (message, tools)
  if not message then return nil, "tools are written into the first question, and there is none" end
  local list, problem = tool_texts.list(tools, "", "\n\n", 4)
  if not list then return nil, problem end
  return "<|start_header_id|>user<|end_header_id|>\n\n" .. FUNCTIONS .. list
    .. strings.strip(message.content) .. "<|eot_id|>"
end

--- Returns the function with which the formats begin: a system turn with the date, even without a
-- system message, and the tools.
local function opening (today)
  return function (messages, context)
    local given = messages[1].role == "system"
    local used = given and 1 or 0
    local system = table.concat {
      "<|start_header_id|>system<|end_header_id|>\n\n",
      context.tools and "Environment: ipython\n" or "", "Cutting Knowledge Date: December 2023\n",
      "Today Date: ", context.date_string or today(context.now), "\n\n",
      given and strings.strip(messages[1].content) or "", "<|eot_id|>",
    }
    if not context.tools then return system, used end
    local question, problem = tools_turn(messages[used + 1], context.tools)
    if not question then return nil, problem end
    return system .. question, used + 1
  end
end

--- Writes a call. The published template omits what the message says besides.
local function call_turn (message)
  local call = message.tool_calls[1]
  if message.tool_calls[2] then
    return nil, "this model calls only one tool at once; a message has several calls"
  end
  local arguments, problem = tool_texts.json(call.arguments)
  if not arguments then return nil, problem end
  return '<|start_header_id|>assistant<|end_header_id|>\n\n{"name": "' .. call.name
    .. '", "parameters": ' .. arguments .. "}<|eot_id|>"
end

local function result_turn (messages, i)
  local text, problem = tool_texts.json(messages[i].content)
  if not text then return nil, problem end
  return "<|start_header_id|>ipython<|end_header_id|>\n\n" .. text .. "<|eot_id|>"
end

--- Makes a writer of the formats that know tools.
local function dated (today)
  return writers.turns {
    bos = true, any = TURN, prompt = PROMPT, turns = {}, without = { ipython = true },
    opening = opening(today), calls = call_turn, result = result_turn,
  }
end

-- The date in the published template, used when no date is given.
local fixed = dated(function () return "26 Jul 2024" end)

M["llama-3.1"] = llama3("meta-llama/Llama-3.1-8B-Instruct", fixed, "llama")
M["llama-3.3"] = llama3("meta-llama/Llama-3.3-70B-Instruct", fixed, "llama")
M["llama-3.2"] = llama3("meta-llama/Llama-3.2-3B-Instruct",
  dated(function (now) return date.format("%d %b %Y", now) end), "llama")

return M
