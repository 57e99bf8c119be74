-- SPDX-License-Identifier: MIT
--- Google's Gemma 1, 2 (one format) and 3.
-- @module predibase.template.built_in.gemma

local strings = require "predibase.python_strings"
local writers = require "predibase.template.built_in.writers"

local M = {}

--- Returns the text of a message without the white space around it. For Gemma 3, each part is
-- stripped separately.
local function text_of (message, by_parts)
  if not (by_parts and message.parts) then return strings.strip(message.content) end
  local out = {}
  for i, part in ipairs(message.parts) do out[i] = strings.strip(part) end
  return table.concat(out)
end

local NAMES = { user = "user", assistant = "model", system = "system" }

local function writer (takes_system)
  return function (messages, context)
    local from, prefix = 1, ""
    if messages[1].role == "system" then
      if not takes_system then
        return nil, "it does not support system messages; put the text into the first user message"
      end
      local parts = messages[1].parts
      if parts and not parts[1] then return nil, "the system message has no text" end
      from, prefix = 2, (parts and parts[1] or messages[1].content) .. "\n\n"
    end
    local problem = writers.misplaced(messages, from)
    if problem then return nil, problem end
    local out = { context.bos_token }
    for i = from, #messages do
      local message = messages[i]
      local name = NAMES[message.role]
      if not name then
        return nil, ('it cannot write a message of role "%s"'):format(message.role)
      end
      out[#out + 1] = "<start_of_turn>" .. name .. "\n" .. (i == from and prefix or "")
        .. text_of(message, takes_system) .. "<end_of_turn>\n"
    end
    if context.add_generation_prompt then out[#out + 1] = "<start_of_turn>model\n" end
    return table.concat(out)
  end
end

local function format (source, takes_system)
  return {
    source = source, bos_token = "<bos>", eos_token = "<eos>",
    stop = { "<end_of_turn>", "<eos>" },
    special_tokens = { "<bos>", "<eos>", "<pad>", "<unk>", "<mask>", "<start_of_turn>",
      "<end_of_turn>", "<start_of_image>", "<end_of_image>", "<image_soft_token>" },
    families = { "<unused%d+>" },
    write = writer(takes_system),
  }
end

M.gemma = format("google/gemma-2-9b-it", false)
M["gemma-3"] = format("google/gemma-3-4b-it", true)

return M
