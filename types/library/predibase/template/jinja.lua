---@meta predibase.template.jinja
-- SPDX-License-Identifier: MIT
-- Made from lua/predibase/template/jinja.lua by `make types`; do not edit.

---The options of `jinja.compile`.
---@class predibase.fields.JinjaOptions
---@field name? string with which messages begin
---@field max_steps? integer how many steps a rendering may take (default 4,000,000)

---The options of `jinja.compile`.
---@class predibase.JinjaOptions : predibase.fields.JinjaOptions, predibase.Known<predibase.fields.JinjaOptions>
---@field name? string with which messages begin

---@class predibase.JinjaTemplate
local JinjaTemplate = {}

---Renders the template. It can be rendered any number of times.
---
---Raises an error when the context is not a table, a name in it is not a string, or an option does not exist.
---@param context? table the variables by name; see `predibase.template.jinja.convert`
---@param options? table `now`: Unix seconds for `strftime_now`, the clock when nil
---@return string?
---@return predibase.Error # the error, of kind "template", with `line`
---@return_overload string
---@return_overload nil, predibase.Error
function JinjaTemplate:render(context, options) end

---An interpreter for the part of Jinja that chat templates use, configured as in `transformers`:
---the immutable sandbox, `trim_blocks`, `lstrip_blocks`, loop controls, `raise_exception`,
---`strftime_now`, `{% generation %}`, and a `tojson` that does not escape HTML.
---
---Templates are written by other people and are not trusted. A template is never turned into Lua,
---can read only the values that it is given, and fails after a number of steps
---(`predibase.template.jinja.runtime`).
---
---   local template = assert(jinja.compile "{% for m in messages %}{{ m.content }}{% endfor %}")
---   print(template:render { messages = { { content = "hi" } } })
---@class predibase.template.jinja
local M = {}

---Compiles a template.
---
---Raises an error when the source is not a string or an option does not exist.
---@param source string
---@param options? predibase.JinjaOptions `name`, with which messages begin; `max_steps`, how many steps a rendering may take (4,000,000)
---@return predibase.JinjaTemplate? # the template, with the method `render`
---@return predibase.Error # the error, of kind "template", with `line`
---@return_overload predibase.JinjaTemplate
---@return_overload nil, predibase.Error
function M.compile(source, options) end

---Writes a value as the filter `tojson` does.
---@param value any see `predibase.template.jinja.convert`
---@param indent? integer spaces for each level; nil writes one line
---@return string?
---@return string? # what is wrong with the value
---@return_overload string
---@return_overload nil, string
function M.tojson(value, indent) end

return M
