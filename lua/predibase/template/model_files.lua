-- SPDX-License-Identifier: MIT
--- Reads the files of a model that define how its prompts are written, as `transformers` 5 does:
-- `tokenizer_config.json` and the files in the same folder.
-- @module predibase.template.model_files

local errors = require "predibase.errors"
local files = require "predibase.files"
local json = require "predibase.json"
local ordered = require "predibase.template.ordered"

local M = {}

-- Largest file, in bytes: the largest configurations list every added token.
local MAX_FILE = 32 * 1024 * 1024

-- Bytes of `tokenizer.json` that are read: the added tokens come before the vocabulary.
local MAX_ADDED = 8 * 1024 * 1024

local function decode (text, path)
  local value, problem = json.decode(text)
  if type(value) == "table" and text:find("^%s*{") then return value end
  return nil, ("%s: is not a JSON object%s"):format(path, problem and ": " .. problem or "")
end

--- Reads the object in a file of the folder; returns nil if there is no such file.
local function object_beside (folder, name)
  local path = folder .. name
  local text, problem = files.optional(path, MAX_FILE)
  if not text then return nil, problem end
  return decode(text, path)
end

--- Reads the templates that have files of their own; returns nil if there are none. Lua cannot list
-- a folder, so the files in `additional_chat_templates` are looked up by name.
local function templates_beside (folder, chosen)
  local found
  local function look (name, path)
    local text, problem = files.optional(folder .. path, MAX_FILE)
    if text then
      found = found or {}
      found[name] = text
    end
    return problem
  end
  local problem = look("default", "chat_template.jinja")
  for _, name in ipairs { "default", "tool_use", chosen } do
    -- A name must not lead out of the folder.
    if not problem and not name:find("[/\\%z]") then
      problem = look(name, "additional_chat_templates/" .. name .. ".jinja")
    end
  end
  return found, problem
end

--- Reads the added tokens in `tokenizer.json`.
local function added_beside (folder)
  local path = folder .. "tokenizer.json"
  local text, problem = files.optional(path, MAX_ADDED)
  local at = text and text:match('"added_tokens"%s*:%s*()%[')
  if not at then return nil, problem end
  local list
  list, problem = ordered.at(text, at)
  if list then return ordered.plain(list) end
  return nil, ("%s: the added tokens cannot be read: %s"):format(path, problem)
end

--- Stands for the class of the tokenizer if no file names it.
M.UNKNOWN = "unknown"

--- Adds the tokens that older repositories keep in files of their own. Newer ones list the added
-- tokens in the configuration, and `transformers` then reads none of these files.
local function add_tokens (config, folder)
  if config.added_tokens_decoder ~= nil then return end
  local map, problem = object_beside(folder, "special_tokens_map.json")
  if problem then return problem end
  for name, value in pairs(map or {}) do config[name] = value end
  config.added_tokens_decoder, problem = added_beside(folder)
  return problem
end

--- Reads the configuration of a model.
-- @tparam string path of a `tokenizer_config.json`, or of a template, whose name ends in `.jinja`
-- @tparam ?string chosen name of the wanted template
-- @treturn[1] table the configuration; its `chat_template` is a string, a list, or a table by names
-- @treturn[2] nil
-- @treturn[2] string what is wrong
function M.read (path, chosen)
  local folder = path:match("^(.*[/\\])") or ""
  folder = folder:match("^(.*)additional_chat_templates[/\\]$") or folder
  local text, problem = files.read(path, MAX_FILE)
  if not text then return nil, problem end
  local config, own
  if path:find("%.jinja$") then
    config, problem = object_beside(folder, "tokenizer_config.json")
    if problem then return nil, problem end
    config, own = config or { tokenizer_class = M.UNKNOWN }, text
  else
    config, problem = decode(text, path)
    if not config then return nil, problem end
    own, problem = templates_beside(folder, chosen)
    if problem then return nil, problem end
  end
  if own then config.chat_template = own end
  if config.chat_template == nil then
    -- Models that read images used to keep the template in this file.
    local processor
    processor, problem = object_beside(folder, "chat_template.json")
    config.chat_template = processor and processor.chat_template
  end
  problem = problem or add_tokens(config, folder)
  if problem then return nil, problem end
  if type(config.tokenizer_class) ~= "string" then config.tokenizer_class = M.UNKNOWN end
  return config
end

--- Returns the part of an error message about the tokenizer's class.
-- @tparam string class
-- @treturn string
function M.class_text (class)
  if class == M.UNKNOWN then
    return "no file in its folder names that token or the tokenizer's class"
  end
  return ('the class "%s" may have a default one, which is not known here'):format(
    errors.excerpt(class, 60))
end

return M
