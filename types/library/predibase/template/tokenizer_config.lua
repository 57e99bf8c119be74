---@meta predibase.template.tokenizer_config
-- SPDX-License-Identifier: MIT
-- Made from lua/predibase/template/tokenizer_config.lua by `make types`; do not edit.

---The options of `template.from_tokenizer_config`.
---@class predibase.fields.TokenizerOptions
---@field template? string the name of one of several templates
---@field name? string of the format
---@field stop? string[]|string the sequences that end an answer (default: the end-of-sequence token)
---@field tokens? table<string, string|false> special tokens that no file names; `false` for none
---@field tool_calls? "hermes"|"mistral"|"llama"|false the form in which the model writes calls
---@field reasoning? predibase.Marks|false the marks around its reasoning
---@field max_steps? integer how many steps a rendering may take

---The options of `template.from_tokenizer_config`.
---@class predibase.TokenizerOptions : predibase.fields.TokenizerOptions, predibase.Known<predibase.fields.TokenizerOptions>
---@field template? string the name of one of several templates

---Makes a chat format from a model's own template, which is in the `tokenizer_config.json` next to
---the model's weights, or in a file of its own.
---@class predibase.template.tokenizer_config
local M = {}

---Makes a chat format from a model's own template. `tools` are an option of `format:render`; the
---other variables of the template (`documents`, `enable_thinking` and so on) are passed as
---`variables` to `format:render`.
---
---Raises an error when an argument has the wrong type or an option does not exist.
---@param source string|table the path of a `tokenizer_config.json` or of a `.jinja` file, with the other files of the model in the same folder, or the decoded configuration
---@param options? predibase.TokenizerOptions `template`: the name of one of several templates (`default`, or `tool_use` if there are tools); `name`: the name of the format; `stop`: the sequences that end an answer (the end-of-sequence token); `tokens`: special tokens that no file names (`{ bos_token = "<s>" }`, `false` for none); `tool_calls`: the form in which the model writes calls (`"hermes"`, `"mistral"` or `"llama"`; `false` for none; default: the one that the template shows), and `reasoning`: the marks around its reasoning (`{ open, close }`, `false` for none; default: those that the template contains), both for `format:parse`; `max_steps`, see `predibase.template.jinja`
---@return predibase.ChatFormat? # the format, see `predibase.template.format`
---@return predibase.Error # the error, of kind "template"
---@return_overload predibase.ChatFormat
---@return_overload nil, predibase.Error
function M.new(source, options) end

return M
