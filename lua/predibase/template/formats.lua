-- SPDX-License-Identifier: MIT
--- The chat formats by name. Each family is loaded when one of its formats is first asked for.
-- @module predibase.template.formats

local format = require "predibase.template.format"

local M = {}

-- Written out, so that the list costs no loading.
local FAMILIES = {
  llama = { "llama-2", "llama-3", "llama-3.1", "llama-3.2", "llama-3.3", "codellama",
    "codellama-70b" },
  mistral = { "mistral-v0.1", "mistral-v0.2", "mistral-v0.3", "mistral-v0.1-2023",
    "mistral-v0.2-2023", "mistral-nemo", "mistral-v7", "mixtral" },
  chatml = { "chatml", "qwen-1.5", "qwen-2", "qwen-2.5", "phi-4" },
  qwen3 = { "qwen-3", "qwen-3-2507" },
  phi = { "zephyr", "phi-3", "phi-3-small", "phi-3-medium", "phi-3.5", "phi-4-mini" },
  gemma = { "gemma", "gemma-3" },
  command = { "command-r" },
  deepseek = { "deepseek-llm", "deepseek-coder", "deepseek-v2", "deepseek-v2.5", "deepseek-v3",
    "deepseek-r1" },
  headers = { "solar", "alpaca", "vicuna" },
}

local family_of, made = {}, {}

--- The names of all formats, in alphabetical order.
M.names = {}

for family, names in pairs(FAMILIES) do
  for _, name in ipairs(names) do
    family_of[name] = family
    M.names[#M.names + 1] = name
  end
end
table.sort(M.names)

--- A format by its exact name; the same object every time.
-- @tparam string name
-- @treturn ?table nil when there is none of that name
function M.get(name)
  if not made[name] and family_of[name] then
    local fields = require("predibase.template.formats." .. family_of[name])[name]
    fields.name = name
    made[name] = format.new(fields)
  end
  return made[name]
end

return M
