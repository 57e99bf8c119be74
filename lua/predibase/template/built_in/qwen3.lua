-- SPDX-License-Identifier: MIT
--- Qwen 3, which thinks before it answers by default, and its releases of July 2025, which do not.
-- @module predibase.template.built_in.qwen3

local tool_texts = require "predibase.template.built_in.tool_texts"
local writers = require "predibase.template.built_in.writers"

local M = {}

local TURN = { "<|im_start|>ROLE\n", "<|im_end|>\n" }
local PROMPT = "<|im_start|>assistant\n"
local NO_THOUGHTS = "<think>\n\n</think>\n\n"

local function format (source, write, reasoning)
  return {
    tool_calls = "hermes", reasoning = reasoning,
    source = source, eos_token = "<|im_end|>", stop = { "<|im_end|>", "<|endoftext|>" },
    special_tokens = { "<|endoftext|>", "<|im_start|>", "<|im_end|>" },
    families = { "<|%a[%w_]*|>", "</?tool_call>", "</?tool_response>" },
    write = write,
  }
end

--- Splits an answer into the model's thoughts and the text after them.
local function split (content)
  if not content:find("</think>", 1, true) then return "", content end
  local thoughts = content:match("^(.-)</think>")
  thoughts = thoughts:gsub("\n+$", "")
  thoughts = thoughts:match("^.*<think>(.*)$") or thoughts
  return thoughts:gsub("^\n+", ""), (content:match("^.*</think>\n*(.*)$"))
end

--- Returns the index of the last question; without a question, that of the last message.
local function last_question (messages)
  for i = #messages, 1, -1 do
    local message = messages[i]
    -- The results of tools have the role user, too.
    if message.role == "user" and not message.content:find("^<tool_response>.*</tool_response>$")
    then
      return i
    end
  end
  return #messages
end

--- Removes the thoughts from answers to earlier questions; answers to the last question keep them.
local function rewritten (messages)
  local question, out = last_question(messages), {}
  for i, message in ipairs(messages) do
    out[i] = message
    if message.role == "assistant" then
      local thoughts, said = message.reasoning, message.content
      if not thoughts then thoughts, said = split(said) end
      local shown = said
      if i > question and (i == #messages or thoughts ~= "") then
        thoughts = thoughts:gsub("^\n+", ""):gsub("\n+$", "")
        shown = "<think>\n" .. thoughts .. "\n</think>\n\n" .. said:gsub("^\n+", "")
      end
      out[i] = { role = "assistant", content = shown, tool_calls = message.tool_calls,
        silent = said == "" }
    end
  end
  return out
end

--- Makes a writer. `gap` returns the text between what a message says and its calls.
local function writer (gap)
  return writers.turns {
    turns = { system = TURN, user = TURN, assistant = TURN }, prompt = PROMPT,
    opening = tool_texts.qwen_opening("", "\n\n", false), result = tool_texts.qwen_result,
    calls = function (message)
      local calls, problem = tool_texts.marked_calls(message.tool_calls, true)
      if not calls then return nil, problem end
      return "<|im_start|>assistant\n" .. message.content .. gap(message) .. calls
        .. "<|im_end|>\n"
    end,
  }
end

local write = writer(function (message) return message.silent and "" or "\n" end)

M["qwen-3"] = format("Qwen/Qwen3-0.6B", function (messages, context)
  local text, problem = write(rewritten(messages), context)
  if text and context.add_generation_prompt and context.enable_thinking == false then
    text = text .. NO_THOUGHTS
  end
  return text, problem
end, { open = "<think>", close = "</think>" })

M["qwen-3-2507"] = format("Qwen/Qwen3-4B-Instruct-2507", writer(function (message)
  return message.content == "" and "" or "\n"
end))

return M
