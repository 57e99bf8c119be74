-- SPDX-License-Identifier: MIT
--- Mistral's formats, which differ in spaces and in the place of the system message.
--
-- The templates of Mistral 7B v0.1, v0.2 and Mixtral were replaced in 2024. Adapters of 2023 were
-- trained with the formats whose names end in 2023.
-- @module predibase.template.built_in.mistral

local strings = require "predibase.template.python_strings"
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

M["mistral-v0.3"] = format("mistralai/Mistral-7B-Instruct-v0.3", {
  system = "last", user = { "[INST] ", "[/INST]" },
  assistant = { " ", "</s>", strings.strip },
}, TOOLS)

M["mistral-nemo"] = format("mistralai/Mistral-Nemo-Instruct-2407", {
  system = "last", user = { "[INST]", "[/INST]" }, assistant = { "", "</s>" },
}, TOOLS)

local SYSTEM = { "[SYSTEM_PROMPT] ", "[/SYSTEM_PROMPT]" }

-- This format accepts messages in any order.
M["mistral-v7"] = format("mistralai/Mistral-Large-Instruct-2411", {}, TOOLS)
M["mistral-v7"].write = writers.turns {
  bos = true,
  turns = { system = SYSTEM, user = { "[INST] ", "[/INST]" }, assistant = { " ", "</s>" } },
}

return M
