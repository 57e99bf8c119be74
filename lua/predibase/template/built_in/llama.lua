-- SPDX-License-Identifier: MIT
--- Meta's formats: Llama 2, Llama 3, 3.1, 3.2, 3.3 and CodeLlama 70B.
-- @module predibase.template.built_in.llama

local date = require "predibase.template.date"
local strings = require "predibase.template.python_strings"
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

local function llama3 (source, write)
  return {
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

--- Makes a writer that begins with a system turn with the date, even without a system message.
local function dated (today)
  return writers.turns {
    bos = true, any = TURN, prompt = PROMPT,
    turns = {}, without = { tool = true, ipython = true },
    opening = function (messages, context)
      local given = messages[1].role == "system"
      return table.concat {
        "<|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December 2023\n",
        "Today Date: ", context.date_string or today(context.now), "\n\n",
        given and strings.strip(messages[1].content) or "", "<|eot_id|>",
      }, given and 1 or 0
    end,
  }
end

-- The date in the published template, used when no date is given.
local fixed = dated(function () return "26 Jul 2024" end)

M["llama-3.1"] = llama3("meta-llama/Llama-3.1-8B-Instruct", fixed)
M["llama-3.3"] = llama3("meta-llama/Llama-3.3-70B-Instruct", fixed)
M["llama-3.2"] = llama3("meta-llama/Llama-3.2-3B-Instruct",
  dated(function (now) return date.format("%d %b %Y", now) end))

return M
