-- SPDX-License-Identifier: MIT
--- Prompts: templates with `{names}` in them, and the formats that chat models were trained with.
-- Nothing here opens a connection.
-- @module predibase.template

local errors = require "predibase.errors"
local models = require "predibase.template.models"
local plain = require "predibase.template.plain"

local M = {}

local function check_name(name, what, level)
  if type(name) ~= "string" then
    error(("%s takes a name as a string, got a %s"):format(what, type(name)), level + 1)
  end
end

local function found(format, problem, name)
  if format then return format end
  return nil, errors.new {
    kind = "template", phase = "request",
    message = ('"%s": %s'):format(errors.excerpt(name, 100), problem),
  }
end

--- Compiles a template.
-- @function new
-- @tparam string text see `predibase.template.plain`
-- @tparam ?table options see `predibase.template.plain`
-- @treturn[1] table the template
-- @treturn[2] nil
-- @treturn[2] table the error, of kind "template", with `line` and `column`
-- @raise for a text that is no string and an option that does not exist
M.new = plain.new

--- Reads a file and compiles it. One line end at the end of the file is not part of the template,
-- because editors put it there.
-- @function load
-- @tparam string path
-- @tparam ?table options as for `new`
-- @treturn[1] table the template
-- @treturn[2] nil
-- @treturn[2] table the error, of kind "template"
-- @raise as `new`
M.load = plain.load

--- A built-in chat format.
-- @tparam string name such as `"llama-3"`; `formats` lists them
-- @treturn[1] table the format, see `predibase.template.format`
-- @treturn[2] nil
-- @treturn[2] table the error, of kind "template", which lists the formats, nearest first
-- @raise for a name that is no string
function M.chat(name)
  check_name(name, "template.chat", 2)
  local format, problem = models.by_name(name)
  return found(format, problem, name)
end

--- The chat format that a model was trained with.
-- @tparam string name of a deployment (`"mistral-7b-instruct-v0-2"`) or of a model
-- (`"mistralai/Mistral-7B-Instruct-v0.2"`), in any case, with `-`, `_` or `.`
-- @treturn[1] table the format, see `predibase.template.format`
-- @treturn[2] nil
-- @treturn[2] table the error, of kind "template", which says what there is
-- @raise for a name that is no string
function M.for_model(name)
  check_name(name, "template.for_model", 2)
  local format, problem = models.by_model(name)
  return found(format, problem, name)
end

--- The names of all built-in chat formats, in alphabetical order.
-- @treturn table array of strings
function M.formats()
  local list = {}
  for i, name in ipairs(require("predibase.template.formats").names) do list[i] = name end
  return list
end

--- The chat format that a model brings along, see `predibase.template.tokenizer_config`.
-- @param source the path of a `tokenizer_config.json`, or such a file decoded to a table
-- @tparam ?table options
-- @treturn[1] table the format, see `predibase.template.format`
-- @treturn[2] nil
-- @treturn[2] table the error, of kind "template"
function M.from_tokenizer_config(source, options)
  local format, err = require("predibase.template.tokenizer_config").new(source, options)
  return format, err
end

return M
