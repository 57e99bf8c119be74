-- SPDX-License-Identifier: MIT
--- DeepSeek's formats: LLM and V2, Coder, V2.5, V3, R1.
-- @module predibase.template.built_in.deepseek

local writers = require "predibase.template.built_in.writers"

local M = {}

local BOS, EOS = "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>"
local USER, ASSISTANT = "<｜User｜>", "<｜Assistant｜>"

local function format (source, fields)
  fields.source, fields.bos_token = source, BOS
  fields.eos_token = fields.eos_token or EOS
  fields.stop = fields.stop or { EOS }
  fields.special_tokens = { BOS, EOS, USER, ASSISTANT, "<|EOT|>", "<｜▁pad▁｜>" }
  -- `<｜tool▁calls▁begin｜>`, `<｜fim▁hole｜>` and others, all between full-width bars.
  fields.families = { "<｜[^<>%s]*｜>" }
  return fields
end

local function llm (source)
  return format(source, {
    stop = { EOS, "User:" }, plain = { speakers = { "User", "Assistant" } },
    write = writers.turns {
      bos = true, prompt = "Assistant:",
      turns = { system = { "", "\n\n" }, user = { "User: ", "\n\n" },
        assistant = { "Assistant: ", EOS } },
    },
  })
end

M["deepseek-llm"] = llm "deepseek-ai/deepseek-llm-7b-chat"
M["deepseek-v2"] = llm "deepseek-ai/DeepSeek-V2-Chat"

local RESPONSE = { "### Response:\n", "\n<|EOT|>\n" }

M["deepseek-coder"] = format("deepseek-ai/deepseek-coder-33b-instruct", {
  eos_token = "<|EOT|>", stop = { "<|EOT|>", "### Instruction:" },
  plain = { titles = { "Instruction", "Response" } },
  write = writers.turns {
    bos = true, any = RESPONSE, prompt = "### Response:\n",
    turns = { system = { "", "" }, user = { "### Instruction:\n", "\n" }, assistant = RESPONSE },
    opening = function (messages)
      for _, message in ipairs(messages) do
        if message.role == "system" then return "", 0 end
      end
      return "You are an AI programming assistant, utilizing the Deepseek Coder model, developed "
        .. "by Deepseek Company, and you only answer questions related to computer science. For "
        .. "politically sensitive questions, security and privacy issues, and other non-computer "
        .. "science questions, you will refuse to answer\n", 0
    end,
  },
})

--- Begins with the texts of all system messages.
local function system_texts (messages)
  local out = {}
  for _, message in ipairs(messages) do
    if message.role == "system" then out[#out + 1] = message.content end
  end
  return table.concat(out, "\n\n"), 0
end

--- Begins with the last system message only, and with eight spaces for each system message, because
-- the published template writes its own indentation.
local function last_system_text (messages, context)
  local indent, text = "", ""
  for _, message in ipairs(messages) do
    if message.role == "system" then indent, text = indent .. "        ", message.content end
  end
  return indent .. context.bos_token .. text, 0
end

M["deepseek-v2.5"] = format("deepseek-ai/DeepSeek-V2.5", {
  write = writers.turns {
    prompt = ASSISTANT, opening = last_system_text,
    turns = { system = false, user = { USER, "" }, assistant = { ASSISTANT, EOS } },
  },
})

--- Removes the model's thoughts from its earlier answers.
local function without_thoughts (text)
  return text:match("^.*</think>(.*)$") or text
end

M["deepseek-r1"] = format("deepseek-ai/DeepSeek-R1", {
  reasoning = { open = "<think>", close = "</think>" },
  write = writers.turns {
    bos = true, prompt = ASSISTANT .. "<think>\n", opening = system_texts,
    turns = { system = false, user = { USER, "" },
      assistant = { ASSISTANT, EOS, without_thoughts } },
  },
})

local function v3 (prompt)
  return writers.turns {
    bos = true, opening = system_texts, prompt = prompt,
    turns = { system = false, user = { USER, ASSISTANT }, assistant = { "", EOS } },
  }
end

local after_question, after_answer = v3 "", v3(ASSISTANT)

M["deepseek-v3"] = format("deepseek-ai/DeepSeek-V3-0324", {
  -- A question already writes the beginning of the answer, which must not be written twice.
  write = function (messages, context)
    for i = #messages, 1, -1 do
      if messages[i].role == "user" then return after_question(messages, context) end
      if messages[i].role == "assistant" then break end
    end
    return after_answer(messages, context)
  end,
})

return M
