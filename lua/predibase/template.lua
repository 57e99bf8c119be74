-- SPDX-License-Identifier: MIT
--- Prompts: templates with `{names}` in them, and the formats that chat models were trained with.
-- Nothing here opens a connection.
-- @module predibase.template

local built_in = require "predibase.template.built_in"
local errors = require "predibase.errors"
local format = require "predibase.template.format"
local ordered = require "predibase.template.ordered"
local text_template = require "predibase.template.text_template"
local usage = require "predibase.usage"

local M = {}

--- Compiles a template.
-- @function new
-- @tparam string text see `predibase.template.text_template`
-- @tparam ?TemplateOptions options see `predibase.template.text_template.new`
-- @treturn[1] Template the template
-- @treturn[2] nil
-- @treturn[2] Error the error, of kind "template", with `line` and `column`
-- @raise when the text is not a string or an option does not exist
M.new = text_template.new

--- Compiles the template in a file. One line end at the end of the file is not part of it, because
-- editors add it.
-- @function load
-- @tparam string path
-- @tparam ?TemplateOptions options as for `new`
-- @treturn[1] Template the template
-- @treturn[2] nil
-- @treturn[2] Error the error, of kind "template"
-- @raise when the path is not a string or an option does not exist
M.load = text_template.load

--- Tells whether a value is a template that `new` or `load` made.
-- @function is_template
-- @param value anything
-- @treturn boolean
M.is_template = text_template.is

--- Tells whether a value is a chat format.
-- @function is_format
-- @param value anything
-- @treturn boolean
M.is_format = format.is

--- The module `predibase.template.ordered`, which reads JSON and keeps the order of its keys.
M.ordered = ordered

local function check_name (name, what)
  if type(name) ~= "string" then
    usage.fail(("%s takes a name as a string, got a %s"):format(what, type(name)))
  end
end

local function found (made, problem, name)
  if made then return made end
  return nil, errors.new {
    kind = "template", phase = "request",
    message = ('"%s": %s'):format(errors.excerpt(name, 100), problem),
  }
end

--- Returns a built-in chat format.
-- @tparam string name such as `"llama-3"`; `formats` lists them
-- @treturn[1] ChatFormat the format, see `predibase.template.format`
-- @treturn[2] nil
-- @treturn[2] Error the error, of kind "template", which lists the formats, nearest first
-- @raise when the name is not a string
function M.chat (name)
  check_name(name, "template.chat")
  local made, problem = built_in.by_name(name)
  return found(made, problem, name)
end

--- Returns the chat format that a model was trained with.
-- @tparam string name of a deployment (`"mistral-7b-instruct-v0-2"`) or of a model
-- (`"mistralai/Mistral-7B-Instruct-v0.2"`), in upper or lower case, with `-`, `_` or `.`
-- @treturn[1] ChatFormat the format, see `predibase.template.format`
-- @treturn[2] nil
-- @treturn[2] Error the error, of kind "template", which lists the formats
-- @raise when the name is not a string
function M.for_model (name)
  check_name(name, "template.for_model")
  local made, problem = built_in.by_model(name)
  return found(made, problem, name)
end

--- Lists the names of all built-in chat formats, in alphabetical order.
-- @treturn string[]
function M.formats ()
  local list = {}
  for i, name in ipairs(built_in.names) do list[i] = name end
  return list
end

--- Makes the chat format that a model has in its own files, see
-- `predibase.template.tokenizer_config`.
-- @tparam string|table source the path of a `tokenizer_config.json`, or such a file decoded to a
-- table
-- @tparam ?TokenizerOptions options
-- @treturn[1] ChatFormat the format, see `predibase.template.format`
-- @treturn[2] nil
-- @treturn[2] Error the error, of kind "template"
-- @raise when an argument has the wrong type or an option does not exist
function M.from_tokenizer_config (source, options)
  return require("predibase.template.tokenizer_config").new(source, options)
end

return M
