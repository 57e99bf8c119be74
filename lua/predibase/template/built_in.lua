-- SPDX-License-Identifier: MIT
--- The built-in chat formats, by their names and by the names of models. A family of formats is
-- loaded when one of them is first used.
-- @module predibase.template.built_in

local format = require "predibase.template.format"
local names = require "predibase.option_names"

local M = {}

-- Listed here, so that the names are known without loading the families.
local FAMILIES = {
  llama = { "llama-2", "llama-3", "llama-3.1", "llama-3.2", "llama-3.3", "codellama",
    "codellama-70b" },
  mistral = { "mistral-v0.1", "mistral-v0.2", "mistral-v0.3", "mistral-v0.1-2023",
    "mistral-v0.2-2023", "mistral-nemo", "mistral-v7", "mixtral" },
  chatml = { "chatml", "qwen-1.5", "qwen-2", "qwen-2.5", "phi-4" },
  qwen3 = { "qwen-3", "qwen-3-2507" },
  hermes = { "hermes" },
  phi = { "zephyr", "phi-3", "phi-3-small", "phi-3-medium", "phi-3.5", "phi-4-mini" },
  gemma = { "gemma", "gemma-3" },
  command_r = { "command-r" },
  deepseek = { "deepseek-llm", "deepseek-coder", "deepseek-v2", "deepseek-v2.5", "deepseek-v3",
    "deepseek-r1" },
  plain_marks = { "solar", "alpaca", "vicuna" },
}

-- Loads a family when one of its formats is first needed.
local LOADERS = {
  llama = function () return require "predibase.template.built_in.llama" end,
  mistral = function () return require "predibase.template.built_in.mistral" end,
  chatml = function () return require "predibase.template.built_in.chatml" end,
  qwen3 = function () return require "predibase.template.built_in.qwen3" end,
  hermes = function () return require "predibase.template.built_in.hermes" end,
  phi = function () return require "predibase.template.built_in.phi" end,
  gemma = function () return require "predibase.template.built_in.gemma" end,
  command_r = function () return require "predibase.template.built_in.command_r" end,
  deepseek = function () return require "predibase.template.built_in.deepseek" end,
  plain_marks = function () return require "predibase.template.built_in.plain_marks" end,
}

local family_of, made = {}, {}

--- The names of all formats, in alphabetical order.
M.names = {}

