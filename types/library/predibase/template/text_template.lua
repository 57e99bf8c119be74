---@meta predibase.template.text_template
-- SPDX-License-Identifier: MIT
-- Made from lua/predibase/template/text_template.lua by `make types`; do not edit.

---The options of `template:render`.
---@class predibase.fields.TemplateRenderOptions
---@field allow_extra? boolean ignore values that the template does not use
---@field booleans? boolean write `true` and `false` where `{name}` stands

---The options of `template:render`.
---@class predibase.TemplateRenderOptions : predibase.fields.TemplateRenderOptions, predibase.Known<predibase.fields.TemplateRenderOptions>
---@field allow_extra? boolean ignore values that the template does not use

---A template with names in braces. It can also be called with its values.
---@class predibase.Template
---@field text string from which it was made
---@field variables string[] its names in the order of their first appearance
---@overload fun(values: table<string, any>?, options: predibase.TemplateRenderOptions?): (string?, predibase.Error)
local Template = {}

---Renders the template.
---
---Raises an error when an argument is not a table or an option does not exist.
---@param values? table<string, any> strings and numbers by the names of the template
---@param options? predibase.TemplateRenderOptions `allow_extra` (boolean): ignore values that the template does not use; `booleans` (boolean): write `true` and `false` where `{name}` stands
---@return string?
---@return predibase.Error # the error, of kind "template", which names the value
---@return_overload string
---@return_overload nil, predibase.Error
function Template:render(values, options) end

---The options of a template.
---@class predibase.fields.TemplateOptions
---@field allow_extra? boolean ignore values that the template does not use (default false)
---@field format? string|predibase.ChatFormat a chat format or its name, whose special tokens no value may contain
---@field special_tokens_in_text? "refuse"|"neutralise"|"allow" what happens to such values (default `"refuse"`)

---The options of a template.
---@class predibase.TemplateOptions : predibase.fields.TemplateOptions, predibase.Known<predibase.fields.TemplateOptions>
---@field allow_extra? boolean ignore values that the template does not use (default false)

---Templates with names in braces, which are read once and rendered many times.
---
---* `{name}` is replaced by the value of that name, a string or a number. Braces in a value have no
---  meaning. A name may contain spaces, digits, and letters of every script. It contains none of
---  `{}":;=`, and does not begin with `?` or `/`.
---* `{name=default}` is replaced by the default if no value is given.
---* `{?name}…{/name}` is rendered only if a value is given that is neither `false` nor empty, and
---  `{?name}…{:else}…{/name}` has a second part for the other case. These parts can be nested. If
---  `{?name}`, `{:else}` or `{/name}` is alone on its line, the whole line is removed.
---* `{{` and `}}` are replaced by single braces.
---
---A template has the fields `text`, from which it was made, and `variables`, the names in the order
---of their first appearance, and the method `render`. It can also be called: `t { name = "…" }`.
---@class predibase.template.text_template
---@field MAX_FILE integer Largest file that `load` reads, in bytes: far more than the prompt of any model.
local M = {}

---Compiles a template.
---
---Raises an error when the text is not a string or an option does not exist.
---@param text string
---@param options? predibase.TemplateOptions `allow_extra` (boolean): ignore values that the template does not use; `format`: a chat format or its name, whose special tokens no value may contain; `special_tokens_in_text`: `"refuse"` (the default), `"neutralise"` or `"allow"`
---@return predibase.Template? # the template
---@return predibase.Error # the error, of kind "template"; `line` and `column` say where in the text
---@return_overload predibase.Template
---@return_overload nil, predibase.Error
function M.new(text, options) end

---Compiles the template in a file. A byte order mark at the beginning and one line end at the end
---are not part of it, because editors add them. CR LF is read as LF.
---
---Raises an error when the path is not a string or an option does not exist.
---@param path string
---@param options? predibase.TemplateOptions as for `new`
---@return predibase.Template? # the template
---@return predibase.Error # the error, of kind "template"
---@return_overload predibase.Template
---@return_overload nil, predibase.Error
function M.load(path, options) end

---Tells whether a value is a template with names in braces.
---@param value any anything
---@return TypeGuard<predibase.Template>
function M.is(value) end

return M
