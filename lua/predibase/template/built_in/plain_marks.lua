-- SPDX-License-Identifier: MIT
--- Formats whose marks are plain text: Solar, Alpaca, Vicuna.
--
-- Alpaca and Vicuna were never published as chat templates: the texts are from the programs that
-- trained them (`PROMPT_DICT` of Stanford Alpaca, `vicuna_v1.1` of FastChat).
-- @module predibase.template.built_in.plain_marks

local writers = require "predibase.template.built_in.writers"

local M = {}

M.solar = {
  source = "upstage/SOLAR-10.7B-Instruct-v1.0",
  bos_token = "<s>", eos_token = "</s>", stop = { "</s>", "### User:" },
  special_tokens = { "<s>", "</s>", "<unk>" },
  plain = { titles = { "System", "User", "Assistant" } },
  write = writers.turns {
    turns = { system = { "### System:\n", "\n\n" }, user = { "### User:\n", "\n\n" },
      assistant = { "### Assistant:\n", "" } },
    system_if_any = true, prompt = "### Assistant:\n",
  },
}

--- Returns a function that writes the beginning of the prompt: the system message, or the sentences
-- used in training if there is no system message.
local function opening (sentences, gap)
  return function (messages)
    local given = messages[1].role == "system"
    return (given and messages[1].content or sentences) .. gap, given and 1 or 0
  end
end

M.alpaca = {
  source = "tatsu-lab/stanford_alpaca, train.py",
  bos_token = "<s>", eos_token = "</s>", stop = { "</s>", "### Instruction:" },
  special_tokens = { "<s>", "</s>", "<unk>" },
  plain = { titles = { "Instruction", "Input", "Response" } },
  write = writers.turns {
    alternate = "after system",
    opening = opening("Below is an instruction that describes a task. Write a response that "
      .. "appropriately completes the request.", "\n\n"),
    turns = { user = { "### Instruction:\n", "" }, assistant = { "### Response:", "</s>" } },
    between = "\n\n",
    prompt = "### Response:",
  },
}

M.vicuna = {
  source = "lmsys/fastchat, conversation vicuna_v1.1",
  bos_token = "<s>", eos_token = "</s>", stop = { "</s>", "USER:" },
  special_tokens = { "<s>", "</s>", "<unk>" },
  plain = { speakers = { "USER", "ASSISTANT" } },
  write = writers.turns {
    alternate = "after system",
    opening = opening("A chat between a curious user and an artificial intelligence assistant. "
      .. "The assistant gives helpful, detailed, and polite answers to the user's questions.", " "),
    turns = { user = { "USER: ", " ", empty = "USER:" },
      assistant = { "ASSISTANT: ", "</s>", empty = "ASSISTANT:" } },
    prompt = "ASSISTANT:",
  },
}

return M