for family, members in pairs(FAMILIES) do
  for _, name in ipairs(members) do
    family_of[name] = family
    M.names[#M.names + 1] = name
  end
end
table.sort(M.names)

--- Returns a format by its exact name, the same object every time; nil for an unknown name.
local function get (name)
  if not made[name] and family_of[name] then
    local fields = { name = name }
    local described = LOADERS[family_of[name]]()[name]
    for key, value in pairs(described) do fields[key] = value end
    made[name] = format.new(fields)
  end
  return made[name]
end

-- Patterns for the names of models and deployments, in lower case, without the owner, and with `-`
-- for every run of characters other than letters and digits. The first match counts. `false` means
-- that the model's format is not built in.
local RULES = {
  { "llama%-?3%-?3.*instruct", "llama-3.3" },
  { "llama%-?3%-?2.*instruct", "llama-3.2" },
  { "llama%-?3%-?1%f[%D].*instruct", "llama-3.1" },
  { "llama%-?3%-%d+b.*instruct", "llama-3" },
  { "llama%-?4", false },
  { "code%-?llama%-70b.*instruct", "codellama-70b" },
  { "code%-?llama.*instruct", "codellama" },
  { "llama%-?2.*chat", "llama-2" },
  { "mixtral%-8x22b.*instruct", "mistral-v0.3" },
  { "mixtral%-8x7b.*instruct", "mixtral" },
  { "mistral%-nemo.*instruct", "mistral-nemo" },
  { "mistral%-large.*2411", "mistral-v7" },
  { "mistral%-7b.*instruct%-v0%-1", "mistral-v0.1" },
  { "mistral%-7b.*instruct%-v0%-3", "mistral-v0.3" },
  { "mistral%-7b.*instruct", "mistral-v0.2" },
  { "openhermes", "chatml" },
  { "hermes%-2%-pro%-llama%-?3", "hermes" },
  { "hermes%-3%-llama%-?3", "hermes" },
  { "nous%-hermes%-2", "chatml" },
  { "qwen.*math", false },
  { "qwen.*vl", false },
  { "qwen%-?2%-5.*instruct", "qwen-2.5" },
  { "qwen%-?2%-%d+b.*instruct", "qwen-2" },
  { "qwen%-?2%-%d%-%d+b.*instruct", "qwen-2" },
  { "qwen%-?1%-5.*chat", "qwen-1.5" },
  { "qwen%-?3%-.*instruct%-2507", "qwen-3-2507" },
  { "qwen%-?3%-.*2507", false },
  { "qwen%-?3%-coder", false },
  { "qwen%-?3%-.*base", false },
  { "qwen%-?3%-[%d-]+b", "qwen-3" },
  { "^qwen", false },
  { "^qwq", false },
  { "zephyr%-7b", "zephyr" },
  { "gemma%-?3n", false },
  { "gemma%-?3%-.*it", "gemma-3" },
  { "gemma%-?3%-.*instruct", "gemma-3" },
  { "gemma%-?4", false },
  { "gemma%-.*%-it", "gemma" },
  { "gemma%-.*%-instruct", "gemma" },
  { "phi%-?4%-mini%-instruct", "phi-4-mini" },
  { "phi%-?4%-", false },
  { "phi%-?4$", "phi-4" },
  { "phi%-?3%-5%-mini", "phi-3.5" },
  { "phi%-?3%-5", false },
  { "phi%-?3%-mini", "phi-3" },
  { "phi%-?3%-small", "phi-3-small" },
  { "phi%-?3%-medium", "phi-3-medium" },
  { "command%-r7b", false },
  { "command%-r.*08%-2024", false },
  { "command%-r", "command-r" },
  { "solar%-10%-7b.*instruct", "solar" },
  { "solar", false },
  { "deepseek%-coder%-v2.*instruct", "deepseek-v2" },
  { "deepseek%-coder.*instruct", "deepseek-coder" },
  { "deepseek%-llm.*chat", "deepseek-llm" },
  { "deepseek%-v2%-5", "deepseek-v2.5" },
  { "deepseek%-v2.*0628", false },
  { "deepseek%-v2.*chat", "deepseek-v2" },
  { "deepseek%-v3%-[1-9]", false },
  { "deepseek%-v3", "deepseek-v3" },
  { "deepseek%-r1%-0528", false },
  { "deepseek%-r1", "deepseek-r1" },
  { "vicuna%-%d+b", "vicuna" },
  { "alpaca", "alpaca" },
}

--- Endings that distinguish the name of a chat model from that of its base model.
local TUNED = { "-instruct", "-chat", "-it" }

local function normal (name)
  return (name:lower():match("[^/]*$"):gsub("[^%w]+", "-"))
end

local function rule_of (name)
  for _, rule in ipairs(RULES) do
    if name:find(rule[1]) then return rule end
  end
end

--- Rates how well a name matches a wanted one: by the length of their common beginning. A name that
-- begins with the wanted one rates highest, then the name `near`, which differs by few letters.
local function likeness (wanted, name, near)
  local n, known = 0, normal(name)
  while n < #wanted and wanted:byte(n + 1) == known:byte(n + 1) do n = n + 1 end
  if n > 0 and n == #wanted then return 1000 end
  return name == near and 999 or n
end

--- Lists all formats, the best matches for a wanted name first.
local function sorted (wanted)
  local list, likenesses = {}, {}
  local near = names.nearest(wanted, M.names)
  for i, name in ipairs(M.names) do
    list[i], likenesses[name] = name, likeness(wanted, name, near)
  end
  table.sort(list, function (a, b)
    if likenesses[a] ~= likenesses[b] then return likenesses[a] > likenesses[b] end
    return a < b
  end)
  return table.concat(list, ", ")
end

--- Returns a format by its name, in upper or lower case, with `-`, `_` or `.`.
-- @tparam string name
-- @treturn[1] table
-- @treturn[2] nil
-- @treturn[2] string what is wrong
function M.by_name (name)
  local wanted = normal(name)
  for _, known in ipairs(M.names) do
    if normal(known) == wanted then return get(known) end
  end
  return nil, "no chat format is called that; there are " .. sorted(wanted)
end

--- Returns a format by the name of a deployment or of a model.
-- @tparam string name
-- @treturn[1] table
-- @treturn[2] nil
-- @treturn[2] string what is wrong
function M.by_model (name)
  local wanted = normal(name)
  local exact = M.by_name(name)
  if exact then return exact end
  local rule = rule_of(wanted)
  if rule and rule[2] then return get(rule[2]) end
  if rule then
    return nil, "its format is not built in; template.from_tokenizer_config takes the model's own"
  end
  for _, ending in ipairs(TUNED) do
    local tuned = rule_of(wanted .. ending)
    if tuned and tuned[2] then
      return nil, ('it looks like a base model, which has no chat format (%s%s has "%s"); '
        .. "template.new makes the prompt that an adapter was trained with"):format(
        wanted, ending, tuned[2])
    end
  end
  return nil, "no chat format is known for it; there are " .. sorted(wanted)
end

return M
