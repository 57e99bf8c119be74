-- SPDX-License-Identifier: MIT
--- ChatML and its relatives: OpenHermes, Qwen 1.5 to 2.5, Phi-4.
-- @module predibase.template.built_in.chatml

local tool_texts = require "predibase.template.built_in.tool_texts"
local writers = require "predibase.template.built_in.writers"

local M = {}

local TURN = { "<|im_start|>ROLE\n", "<|im_end|>\n" }
local PROMPT = "<|im_start|>assistant\n"

local function format (source, tokens, spec)
  spec.turns = spec.turns or {}
  spec.prompt = spec.prompt or PROMPT
  tokens[#tokens + 1], tokens[#tokens + 2] = "<|im_start|>", "<|im_end|>"
  return {
    source = source, bos_token = spec.token, eos_token = "<|im_end|>",
    stop = { "<|im_end|>", spec.second_stop }, special_tokens = tokens, families = spec.families,
    tool_calls = spec.calls and "hermes", write = writers.turns(spec),
  }
end

M.chatml = format("teknium/OpenHermes-2.5-Mistral-7B", { "<s>", "</s>", "<unk>" },
  { any = TURN, token = "<s>", second_stop = "</s>" })

--- Returns a function that writes the model's default system message if the messages contain none.
local function default_system (text)
  return function (messages)
    if messages[1].role == "system" then return "", 0 end
    return "<|im_start|>system\n" .. text .. "<|im_end|>\n", 0
  end
end

local function qwen (source, text, spec)
  spec.opening = spec.opening or default_system(text)
  spec.second_stop = "<|endoftext|>"
  -- Later models have `<|vision_start|>`, `<|fim_prefix|>`, `<|repo_name|>` and others.
  spec.families = { "<|%a[%w_]*|>", "</?tool_call>" }
  return format(source, { "<|endoftext|>" }, spec)
end

M["qwen-1.5"] = qwen("Qwen/Qwen1.5-7B-Chat", "You are a helpful assistant", { any = TURN })
M["qwen-2"] = qwen("Qwen/Qwen2-7B-Instruct", "You are a helpful assistant.", { any = TURN })
local QWEN = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."

M["qwen-2.5"] = qwen("Qwen/Qwen2.5-7B-Instruct", QWEN, {
  turns = { system = TURN, user = TURN, assistant = TURN },
  opening = tool_texts.qwen_opening(QWEN, "\n\n", true), result = tool_texts.qwen_result,
  calls = function (message)
    local calls, problem = tool_texts.marked_calls(message.tool_calls, false)
    if not calls then return nil, problem end
    local said = message.content ~= "" and "\n" .. message.content or ""
    return "<|im_start|>assistant" .. said .. "\n" .. calls .. "<|im_end|>\n"
  end,
})

local PHI = { "<|im_start|>ROLE<|im_sep|>", "<|im_end|>" }

M["phi-4"] = format("microsoft/phi-4", { "<|endoftext|>", "<|im_sep|>" }, {
  turns = { system = PHI, user = PHI, assistant = PHI },
  prompt = "<|im_start|>assistant<|im_sep|>", token = "<|endoftext|>",
  second_stop = "<|endoftext|>", families = { "<|%a[%w_]*|>" },
})

return M
