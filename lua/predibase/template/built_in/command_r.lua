-- SPDX-License-Identifier: MIT
--- Cohere's Command-R and Command-R+ (without tools and documents).
-- @module predibase.template.built_in.command_r

local strings = require "predibase.python_strings"
local writers = require "predibase.template.built_in.writers"

local M = {}

local function turn (token, change)
  return { "<|START_OF_TURN_TOKEN|><|" .. token .. "_TOKEN|>", "<|END_OF_TURN_TOKEN|>", change }
end

local SYSTEM = turn "SYSTEM"

M["command-r"] = {
  source = "CohereForAI/c4ai-command-r-v01",
  bos_token = "<BOS_TOKEN>", eos_token = "<|END_OF_TURN_TOKEN|>",
  stop = { "<|END_OF_TURN_TOKEN|>" },
  special_tokens = { "<BOS_TOKEN>", "<EOS_TOKEN>", "<EOP_TOKEN>", "<PAD>", "<UNK>", "<CLS>",
    "<SEP>", "<MASK_TOKEN>", "<|START_OF_TURN_TOKEN|>", "<|END_OF_TURN_TOKEN|>",
    "<|SYSTEM_TOKEN|>", "<|USER_TOKEN|>", "<|CHATBOT_TOKEN|>" },
  families = { "<|%u[%u%d_]*|>" },
  write = writers.turns {
    bos = true, alternate = "after system",
    opening = function (messages)
      if messages[1].role ~= "system" then return "", 0 end
      return SYSTEM[1] .. messages[1].content .. SYSTEM[2], 1
    end,
    turns = { system = false, user = turn("USER", strings.strip),
      assistant = turn("CHATBOT", strings.strip) },
    prompt = "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>",
  },
}

return M
