-- SPDX-License-Identifier: MIT
--- Microsoft's Phi-3 in all sizes, Phi-3.5 and Phi-4 mini, and Zephyr, which is similar.
-- @module predibase.template.built_in.phi

local writers = require "predibase.template.built_in.writers"

local M = {}

local function format (source, bos, spec)
  spec.ending = spec.ending or "<|endoftext|>"
  spec.prompt = spec.prompt or "<|assistant|>\n"
  return {
    source = source, bos_token = bos, eos_token = "<|endoftext|>",
    stop = { "<|end|>", "<|endoftext|>" },
    special_tokens = { bos, "<|endoftext|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>" },
    -- `<|placeholder1|>`, `<|tool|>`, `<|/tool|>` and others, which differ between the sizes.
    families = { "<|/?%a[%w_]*|>" },
    write = writers.turns(spec),
  }
end

local TURN = { "<|ROLE|>\n", "<|end|>\n" }
local KNOWN = { system = TURN, user = TURN, assistant = TURN }

M["phi-3"] = format("microsoft/Phi-3-mini-4k-instruct", "<s>", { turns = KNOWN })

M["phi-3.5"] = format("microsoft/Phi-3.5-mini-instruct", "<s>", {
  turns = KNOWN, system_if_any = true,
})

M["phi-3-small"] = format("microsoft/Phi-3-small-8k-instruct", "<|endoftext|>", {
  bos = true, turns = {}, any = TURN,
})

-- It omits the system message, and begins an answer after every question.
M["phi-3-medium"] = format("microsoft/Phi-3-medium-4k-instruct", "<s>", {
  turns = { system = false, user = { "<|user|>\n", "<|end|>\n<|assistant|>\n" },
    assistant = { "", "<|end|>\n" } },
  prompt = "", ending = "",
})

M["phi-4-mini"] = format("microsoft/Phi-4-mini-instruct", "<|endoftext|>", {
  turns = {}, any = { "<|ROLE|>", "<|end|>" }, prompt = "<|assistant|>",
})

local ZEPHYR = { "<|ROLE|>\n", "</s>\n" }

M.zephyr = {
  source = "HuggingFaceH4/zephyr-7b-beta",
  bos_token = "<s>", eos_token = "</s>", stop = { "</s>" },
  special_tokens = { "<s>", "</s>", "<unk>" },
  plain = { tags = { "<|system|>", "<|user|>", "<|assistant|>" } },
  write = writers.turns {
    turns = { system = ZEPHYR, user = ZEPHYR, assistant = ZEPHYR }, prompt = "<|assistant|>\n",
  },
}

return M
