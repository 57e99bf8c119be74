---@meta predibase.template
-- SPDX-License-Identifier: MIT
-- Made from lua/predibase/template.lua by `make types`; do not edit.

---Prompts: templates with `{names}` in them, and the formats that chat models were trained with.
---Nothing here opens a connection.
---@class predibase.template
---@field ordered predibase.template.ordered The module `predibase.template.ordered`, which reads JSON and keeps the order of its keys.
local M = {}

---Compiles a template.
---
---Raises an error when the text is not a string or an option does not exist.
---@param text string see `predibase.template.text_template`
---@param options? predibase.TemplateOptions see `predibase.template.text_template.new`
---@return predibase.Template? # the template
---@return predibase.Error # the error, of kind "template", with `line` and `column`
---@return_overload predibase.Template
---@return_overload nil, predibase.Error
function M.new(text, options) end

---Compiles the template in a file. One line end at the end of the file is not part of it, because
---editors add it.
---
---Raises an error when the path is not a string or an option does not exist.
---@param path string
---@param options? predibase.TemplateOptions as for `new`
---@return predibase.Template? # the template
---@return predibase.Error # the error, of kind "template"
---@return_overload predibase.Template
---@return_overload nil, predibase.Error
function M.load(path, options) end

---Tells whether a value is a template that `new` or `load` made.
---@param value any anything
---@return TypeGuard<predibase.Template>
function M.is_template(value) end

---Tells whether a value is a chat format.
---@param value any anything
---@return TypeGuard<predibase.ChatFormat>
function M.is_format(value) end

---Returns a built-in chat format.
---
---Raises an error when the name is not a string.
---@param name string such as `"llama-3"`; `formats` lists them
---@return predibase.ChatFormat? # the format, see `predibase.template.format`
---@return predibase.Error # the error, of kind "template", which lists the formats, nearest first
---@return_overload predibase.ChatFormat
---@return_overload nil, predibase.Error
function M.chat(name) end

---Returns the chat format that a model was trained with.
---
---Raises an error when the name is not a string.
---@param name string of a deployment (`"mistral-7b-instruct-v0-2"`) or of a model (`"mistralai/Mistral-7B-Instruct-v0.2"`), in upper or lower case, with `-`, `_` or `.`
---@return predibase.ChatFormat? # the format, see `predibase.template.format`
---@return predibase.Error # the error, of kind "template", which lists the formats
---@return_overload predibase.ChatFormat
---@return_overload nil, predibase.Error
function M.for_model(name) end

---Lists the names of all built-in chat formats, in alphabetical order.
---@return string[]
function M.formats() end

---Makes the chat format that a model has in its own files, see
---`predibase.template.tokenizer_config`.
---
---Raises an error when an argument has the wrong type or an option does not exist.
---@param source string|table the path of a `tokenizer_config.json`, or such a file decoded to a table
---@param options? predibase.TokenizerOptions
---@return predibase.ChatFormat? # the format, see `predibase.template.format`
---@return predibase.Error # the error, of kind "template"
---@return_overload predibase.ChatFormat
---@return_overload nil, predibase.Error
function M.from_tokenizer_config(source, options) end

return M
