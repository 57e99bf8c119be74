-- SPDX-License-Identifier: MIT
--- Reads the files of a model that say how its prompts are written, as `transformers` 5 does:
-- `tokenizer_config.json` and what lies beside it.
-- @module predibase.template.model_files

local errors = require "predibase.errors"
local files = require "predibase.files"
local json = require "predibase.json"
local ordered = require "predibase.template.ordered"

local M = {}

--- Bytes of a file that is read: the largest configurations list every added token.
M.MAX_FILE = 32 * 1024 * 1024

--- Bytes of `tokenizer.json` that are looked at: the vocabulary behind the added tokens is left
-- alone.
M.MAX_ADDED = 8 * 1024 * 1024

local function decode(text, path)
  local value, problem = json.decode(text)
  if type(value) == "table" and text:find("^%s*{") then return value end
  return nil, ("%s: is not a JSON object%s"):format(path, problem and ": " .. problem or "")
end

--- The object in a file beside, nil when there is no such file.
local function object_beside(folder, name)
  local path = folder .. name
  local text, problem = files.optional(path, M.MAX_FILE)
  if not text then return nil, problem end
  local value
  value, problem = decode(text, path)
  return value, problem
end

--- The templates in files of their own: nil when there are none. A folder cannot be listed here, so
-- those of `additional_chat_templates` are looked for by their names.
local function templates_beside(folder, chosen)
  local found
  local function look(name, path)
    local text, problem = files.optional(folder .. path, M.MAX_FILE)
    if text then
      found = found or {}
      found[name] = text
    end
    return problem
  end
  local problem = look("default", "chat_template.jinja")
  for _, name in ipairs { "default", "tool_use", chosen } do
    -- A name that leads out of the folder is no name.
    if not problem and not name:find("[/\\%z]") then
      problem = look(name, "additional_chat_templates/" .. name .. ".jinja")
    end
  end
  return found, problem
end

--- The added tokens in `tokenizer.json`, which stand in front of the vocabulary.
local function added_beside(folder)
  local path = folder .. "tokenizer.json"
  local text, problem = files.optional(path, M.MAX_ADDED)
  local at = text and text:match('"added_tokens"%s*:%s*()%[')
  if not at then return nil, problem end
  local list
  list, problem = ordered.at(text, at)
  if list then return ordered.plain(list) end
  return nil, ("%s: the added tokens cannot be read: %s"):format(path, problem)
end

--- The class of a tokenizer when no file says it.
M.UNKNOWN = "unknown"

--- Adds what older repositories keep in files of their own. Newer ones list the added tokens in the
-- configuration, and then `transformers` reads neither of these.
local function add_tokens(config, folder)
  if config.added_tokens_decoder ~= nil then return end
  local map, problem = object_beside(folder, "special_tokens_map.json")
  if problem then return problem end
  for name, value in pairs(map or {}) do config[name] = value end
  config.added_tokens_decoder, problem = added_beside(folder)
  return problem
end

--- Reads the configuration of a model.
-- @tparam string path of a `tokenizer_config.json`, or of a template, whose name ends in `.jinja`
-- @tparam ?string chosen name of the template that is wanted
-- @treturn[1] table the configuration; its `chat_template` is a string, a list, or a table by names
-- @treturn[2] nil
-- @treturn[2] string what is wrong
function M.read(path, chosen)
  local folder = path:match("^(.*[/\\])") or ""
  folder = folder:match("^(.*)additional_chat_templates[/\\]$") or folder
  local text, problem = files.read(path, M.MAX_FILE)
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
    -- Where models that see images used to keep it.
    local processor
    processor, problem = object_beside(folder, "chat_template.json")
    config.chat_template = processor and processor.chat_template
  end
  problem = problem or add_tokens(config, folder)
  if problem then return nil, problem end
  if type(config.tokenizer_class) ~= "string" then config.tokenizer_class = M.UNKNOWN end
  return config
end

--- What a message says of a class.
-- @tparam string class
-- @treturn string
function M.class_text(class)
  if class == M.UNKNOWN then return "no file beside it says that token or the tokenizer's class" end
  return ('the class "%s" may have one of its own, which no file says'):format(
    errors.excerpt(class, 60))
end

return M
